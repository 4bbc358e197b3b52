"""The guardian of one run: `python -m dcctl.provisioner.guardian UNTIL COMMAND…`. Nothing that the command starts outlives the lease.

    worker ──lines──▶ guardian ──lines──▶ run ──▶ engine ──▶ plugins

UNTIL is in seconds of CLOCK_BOOTTIME, which goes on while a machine sleeps; `-` is for runs without a lease. A line `until SECONDS` on standard
input moves it; every other line is passed on to the command. The end of standard input (the worker is gone) is passed on, too: the run may record
what it had begun, for as long as the lease lasts. At UNTIL everything is killed. Either way this process ends only when none of its descendants is
left; it is a subreaper, so that none can leave its tree. Exit status: the command's, or 75 when it was killed here.

A guardian that was frozen and wakes up looks first at what it was told and at the clock: nothing is passed on before.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

from dcctl.provisioner import processes

KILLED = 75
#: How often the clock is looked at where nothing happens: a timer does not count the time in which the machine slept.
LOOK_SECONDS = 0.5
#: How long a run without a lease may take to end once nobody waits for it.
LAST_SECONDS = 60.0
PIPE = 65536


class Guardian:
    """One command under guard."""

    def __init__(self, until: float | None, command: list[str]) -> None:
        self.until = until
        self.heard = b""
        self.outgoing = b""
        self.hearing = True
        self.run = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert self.run.stdin is not None
        self.to_run: int | None = self.run.stdin.fileno()
        os.set_blocking(self.to_run, False)  # a run that does not read must not hold its guardian
        os.set_blocking(0, False)

    def watch(self, woken: int) -> int:
        """Until the command has ended, or has to be; its status, or `KILLED`."""
        while (status := self.run.poll()) is None:
            self._wait(woken)
            lines = self._listen()
            self._renewed(lines)
            if self.until is not None and processes.boottime() >= self.until:
                return KILLED
            self._pass_on(lines)
        return status if status >= 0 else 128 - status

    def _wait(self, woken: int) -> None:
        """Until something is heard, the command reads on, a child has ended, or it is time to look at the clock."""
        left = LOOK_SECONDS if self.until is None else min(LOOK_SECONDS, max(0.0, self.until - processes.boottime()))
        writing = [self.to_run] if self.outgoing and self.to_run is not None else []
        ready, _, _ = select.select([woken, *([0] if self.hearing else [])], writing, [], left)
        if woken in ready:
            os.read(woken, PIPE)

    def _listen(self) -> list[bytes]:
        """Every whole line that is there; the end is noted."""
        while self.hearing:
            try:
                chunk = os.read(0, PIPE)
            except BlockingIOError:
                break
            self.heard += chunk
            if not chunk:
                self.hearing = False
                self.until = processes.boottime() + LAST_SECONDS if self.until is None else self.until
        *lines, self.heard = self.heard.split(b"\n")
        return lines

    def _renewed(self, lines: list[bytes]) -> None:
        for line in lines:
            if line.startswith(b"until "):
                with contextlib.suppress(ValueError):
                    self.until = float(line.removeprefix(b"until "))

    def _pass_on(self, lines: list[bytes]) -> None:
        self.outgoing += b"".join(line + b"\n" for line in lines if not line.startswith(b"until "))
        if self.to_run is None:
            return
        try:
            if self.outgoing:
                self.outgoing = self.outgoing[os.write(self.to_run, self.outgoing) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.outgoing = b""
        if not self.hearing and not self.outgoing:
            assert self.run.stdin is not None
            self.run.stdin.close()
            self.to_run = None


def main() -> int:
    processes.become_subreaper()
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # What ends a run is its worker's word or silence, not a signal to all of a service. A handler, since what is ignored is inherited.
        signal.signal(number, lambda number, frame: None)
    given, *command = sys.argv[1:]
    guardian = Guardian(None if given == "-" else float(given), command)
    status = guardian.watch(woken)
    polite = processes.POLITE_SECONDS if status != KILLED else 0.0
    while not processes.end(lambda: processes.descendants(os.getpid()), reaping=True, polite=polite):
        time.sleep(0.1)
    return status


if __name__ == "__main__":
    # Nothing is left to be waited for, and whoever reads our standard output hears its end now.
    os._exit(main())

"""Processes that outlive the command: started in own sessions, known by pid and start time, ended together.

A pid alone may be another's by now, so a pid file holds the process's start time (clock ticks since boot) and the boot's id too;
what does not fit all three is not ours and is never signalled.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

#: Set in every process that we start, so that one whose pid file was never written can still be found.
MARK = "DEVCLOUD_PROCESS_OF"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A process that we started and that is there."""

    pid: int
    started: int
    boot: str


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def observe(pid: int) -> Running | None:
    """The process with this pid, or None where there is none or only its zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else Running(pid=pid, started=int(fields[19]), boot=_boot_id())


def find(pid_file: Path) -> Running | None:
    """The process that the pid file names, if it is still that process."""
    try:
        noted = Running(**json.loads(pid_file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return noted if observe(noted.pid) == noted else None


def start(argv: Sequence[str], *, pid_file: Path, output: Path, env: Mapping[str, str], state: Path) -> subprocess.Popen[bytes]:
    """Start `argv` in a session of its own; what it prints goes to `output`, which starts empty."""
    with output.open("wb") as out:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True, cwd="/", env={**env, MARK: str(state)}
        )
    if running := observe(process.pid):
        aside = pid_file.with_suffix(".new")
        aside.write_text(json.dumps(asdict(running)))
        aside.replace(pid_file)
    return process


def strays(state: Path) -> list[Running]:
    """Processes that carry this state directory's mark, whether or not a pid file names them."""
    mark = f"{MARK}={state}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            marked = mark in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if marked and (running := observe(int(entry.name))):
            found.append(running)
    return found


def stop(processes: Iterable[Running], *, first: signal.Signals = signal.SIGTERM, grace_seconds: float = 8.0) -> None:
    """End these processes, all at once; what is still there after `grace_seconds` is killed, with its children."""
    left = [process for process in processes if observe(process.pid) == process]
    for process in left:
        _signal(process, first)
    left = _wait(left, grace_seconds)
    for process in left:
        _signal(process, signal.SIGKILL, group=True)
    _wait(left, 5.0)


def _wait(left: list[Running], seconds: float) -> list[Running]:
    end = time.monotonic() + seconds
    while left and time.monotonic() < end:
        time.sleep(0.05)
        left = [process for process in left if observe(process.pid) == process]
    return left


def _signal(process: Running, number: signal.Signals, *, group: bool = False) -> None:
    try:
        # The group only where it is the process's own, which a session leader's is.
        if group and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
    except ProcessLookupError:
        pass

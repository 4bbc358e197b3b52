"""Steps that say what they do, how long that usually takes, and how long it took; two lines of work may go on side by side."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dcctl.words import N_, sentence

HEARTBEAT_SECONDS = 20.0
LAST_LINES = 15


class StepFailed(Exception):
    """A step did not do what it should; `str()` is the whole story for a person."""


@dataclass(slots=True)
class Ending:
    """What is said at the end of a step, a msgid and what stands in it beside the step's `seconds`; set inside of the step."""

    text: str = N_("done in {seconds:.0f} s")
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Steps:
    """Where steps write: their talk to standard error, what their programs say to files in `logs`.

    `width`: of the names before the lines. `side_by_side`: the last line of a step has its name too, since lines of others may stand between.
    """

    logs: Path
    width: int = 10
    side_by_side: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, text: str) -> None:
        with self.lock:
            print(text, file=sys.stderr, flush=True)

    @contextmanager
    def step(self, name: str, what: str, usually: str) -> Iterator[Ending]:
        """Say what is done inside and how long it usually takes, and at its end how long it took; what fails is told by whoever catches it."""
        begun, ending = time.monotonic(), Ending()
        self.tell(name, sentence(N_("{what} (usually {usually}) …"), {"what": what, "usually": usually}))
        yield ending
        self.tell(name if self.side_by_side else "", sentence(ending.text, {"seconds": time.monotonic() - begun, **ending.values}))

    def run(self, name: str, what: str, usually: str, command: Sequence[object], environment: Mapping[str, str]) -> str:
        """Run a command, its words given as text or paths, to its end and return its standard output.

        Args:
            name: short; names the log file too.
            what: for a person in their language, as in "installing dcctl's environment".
            usually: how long it takes when all has to be done, as in "1 minute"; in their language, too.
        """
        log = self.logs / f"{name}.log"
        with self.step(name, what, usually):
            return self._said(name, what, log, command, environment)

    def _said(self, name: str, what: str, log: Path, command: Sequence[object], environment: Mapping[str, str]) -> str:
        begun = told = time.monotonic()
        # The answer goes to a file that nobody else has: the logs are of the user's cache, where another checkout may be set up at the same time.
        with log.open("w", encoding="utf-8") as errors, tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=dict(environment))
            try:
                while process.poll() is None:
                    time.sleep(0.1)
                    if time.monotonic() - told >= HEARTBEAT_SECONDS:
                        told = time.monotonic()
                        self.tell(name, sentence(N_("… {seconds:.0f} s so far"), {"seconds": told - begun}) + _last_words(log))
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
            output.seek(0)
            said = output.read()
        if process.returncode:
            raise StepFailed(_story(name, what, process.returncode, log, said))
        return said

    def tell(self, name: str, text: str) -> None:
        """Say something of the step `name`."""
        self.say(f"  {name:<{self.width}} {text}")


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n").splitlines() if line.strip()]
    return f": {lines[-1].strip()[:100]}" if lines else ""


def _story(name: str, what: str, status: int, log: Path, said: str) -> str:
    lines = (said + log.read_text(encoding="utf-8", errors="replace")).splitlines()
    return "\n".join(
        [
            sentence(N_("setup: {what} failed (status {status}). The last lines of its log:"), {"what": what, "status": status}),
            *(f"    {line}" for line in lines[-LAST_LINES:]),
            sentence(N_("The whole log: {file}"), {"file": log}),
            sentence(N_("Next: remove the cause, then repeat the command; what is done is kept, and it goes on with '{step}'."), {"step": name}),
        ]
    )

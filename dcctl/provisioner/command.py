"""One start of the `pulumi` command inside a run: its environment, its events, its time, and how it is ended."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dcctl.provisioner import words
from dcctl.provisioner.job import Event
from dcctl.provisioner.progress import Progress

POLL_SECONDS = 0.05


class Stopped(Exception):
    """The run is to end: `why` is cancelled or late. `clean` is false when the engine had to be killed and left its lock."""

    def __init__(self, why: str, *, clean: bool) -> None:
        super().__init__(why)
        self.why, self.clean = why, clean


class Broken(Exception):
    """The command was killed by somebody else."""


class Complaint(Exception):
    """The command ended with an error."""

    def __init__(self, stderr: str, progress: Progress | None) -> None:
        super().__init__(words.command_error(stderr))
        self.stderr, self.progress = stderr, progress


@dataclass(slots=True)
class Reins:
    """How a run is ended from outside."""

    deadline: float  # of time.monotonic
    patience: float = 10.0
    """Seconds after a first interrupt: the engine lets what runs end and records it. After a second one, at which it gives up, half of them."""
    cancelled: threading.Event = field(default_factory=threading.Event)

    def why(self) -> str | None:
        if self.cancelled.is_set():
            return "cancelled"
        return "late" if time.monotonic() > self.deadline else None


@dataclass(slots=True)
class Pulumi:
    """The command in one run's directory."""

    engine: Path
    directory: Path
    stack: str
    reins: Reins
    tell: Callable[[Event], None]
    started: int = 0
    backend: str = ""
    """Where the state is, when not where the run's environment says."""

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start it without waiting; never asks, never colours."""
        self.started += 1
        errors = (self.directory / f"errors.{self.started}").open("w+")
        return subprocess.Popen(
            [str(self.engine), *arguments, "--stack", self.stack, "--non-interactive", "--color", "never"],
            stdin=subprocess.DEVNULL,
            stdout=(self.directory / f"output.{self.started}").open("w+"),
            stderr=errors,
            cwd=self.directory / "work",
            env={**os.environ, "PULUMI_BACKEND_URL": self.backend} if self.backend else None,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        """Run it to its end; what it printed. Raises Broken, Complaint, Stopped."""
        return self.finish(self.start(*arguments), self.started)

    def follow(self, *arguments: str) -> Progress:
        """Run an operation with its event log; raises Complaint (with what had happened until then), Stopped."""
        return self.begin(*arguments)()

    def begin(self, *arguments: str) -> Callable[[], Progress]:
        """Start an operation with its event log; what is given back follows it to its end, and raises as `follow` does."""
        log = self.directory / f"events.{self.started + 1}"
        progress = Progress(log, self.tell)
        process, number = self.start(*arguments, "--event-log", str(log)), self.started

        def follow() -> Progress:
            self.finish(process, number, progress)
            return progress

        return follow

    def finish(self, process: "subprocess.Popen[str]", number: int, progress: Progress | None = None) -> str:
        """Wait for a started command."""
        why: str | None = None
        patience = 0.0
        interrupts = 0
        while process.poll() is None:
            if progress is not None:
                progress.read()
            why = why or self.reins.why()
            if why is not None and time.monotonic() > patience:
                interrupts += 1
                patience = time.monotonic() + self.reins.patience / interrupts
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGINT if interrupts <= 2 else signal.SIGKILL)
            time.sleep(POLL_SECONDS)
        if progress is not None:
            progress.read()
        if why is not None:
            raise Stopped(why, clean=interrupts == 1)
        if process.returncode < 0:
            raise Broken(f"the engine was killed (signal {-process.returncode})")
        stderr = (self.directory / f"errors.{number}").read_text(errors="replace")
        stdout = (self.directory / f"output.{number}").read_text(errors="replace")
        if process.returncode != 0:
            raise Complaint(stderr + "\n" + (stdout if "error:" in stdout else ""), progress)
        return stdout

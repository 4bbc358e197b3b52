"""Whatever ends a guardian's worker, nothing that its command started outlives the time that the guardian was given."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dcctl.provisioner import processes

#: Starts a child that leaves its session and its group, as the engine's plugins do, then writes down whatever it reads.
COMMAND = """
import pathlib, subprocess, sys
subprocess.Popen(["sleep", "600"], start_new_session=True, stdin=subprocess.DEVNULL)
said = pathlib.Path(sys.argv[1])
said.write_text("began\\n")
for line in sys.stdin:
    with said.open("a") as file:
        file.write(line)
"""
PATIENCE = 30.0


class Guarded:
    """A guardian that runs COMMAND, and what that has said."""

    def __init__(self, said: Path, until: float | None) -> None:
        self.said = said
        self.mark = f"{os.getpid()}-{said.parent.name}"
        argv = [sys.executable, "-S", "-m", processes.GUARDIAN, "-" if until is None else str(until), sys.executable, "-c", COMMAND, str(said)]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "DCCTL_RUN": self.mark, processes.GUARDED: "1"}
        self.process = processes.started(argv, stdin=subprocess.PIPE, env=environment, start_new_session=True)

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def living(self) -> list[int]:
        return processes.marked("DCCTL_RUN", self.mark)

    def until_begun(self) -> None:
        until(lambda: self.said.exists() and len(self.living()) == 3)

    def end(self) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        processes.end(self.living, reaping=False, polite=0.0)
        self.process.wait(PATIENCE)
        processes.forgotten(self.process)


def until(happened: object) -> None:
    assert callable(happened)
    late = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < late
        time.sleep(0.05)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[object]:
    made: list[Guarded] = []

    def one(until: float | None) -> Guarded:
        made.append(Guarded(tmp_path / "said", until))
        made[-1].until_begun()
        return made[-1]

    yield one
    for guarded in made:
        guarded.end()


def test_what_is_said_is_passed_on_and_the_commands_status_is_told(begin) -> None:
    guarded = begin(None)

    guarded.tell("cancel")
    until(lambda: guarded.said.read_text() == "began\ncancel\n")
    guarded.process.stdin.close()

    assert guarded.process.wait(PATIENCE) == 0
    assert guarded.living() == []


def test_at_the_end_of_its_time_everything_is_killed_what_left_the_group_too(begin) -> None:
    guarded = begin(processes.boottime() + 600)

    guarded.tell(f"until {processes.boottime() + 0.2}")

    assert guarded.process.wait(PATIENCE) == 75
    assert guarded.living() == []


def test_a_renewal_moves_the_end(begin) -> None:
    guarded = begin(processes.boottime() + 20)

    guarded.tell(f"until {processes.boottime() + 600}")
    guarded.tell("cancel")
    until(lambda: guarded.said.read_text() == "began\ncancel\n")
    guarded.tell("until nonsense")

    assert len(guarded.living()) == 3
    assert guarded.process.poll() is None


def test_a_frozen_guardian_that_wakes_too_late_ends_its_run_before_it_passes_anything_on(begin) -> None:
    guarded = begin(processes.boottime() + 600)
    end = processes.boottime() + 5
    guarded.tell(f"until {end}")
    guarded.tell("first")
    until(lambda: "first" in guarded.said.read_text())

    os.kill(guarded.process.pid, signal.SIGSTOP)
    time.sleep(max(0.0, end - processes.boottime()) + 0.2)
    guarded.tell("go on")
    os.kill(guarded.process.pid, signal.SIGCONT)

    assert guarded.process.wait(PATIENCE) == 75
    assert guarded.said.read_text() == "began\nfirst\n"
    assert guarded.living() == []


def test_what_a_killed_guardian_leaves_is_known_as_orphans(begin) -> None:
    guarded = begin(None)
    mine = set(guarded.living())
    assert not mine & set(processes.orphans())

    guarded.process.kill()
    guarded.process.wait(PATIENCE)

    until(lambda: set(guarded.living()) <= set(processes.orphans()))
    assert guarded.living() != []


def test_the_guardian_imports_nothing_but_the_standard_library() -> None:
    """It is started for each run of the engine; and what it does not import cannot fail in it."""
    asked = "import sys, dcctl.provisioner.guardian; print(*sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names))"
    done = subprocess.run([sys.executable, "-S", "-c", asked], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])

    assert done.stdout.split() == ["__main__", "dcctl"]

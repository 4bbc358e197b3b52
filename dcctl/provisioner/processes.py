"""Finding and ending every process of a run, whatever group or parent it has by now."""

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
#: In the environment of everything below a guardian.
GUARDED = "DCCTL_GUARDED"
GUARDIAN = "dcctl.provisioner.guardian"
POLITE_SECONDS = 2.0
FORCED_SECONDS = 30.0

Find = Callable[[], list[int]]
_starting = threading.Lock()
_started: "set[subprocess.Popen[str]]" = set()


def boottime() -> float:
    """Seconds of a clock that nobody sets and that goes on while the machine sleeps; the same for all processes of the machine."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def become_subreaper() -> None:
    """Make this process the parent of every descendant whose own parent ends: so none can leave its tree."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _processes() -> Iterator[tuple[int, int]]:
    """(pid, parent's pid) of all living processes."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if fields[0] != "Z":
                    yield int(entry.name), int(fields[1])


def descendants(root: int) -> list[int]:
    """All living processes below `root`."""
    children: dict[int, list[int]] = {}
    for pid, parent in _processes():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    todo = [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def marked(name: str, value: str) -> list[int]:
    """All living processes, but this one, that were started with `name=value` in their environment."""
    wanted = f"{name}={value}".encode()
    found: list[int] = []
    for pid, _ in _processes():
        with contextlib.suppress(OSError):
            if pid != os.getpid() and wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def orphans() -> list[int]:
    """Living processes of runs whose guardian is gone: it was killed together with its worker, or alone.

    Looked for twice: a list of processes takes its time, and of a run that begins meanwhile it may have a child without the guardian above it.
    """
    found = _without_guardian()
    again = set(_without_guardian()) if found else set()
    return [pid for pid in found if pid in again]


def _without_guardian() -> list[int]:
    parents = dict(_processes())
    guardians = {pid for pid in parents if is_guardian(pid)}
    found = []
    for pid in parents:
        above: int | None = pid
        while above is not None and above not in guardians:
            above = parents.get(above)
        if above is None and _is_guarded(pid):
            found.append(pid)
    return found


def is_guardian(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return GUARDIAN.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return False


def _is_guarded(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return f"{GUARDED}=1".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return False


def started(command: Sequence[str], **options: Any) -> "subprocess.Popen[str]":
    """Start a child whose status is its starter's to take; `reap_orphans` leaves it alone until it is `forgotten`."""
    with _starting:
        child: subprocess.Popen[str] = subprocess.Popen(command, **options)
        _started.add(child)
        return child


def forgotten(child: "subprocess.Popen[str]") -> None:
    """The child's status was taken."""
    with _starting:
        _started.discard(child)


def reap_orphans() -> None:
    """Take the status of every child that has ended and that nobody here started: a subreaper gets the orphans of its descendants."""
    with _starting:
        own = {child.pid for child in _started}
        for pid in _ended_children() - own:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _ended_children() -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if fields[0] == "Z" and int(fields[1]) == os.getpid():
                    found.add(int(entry.name))
    return found


def end(find: Find, *, reaping: bool, polite: float = POLITE_SECONDS) -> bool:
    """End all that `find` finds, again and again until it finds none; True when none is left.

    Args:
        reaping: take the status of every child that ended, orphans too; only where nobody else waits for children.
        polite: seconds in which they may end by themselves once asked; 0: none are asked.
    """
    for sign, patience in ((signal.SIGTERM, polite), (signal.SIGKILL, FORCED_SECONDS)):
        if not patience:
            continue
        until = time.monotonic() + patience
        told: set[int] = set()
        while alive := find():
            for pid in alive:
                if pid not in told or sign is signal.SIGKILL:
                    told.add(pid)
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, sign)
            if reaping:
                reap()
            if time.monotonic() > until:
                break
            time.sleep(0.02)
        else:
            return True
    return not find()


def reap() -> None:
    """Take the status of what has ended; orphans come to a subreaper."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass

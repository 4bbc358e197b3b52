"""Finding and ending every process of a run, whatever group or parent it has by now."""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
POLITE_SECONDS = 2.0
FORCED_SECONDS = 30.0

Find = Callable[[], list[int]]


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


def end(find: Find, *, reaping: bool) -> bool:
    """End all that `find` finds, again and again until it finds none; True when none is left.

    `reaping`: take the status of every child that ended, orphans too; only where nobody else waits for children.
    """
    for sign, patience in ((signal.SIGTERM, POLITE_SECONDS), (signal.SIGKILL, FORCED_SECONDS)):
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

"""How much memory processes have for themselves: PSS, in which what several share is divided among them."""

import contextlib
import threading
from pathlib import Path

from dcctl.provisioner import processes

EVERY_SECONDS = 0.5


def pss_mib(pid: int) -> float:
    """Of one process; 0 when it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def operations_mib(worker: int) -> list[float]:
    """Of each operation that a worker runs now: guardian, run, engine and provider together."""
    below = processes.descendants(worker)
    children = [pid for pid in below if _parent(pid) == worker]
    return [sum(map(pss_mib, (child, *processes.descendants(child)))) for child in children]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


class Watch:
    """The most that one operation of a worker had while the block went on, and the most that all of them had together."""

    def __init__(self, worker: int) -> None:
        self.worker = worker
        self.most_mib = self.together_mib = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._ending.wait(EVERY_SECONDS):
            found = operations_mib(self.worker)
            self.most_mib = max([self.most_mib, *found])
            self.together_mib = max(self.together_mib, sum(found))

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        self._thread.join()

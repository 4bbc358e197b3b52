"""What this machine must have before anything is begun: programs, memory, disk."""

import importlib.util
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from dcctl.words import N_, _, sentence

MEMORY_BYTES = 4 * 2**30
#: With an empty cache: two environments 1.2 GB, the engine's modules and build 3.5 GB, the trial cloud's data 0.4 GB.
DISK_BYTES = 6 * 10**9
#: Where everything is installed already: data of the trial cloud, logs, caches of the tests.
DISK_BYTES_INSTALLED = 10**9


def cache_home() -> Path:
    """dcctl's own cache; it may be removed at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dcctl"


def missing(checkout: Path, *, installed: bool, running: bool) -> list[str]:
    """One sentence for each thing that this machine lacks, with what to do about it.

    Args:
        installed: nothing large has to be fetched any more, so less disk will do.
        running: a site of this checkout is up and has the memory that it needs.
    """
    found = [*_programs()]
    memory = available_memory()
    if not running and memory is not None and memory < MEMORY_BYTES:
        short = N_("memory: {there:.1f} GB are available, {needed:.0f} GB are needed; end other programs, or use a larger machine")
        found.append(sentence(short, {"there": memory / 2**30, "needed": MEMORY_BYTES / 2**30}))
    found += _disk([checkout, cache_home()], DISK_BYTES_INSTALLED if installed else DISK_BYTES)
    return found


def _programs() -> Iterable[str]:
    for program in ("make", "git"):
        if shutil.which(program) is None:
            yield sentence(N_("{program} is not installed; on Debian: apt-get install {program}"), {"program": program})
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        yield _("Python's venv module is not complete; on Debian: apt-get install python3-venv")
    if os.uname().sysname != "Linux":
        yield sentence(N_("this is {system}; the trial cloud needs Linux"), {"system": os.uname().sysname})
    elif os.geteuid() == 0 and shutil.which("setpriv") is None:
        yield _("setpriv is not installed (PostgreSQL does not run as root); on Debian: apt-get install util-linux, or work as another user")


def available_memory() -> int | None:
    """Bytes that programs can still get, within the limit of this control group where there is one; None where nobody says."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None
    try:
        limit, used = (int(Path("/sys/fs/cgroup", name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no limit reads "max"
        return available
    return min(available, max(limit - used, 0))


def _disk(places: Iterable[Path], needed: int) -> Iterable[str]:
    seen = set()
    for place in places:
        there = next(path for path in (place, *place.parents) if path.exists())
        device = there.stat().st_dev
        free = shutil.disk_usage(there).free
        if device not in seen and free < needed:
            full = N_("disk: {folder} has {free:.1f} GB free, {needed:.0f} GB are needed; make room there")
            yield sentence(full, {"folder": there, "free": free / 1e9, "needed": needed / 1e9})
        seen.add(device)

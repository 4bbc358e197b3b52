"""A process whose clock a test moves while it runs, by libfaketime: only that of the day; those that count seconds go on, as on a real machine."""

import glob
import os
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.site.layout import CHECKOUT

#: What `.ci/run` unpacks from Debian's package; where it is installed otherwise.
PLACES = (str(CHECKOUT / ".cache" / "libfaketime"), "")
LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"


def library() -> str:
    """The library's path; a test that needs it is left out, and says so, where it is missing."""
    named = os.environ.get("LIBFAKETIME")
    if named:
        assert Path(named).is_file(), f"LIBFAKETIME names {named}, which is no file"
        return named
    for place in PLACES:
        if found := sorted(glob.glob(place + LIBRARY)):
            return found[0]
    pytest.skip("libfaketime is missing: name its library in LIBFAKETIME (Debian's package libfaketime has it; .ci/run unpacks it)")


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that its processes read from a file."""

    file: Path

    def __post_init__(self) -> None:
        self.set("+0")

    def set(self, offset: str) -> None:
        """From now on it is so much later or earlier: `+1d`, `-1h`, `+0`."""
        # Each of several threads that set it at once has a file of its own.
        aside = self.file.with_suffix(f".{uuid.uuid4().hex}")
        aside.write_text(f"{offset}\n")
        aside.replace(self.file)

    @property
    def environment(self) -> dict[str, str]:
        """What a process is started with that is to have this clock."""
        return {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": str(Path(__file__).parent / "faketime"),
        }

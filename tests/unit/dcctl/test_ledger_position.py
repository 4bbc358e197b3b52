"""What a worker remembers of the ledger is written by several of its threads at once, and is whole at every moment."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dcctl.errors import DcctlError
from dcctl.workflow.regions import _remember, _remembered


def test_threads_that_write_at_once_take_nothing_from_each_other_and_leave_nothing(tmp_path: Path) -> None:
    file = tmp_path / "worker" / "ledger-position-cotonou.json"
    _remember(file, 1, "1")

    def write(first: int) -> list[tuple[int, str] | None]:
        seen = []
        for entry in range(first, 100, 4):
            _remember(file, entry, str(entry))
            seen.append(_remembered(file))
        return seen

    with ThreadPoolExecutor(4) as threads:
        seen = [found for part in threads.map(write, range(4)) for found in part]

    assert len(seen) == 100
    assert all(found is not None and str(found[0]) == found[1] for found in seen)
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "worker").write_text("")

    with pytest.raises(DcctlError) as refused:
        _remember(tmp_path / "worker" / "ledger-position-cotonou.json", 1, "1")

    assert refused.value.code == "DCCTL-563"

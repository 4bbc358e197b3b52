"""The private directories of runs that begin at the same moment, on one machine."""

import fcntl
import stat
from pathlib import Path

import pytest

from dcctl.provisioner import directories


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the directories are, in the place of the user's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "dcctl-runs"


def test_a_run_has_a_directory_of_its_own_that_is_gone_with_it(base: Path, tmp_path: Path) -> None:
    with directories.private(tmp_path, {"auth": {"password": "secret"}}) as directory:
        assert directory.parent == base
        assert sorted(path.name for path in directory.iterdir()) == ["clouds.yaml", "home", "lock", "tmp", "work"]
        assert [stat.S_IMODE(path.stat().st_mode) for path in (base, directory, directory / "clouds.yaml")] == [0o700, 0o700, 0o600]

    assert list(base.iterdir()) == []


def test_what_a_killed_worker_left_is_swept_by_the_next_run_and_what_runs_is_not(base: Path, tmp_path: Path) -> None:
    left = base / "run-abandoned"
    left.mkdir(parents=True)
    base.chmod(0o700)
    (left / "lock").touch()

    with directories.private(tmp_path, None) as first, directories.private(tmp_path, None) as second:
        assert sorted(base.iterdir()) == sorted([first, second])


def test_a_directory_that_another_run_swept_before_its_lock_was_held_is_made_anew(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    lock, taken = fcntl.flock, []

    def slow(descriptor: int, operation: int) -> None:
        """The first time, another run begins between the making of a directory and its lock."""
        if operation == fcntl.LOCK_EX and not taken:
            taken.append(descriptor)
            with directories.private(tmp_path, None):
                pass
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", slow)

    with directories.private(tmp_path, {"auth": {}}) as directory:
        assert taken
        assert (directory / "clouds.yaml").exists()
        assert list(base.iterdir()) == [directory]

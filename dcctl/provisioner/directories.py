"""The private directory of a run, and the end of those that a killed worker left."""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stacks.naming import CLOUD, ENGINE_PROJECT


@contextlib.contextmanager
def private(engine_home: Path, cloud: Mapping[str, Any] | None) -> Iterator[Path]:
    """A directory for one run, removed at the end: clouds.yaml, home/ (a PULUMI_HOME of its own), work/ with the project's file, tmp/."""
    base = _base()
    _sweep(base)
    directory, lock = _made(base)
    try:
        for name in ("home", "work", "tmp"):
            (directory / name).mkdir(mode=0o700)
        (directory / "home" / "plugins").symlink_to(engine_home.resolve() / "plugins", target_is_directory=True)
        (directory / "work" / "Pulumi.yaml").write_text(json.dumps({"name": ENGINE_PROJECT, "runtime": "python"}))
        if cloud is not None:
            _write_secret(directory / "clouds.yaml", json.dumps({"clouds": {CLOUD: dict(cloud)}}))
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _base() -> Path:
    """`dcctl-runs` in the user's runtime directory, or one of the user's own in the system's temporary one; 0700."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(runtime) / "dcctl-runs" if runtime and os.access(runtime, os.W_OK) else Path(tempfile.gettempdir()) / f"dcctl-runs-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    found = base.lstat()
    if found.st_uid != os.getuid() or base.is_symlink() or found.st_mode & 0o077:
        raise PermissionError(f"{base} must be a directory of this user's own that nobody else may enter")
    return base


def _made(base: Path) -> tuple[Path, int]:
    """A fresh directory and its lock, held.

    Before the lock is held, whoever sweeps takes the directory for one that a killed worker left: then another one is made.
    """
    while True:
        directory = Path(tempfile.mkdtemp(prefix="run-", dir=base))
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return directory, lock
        os.close(lock)


def _sweep(base: Path) -> None:
    """Remove the directories of runs whose parent is gone: nobody holds their lock."""
    for directory in base.glob("run-*"):
        with contextlib.suppress(OSError):
            lock = os.open(directory / "lock", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory, ignore_errors=True)
            finally:
                os.close(lock)


def _write_secret(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)

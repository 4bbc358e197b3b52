"""Where one cloud keeps its things, and on which ports it listens."""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

REGION = "cotonou"


class DevcloudError(Exception):
    """What went wrong, in words for the person at the terminal; the command line prints it and exits 1."""


def runtime_directory() -> Path:
    """A private directory with a short path, for sockets: a socket's path must stay under 100 bytes.

    Root does not use XDG_RUNTIME_DIR even where set, so that the path is the same from cron, sudo and a login.
    """
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and os.geteuid() and Path(given).is_dir():
        return Path(given)
    path = Path(tempfile.gettempdir()) / f"devcloud-{os.geteuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise DevcloudError(f"{path} must be a directory of yours with mode 0700; remove it, then try again")
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """One cloud: its state directory (absolute) and the first of its six ports."""

    state: Path
    ports: int

    @property
    def etc(self) -> Path:
        return self.state / "etc"

    @property
    def log(self) -> Path:
        return self.state / "log"

    @property
    def run(self) -> Path:
        return self.state / "run"

    @property
    def data(self) -> Path:
        """What the services keep besides their databases: images, keys, lock files."""
        return self.state / "data"

    @property
    def database_directory(self) -> Path:
        return self.state / "postgres"

    @property
    def passwords(self) -> Path:
        return self.state / "passwords"

    @property
    def clouds_yaml(self) -> Path:
        return self.state / "clouds.yaml"

    @property
    def socket_directory(self) -> Path:
        return runtime_directory() / hashlib.sha256(os.fsencode(self.state)).hexdigest()[:16]

    def database_url(self, database: str) -> str:
        return f"postgresql+psycopg2://postgres@/{database}?host={self.socket_directory}"

    def make_directories(self) -> None:
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (self.etc, self.log, self.run, self.data, self.passwords):
            path.mkdir(mode=0o700, exist_ok=True)

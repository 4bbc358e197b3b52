"""Where one cloud keeps its things, and on which ports it listens."""

from dataclasses import dataclass
from pathlib import Path

from devcloud import sockets, words

REGION = "cotonou"


class DevcloudError(Exception):
    """What went wrong, in words for the person at the terminal; the command line prints it and exits 1."""


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
        try:
            return sockets.of(self.state, "devcloud")
        except sockets.NotOurs as refused:
            raise DevcloudError(refused.said(words.current())) from refused

    def database_url(self, database: str) -> str:
        return f"postgresql+psycopg2://postgres@/{database}?host={self.socket_directory}"

    def make_directories(self) -> None:
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (self.etc, self.log, self.run, self.data, self.passwords):
            path.mkdir(mode=0o700, exist_ok=True)

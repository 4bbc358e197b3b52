"""Where one site keeps its things, and on which ports it listens. This module is pure but for the search of the runtime directory."""

import os
from dataclasses import dataclass
from pathlib import Path

from dcctl import words
from infra.devcloud.devcloud import sockets

CHECKOUT = Path(__file__).resolve().parents[2]
#: The trial cloud's own environment; its pins clash with dcctl's.
DEVCLOUD = CHECKOUT / "infra" / "devcloud" / ".venv" / "bin" / "devcloud"
REGION = "cotonou"
PEOPLE = ("operator", "operator-2", "sante-lead", "sante-agent", "justice-lead", "justice-agent", "auditor", "cloud-admin")


class SiteError(Exception):
    """What went wrong, in words for the person at the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One site: its state directory (absolute), and its first port. Six ports are the trial cloud's, then come API and exporter."""

    state: Path
    ports: int

    @property
    def cloud(self) -> Path:
        """The trial cloud's state directory."""
        return self.state / "cloud"

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
    def database(self) -> Path:
        return self.state / "db"

    @property
    def config(self) -> Path:
        return self.etc / "dcctl.toml"

    @property
    def clouds_yaml(self) -> Path:
        """The people's entries; the servers' are in `etc`."""
        return self.state / "clouds.yaml"

    @property
    def endpoints(self) -> Path:
        return self.state / "endpoints.json"

    @property
    def keystone_url(self) -> str:
        return f"http://127.0.0.1:{self.ports}/v3"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.ports + 10}"

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.ports + 11}/metrics"

    @property
    def sockets(self) -> Path:
        """Where PostgreSQL's socket is; its name is short, whatever the state directory's is, and the same for every login."""
        try:
            return sockets.of(self.state, "dcctl")
        except sockets.NotOurs as refused:
            raise SiteError(refused.said(words.current())) from refused

    def dsn(self, database: str, user: str) -> str:
        """Address of a database for libpq, without a password: the socket's directory is closed to others."""
        return f"postgresql://{user}@/{database}?host={self.sockets}"

    def url(self, database: str, user: str) -> str:
        """The same for SQLAlchemy."""
        return self.dsn(database, user).replace("postgresql://", "postgresql+psycopg://", 1)

    def make_directories(self) -> None:
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (self.etc, self.log, self.run):
            path.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner may read, at no instant readable by others or half written."""
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    aside.replace(path)

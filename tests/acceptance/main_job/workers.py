"""Workers of a test's own on the shared site: several, with short leases, whose end by SIGKILL or SIGSTOP is what is tested."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.devcloud.devcloud import processes
from infra.site import postgres, servers
from infra.site.layout import CHECKOUT
from tests.site import RunningSite

LEASE_SECONDS = 3.0


class Workers:
    """Workers of a test, by name; each with its log."""

    def __init__(self, site: RunningSite, more: Mapping[str, str] | None = None) -> None:
        """`more`: environment variables of all of them, as settings of dcctl."""
        self.site = site.layout
        self.more = dict(more or {})
        self.started: dict[str, int] = {}
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, more: Mapping[str, str] | None = None, below: Sequence[str] = ()) -> None:
        """Start one; or again, where it died. `below`: a command that runs it."""
        environment = servers.environment(self.site) | {
            "DCCTL_WORKER__LEASE_SECONDS": str(LEASE_SECONDS),
            "DCCTL_WORKER__STATE_DIR": str(self.site.state / name),
            **self.more,
            **(more or {}),
        }
        self._remember(self.site.state / name)
        program = [*below, str(servers.BIN / "dcctl-worker")]
        pid_file = self.site.run / f"{name}.pid"
        self._children.append(processes.start(program, pid_file=pid_file, output=self._log(name), env=environment, state=self.site.state))
        found = processes.find(pid_file)
        assert found is not None
        self.started[name] = found.pid

    def _remember(self, folder: Path) -> None:
        """What the site's own worker has seen of the ledger: one that remembers nothing of it, and is alone, begins nothing."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for known in (self.site.state / "worker").glob("ledger-position-*.json"):
            if not (folder / known.name).exists():
                shutil.copy(known, folder / known.name)

    def holder(self, administration: str, environment: str) -> str | None:
        """Who has the environment now; None where nobody has it, or where it is somebody else's."""
        query = "SELECT holder FROM lease WHERE administration = %s AND environment = %s AND expires_at > clock_timestamp()"
        with postgres.connect(self.site, postgres.DATABASE) as connection:
            row = connection.execute(query, (administration, environment)).fetchone()
        pid = int(str(row[0]).rpartition("/")[2]) if row is not None and row[0] else None
        return next((name for name, own in self.started.items() if own == pid), None)

    def log(self, name: str) -> list[str]:
        lines = self._log(name).read_text(errors="replace").splitlines()
        return [str(json.loads(line).get("event")) for line in lines if line.startswith("{")]

    def living(self, name: str) -> bool:
        return processes.find(self.site.run / f"{name}.pid") is not None

    def end_one(self, name: str) -> None:
        """kill -9; it can be started again."""
        os.kill(self.started[name], signal.SIGKILL)
        processes.stop([found] if (found := processes.find(self.site.run / f"{name}.pid")) else [])

    def end(self) -> None:
        for name, pid in self.started.items():
            if self.living(name):
                os.kill(pid, signal.SIGKILL)
            (self.site.run / f"{name}.pid").unlink(missing_ok=True)
        for child in self._children:
            child.wait(60)

    def _log(self, name: str) -> Path:
        return self.site.log / f"{name}.log"


@contextmanager
def in_place_of_its_own(site: RunningSite, *names: str, more: Mapping[str, str] | None = None) -> Iterator[Workers]:
    """These workers instead of the site's, which is there again afterwards; nobody else may be on the site."""
    own = processes.find(site.layout.run / "worker.pid")
    assert own is not None
    processes.stop([own], grace_seconds=servers.GRACE_SECONDS)
    crew = Workers(site, more)
    for name in names:
        crew.start(name)
    try:
        yield crew
    finally:
        crew.end()
        again = [sys.executable, "-m", "infra.site", "restart", "--state", str(site.layout.state), "--ports", str(site.ports)]
        subprocess.run(again, cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, check=True)

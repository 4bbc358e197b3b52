"""The real engine without a cloud: an address that takes connections and never answers stands for a Keystone that hangs."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcctl.provisioner.engine import Engine, Work
from stacks.plan import Resolved
from stacks.specs import parse

INSTALL = Path(__file__).resolve().parents[3] / "infra" / "pulumi" / "install.py"


@pytest.fixture(scope="session")
def engine_home() -> Path:
    done = subprocess.run([sys.executable, INSTALL], stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.splitlines()[-1])


@pytest.fixture(autouse=True)
def runtime_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One of the test's own, with a short path: its runs are the only ones in it, whatever else runs on the machine."""
    with tempfile.TemporaryDirectory(prefix="dcctl-", ignore_cleanup_errors=True) as directory:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        yield


@pytest.fixture
def engine(engine_home: Path, tmp_path: Path) -> Engine:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(secrets.token_hex(16))
    (tmp_path / "state").mkdir()
    return Engine(home=engine_home, backend=f"file://{tmp_path}/state", passphrase_file=passphrase, seconds=300, patience=2)


@pytest.fixture
def work() -> Work:
    """A stack of this process's own: the tests look for everything that bears its name."""
    spec = parse(
        {
            "apiVersion": "dcctl/v1",
            "kind": "Environment",
            "administration": "min-sante",
            "name": f"essai-moteur-{os.environ.get('PYTEST_XDIST_WORKER', 'gw0')}",
            "offer": "standard",
            "quota": {"networks": 1},
            "network": {"cidr": "10.20.0.0/24"},
            "duration": "12 months",
            "justification": "Dossier patient partagé, phase 1",
        }
    )
    resolved = Resolved(
        region="cotonou", administration=spec.administration, environment=spec.name, request="R-2026-0042", domain_id="d", member_role_id="m",
        build_user_id="b", default_volume_type="standard",
    )  # fmt: skip
    return Work(layer="workload", spec=spec, resolved=resolved)


class Silence:
    """A server that never answers; `reached` is set once somebody has connected."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v3"
        self.reached = threading.Event()
        self._held: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._held.append(connection)
            self.reached.set()

    def close(self) -> None:
        # shutdown wakes the thread that waits in accept
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._held:
            connection.close()

    @property
    def cloud(self) -> dict[str, object]:
        auth = {
            "auth_url": self.url,
            "username": "dcctl-build",
            "password": "ne-doit-paraitre-nulle-part",
            "user_domain_name": "Default",
            "project_id": "p",
        }
        return {"auth": auth, "region_name": "cotonou"}


@pytest.fixture
def silence() -> Iterator[Silence]:
    server = Silence()
    yield server
    server.close()

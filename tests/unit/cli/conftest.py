"""A command line with its own home, its own clouds.yaml and a fake API to speak to."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import stamina

from dcctl.cli import main
from tests.unit.cli.fake_api import FakeApi, serve

SPEC = """\
apiVersion: dcctl/v1
kind: Environment
administration: min-sante
name: dossier-patient
offer: standard
quota: {instances: 4, cores: 8, ram: 16384, volumes: 4, gigabytes: 100, gigabytes_ssd: 20, networks: 1, routers: 1, floatingips: 2}
network: {cidr: 10.20.0.0/24, external: public}
ssh_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ exploitation@sante"]
members: [sante-agent]
servers:
  - {name: web, count: 2, flavor: m1.small, image: cirros, floating_ip: true, ports: [443, {port: 22, from: 10.0.0.0/8}]}
  - {name: base, flavor: m1.medium, image: cirros, volumes: [{size: 20, type: ssd}]}
duration: 12 months
justification: Dossier patient partagé, phase 1
"""


@dataclass(frozen=True)
class Result:
    """What a person has on the screen afterwards."""

    status: int
    out: str
    err: str


Dcctl = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    """Calls that are asked again are asked at once."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and working directory; nothing of the machine's own configuration is seen."""
    for name in [name for name in os.environ if name.startswith(("OS_", "DCCTL_", "XDG_", "LC_")) or name in ("LANG", "LANGUAGE")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LANGUAGE", "fr")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """A running fake API."""
    fake = FakeApi()
    server = serve(fake)
    yield fake
    server.shutdown()
    server.server_close()


@pytest.fixture
def cloud(home: Path, api: FakeApi) -> Path:
    """A clouds.yaml whose only cloud is the fake API, without Keystone."""
    file = home / "clouds.yaml"
    file.write_text(
        f"clouds:\n  sante-agent:\n    auth_type: admin_token\n    region_name: cotonou\n    auth: {{endpoint: '{api.url}', token: jeton}}\n"
    )
    return file


@pytest.fixture
def dcctl(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dcctl:
    """Run one command line in this process, in English unless said otherwise."""

    def run(*argv: str, stdin: str | bytes = b"", lang: str = "en") -> Result:
        monkeypatch.setenv("DCCTL_LANG", lang)
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        capsys.readouterr()
        status = main.run(argv)
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return run


@pytest.fixture
def spec(home: Path) -> Path:
    """The example spec as a file."""
    file = home / "dossier-patient.yaml"
    file.write_text(SPEC)
    return file

"""The units of infra/systemd: systemd understands them, each process has one, and none may do more than it needs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from infra.site.layout import CHECKOUT
from infra.site.servers import SERVERS

UNITS = sorted((CHECKOUT / "infra" / "systemd").glob("*.service"))
#: systemd's own measure, from 0 to 10: below 2 it says that a service is well confined.
EXPOSED_AT_MOST = 20


def settings(unit: Path) -> list[str]:
    return [line for line in unit.read_text().splitlines() if line and not line.startswith(("#", "["))]


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is missing: this machine does not run systemd")
    return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The units as on a server where dcctl is installed: their programs are there."""
    folder = tmp_path_factory.mktemp("units")
    programs = folder / "bin"
    programs.mkdir()
    for unit in UNITS:
        (programs / unit.stem).symlink_to("/bin/true")
        (folder / unit.name).write_text(unit.read_text().replace("/opt/dcctl/bin/", f"{programs}/"))
    return {unit.stem: folder / unit.name for unit in UNITS}


def test_each_of_dcctls_processes_has_a_unit():
    assert {unit.stem: [line for line in settings(unit) if line.startswith("ExecStart=")] for unit in UNITS} == {
        server.program: [f"ExecStart=/opt/dcctl/bin/{server.program}"] for server in SERVERS
    }


def test_systemd_understands_every_line(analyze: str, installed: dict[str, Path]):
    done = subprocess.run([analyze, "verify", *installed.values()], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_every_process_is_confined(analyze: str, installed: dict[str, Path]):
    for unit in installed.values():
        command = [analyze, "security", "--offline=true", f"--threshold={EXPOSED_AT_MOST}", "--no-pager", unit]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=[unit.stem for unit in UNITS])
def test_secrets_come_as_credentials_and_stand_in_no_unit(unit: Path):
    credentials = dict(line.removeprefix("LoadCredential=").split(":") for line in settings(unit) if line.startswith("LoadCredential="))

    assert "pgpass" in credentials
    assert all(path.startswith("/etc/dcctl/credentials/") for path in credentials.values())
    assert ("pulumi-passphrase" in credentials) == (unit.stem == "dcctl-worker")
    assert ("clouds.yaml" in credentials) == (unit.stem != "dcctl-exporter")
    assert not [line for line in settings(unit) if "password" in line.lower() or line.startswith("EnvironmentFile")]

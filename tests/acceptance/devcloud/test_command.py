"""What `devcloud` promises while nothing breaks: everything up, private secrets, loopback only, logs."""

import json
import os
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from infra.devcloud.devcloud import processes
from tests.acceptance.devcloud.conftest import SERVICES, Devcloud, pids

pytestmark = [
    pytest.mark.xdist_group("devcloud"),
    # The SDK warns of calls that it makes itself.
    pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning"),
]


def test_every_service_is_up_and_says_so(devcloud):
    told = json.loads(devcloud("status", "-f", "json").stdout)

    assert told["up"] is True
    assert [service["service"] for service in told["services"]] == SERVICES
    assert all(service["up"] for service in told["services"])


def test_up_again_is_quick_and_starts_nothing(devcloud):
    before = pids(devcloud)

    began = time.monotonic()
    told = devcloud("up")

    assert "Already up" in told.stderr
    assert time.monotonic() - began < 10
    assert pids(devcloud) == before


def test_secrets_are_in_private_files_only(devcloud):
    secret = (devcloud.state / "passwords" / "admin").read_text().strip()

    printed = devcloud("openrc").stdout + devcloud("status").stdout
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout

    assert len(secret) >= 24
    assert secret not in printed + commands
    private = [devcloud.state / "clouds.yaml", *(devcloud.state / "passwords").iterdir(), *(devcloud.state / "etc").rglob("*.conf")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert stat.S_IMODE(devcloud.state.stat().st_mode) == 0o700


def test_every_listener_is_on_the_loopback_address(devcloud):
    """All that any process of the cloud listens on, by IPv4 and IPv6: six ports, and nothing beside them."""
    own = {name for process in processes.strays(devcloud.state) for name in open_files(process.pid)}
    listening = set()
    for protocol in ("tcp", "tcp6"):
        for line in Path("/proc/net", protocol).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                listening.add(fields[1])

    assert sorted(listening) == [f"0100007F:{devcloud.ports + offset:04X}" for offset in range(6)]


def open_files(pid: int) -> list[str]:
    """Names of what the process has open."""
    found = []
    with suppress(FileNotFoundError):  # it has just ended
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # it was just closed
                found.append(os.readlink(file))
    return found


def test_operators_and_auditor_sign_in_and_the_catalogue_names_these_ports(devcloud):
    endpoints = json.loads((devcloud.state / "endpoints.json").read_text())

    for person in ("operator", "operator-2", "auditor"):
        cloud = devcloud.connect(person)
        assert cloud.session.get_endpoint(service_type="compute") == endpoints["nova"] == f"http://127.0.0.1:{devcloud.ports + 3}/v2.1"
        assert cloud.session.get_endpoint(service_type="block-storage") == endpoints["cinder"]
    rights = [assignment.role["name"] for assignment in devcloud.connect().identity.role_assignments(include_names=True)
              if assignment.user and assignment.user.get("domain", {}).get("name") == "asin"]  # fmt: skip
    assert rights == ["reader"] * 3


def test_logs_are_shown(devcloud):
    assert "nova" in devcloud("logs", "nova", "-n", "5").stdout
    assert "invalid choice: 'swift'" in devcloud("logs", "swift", status=2).stderr


def test_reset_refuses_a_directory_that_is_not_a_clouds(tmp_path):
    (tmp_path / "rapport.txt").write_text("budget 2026")

    told = Devcloud(state=tmp_path, ports=24040)("reset", status=1)

    assert "is not a devcloud's state directory; nothing was removed" in told.stderr
    assert (tmp_path / "rapport.txt").exists()

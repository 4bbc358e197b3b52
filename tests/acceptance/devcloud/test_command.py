"""What `devcloud` promises while nothing breaks: everything up, private secrets, loopback only, logs."""

import json
import stat
import subprocess

import pytest

from infra.devcloud.devcloud import processes
from tests.acceptance.devcloud.conftest import SERVICES, Devcloud, pids
from tests.sockets import LOOPBACK, listening

pytestmark = [
    pytest.mark.xdist_group("devcloud"),
    # The SDK warns of calls that it makes itself.
    pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning"),
]


def test_every_service_is_up_and_says_so(devcloud):
    devcloud.until_up()
    told = json.loads(devcloud("status", "-f", "json").stdout)

    assert told["up"] is True
    assert [service["service"] for service in told["services"]] == SERVICES
    assert all(service["up"] for service in told["services"])


def test_up_again_starts_nothing(devcloud):
    before = pids(devcloud)

    told = devcloud("up")

    assert "Already up" in told.stderr
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
    pids_of_it = [process.pid for process in processes.strays(devcloud.state)]

    assert listening(pids_of_it) == [(LOOPBACK, devcloud.ports + offset) for offset in range(6)]


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

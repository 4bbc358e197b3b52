"""What `devcloud` promises: two side by side, everything up, a failure that names its service, and nothing left running."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import time

import pytest

from tests.acceptance.devcloud.conftest import Devcloud

pytestmark = [
    pytest.mark.xdist_group("devcloud"),
    # The SDK warns of calls that it makes itself.
    pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning"),
]

SERVICES = ["postgres", "keystone", "placement", "glance", "nova", "neutron", "cinder"]


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """A second cloud, not yet up; nothing of it is left at the end."""
    cloud = Devcloud(state=tmp_path_factory.mktemp("second") / "state", ports=24020)
    yield cloud
    cloud("reset")


def pids(cloud: Devcloud) -> dict[str, int]:
    return {path.stem: json.loads(path.read_text())["pid"] for path in (cloud.state / "run").glob("*.pid")}


def there(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


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
    with open("/proc/net/tcp") as file:
        rows = [line.split()[1:4] for line in file.readlines()[1:]]
    listening = {address for address, _, state in rows if state == "0A" and devcloud.ports <= int(address[9:], 16) <= devcloud.ports + 5}

    assert sorted(listening) == [f"0100007F:{devcloud.ports + offset:04X}" for offset in range(6)]


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


def test_a_taken_port_is_named_and_nothing_is_left_running(second):
    with socket.socket() as other:
        other.bind(("127.0.0.1", second.ports + 4))
        other.listen()

        told = second("up", status=1).stderr

    assert f"neutron did not come up: port {second.ports + 4} is taken by another program" in told
    assert not any(there(pid) for pid in pids(second).values())


def test_two_clouds_run_side_by_side_with_different_passwords(devcloud, second):
    second("up")

    assert [json.loads(cloud("status", "-f", "json").stdout)["up"] for cloud in (devcloud, second)] == [True, True]
    assert (second.state / "passwords" / "operator").read_text() != (devcloud.state / "passwords" / "operator").read_text()
    assert next(iter(second.connect().image.images(name="cirros"))).status == "active"


def test_after_kill_9_of_services_and_database_up_starts_what_died(second):
    before = pids(second)
    for name in ("neutron", "postgres"):
        os.kill(before[name], signal.SIGKILL)
    assert second("status", status=1)

    second("up")

    after = pids(second)
    assert {name for name in SERVICES if before[name] != after[name]} == {"neutron", "postgres"}
    assert second("status")


def test_a_service_that_ends_at_start_is_named_with_its_log_and_the_others_are_stopped(second):
    before = pids(second)
    os.kill(before["glance"], signal.SIGKILL)
    log = second.state / "log" / "glance.log"
    log.unlink()
    log.mkdir()

    told = second("up", status=1).stderr

    assert re.search(r"glance did not come up: its process ended with status [1-9]", told)
    assert "Is a directory" in told
    assert "Traceback" not in told.splitlines()[0]
    assert not any(there(pid) for pid in before.values())
    log.rmdir()


def test_a_recycled_pid_is_never_signalled(second):
    """A pid file whose process ended long ago may name somebody else's process by now."""
    other = subprocess.Popen(["sleep", "60"])
    try:
        noted = {"pid": other.pid, "started": 1, "boot": "00000000-0000-0000-0000-000000000000"}
        (second.state / "run" / "nova.pid").write_text(json.dumps(noted))

        assert "Nothing was running" in second("down").stderr

        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_reset_refuses_a_directory_that_is_not_a_clouds(tmp_path):
    (tmp_path / "rapport.txt").write_text("budget 2026")

    told = Devcloud(state=tmp_path, ports=24040)("reset", status=1)

    assert "is not a devcloud's state directory; nothing was removed" in told.stderr
    assert (tmp_path / "rapport.txt").exists()

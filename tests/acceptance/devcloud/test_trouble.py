"""What a cloud does when something breaks: a failure names its service, nothing is left running, nobody else's process is touched.

These run last: they leave the cloud stopped.
"""

import json
import os
import re
import signal
import socket
import subprocess

import pytest

from tests.acceptance.devcloud.conftest import SERVICES, Devcloud, pids

pytestmark = [
    pytest.mark.xdist_group("devcloud"),
    # The SDK warns of calls that it makes itself.
    pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning"),
]


def there(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_taken_port_is_named_and_nothing_is_left_running(tmp_path):
    second = Devcloud(state=tmp_path / "state", ports=24020)
    with socket.socket() as other:
        other.bind(("127.0.0.1", second.ports + 4))
        other.listen()

        told = second("up", status=1).stderr

    assert f"neutron did not come up: port {second.ports + 4} is taken by another program" in told
    assert not any(there(pid) for pid in pids(second).values())
    second("reset")


def test_two_clouds_run_side_by_side_with_different_passwords(devcloud, cloud):
    other = Devcloud(state=cloud.state, ports=cloud.ports)

    devcloud.until_up()
    other.until_up()  # a test beside this one may have killed a service of it
    assert (other.state / "passwords" / "operator").read_text() != (devcloud.state / "passwords" / "operator").read_text()
    assert next(iter(devcloud.connect().image.images(name="cirros"))).status == "active"


def test_after_kill_9_of_services_and_database_up_starts_what_died(devcloud):
    before = pids(devcloud)
    for name in ("neutron", "postgres"):
        os.kill(before[name], signal.SIGKILL)
    assert devcloud("status", status=1)

    devcloud("up")

    after = pids(devcloud)
    assert {name for name in SERVICES if before[name] != after[name]} == {"neutron", "postgres"}
    devcloud.until_up()


def test_a_service_that_ends_at_start_is_named_with_its_log_and_the_others_are_stopped(devcloud):
    before = pids(devcloud)
    os.kill(before["glance"], signal.SIGKILL)
    log = devcloud.state / "log" / "glance.log"
    log.unlink()
    log.mkdir()

    told = devcloud("up", status=1).stderr

    assert re.search(r"glance did not come up: its process ended with status [1-9]", told)
    assert "Is a directory" in told
    assert "Traceback" not in told.splitlines()[0]
    assert not any(there(pid) for pid in before.values())
    log.rmdir()


def test_a_recycled_pid_is_never_signalled(devcloud):
    """A pid file whose process ended long ago may name somebody else's process by now."""
    other = subprocess.Popen(["sleep", "600"])
    try:
        noted = {"pid": other.pid, "started": 1, "boot": "00000000-0000-0000-0000-000000000000"}
        (devcloud.state / "run" / "nova.pid").write_text(json.dumps(noted))

        assert "Nothing was running" in devcloud("down").stderr

        assert other.poll() is None
    finally:
        other.kill()
        other.wait()

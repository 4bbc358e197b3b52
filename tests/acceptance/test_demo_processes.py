"""`make demo-restart` and `make demo-down`: by kill -9, one after the other; each test has the site alone."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from infra.devcloud.devcloud import processes
from infra.site import operations
from infra.site.layout import CHECKOUT
from tests.site import RunningSite


@pytest.fixture
def another_login(running_site: RunningSite) -> dict[str, str]:
    """What the shell of another login says of where the user's temporary things are. What is started there outlives the test, so this stays."""
    directory = running_site.layout.state / "tmp"
    directory.mkdir(mode=0o700, exist_ok=True)
    return {"XDG_RUNTIME_DIR": str(directory), "TMPDIR": str(directory)}


def restart(site: RunningSite, **login: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "infra.site", "restart", "--state", str(site.layout.state), "--ports", str(site.ports)]
    return subprocess.run(argv, cwd=CHECKOUT, env=os.environ | login, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("victims", [("api", "exporter"), ("worker", "collector")], ids="+".join)
def test_what_was_killed_is_started_again_and_nothing_else_from_whatever_login(site_alone: RunningSite, another_login, victims):
    before = site_alone.pids()
    for victim in victims:
        os.kill(before[victim], signal.SIGKILL)

    done = restart(site_alone, **another_login)

    after = site_alone.pids()
    assert done.returncode == 0, done.stderr
    assert set(after) == set(before)
    assert {name for name in before if after[name] != before[name]} == set(victims)
    site_alone.until(lambda: all(operations.status(site_alone.layout).values()), "everything is up", seconds=120, pause=2)


def test_what_make_demo_brings_up_a_second_time_starts_and_makes_nothing(site_alone: RunningSite):
    def standing() -> tuple[object, ...]:
        offers = site_alone.answer("operator", "offer", "list")["items"]
        users = site_alone.openstack("user", "list", "--long", "-f", "json")
        roles = site_alone.openstack("role", "assignment", "list", "-f", "json")
        services = site_alone.openstack("endpoint", "list", "-f", "json")
        return site_alone.pids(), *(sorted(map(str, found)) for found in (offers, users, roles, services))

    before = standing()
    argv = [sys.executable, "-m", "infra.site", "up", "--state", str(site_alone.layout.state), "--ports", str(site_alone.ports)]

    done = subprocess.run(argv, cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "dcctl's own processes were all there." in done.stderr
    assert standing() == before


def test_the_site_works_again_after_its_database_its_socket_and_a_service_of_the_cloud_have_gone(site_alone: RunningSite):
    before = site_alone.pids()
    os.kill(before["postgres"], signal.SIGKILL)
    shutil.rmtree(site_alone.layout.sockets)  # as a runtime directory goes with the login that it was made for
    os.kill(before["cloud/cinder"], signal.SIGKILL)

    done = restart(site_alone)

    assert done.returncode == 0, done.stderr
    assert set(site_alone.pids()) == set(before)
    site_alone.until(lambda: all(operations.status(site_alone.layout).values()), "everything is up", seconds=120, pause=2)
    assert site_alone.answer("sante-agent", "whoami")["administrations"] == ["min-sante"]
    site_alone.openstack("volume", "type", "list", "-f", "json")


def test_a_pid_that_is_another_programs_by_now_is_not_touched(site_alone: RunningSite, tmp_path):
    """Pid files hold the start time: what does not fit is not ours."""
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        seen = processes.observe(stranger.pid)
        assert seen is not None
        pid_file = tmp_path / "api.pid"
        pid_file.write_text(json.dumps({"pid": stranger.pid, "started": seen.started - 1, "boot": seen.boot}))

        assert processes.find(pid_file) is None
        stranger.kill()

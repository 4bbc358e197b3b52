"""What tests of every kind share: a PostgreSQL for each process, and one whole site for each run, whatever the number of processes.

The site (trial cloud, database, API, worker, collector, exporter) is started by the first test that asks and ended with the run;
`DCCTL_TEST_KEEP=1` leaves it up and takes the one that is up, for working on tests. `DCCTL_TEST_PORTS` names its first port.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.site.layout import CHECKOUT, Site
from tests import postgres
from tests.site import RunningSite

STATE = CHECKOUT / ".cache" / "test-site"
PORTS = int(os.environ.get("DCCTL_TEST_PORTS", "26000"))
KEEP = os.environ.get("DCCTL_TEST_KEEP") == "1"
#: Where the processes of one run tell each other that the site was asked for; it lies beside the state, which is thrown away.
ASKED = STATE.with_name("test-site.asked")


def command(verb: str) -> None:
    """Run `infra.site VERB` for the tests' site; what it said is the failure."""
    argv = [sys.executable, "-m", "infra.site", verb, "--state", str(STATE), "--ports", str(PORTS)]
    done = subprocess.run(argv, cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"the tests' site: {verb} failed\n{done.stdout}{done.stderr}", pytrace=False)


def is_controller(config: pytest.Config) -> bool:
    """Whether this process is pytest's own, not one of xdist's."""
    return not hasattr(config, "workerinput")


def pytest_sessionstart(session: pytest.Session) -> None:
    if is_controller(session.config):
        ASKED.unlink(missing_ok=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if is_controller(session.config) and ASKED.exists() and not KEEP:
        command("down")
        ASKED.unlink()


@pytest.fixture(scope="session")
def running_site() -> RunningSite:
    """The site, up: fresh for each run, shared by all of its processes."""
    STATE.parent.mkdir(exist_ok=True)
    with STATE.with_name("test-site.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first = not ASKED.exists()
        failed = not first and ASKED.read_text() == "failed"
        if failed:
            pytest.fail("the tests' site did not come up; the first test that asked for it says why", pytrace=False)
        if first:
            ASKED.write_text("failed")
            if not KEEP:
                command("down")
                shutil.rmtree(STATE, ignore_errors=True)
            command("up")
            ASKED.write_text("up")
    return RunningSite(Site(state=STATE, ports=PORTS))


@pytest.fixture(scope="session")
def site(running_site: RunningSite) -> RunningSite:
    """The site with what operators do once: capacity, min-sante and min-justice with their people and envelopes."""
    with STATE.with_name("test-site.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running_site.prepare()
    return running_site


@pytest.fixture(scope="session")
def cloud(running_site: RunningSite) -> RunningSite:
    """The trial cloud of the site: `clouds_yaml`, `state`, `ports`."""
    return running_site


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    """An embedded PostgreSQL of this process."""
    with postgres.server() as server:
        yield server


def pytest_report_header() -> list[str]:
    kept = " (kept, DCCTL_TEST_KEEP=1)" if KEEP else ""
    return [f"tests' site: {STATE.relative_to(Path.cwd()) if STATE.is_relative_to(Path.cwd()) else STATE}, ports from {PORTS}{kept}"]

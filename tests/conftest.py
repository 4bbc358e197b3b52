"""What tests of every kind share: a PostgreSQL for each process, and one whole site for each run, whatever the number of processes.

The site (trial cloud, database, API, worker, collector, exporter) is started by the first test that asks and ended with the run;
`DCCTL_TEST_KEEP=1` leaves it up and takes the one that is up, for working on tests. `DCCTL_TEST_PORTS` names its first port, and with
`DCCTL_TEST_UNIFIED_LIMITS=1` its Nova takes its limits from Keystone (`make test-unified`).
With the site goes its watcher (`tests.watching`), from the first test on it to the last: what it finds fails the run.
"""

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from infra.devcloud.devcloud import processes
from infra.site import operations
from infra.site.layout import CHECKOUT, Site
from tests import postgres
from tests.site import RunningSite
from tests.watching import process as watcher

# What a busy machine takes for an example says nothing of the code: neither a deadline for one nor a bound on how fast they are made.
settings.register_profile("dcctl", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dcctl")

# The commands that tests start speak English, where a test does not say otherwise: their sentences are compared.
os.environ["DCCTL_LANG"] = "en"

STATE = CHECKOUT / ".cache" / "test-site"
PORTS = int(os.environ.get("DCCTL_TEST_PORTS", "26000"))
KEEP = os.environ.get("DCCTL_TEST_KEEP") == "1"
#: Tests that must not run at the same time as their neighbours: one cloud of their own, one stack, the files of one checkout.
TOGETHER = (
    "tests/acceptance/devcloud/", "tests/integration/pulumi/test_runs.py", "tests/acceptance/test_demo_processes.py",
    "tests/acceptance/test_documentation.py", "tests/acceptance/provisioner/", "tests/acceptance/metrics/test_processes.py",
)  # fmt: skip
FIRST = (
    "tests/acceptance/test_examples.py", "tests/acceptance/devcloud/", "tests/acceptance/provisioner/", "tests/acceptance/main_job/",
    "tests/acceptance/metrics/", "tests/acceptance/cloud/", "tests/acceptance/", "tests/integration/pulumi/", "tests/integration/",
)  # fmt: skip
#: Names this run to its own processes.
RUN = "DCCTL_TEST_RUN"


def lock_file(name: str) -> TextIO:
    """A lock file beside the site's state, which is thrown away. The system lets go of a lock when its process ends, however it ends."""
    STATE.parent.mkdir(exist_ok=True)
    return STATE.with_name(f"test-site.{name}").open("a")


def asked() -> Path:
    """Where the processes of one run tell each other that the site was asked for, and how that went: `up` or `failed`."""
    return STATE.with_name(f"test-site.asked-{os.environ.get(RUN, 'nobody')}")


def home() -> Path:
    """The home of who starts the site. Nothing may be written there: what is not below the site's directory is in the cache."""
    return STATE.with_name("test-site.home")


def command(verb: str, *options: str) -> None:
    """Run `infra.site VERB` for the tests' site; what it said is the failure."""
    argv = [sys.executable, "-m", "infra.site", verb, "--state", str(STATE), "--ports", str(PORTS), *options]
    home().mkdir(exist_ok=True)
    own = os.environ | {"HOME": str(home()), "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")}
    done = subprocess.run(argv, cwd=CHECKOUT, env=own, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"the tests' site: {verb} failed\n{done.stdout}{done.stderr}", pytrace=False)


def alone(runs: TextIO) -> bool:
    """Whether no other process has the site; then nobody else gets it until `runs` is locked otherwise or closed."""
    try:
        fcntl.flock(runs, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def pytest_configure(config: pytest.Config) -> None:
    # Whoever starts the tests in the background may have Ctrl-C ignored, and a process hands that down to what it starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):  # pytest's own process; those of xdist inherit the name
        os.environ[RUN] = secrets.token_hex(4)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Deal tests out one by one, but for those that share something and so follow each other in one process."""
    return Together(config, log)


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """A unit of work is a test, or all tests below one of `TOGETHER`."""

    def _split_scope(self, nodeid: str) -> str:
        return next((place for place in TOGETHER if nodeid.startswith(place)), nodeid)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no process works alone at the end."""
    order = {place: number for number, place in enumerate(FIRST)}
    items.sort(key=lambda item: next((number for place, number in order.items() if item.nodeid.startswith(place)), len(order)))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the site with the run that asked for it: everything of it was up to the end, and nothing of it is left."""
    if not hasattr(session.config, "workerinput") and (wrong := end_site()):
        fail(session, wrong)


def fail(session: pytest.Session, wrong: list[str]) -> None:
    """Make the run fail for what no single test is to blame for: an error of the run, shown among the others and counted in the closing line."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    place = ("tests/conftest.py", None, "the tests' site")
    report = pytest.TestReport("the tests' site", place, {}, "failed", "\n".join(wrong), "teardown")
    if reporter is not None:
        reporter.stats.setdefault("error", []).append(report)
    session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    """The same after a run that broke off."""
    if not hasattr(config, "workerinput"):
        end_site()


def end_site() -> list[str]:
    """Bring the site down if this run asked for it and no other run has it; return what is wrong: services that were not up, what is left.

    With it ends its watcher, whose findings are wrong, too.
    """
    if not asked().exists():
        return []
    came_up = asked().read_text() == "up"
    asked().unlink()
    for held in HELD:
        held.close()
    with lock_file("lock") as lock, lock_file("runs") as runs:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not alone(runs):
            return []
        site = Site(state=STATE, ports=PORTS)
        down = not_up(site) if came_up else []
        wrong = [f"not up at the end of the tests: {', '.join(down)}"] if down else []
        wrong += watcher.end(site) if came_up else []
        written = sorted(str(path.relative_to(home())) for path in home().rglob("*"))
        wrong += [f"written into the home of who started the site: {', '.join(written)}"] if written else []
        if KEEP:
            return wrong
        command("down")
        left = [process for state in (STATE, STATE / "cloud") for process in processes.strays(state)]
    return wrong + ([f"the site was ended, but these processes are still there: {left}"] if left else [])


def not_up(site: Site) -> list[str]:
    """Processes and services that are not up, nor a minute later: what a test has just restarted gives its first sign of life by then."""
    end = time.monotonic() + 60
    while True:
        down = sorted(name for name, there in operations.status(site).items() if not there)
        if not down or time.monotonic() > end:
            return down
        time.sleep(2)


HELD: list[TextIO] = []


@pytest.fixture(scope="session")
def running_site() -> RunningSite:
    """The site, up: fresh for each run, shared by all of its processes."""
    with lock_file("lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        runs = lock_file("runs")
        HELD.append(runs)
        if asked().exists() and asked().read_text() == "failed":
            pytest.fail("the tests' site did not come up; the first test that asked for it says why", pytrace=False)
        if alone(runs) and not asked().exists():
            asked().write_text("failed")
            if not KEEP:
                command("down")
                shutil.rmtree(STATE, ignore_errors=True)
            command("up", *(["--unified-limits"] if os.environ.get("DCCTL_TEST_UNIFIED_LIMITS") == "1" else []))
            watcher.start(Site(state=STATE, ports=PORTS))
        asked().write_text("up")
        fcntl.flock(runs, fcntl.LOCK_SH)
    return RunningSite(Site(state=STATE, ports=PORTS))


@pytest.fixture(scope="session")
def site(running_site: RunningSite) -> RunningSite:
    """The site with what operators do once: capacity, min-sante and min-justice with their people and envelopes."""
    with lock_file("lock") as lock:
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

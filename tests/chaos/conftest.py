"""What tests of chaos share: worlds of the engine alone, and a site behind the weather whose workers, API and database a test may kill."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import pytest_runtest_protocol, site_alone  # noqa: F401 - who has the site
from tests.acceptance.main_job.conftest import ByHand, Connect, Ministry, by_hand, connect, ministry  # noqa: F401 - fixtures
from tests.acceptance.provisioner.conftest import (  # noqa: F401 - fixtures
    admin,
    admin_entry,
    build_entry,
    clouds_yaml,
    engine,
    engine_home,
    make_world,
)
from tests.acceptance.provisioner.test_recovery import seer  # noqa: F401 - a fixture
from tests.acceptance.provisioner.world import World
from tests.chaos.agreement import Agreement
from tests.chaos.crew import Crew, crew_of
from tests.chaos.proxy import Weather
from tests.chaos.seeds import SAID
from tests.site import RunningSite

MakeWorld = Callable[..., World]
Agree = Callable[[], None]
#: A job whose end PostgreSQL did not hear of is taken back after some seconds, a credential that outlived its run is taken away after five leases;
#: on a busy machine both take longer.
SETTLES_SECONDS = 120.0


def pytest_report_header() -> str:
    return SAID


@pytest.fixture(autouse=True)
def seed() -> None:
    """Said with each test, so that a failure says how to have it again."""
    print(f"\n{SAID}")


@pytest.fixture
def weather() -> Weather:
    return Weather()


@pytest.fixture
def crew(site_alone: RunningSite, weather: Weather, tmp_path: Path) -> Iterator[Crew]:  # noqa: F811
    """Two workers with leases of 3 s, who reach OpenStack through the weather, in the place of the site's own."""
    with crew_of(site_alone, weather, tmp_path) as found:
        yield found


@pytest.fixture
def agree(ministry: Ministry, connect: Connect) -> Agree:  # noqa: F811
    """Fails unless cloud, state and ledger are the same for the test's administration, thing by thing."""
    look = Agreement(ministry.site.layout, connect(), ministry.code)

    def whole() -> None:
        # A run that has said how it ended still lets go of its job and its credentials.
        until = time.monotonic() + SETTLES_SECONDS
        while (wrong := look.wrong()) and time.monotonic() < until:
            time.sleep(1)
        assert wrong == [], "\n".join(wrong)

    return whole

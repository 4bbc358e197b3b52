"""A machine whose clock is an hour or a day off ends nothing early and takes nobody's place: what ends, ends by the database's clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlmodel import select

from dcctl.store import Environment, Request
from dcctl.workflow import clock, expiry, extensions, leases, requests, stalled, waiting
from dcctl.workflow.app import App
from dcctl.workflow.heartbeat import Heartbeat
from dcctl.workflow.run import Run
from quotas import store
from tests.integration.workflow.conftest import AGENT
from tests.integration.workflow.test_operations import approved, bare, state  # noqa: F401 - a fixture
from tests.integration.workflow.test_requests import body

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOMENT = timedelta(minutes=2)


@pytest.fixture(params=[-DAY, -HOUR, HOUR, DAY], ids=str)
def wrong(request: pytest.FixtureRequest) -> timedelta:
    """By how much this process's clock is wrong."""
    found: timedelta = request.param
    return found


@pytest.fixture
def elsewhen(wrong: timedelta) -> Iterator[None]:
    with time_machine.travel(datetime.now(UTC) + wrong, tick=True):
        yield


def test_a_request_may_wait_as_long_as_ever_and_its_hold_with_it(app: App, elsewhen: None) -> None:
    number = str(requests.submit(app, AGENT, body(), "k1")[0]["number"])

    assert expiry.expire(app) == 0
    assert list(waiting.remind(app)) == []
    with app.reading() as session:
        at, request = clock.moment(session), session.get_one(Request, number)
        allowed = timedelta(days=app.standing.read(session).policy.wait("submitted").lapse)
        assert request.lapses_at is not None
        assert allowed - MOMENT < request.lapses_at - at <= allowed
        assert {hold.expires_at for hold in store.open_holds(session, reference=number)} == {request.lapses_at}


def test_a_jump_in_the_middle_moves_no_end(app: App, wrong: timedelta) -> None:
    number = str(requests.submit(app, AGENT, body(), "k1")[0]["number"])
    with app.reading() as session:
        before = session.get_one(Request, number).lapses_at

    with time_machine.travel(datetime.now(UTC) + wrong, tick=True):
        assert expiry.expire(app) == 0

    with app.reading() as session:
        request = session.get_one(Request, number)
        assert (request.state, request.lapses_at) == ("submitted", before)
        assert store.open_holds(session, reference=number) != []


def test_an_environment_has_one_holder_whose_time_goes_on(bare: App, wrong: timedelta) -> None:  # noqa: F811
    bare.settings = bare.settings.model_copy(update={"worker": bare.settings.worker.model_copy(update={"lease_seconds": 30.0})})
    _, operation = approved(bare)
    run = Run.begin(bare, operation)
    assert run is not None
    until = run.heartbeat.until

    with time_machine.travel(datetime.now(UTC) + wrong, tick=True):
        run.heartbeat.check()  # raises where its time is over
        with bare.transaction() as session:
            assert leases.take(session, "min-sante", "dossier-patient", operation=None, seconds=30.0, holder="worker-2") is None
        assert stalled.take_up(bare) == []
        with run.transaction() as session:
            assert leases.renew(session, run.lease, 30.0)
        assert Heartbeat(bare, run.lease, since=until - 24.0).until == pytest.approx(until)

    with bare.transaction() as session:
        assert leases.take(session, "min-sante", "dossier-patient", operation=None, seconds=30.0, holder="worker-2") is None


def test_what_is_decided_keeps_its_hold_and_an_extension_counts_from_now(bare: App, elsewhen: None) -> None:  # noqa: F811
    number, _ = approved(bare)
    with bare.transaction() as session:
        request = session.get_one(Request, number)
        at = clock.moment(session)
        environment = Environment(
            administration="min-sante", name="portail", state="stopped", offer="standard", offer_version=1, spec=request.spec, request=number,
            expires_at=at - timedelta(days=10),
        )  # fmt: skip
        session.add(environment)
        session.flush()
        extension = Request(number="R-2026-0999", kind="extension", administration="min-sante", environment="portail", state="submitted")
        extensions.fill(session, extension, environment, "1 month", "suite")
        until = datetime.fromisoformat(extension.steps[0]["until"])
        session.rollback()

    assert timedelta(days=27) < until - at < timedelta(days=32)
    with bare.reading() as session:
        assert {hold.expires_at for hold in store.open_holds(session, reference=number)} == {None}
        assert session.exec(select(Request.state).where(Request.number == number)).one() == "approved"

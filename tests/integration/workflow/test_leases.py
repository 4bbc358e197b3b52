"""One run at a time for an environment, by its lease; what a lost run still wants to write is refused. On a real database, without OpenStack."""

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from dcctl.errors import DcctlError
from dcctl.lifecycle import OperationState
from dcctl.migrations import fence
from dcctl.provisioner.processes import boottime
from dcctl.store import Event, Operation, Request
from dcctl.workflow import fencing, holding, leases, run, stalled, states, succession
from dcctl.workflow.app import App
from dcctl.workflow.heartbeat import SAFE
from dcctl.workflow.leases import Lost
from dcctl.workflow.run import Run
from tests import postgres
from tests.integration.workflow.test_certificate import STATE, Exports
from tests.integration.workflow.test_operations import approved, bare, kinds, state  # noqa: F401 - a fixture
from tests.integration.workflow.test_requests import available

KEY = ("min-sante", "dossier-patient")


@pytest.fixture
def worker(bare: App) -> App:  # noqa: F811
    """A worker whose leases outlast every test: what is to lapse is made to (`lapse`), and time alone loses nothing."""
    return leased(bare, 300.0)


def leased(app: App, seconds: float) -> App:
    """From now on its leases, and what a transaction of a run may idle, are so long."""
    app.settings = app.settings.model_copy(update={"worker": app.settings.worker.model_copy(update={"lease_seconds": seconds})})
    return app


def taken(app: App, *, holder: str, seconds: float = 60.0) -> leases.Lease | None:
    with app.transaction() as session:
        return leases.take(session, *KEY, operation=None, seconds=seconds, holder=holder)


def lapse(app: App) -> None:
    with app.transaction() as session:
        session.execute(text("UPDATE lease SET expires_at = clock_timestamp() - interval '1 second'"))


def test_a_lease_has_one_holder_and_a_token_that_only_grows(app: App) -> None:
    first = taken(app, holder="worker-1")
    assert first is not None
    assert (first.token, first.unclean) == (1, False)
    assert taken(app, holder="worker-2") is None

    with app.transaction() as session:
        leases.give_back(session, first, unclean=False)
    second = taken(app, holder="worker-2")

    assert second is not None
    assert (second.token, second.unclean) == (2, False)
    with pytest.raises(Exception, match="only grow"), app.transaction() as session:
        session.execute(text("UPDATE lease SET token = 1"))


def test_a_lapsed_lease_cannot_be_renewed_and_its_successor_knows_that_it_must_look(app: App) -> None:
    first = taken(app, holder="worker-1")
    assert first is not None
    with app.transaction() as session:
        assert leases.renew(session, first, 60.0)
    lapse(app)

    with app.transaction() as session:
        assert not leases.renew(session, first, 60.0)
    second = taken(app, holder="worker-2")
    assert second is not None
    assert (second.token, second.unclean) == (2, True)

    with app.transaction() as session:  # it failed, too: the next one has to look as well
        leases.give_back(session, second, unclean=second.unclean)
    third = taken(app, holder="worker-1")
    assert third is not None
    assert third.unclean


def test_a_run_that_lost_its_lease_writes_nothing_neither_in_our_tables_nor_in_the_ledger(worker: App) -> None:
    number, operation = approved(worker)
    lost = Run.begin(worker, operation)
    assert lost is not None
    assert Run.begin(worker, operation) is None
    lapse(worker)
    assert taken(worker, holder="worker-2") is not None
    before = kinds(worker, number)

    with pytest.raises(Lost):
        lost.tell("resource", name="web-1")
    with pytest.raises(Lost), lost.step("limits"):
        pytest.fail("a lost run went on")
    with worker.reading() as session:
        request = session.get_one(Request, number)
    with pytest.raises(Lost), lost.transaction() as session:
        holding.allocate(session, request)
    with pytest.raises(Lost):
        lost.end(None)
    states.keep(worker, Exports(STATE), "cotonou.min-sante.dossier-patient.workload", operation, lost.transaction, done=True)  # type: ignore[arg-type]

    assert kinds(worker, number) == before
    with worker.reading() as session:
        assert not states.expected(session, "cotonou.min-sante.dossier-patient.workload")
    assert (available(worker).held, available(worker).available) == (8, 72)


def test_a_lapse_in_the_middle_of_a_transaction_lets_nobody_in_before_its_end(worker: App) -> None:
    _, operation = approved(worker)
    held = Run.begin(worker, operation)
    assert held is not None
    order: list[str] = []

    def succeed() -> None:
        taken(worker, holder="worker-2")
        order.append("taken")

    successor = threading.Thread(target=succeed)
    with held.transaction() as session:
        lapse(worker)
        successor.start()
        until(lambda: waiting_for_a_lock(worker) == 1)
        session.execute(text("SELECT 1"))
        order.append("committed")
    successor.join()

    assert order == ["committed", "taken"]


def test_a_worker_that_is_frozen_in_a_transaction_does_not_keep_its_successor_waiting(worker: App) -> None:
    _, operation = approved(worker)
    frozen = Run.begin(worker, operation)
    assert frozen is not None
    leased(worker, 3.0)

    freezing = frozen.transaction()
    session = freezing.__enter__()
    lapse(worker)
    successor = taken(worker, holder="worker-2")  # waits for the frozen one's lock on the row
    with pytest.raises(DBAPIError) as ended:
        session.execute(text("SELECT 1"))
    with pytest.raises(Lost) as lost:
        freezing.__exit__(DBAPIError, ended.value, None)

    assert successor is not None
    assert "idle in a transaction" in str(lost.value)


def test_a_lost_run_ends_without_a_word(worker: App, monkeypatch: pytest.MonkeyPatch) -> None:
    number, operation = approved(worker)
    monkeypatch.setattr(succession, "succeed", lambda app, mine: None)  # there is no engine here

    def work(mine: Run) -> None:
        lapse(worker)
        assert taken(worker, holder="worker-2") is not None
        mine.tell("resource", name="web-1")

    run.perform(worker, operation, work)

    assert state(worker, number) == ("approved", "running")
    assert kinds(worker, number)[-1] == "running"


def test_a_heartbeat_renews_and_stops_when_the_lease_is_gone(worker: App) -> None:
    _, operation = approved(worker)
    mine = Run.begin(leased(worker, BEATING), operation)
    assert mine is not None
    with mine.heartbeat:
        renewed_from_now_on(mine)
        mine.heartbeat.check()
        mine.tell("resource", name="web-1")
        lapse(worker)
        until(lambda: not mine.heartbeat.is_alive())
        mine.heartbeat.until -= BEATING  # its time passes
        with pytest.raises(Lost):
            mine.heartbeat.check()


#: A lease, in seconds, that is renewed while a test waits for it, and that a starved machine does not lose.
BEATING = 9.0


def renewed_from_now_on(run: Run) -> None:
    """Return after a renewal that was sent later than this call."""
    called = boottime()
    until(lambda: run.heartbeat.until > called + SAFE * run.heartbeat.seconds)


def waiting_for_a_lock(app: App) -> int:
    """Sessions of this database that somebody else's lock keeps waiting."""
    with app.reading() as session:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return int(session.execute(text(query)).scalar_one())


def until(happened: Callable[[], bool]) -> None:
    late = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < late
        time.sleep(0.1)


def test_an_operation_whose_lease_lapsed_is_queued_again_once_and_the_attempt_is_in_the_feed(bare: App) -> None:  # noqa: F811
    number, operation = approved(bare)
    assert Run.begin(bare, operation) is not None
    assert stalled.take_up(bare) == []
    lapse(bare)

    assert stalled.take_up(bare) == [operation]
    assert stalled.take_up(bare) == []

    assert state(bare, number)[1] == "queued"
    with bare.reading() as session:
        assert session.get_one(Operation, operation).attempt == 2
        told = session.exec(select(Event).where(Event.operation == operation, Event.kind == "requeued")).one()
    assert (told.document["attempt"], told.document["why"]) == (1, "lapsed")
    again = Run.begin(bare, operation)
    assert again is not None
    assert again.unclean


def test_what_is_broken_off_again_and_again_fails_and_a_person_may_retry_it(worker: App) -> None:
    number, operation = approved(worker)
    for _ in range(6):
        assert Run.begin(worker, operation) is not None
        lapse(worker)
        stalled.take_up(worker)

    assert state(worker, number)[1] == "failed"
    with worker.reading() as session:
        failed = session.get_one(Operation, operation)
        assert failed.error is not None
        assert failed.error["code"] == "DCCTL-410"
        assert failed.state == OperationState.FAILED


def test_a_database_that_went_away_in_the_middle_is_nobodys_failure(worker: App, monkeypatch: pytest.MonkeyPatch) -> None:
    number, operation = approved(worker)
    monkeypatch.setattr(succession, "succeed", lambda app, mine: None)  # there is no engine here

    def work(mine: Run) -> None:
        raise DcctlError("DCCTL-501")

    run.perform(worker, operation, work)

    assert state(worker, number) == ("approved", "queued")
    assert kinds(worker, number)[-1] == "requeued"
    again = Run.begin(worker, operation)
    assert again is not None
    assert again.unclean


def test_after_a_restore_tokens_go_on_from_what_the_engines_state_has_seen(worker: App, postgresql: postgres.Server) -> None:
    dsn = postgresql.database()
    backend = dsn.replace("postgresql://", "postgres://", 1)
    stacks = [f"cotonou.min-sante.dossier-patient.{layer}" for layer in ("tenant", "workload")]
    fence.install(backend)
    fencing.lift(backend, stacks[:1], 20)  # seen before the restore: by either stack, the tenant's long before
    fencing.lift(backend, stacks[1:], 40)
    _, operation = approved(worker)
    mine = Run.begin(leased(worker, BEATING), operation)
    assert mine is not None

    with mine.heartbeat:
        succession.lifted(backend, stacks, mine)
        assert (mine.token, mine.unclean, mine.credentials.token) == (41, True, 41)
        fencing.lift(backend, stacks, 41)  # both are of it
        mine.tell("resource", name="web-1")
        renewed_from_now_on(mine)  # as what it is by now
        mine.tell("resource", name="web-2")

    lapse(worker)
    successor = taken(worker, holder="worker-2")
    assert successor is not None
    fencing.lift(backend, stacks[1:], 50)
    with pytest.raises(Lost):
        succession.lifted(backend, stacks, mine)
    postgresql.drop(dsn)


def test_all_workers_together_run_no_more_operations_than_the_cloud_is_to_bear(worker: App) -> None:
    bear(worker, 1)
    number, operation = approved(worker)
    with worker.transaction() as session:
        held = leases.take(session, "min-justice", "casier", operation=None, seconds=60.0, holder="worker-2")
    assert held is not None

    assert Run.begin(worker, operation) is None
    with worker.transaction() as session:
        session.execute(text("DELETE FROM procrastinate_jobs"))
    assert state(worker, number) == ("approved", "queued")
    assert stalled.take_up(worker) == []  # its job would only end again

    with worker.transaction() as session:
        leases.give_back(session, held, unclean=False)
    assert stalled.take_up(worker) == [operation]
    assert Run.begin(worker, operation) is not None


def test_of_many_that_begin_at_once_only_so_many_do(app: App) -> None:
    def begin(number: int) -> None:
        with app.transaction() as session:
            leases.take(session, "min-sante", f"environnement-{number}", operation=None, seconds=60.0, holder=f"worker-{number}")
            waiting.wait(60)
            if leases.room(session, 3) < 0:
                session.rollback()

    waiting = threading.Barrier(8)
    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    with app.reading() as session:
        assert session.execute(text("SELECT count(*) FROM lease WHERE holder IS NOT NULL")).scalar_one() == 3


def bear(app: App, operations: int) -> None:
    app.settings = app.settings.model_copy(update={"cloud": app.settings.cloud.model_copy(update={"operations_at_once": operations})})


def test_a_credential_that_was_made_while_the_lease_lapsed_is_used_for_nothing(worker: App, monkeypatch: pytest.MonkeyPatch) -> None:
    _, operation = approved(worker)
    mine = Run.begin(worker, operation)
    assert mine is not None
    made: list[str] = []

    def frozen_meanwhile(entry: object, name: str, **more: object) -> dict[str, object]:
        made.append(name)
        lapse(worker)
        return {"auth": {}}

    monkeypatch.setattr("dcctl.workflow.credentials.service_entry", lambda *of: {"auth": {}})
    monkeypatch.setattr("dcctl.cloud.credentials.made", frozen_meanwhile)  # Keystone is slow
    with pytest.raises(Lost):
        mine.credentials.entry("tenant")

    assert made == ["dcctl.run.min-sante.dossier-patient.1.1"]
    taken_away: list[object] = []
    monkeypatch.setattr("dcctl.cloud.credentials.ended", lambda entry, own: taken_away.append(own))
    mine.credentials.remove()
    assert len(taken_away) == 1

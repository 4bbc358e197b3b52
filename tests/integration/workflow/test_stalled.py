"""The queue's two traps, and how what a dead worker leaves gets out of them; maintenance. On a real database with the queue's own functions."""

import pytest
from sqlalchemy import text

from dcctl.schemas import MaintenanceIn
from dcctl.workflow import maintenance, queue, stalled
from dcctl.workflow.app import App
from dcctl.workflow.run import Run
from tests.integration.workflow.conftest import LEAD
from tests.integration.workflow.test_leases import lapse, worker  # noqa: F401 - a fixture
from tests.integration.workflow.test_operations import approved, bare, state  # noqa: F401 - a fixture
from tests.integration.workflow.test_requests import reviewed


def fetched(app: App, name: str = queue.BUILDING) -> dict[str, object] | None:
    """The job that a worker of the queue would get now; it is `doing` afterwards, of a worker that has just given a sign of life."""
    with app.transaction() as session:
        number = session.execute(text("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")).scalar_one()
        fetch = text("SELECT * FROM procrastinate_fetch_job_v2(ARRAY[:name]::varchar[], :worker)")
        row = session.execute(fetch, {"name": name, "worker": number}).one()
    return None if row.id is None else {"id": row.id, "task": row.task_name, "args": row.args, "scheduled_at": row.scheduled_at}


def jobs(app: App, operation: str) -> list[tuple[str, object]]:
    with app.reading() as session:
        query = text("SELECT status::text, scheduled_at FROM procrastinate_jobs WHERE args ->> 'operation' = :operation ORDER BY id")
        return [(row[0], row[1]) for row in session.execute(query, {"operation": operation})]


def one_more_job(app: App, *, later: bool = False) -> None:
    """Of the same environment, under the same lock."""
    with app.transaction() as session:
        app.queue.defer(session, queue.ABANDON, lock=queue.environment_lock("min-sante", "dossier-patient"), operation="O-2026-9999-1")
        if later:
            in_an_hour = "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour' WHERE args ->> 'operation' = 'O-2026-9999-1'"
            session.execute(text(in_an_hour))


def test_a_killed_workers_job_blocks_its_lock_until_it_is_taken_up_again(worker: App) -> None:  # noqa: F811
    number, operation = approved(worker)
    job = fetched(worker)
    assert job is not None
    assert job["args"] == {"operation": operation}
    assert Run.begin(worker, operation) is not None  # and then the worker is killed
    one_more_job(worker)
    assert fetched(worker) is None  # the first trap

    lapse(worker)
    assert stalled.take_up(worker) == [operation]

    assert jobs(worker, operation) == [("failed", None), ("todo", None)]
    assert state(worker, number)[1] == "queued"
    following = fetched(worker)
    assert following is not None
    assert following["args"] == {"operation": "O-2026-9999-1"}


def test_a_worker_that_wakes_up_cannot_end_its_successors_job(worker: App) -> None:  # noqa: F811
    _, operation = approved(worker)
    frozen = fetched(worker)
    assert frozen is not None
    assert Run.begin(worker, operation) is not None
    lapse(worker)
    stalled.take_up(worker)
    successors = fetched(worker)
    assert successors is not None
    assert successors["id"] != frozen["id"]

    with pytest.raises(Exception, match="Job was not found"), worker.transaction() as session:
        session.execute(text("SELECT procrastinate_finish_job_v1(:id, 'succeeded', true)"), {"id": frozen["id"]})

    assert jobs(worker, operation) == [("failed", None), ("doing", None)]


def test_a_job_of_the_future_would_block_later_ones_so_none_is_ever_made(worker: App) -> None:  # noqa: F811
    one_more_job(worker, later=True)
    _, operation = approved(worker)
    assert fetched(worker) is None  # the second trap
    with worker.transaction() as session:
        session.execute(text("DELETE FROM procrastinate_jobs WHERE scheduled_at IS NOT NULL"))

    assert fetched(worker) is not None
    mine = Run.begin(worker, operation)
    assert mine is not None
    mine.break_off()

    assert jobs(worker, operation) == [("doing", None), ("todo", None)]


def test_the_review_of_a_silent_worker_is_queued_again_and_a_living_ones_is_not(worker: App) -> None:  # noqa: F811
    reviewed(worker)
    job = fetched(worker, queue.SHORT)
    assert job is not None
    stalled.take_up(worker)
    assert fetched(worker, queue.SHORT) is None

    with worker.transaction() as session:
        session.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '10 minutes'"))
    stalled.take_up(worker)

    again = fetched(worker, queue.SHORT)
    assert again is not None
    assert (again["task"], again["args"], again["id"] != job["id"]) == (queue.REVIEW, job["args"], True)


def test_an_operation_without_a_job_gets_one(worker: App) -> None:  # noqa: F811
    _, operation = approved(worker)
    assert stalled.take_up(worker) == []
    with worker.transaction() as session:
        session.execute(text("DELETE FROM procrastinate_jobs"))

    assert stalled.take_up(worker) == [operation]
    assert jobs(worker, operation) == [("todo", None)]


def test_during_maintenance_nothing_begins_and_afterwards_what_waited_does(worker: App) -> None:  # noqa: F811
    number, operation = approved(worker)
    assert maintenance.show(worker)["on"] is False
    maintenance.put(worker, LEAD, MaintenanceIn(on=True, reason="mise à jour de Neutron"))

    job = fetched(worker)
    assert job is not None
    assert Run.begin(worker, operation) is None
    with worker.transaction() as session:  # the job ends, as a worker ends it
        session.execute(text("SELECT procrastinate_finish_job_v1(:id, 'succeeded', true)"), {"id": job["id"]})
    assert stalled.take_up(worker) == []
    assert (state(worker, number), jobs(worker, operation)) == (("approved", "queued"), [])
    with worker.reading() as session:
        assert maintenance.told(worker, session)["reason"] == "mise à jour de Neutron"

    maintenance.put(worker, LEAD, MaintenanceIn(on=False))

    assert stalled.take_up(worker) == [operation]
    assert Run.begin(worker, operation) is not None

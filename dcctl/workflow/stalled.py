"""What a worker that died or was frozen leaves in the queue is taken up again: here, every few seconds, by whichever worker looks first.

The queue itself does nothing of the kind: the job of a killed worker stays `doing` for ever, and its lock keeps every later job of the environment
waiting. An operation is another's as soon as its lease has lapsed by the database's clock; before that its worker may only be slow.
"""

import structlog
from sqlalchemy import text

from dcctl.lifecycle import OperationState
from dcctl.provisioner import processes
from dcctl.store import Operation
from dcctl.workflow import ending, leases, resting, witness
from dcctl.workflow.app import App
from dcctl.workflow.loops import Loop

#: Longest time between two looks.
LOOK_SECONDS = 5.0
_LAPSED = text("""
    SELECT o.id FROM operation o LEFT JOIN lease l ON (l.administration, l.environment) = (o.administration, o.environment)
    WHERE o.state = 'running' AND (l.holder IS NULL OR l.operation IS DISTINCT FROM o.id OR l.expires_at <= clock_timestamp())
    ORDER BY o.created_at""")
#: Queued, and no job will begin them: they met another's lease, a cloud that bears no more, maintenance or a region that observes, or the job was
#: lost with its worker.
_FORGOTTEN = text("""
    SELECT o.id FROM operation o LEFT JOIN lease l ON (l.administration, l.environment) = (o.administration, o.environment)
    WHERE o.state = 'queued' AND (l.holder IS NULL OR l.expires_at <= clock_timestamp())
      AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs j WHERE j.status IN ('todo', 'doing') AND j.args ->> 'operation' = o.id)
    ORDER BY o.created_at""")

log = structlog.get_logger("dcctl.workflow.stalled")


def take_up(app: App) -> list[str]:
    """Queue again every operation whose run is gone, and every job whose worker is; the operations."""
    with app.transaction() as session:
        app.queue.take_back(session, silence(app))
        lapsed = list(session.connection().execute(_LAPSED).scalars())
    found = [identifier for identifier in lapsed if _requeued(app, identifier)]
    with app.transaction() as session:
        if resting.rests(app, session):
            return found
        # No more than can begin: a job that finds no room ends, and would only be queued again.
        room = leases.room(session, app.settings.cloud.operations_at_once)
        forgotten = list(session.connection().execute(_FORGOTTEN).scalars())[: max(room, 0)]
    return found + [identifier for identifier in forgotten if _deferred(app, identifier)]


def silence(app: App) -> float:
    """Seconds without a sign of life after which the queue's worker is taken for dead; it gives one at a third of a lease."""
    return max(app.settings.worker.lease_seconds, 5.0)


def _requeued(app: App, identifier: str) -> bool:
    """One that runs no more; looked at again with its lease locked, so that it is taken up once."""
    with app.transaction() as session:
        operation = session.get_one(Operation, identifier)
        if not leases.free(session, operation.administration, operation.environment, but=identifier):
            return False
        session.refresh(operation, with_for_update=True)
        if operation.state != OperationState.RUNNING:
            return False
        app.queue.give_up(session, identifier)
        ending.requeue(app, session, operation, "lapsed")
        return True


def _deferred(app: App, identifier: str) -> bool:
    with app.transaction() as session:
        operation = session.get_one(Operation, identifier, with_for_update=True)
        if identifier not in session.connection().execute(_FORGOTTEN).scalars().all():
            return False
        ending.defer(app, session, operation)
        return True


def keeping(app: App) -> Loop:
    """A worker's loop for this; it also ends what runs of killed guardians left on this machine, and takes their status."""

    def look() -> None:
        if left := processes.orphans():
            log.warning("orphans_ended", processes=left)
            processes.end(processes.orphans, reaping=False, polite=0.0)
        processes.reap_orphans()
        with witness.by_itself("worker", "take_up", ""):
            found = take_up(app)
        if found:
            log.info("taken_up_again", operations=found)

    pause = min(LOOK_SECONDS, app.settings.worker.lease_seconds / 3)
    return Loop("stalled", look, pause=pause, failed="not_looked_for_stalled")

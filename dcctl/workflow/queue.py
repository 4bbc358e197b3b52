"""Jobs for the worker, deferred in the caller's own transaction: a job exists exactly when what it is about was committed.

Jobs of one environment have the same lock, so that one runs at a time; nothing future-dated is deferred under such a lock.
"""

import json
from typing import Any

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

#: Of operations, a task for each kind, and its name is the kind.
FULFIL = "fulfil"
DECOMMISSION = "decommission"
ABANDON = "abandon"
CHANGE = "change"
UNDO = "undo"
EXTENSION = "extension"
REBUILD = "rebuild"
#: Of anything else.
REVIEW = "review"
EVIDENCE = "evidence"
PLAN = "plan"
RECONCILE = "reconcile"

#: Short jobs have a queue and threads of their own: nobody who asks waits until others' environments are built.
SHORT, BUILDING = "dcctl-short", "dcctl-building"
#: Comparing asks OpenStack much; one at a time in each worker, and nobody's environment waits for it.
COMPARING = "dcctl-comparing"
_QUEUES = {REVIEW: SHORT, EVIDENCE: SHORT, PLAN: SHORT, RECONCILE: COMPARING}


def conninfo(url: str) -> str:
    """The libpq address of a SQLAlchemy URL."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def environment_lock(administration: str, environment: str) -> str:
    """The lock of everything that the worker does for one environment."""
    return f"environment:{administration}/{environment}"


class Queue:
    """Defers jobs by name; the worker knows the tasks behind the names."""

    def __init__(self, url: str) -> None:
        self._app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=conninfo(url)))

    def defer(self, session: Session, task: str, *, lock: str, once: str | None = None, **arguments: Any) -> None:
        """Queue `task` with the session's transaction; `once` names a job of which at most one may wait."""
        connection = session.connection().connection.driver_connection
        queue = _QUEUES.get(task, BUILDING)
        job = self._app.configure_task(task, queue=queue, lock=lock, queueing_lock=once, connection=connection)
        if once is None:
            job.defer(**arguments)
            return
        session.execute(_BEGINS)  # else the driver's savepoint would be a transaction of its own
        assert connection is not None
        try:
            with connection.transaction():
                job.defer(**arguments)
        except AlreadyEnqueued:
            pass

    def defer_once(self, session: Session, task: str, *, queue: str, lock: str, at: int) -> bool:
        """Queue what is begun at this moment (seconds since 1970) by whichever worker comes first; False where it was, or where one still waits."""
        given = {"queue": queue, "lock": lock, "task": task, "at": at, "arguments": json.dumps({"timestamp": at})}
        savepoint = session.begin_nested()
        try:
            job = session.connection().execute(_AT, given).scalar_one()
        except IntegrityError:  # one of an earlier moment still waits
            savepoint.rollback()
            return False
        savepoint.commit()
        return job is not None

    def give_up(self, session: Session, operation: str) -> None:
        """End the jobs of an operation that a worker has begun and will not end: they block their lock.

        They are not queued again under their number: a worker that wakes up would end what is another's by then.
        """
        for (number,) in session.connection().execute(_BEGUN, {"operation": operation}).all():
            session.connection().execute(_FINISH, {"number": number})

    def take_back(self, session: Session, seconds: float) -> list[str]:
        """End the jobs of workers that have given no sign of life for so long, and queue anew what is not an operation's; the tasks' names.

        Operations get their jobs by the lease; periodic tasks by the clock.
        """
        found = session.connection().execute(_SILENT, {"seconds": seconds}).all()
        for job in found:
            session.connection().execute(_FINISH, {"number": job.id})
            if not {"operation", "timestamp"} & set(job.args):
                self.defer(session, job.task_name, lock=job.lock, once=job.queueing_lock, **job.args)
        return [str(job.task_name) for job in found]


_AT = text("SELECT procrastinate_defer_periodic_job_v2(:queue, :lock, :task, :task, 0, '', :at, CAST(:arguments AS jsonb))")
_BEGINS = text("SELECT 1")
_BEGUN = text("SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND args ->> 'operation' = :operation FOR UPDATE")
_FINISH = text("SELECT procrastinate_finish_job_v1(:number, 'failed', false)")
_SILENT = text("""
    SELECT j.id, j.task_name, j.lock, j.queueing_lock, j.args FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
    WHERE j.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => :seconds))
    ORDER BY j.id FOR UPDATE OF j SKIP LOCKED""")

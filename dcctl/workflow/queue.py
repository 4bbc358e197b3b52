"""Jobs for the worker, deferred in the caller's own transaction: a job exists exactly when what it is about was committed.

Jobs of one environment have the same lock, so that one runs at a time; nothing future-dated is deferred under such a lock.
"""

from typing import Any

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued
from sqlmodel import Session

REVIEW = "review"
FULFIL = "fulfil"
DECOMMISSION = "decommission"
ABANDON = "abandon"
RECONCILE = "reconcile"

#: Short jobs have a queue and threads of their own: nobody who asks waits until others' environments are built.
SHORT, BUILDING = "dcctl-short", "dcctl-building"
#: Comparing asks OpenStack much; one at a time in each worker, and nobody's environment waits for it.
COMPARING = "dcctl-comparing"
_QUEUES = {REVIEW: SHORT, RECONCILE: COMPARING}


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
        savepoint = session.begin_nested()
        try:
            job.defer(**arguments)
        except AlreadyEnqueued:
            savepoint.rollback()
        else:
            savepoint.commit()

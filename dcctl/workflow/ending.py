"""The ends of an operation that are not its success: failed, cancelled, or broken off and queued again. Each is rows of one transaction."""

from sqlmodel import Session, col, func, select

from dcctl.errors import DcctlError
from dcctl.lifecycle import EnvironmentState, OperationState, RequestState, environment_after, operation_after, request_after
from dcctl.store import Environment, Event, Operation, Request, now
from dcctl.workflow import feed, letters
from dcctl.workflow.app import App
from dcctl.workflow.queue import REBUILD, environment_lock

#: So often an operation is taken up again by itself since somebody asked for it: what is killed each time is killed by its own doing.
MOST_TIMES = 5


def end(session: Session, operation: Operation, error: DcctlError | None) -> None:
    """Failed, or as it was asked to (`error` None): the request is *failed*, a new environment too; all of it may be retried."""
    operation.state = operation_after(operation.id, OperationState(operation.state), "cancel" if error is None else "fail")
    operation.finished_at, operation.error = now(), error.to_json() if error else None
    session.add(operation)
    request = session.get_one(Request, operation.request, with_for_update=True, populate_existing=True)
    if operation.kind != REBUILD:  # which no request asked for
        request.error, request.updated_at = operation.error, now()
        fail(request)
        session.add(request)
    environment = session.get(Environment, operation.environment_id) if operation.environment_id is not None else None
    if environment is not None and environment.state == EnvironmentState.PROVISIONING:
        environment.state = environment_after(environment.name, EnvironmentState.PROVISIONING, "fail")
        session.add(environment)
    kind = "cancelled" if error is None else "failed"
    feed.record(session, kind, request=operation.request, operation=operation.id, step=operation.step, error=operation.error)
    if error is not None:
        letters.write(session, "failed", request, error=operation.error)


def fail(request: Request) -> None:
    """Its operation has ended without success: *failed*, by way of *fulfilling* if that was before its first step; of an abandoned one it is."""
    if request.state == RequestState.APPROVED:
        request.state = request_after(request.number, RequestState.APPROVED, "fulfil")
    if request.state == RequestState.FULFILLING:
        request.state = request_after(request.number, RequestState.FULFILLING, "fail")


def requeue(app: App, session: Session, operation: Operation, why: str) -> bool:
    """Queue what was broken off again, for whoever takes the lease next; failed (False) when that has happened too often.

    Args:
        why: lapsed (nothing was heard of the worker in time), killed (something of the run was), database (it went away in the middle).
    """
    if (times := _times(session, operation.id)) >= MOST_TIMES:
        end(session, operation, DcctlError("DCCTL-410", operation=operation.id, times=times))
        return False
    operation.state = operation_after(operation.id, OperationState(operation.state), "requeue")
    feed.record(session, "requeued", request=operation.request, operation=operation.id, attempt=operation.attempt, step=operation.step, why=why)
    operation.attempt += 1
    session.add(operation)
    defer(app, session, operation)
    return True


def defer(app: App, session: Session, operation: Operation) -> None:
    """A job for a queued operation; never a future-dated one, behind which every later job of the environment would wait."""
    lock = environment_lock(operation.administration, operation.environment)
    app.queue.defer(session, operation.kind, lock=lock, operation=operation.id)


def _times(session: Session, identifier: str) -> int:
    """How often it was taken up again since a person last queued it."""
    asked = select(func.coalesce(func.max(Event.id), 0)).where(Event.operation == identifier, Event.kind == "queued").scalar_subquery()
    query = select(func.count()).where(Event.operation == identifier, Event.kind == "requeued", col(Event.id) > asked)
    return int(session.exec(query).one())

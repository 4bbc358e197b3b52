"""Following and steering the provisioner's runs: list, show, watch, retry, cancel, abandon."""

from typing import Any

from sqlmodel import Session, col, select

from dcctl.errors import NotVisible
from dcctl.lifecycle import ALTERING, EnvironmentState, Kind, OperationState, RequestState, environment_after, operation_after, request_after
from dcctl.store import Environment, Event, Operation, Request, now
from dcctl.workflow import ending, feed, holding, resting, sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App

#: Kinds of operations that undo a failed request, which stays failed meanwhile.
_UNDOING = ("abandon", "undo")
FINAL = frozenset({OperationState.SUCCEEDED, OperationState.FAILED, OperationState.CANCELLED})
PAGE = 100


def listing(
    app: App, actor: Actor, administration: str | None = None, state: str | None = None, after: str | None = None, limit: int = PAGE
) -> dict[str, Any]:
    """Operations that the actor may see, newest first."""
    with app.reading() as session:
        if administration is not None:
            sight.require_visible(session, actor, administration)
        query = select(Operation).where(sight.visible(actor, col(Operation.administration)))
        for column, value in ((Operation.administration, administration), (Operation.state, state)):
            if value is not None:
                query = query.where(col(column) == value)
        if after is not None and (mark := session.get(Operation, after)) is not None:
            query = query.where(col(Operation.created_at) < mark.created_at)
        size = max(1, min(limit, 1000))
        found = session.exec(query.order_by(col(Operation.created_at).desc(), col(Operation.id)).limit(size + 1)).all()
        items = [as_json(operation) for operation in found[:size]]
    return {"apiVersion": "dcctl/v1", "items": items, "cursor": items[-1]["id"] if len(found) > size else None}


def show(app: App, actor: Actor, identifier: str) -> dict[str, Any]:
    """One operation, with the last known state of each resource."""
    with app.reading() as session:
        operation = find(session, actor, identifier)
        return as_json(operation) | {
            "resources": _resources(session, operation.id),
            "resting": resting.of_operation(app, session, operation),
        }


def events(app: App, actor: Actor, identifier: str, after: int = 0, wait: float = 0.0) -> dict[str, Any]:
    """What happened in an operation after the cursor; may wait for more."""
    with app.reading() as session:
        find(session, actor, identifier)

    def state(session: Session) -> tuple[str, bool]:
        current = session.exec(select(Operation.state).where(Operation.id == identifier)).one()
        return current, current in FINAL

    def rests(session: Session) -> dict[str, Any] | None:
        return resting.of_operation(app, session, session.get_one(Operation, identifier, populate_existing=True))

    return {"apiVersion": "dcctl/v1"} | feed.page(app, after=after, wait=wait, state=state, resting=rests, operation=identifier)


def retry(app: App, actor: Actor, identifier: str) -> dict[str, Any]:
    """Queue a failed or cancelled operation again; it continues where it stands."""
    with app.transaction() as session:
        operation, request = _locked(session, actor, identifier)
        again(app, session, operation, request, actor.user)
        return as_json(operation)


def again(app: App, session: Session, operation: Operation, request: Request, user: str) -> None:
    """Queue a failed or cancelled operation again in the caller's transaction; both rows are locked."""
    operation.state = operation_after(operation.id, OperationState(operation.state), "retry")
    if operation.kind in _UNDOING:
        request_after(request.number, RequestState(request.state), "abandon")
    else:  # at once: whoever watches it must not take the failure of the last attempt for this one's
        request.state = request_after(request.number, RequestState(request.state), "fulfil")
        request.error, request.updated_at = None, now()
        session.add(request)
    operation.attempt += 1
    operation.cancel_requested, operation.error, operation.finished_at = False, None, None
    operation.created_at = now()
    session.add(operation)
    _queued(app, session, user, operation)


def cancel(app: App, actor: Actor, identifier: str) -> dict[str, Any]:
    """End an operation: at once while it is queued, after its present step while it runs. Its request is *failed*, and a retry continues."""
    with app.transaction() as session:
        operation, request = _locked(session, actor, identifier)
        after = operation_after(identifier, OperationState(operation.state), "cancel")
        if operation.state == OperationState.QUEUED:
            operation.state, operation.finished_at = after, now()
            ending.fail(request)
            request.updated_at = now()
            session.add(request)
        operation.cancel_requested = True
        session.add(operation)
        feed.record(session, "cancel_requested", request=request.number, operation=identifier, user=actor.user)
        if operation.state == OperationState.CANCELLED:
            feed.record(session, "cancelled", request=request.number, operation=identifier, step=None, error=None)
        return as_json(operation)


def abandon(app: App, actor: Actor, identifier: str) -> dict[str, Any]:
    """Give up a failed fulfilment: what it made is destroyed, what it held or allocated goes back; of a change, the environment stays as it was."""
    with app.transaction() as session:
        failed, request = _locked(session, actor, identifier)
        request_after(request.number, RequestState(request.state), "abandon")
        environment = session.get(Environment, failed.environment_id) if failed.environment_id is not None else None
        if environment is None or request.kind == Kind.EXTENSION:
            holding.release(session, actor.in_ledger(), request)
            request.state, request.updated_at = request_after(request.number, RequestState(request.state), "abandon"), now()
            session.add(request)
            feed.record(session, "abandoned", request=request.number, operation=identifier, user=actor.user)
            return as_json(failed)
        altering = request.kind in ALTERING
        if not altering:
            environment.state = environment_after(environment.name, EnvironmentState(environment.state), "decommission")
            session.add(environment)
        count = len(session.exec(select(Operation.id).where(Operation.request == request.number)).all())
        operation = Operation(
            id=f"O{request.number[1:]}-{count + 1}",
            kind="undo" if altering else "abandon",
            state=OperationState.QUEUED,
            request=request.number,
            administration=request.administration,
            environment=request.environment,
            environment_id=environment.id,
        )
        session.add(operation)
        _queued(app, session, actor.user, operation)
        return as_json(operation)


def _queued(app: App, session: Session, user: str, operation: Operation) -> None:
    feed.record(session, "queued", request=operation.request, operation=operation.id, user=user, attempt=operation.attempt)
    ending.defer(app, session, operation)


def find(session: Session, actor: Actor, identifier: str) -> Operation:
    """The operation, if the actor may see it."""
    query = select(Operation).where(Operation.id == identifier, sight.visible(actor, col(Operation.administration)))
    operation = session.exec(query).first()
    if operation is None:
        raise NotVisible("operation", identifier)
    return operation


def _locked(session: Session, actor: Actor, identifier: str) -> tuple[Operation, Request]:
    """The operation and its request, both rows locked: the request first, as everything else does."""
    number = find(session, actor, identifier).request
    request = session.get_one(Request, number, with_for_update=True, populate_existing=True)
    return session.get_one(Operation, identifier, with_for_update=True, populate_existing=True), request


def _resources(session: Session, identifier: str) -> list[dict[str, Any]]:
    """The last event of each resource, in the order in which they were begun."""
    query = select(Event).where(Event.operation == identifier, Event.kind == "resource").order_by(col(Event.id)).limit(5000)
    latest: dict[str, dict[str, Any]] = {}
    for event in session.exec(query).all():
        latest[event.document["name"]] = event.document
    return list(latest.values())


def as_json(operation: Operation) -> dict[str, Any]:
    """An operation as it travels: `OperationOut`."""
    return {
        "id": operation.id,
        "kind": operation.kind,
        "state": operation.state,
        "step": operation.step,
        "administration": operation.administration,
        "environment": operation.environment,
        "request": operation.request,
        "attempt": operation.attempt,
        "created_at": operation.created_at,
        "started_at": operation.started_at,
        "finished_at": operation.finished_at,
        "seconds": operation.seconds,
        "error": operation.error,
    }

"""Deciding on a request: a person, a digest, a reason; the last approval queues the fulfilment in the same transaction."""

from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from dcctl import approval
from dcctl.errors import DcctlError
from dcctl.lifecycle import Kind, OperationState, RequestState
from dcctl.schemas import DecisionIn
from dcctl.store import Decision, Operation, Request, now
from dcctl.workflow import changes, feed, holding, letters, requests, sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.queue import CHANGE, DECOMMISSION, EXTENSION, FULFIL, environment_lock

#: What the worker does for an approved request of each kind.
TASKS = {
    Kind.ENVIRONMENT: FULFIL, Kind.CHANGE: CHANGE, Kind.REPAIR: CHANGE, Kind.EXTENSION: EXTENSION, Kind.DECOMMISSION: DECOMMISSION,
}  # fmt: skip


def decide(app: App, actor: Actor, number: str, body: DecisionIn) -> dict[str, Any]:
    """Record the actor's verdict on the current digest; when it is the last approval needed, queue the fulfilment with it.

    Raises:
        DcctlError: 106 not the administration's lead, 203 another digest, 204 the requester's own, 205 twice, 301 not now.
    """
    try:
        with app.transaction() as session:
            request = requests.locked(session, actor, number)
            if approval.LEAD not in actor.roles or sight.own(actor) != request.administration:
                raise DcctlError("DCCTL-106", roles=sorted(actor.roles), action=body.verdict, needed=f"{approval.LEAD} ({request.administration})")
            made = session.exec(select(Decision).where(Decision.request == number)).all()
            after = approval.check(
                number=number,
                state=RequestState(request.state),
                verdict=body.verdict,
                requester_id=request.requester_id,
                decider_id=actor.user_id,
                deciders=[d.user_id for d in made],
                given_digest=body.digest,
                digest=request.digest,
            )
            changes.require_confirmed(request, body.verdict, body.confirm)
            decision = Decision(
                request=number,
                verdict=body.verdict,
                digest=request.digest or "",
                reason=body.reason,
                user_id=actor.user_id,
                actor=actor.document(),
            )
            session.add(decision)
            verb = "approved" if body.verdict == "approve" else "refused"
            feed.record(session, verb, request=number, user=actor.user, reason=body.reason, digest=request.digest)
            approvals = [d.actor for d in (*made, decision) if d.verdict == "approve"]
            if after is RequestState.REFUSED:
                holding.release(session, actor.in_ledger(), request)
                _into(session, request, after)
                letters.write(session, "refused", request, by=actor.user, reason=body.reason)
            elif not approval.needed(request.kind, request.administration, request.requester, approvals):
                approve(app, session, request)
            session.flush()
            return requests.as_json(session, request)
    except IntegrityError as error:
        if "decision_once_a_person" in str(error.orig):
            raise DcctlError("DCCTL-205", number=number) from error
        raise


def approve(app: App, session: Session, request: Request) -> None:
    """Nothing more is missing: the hold no longer runs out, and the worker is told."""
    holding.keep(session, request)
    _into(session, request, RequestState.APPROVED)
    letters.write(session, "approved", request)
    count = len(session.exec(select(Operation.id).where(Operation.request == request.number)).all())
    kind = TASKS[Kind(request.kind)]
    operation = Operation(
        id=f"O{request.number[1:]}-{count + 1}",
        kind=kind,
        state=OperationState.QUEUED,
        request=request.number,
        administration=request.administration,
        environment=request.environment,
        environment_id=request.environment_id,
    )
    session.add(operation)
    feed.record(session, "queued", request=request.number, operation=operation.id)
    app.queue.defer(session, kind, lock=environment_lock(request.administration, request.environment), operation=operation.id)


def _into(session: Session, request: Request, state: RequestState) -> None:
    request.state, request.updated_at = state, now()
    session.add(request)


def last_operation(session: Session, number: str) -> Operation | None:
    """The newest operation of a request."""
    return session.exec(select(Operation).where(Operation.request == number).order_by(col(Operation.created_at).desc())).first()

"""Deciding on a request: a person, a digest, a reason; the last approval that is needed queues the fulfilment in the same transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from dcctl import approval
from dcctl.approval import AUTHOR, Needed
from dcctl.errors import DcctlError
from dcctl.lifecycle import Kind, OperationState, RequestState, request_after
from dcctl.rulebook import OPERATOR
from dcctl.schemas import DecisionIn
from dcctl.store import Decision, Operation, Request, now
from dcctl.workflow import changes, enlarging, feed, granting, holding, letters, needs, requests, sight, waiting
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.fingerprint import canonical
from dcctl.workflow.queue import CHANGE, DECOMMISSION, EXTENSION, FULFIL, environment_lock

#: What the worker does for an approved request of each kind; an envelope is given at once.
TASKS = {
    Kind.ENVIRONMENT: FULFIL, Kind.CHANGE: CHANGE, Kind.REPAIR: CHANGE, Kind.EXTENSION: EXTENSION, Kind.DECOMMISSION: DECOMMISSION,
}  # fmt: skip
#: What an event calls a verdict.
VERBS = {"approve": "approved", "refuse": "refused", "return": "returned"}


def decide(app: App, actor: Actor, number: str, body: DecisionIn) -> dict[str, Any]:
    """Record the actor's verdict on the current digest; when it is the last approval needed, what was asked is begun with it.

    Raises:
        DcctlError: 106 none of those whom it needs, 203 another digest, 615 other evidence than was shown, 204 the requester's own, 205 twice,
            301 not now, 600 enough of their role
            have approved already, 601 an emergency by somebody else than an operator.
    """
    try:
        with app.transaction() as session:
            request = requests.locked(session, actor, number)
            made = of_round(session, request)
            if actor.user_id == request.requester_id or actor.user_id in request.authors:  # whatever else they may or may not
                raise DcctlError("DCCTL-204", noun="request", number=number)
            fills = _fills(actor, request, body)
            after = approval.check(
                number=number,
                state=RequestState(request.state),
                verdict=body.verdict,
                requester_id=request.requester_id,
                decider_id=actor.user_id,
                deciders=[d.user_id for d in made],
                given_digest=body.digest,
                digest=request.digest,
                authors=request.authors,
            )
            if body.evidence is not None and body.evidence != request.evidence_digest:
                raise DcctlError("DCCTL-615", number=number, given=body.evidence, digest=request.evidence_digest or "–")
            if body.verdict == "approve":
                fills = _still_missing(actor, request, made, fills, body)
            changes.require_confirmed(request, body.verdict, body.confirm)
            less = granting.lessen(session, request, fills, body.grant) if body.grant is not None and body.verdict == "approve" else None
            _record(session, request, actor, fills, body, less)
            if less is not None:
                granting.set_less(request, less)
            if after is RequestState.REFUSED:
                holding.release(session, actor.in_ledger(), request)
                into(session, request, after)
                letters.write(session, "refused", request, by=actor.user, reason=body.reason)
            elif after is RequestState.RETURNED:
                _return(app, session, actor, request)
                letters.write(session, "returned", request, by=actor.user, reason=body.reason)
            elif body.emergency or not needs.missing(request, of_round(session, request)):
                approve(app, session, request, actor, reason=body.reason)
                if body.emergency:
                    letters.write(session, "emergency", request, operators=app.settings.letters.operators, by=actor.user, reason=body.reason)
            elif request.kind == Kind.ENVELOPE and enlarging.gives(request, fills.role, fills.administration):
                enlarging.hold(app, session, actor, request)
            session.add(request)
            session.flush()
            return requests.as_json(session, request)
    except IntegrityError as error:
        if "decision_once_a_person" in str(error.orig):
            raise DcctlError("DCCTL-205", number=number) from error
        raise


def _fills(actor: Actor, request: Request, body: DecisionIn) -> Needed:
    """Which of the decisions that the request needs the actor could make, given already or not."""
    if body.emergency:
        if OPERATOR not in actor.roles or body.verdict != "approve":
            raise DcctlError("DCCTL-601", number=request.number, roles=sorted(actor.roles), action=body.verdict)
        return Needed(role=OPERATOR, administration=request.administration)
    needed = needs.of(request)
    found = approval.may_fill(actor.roles, sight.own(actor), needed)
    if found is None:
        wanted = sorted({f"{need.role} ({need.administration})" for need in needed}) or ["–"]
        raise DcctlError("DCCTL-106", roles=sorted(actor.roles), action=body.verdict, needed=", ".join(wanted))
    return found


def _still_missing(actor: Actor, request: Request, made: Sequence[Decision], fills: Needed, body: DecisionIn) -> Needed:
    if body.emergency:
        return fills
    missing = needs.missing(request, made)
    found = approval.may_fill(actor.roles, sight.own(actor), missing)
    if found is None:
        still = [f"{need.role} ({need.administration})" for need in missing]
        raise DcctlError("DCCTL-600", number=request.number, role=fills.role, missing=still)
    return found


def _record(session: Session, request: Request, actor: Actor, fills: Needed, body: DecisionIn, less: granting.Less | None) -> None:
    decision = Decision(
        request=request.number,
        round=request.round,
        verdict=body.verdict,
        digest=request.digest or "",
        reason=body.reason,
        user_id=actor.user_id,
        actor=actor.document(),
        role=fills.role,
        administration=fills.administration,
        policy=request.policy,
        evidence=canonical(request.evidence),
        evidence_seen=body.evidence,
        granted=less,
        emergency=body.emergency,
    )
    session.add(decision)
    more: dict[str, Any] = ({"emergency": True} if body.emergency else {}) | ({"granted": less} if less is not None else {})
    feed.record(session, VERBS[body.verdict], request=request.number, user=actor.user, reason=body.reason, digest=request.digest, **more)
    session.flush()  # the database judges the decision by the request as it was, and the request's new state by the decision


def of_round(session: Session, request: Request) -> list[Decision]:
    """The decisions that count: those since it was submitted last."""
    query = select(Decision).where(Decision.request == request.number, Decision.round == request.round)
    return list(session.exec(query.order_by(col(Decision.id))).all())


def by_policy(app: App, session: Session, request: Request) -> None:
    """Nobody's word is needed: the version of the policy decides, and is the author of the decision. The request is *in_review*."""
    author = f"{AUTHOR}:{request.policy}"
    said: dict[str, Any] = {"user_id": author, "user": f"{AUTHOR}@{request.policy}", "domain": "", "roles": [], "scope": "none", "audit_id": None}
    session.flush()
    session.add(
        Decision(
            request=request.number, round=request.round, verdict="approve", digest=request.digest or "", reason=request.rule or "",
            user_id=author, actor=said, policy=request.policy, evidence=canonical(request.evidence),
        )
    )  # fmt: skip
    feed.record(session, "approved", request=request.number, user=said["user"], reason=request.rule, digest=request.digest)
    session.flush()
    approve(app, session, request)


def approve(app: App, session: Session, request: Request, actor: Actor | None = None, *, reason: str = "") -> None:
    """Nothing more is missing: what was asked is begun, or the requester asked whether less will do."""
    if actor is not None and granting.is_less(request):
        into(session, request, request_after(request.number, RequestState(request.state), "propose"))
        waiting.begin(app, session, request, RequestState.PROPOSED)
        if request.kind == Kind.ENVELOPE:
            enlarging.hold(app, session, actor, request)
        else:  # all of it until the answer: a no leads back to where one may edit and ask again
            waiting.hold_as_long(session, request)
        feed.record(session, "proposed", request=request.number, asked=request.demand, granted=request.granted)
        until = letters.day(request.lapses_at) if request.lapses_at is not None else "–"
        told: dict[str, Any] = {"by": actor.user, "reason": reason, "granted": request.granted, "until": until}
        letters.write(session, "proposed", request, **told)
        return
    into(session, request, RequestState.APPROVED)
    begin(app, session, request, actor)


def begin(app: App, session: Session, request: Request, actor: Actor | None = None) -> None:
    """It is *approved*: the hold no longer runs out and the worker is told; of an envelope it is given."""
    if request.kind == Kind.ENVELOPE and actor is not None:
        session.flush()
        enlarging.grant(app, session, actor, request)
        return
    holding.keep(session, request)
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


def _return(app: App, session: Session, actor: Actor, request: Request) -> None:
    """It goes back to whoever asked. What its administration holds for it stays, for as long as it may be returned; what a grantor held does not."""
    into(session, request, RequestState.RETURNED)
    waiting.begin(app, session, request, RequestState.RETURNED)
    if request.kind == Kind.ENVELOPE:
        holding.release(session, actor.in_ledger(), request)
    else:
        waiting.hold_as_long(session, request)


def into(session: Session, request: Request, state: RequestState) -> None:
    """The request is in another state."""
    request.state, request.updated_at = state, now()
    session.add(request)


def last_operation(session: Session, number: str) -> Operation | None:
    """The newest operation of a request."""
    return session.exec(select(Operation).where(Operation.request == number).order_by(col(Operation.created_at).desc())).first()

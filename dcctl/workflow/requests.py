"""Asking: submit, withdraw, and reading what was asked. A submit is one transaction: idempotency key, hold, request, job."""

import hashlib
from collections.abc import Sequence
from typing import Any

import rfc8785
from sqlalchemy import Select, func, literal, true, tuple_
from sqlalchemy import select as columns
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from dcctl.errors import DcctlError, NotVisible
from dcctl.lifecycle import ENDED, EXPIRING, Kind, OperationState, RequestState, request_after
from dcctl.schemas import RequestIn, WithdrawIn
from dcctl.store import Decision, Event, Idempotency, Operation, Request, now
from dcctl.words import N_
from dcctl.workflow import asking, drafting, feed, holding, idempotency, letters, members, needs, resting, sight, story
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.queue import REVIEW
from stacks.environment import EnvironmentSpec

#: States in which the request's latest operation is of interest to whoever watches.
FINAL = frozenset({*ENDED, RequestState.FAILED})
PAGE, LARGEST_PAGE = 100, 1000
#: What a line of a list shows; plans and evidence of a hundred requests are several hundred kilobytes of JSON.
LISTED = (
    col(Request.number), col(Request.state), col(Request.kind), col(Request.administration), col(Request.environment),
    col(Request.requester)["user"].astext.label("requester"), col(Request.created_at), col(Request.digest),
)  # fmt: skip

#: Of a list, newest first.
_ORDER = (col(Request.created_at), col(Request.number))
A_CURSOR = N_("a cursor that an answer gave")


def submit(app: App, actor: Actor, body: RequestIn, key: str) -> tuple[dict[str, Any], bool]:
    """Take a request; the same key and body again is the same request (then the second value is False).

    A spec of an environment that exists is a change of it.

    Raises:
        SpecRefused: with every fault. QuotaShort: every resource that falls short; nothing is held.
        DcctlError: 302 the name is in use, 303 the key was used for another body. NotVisible: a foreign administration.
    """
    fingerprint = hashlib.sha256(rfc8785.dumps(body.model_dump(mode="json"))).hexdigest()
    spec = drafting.spec_of(body.spec) if body.kind in (Kind.ENVIRONMENT, Kind.CHANGE) else None
    unknown = unknown_members(app, actor, spec, key) if spec is not None else []
    try:
        with app.transaction() as session:
            if (before := _claim(session, actor, key, fingerprint)) is not None:
                return as_json(session, before), False
            request = asking.new(app, session, actor, body, spec, unknown)
            _require_room(app, session, request)
            submitted = feed.record(session, "submitted", request=request.number, user=actor.user)
            letters.write(session, "received", request, by=actor.user)
            app.queue.defer(session, REVIEW, lock=f"request:{request.number}", number=request.number)
            idempotency.lead_to(session, actor, key, request.number)
            rests = resting.told(app, session)
            asking.hold(app, session, actor, request)
            return as_json(session, request, submitted) | {"resting": rests}, True
    except IntegrityError as error:
        if "request_name_in_use" not in str(error.orig) or spec is None:
            raise
        raise DcctlError("DCCTL-302", administration=spec.administration, name=spec.name) from error


def _require_room(app: App, session: Session, request: Request) -> None:
    """Refuse where the administration has as many open requests as the site lets it have; a few at once may pass together.

    Raises:
        DcctlError: 641.
    """
    most = app.settings.api.open_requests
    unended = select(func.count()).select_from(Request).where(
        Request.administration == request.administration, col(Request.state).not_in(ENDED), Request.number != request.number
    )
    with session.no_autoflush:
        count = session.exec(unended).one()
    if count >= most:
        raise DcctlError("DCCTL-641", administration=request.administration, count=count, most=most)


def _claim(session: Session, actor: Actor, key: str, fingerprint: str) -> Request | None:
    """Take the key, or return the request that it has led to."""
    known = idempotency.claim(session, actor, key, fingerprint)
    if known is None:
        return None
    if known.request is None:
        raise DcctlError("DCCTL-303", key=key)
    return session.get_one(Request, known.request)


def unknown_members(app: App, actor: Actor, spec: EnvironmentSpec, key: str) -> list[dict[str, Any]]:
    """A fault for each member that Keystone does not know, asked before the transaction so that none is open meanwhile; none where it is moot."""
    if spec.administration != sight.own(actor) or members.known(app, spec):
        return []
    with app.reading() as session:
        if session.get(Idempotency, (actor.user_id, key)) is not None:
            return []
    return members.unknown_in_time(app, spec)


def withdraw(app: App, actor: Actor, number: str, body: WithdrawIn) -> dict[str, Any]:
    """Take a request back while nothing has been built; its hold is released, its name is free.

    Raises:
        DcctlError: 301, too late; one that failed after its approval is abandoned by its operation instead.
    """
    with app.transaction() as session:
        request = locked(session, actor, number)
        after = request_after(number, RequestState(request.state), "withdraw")
        operations = session.exec(select(Operation).where(Operation.request == number)).all()
        if request.state == RequestState.FAILED and operations:
            raise DcctlError("DCCTL-301", number=number, state=request.state, action="withdraw", possible=["retry", "abandon"])
        request.state, request.updated_at = after, now()
        for operation in operations:
            if operation.state == OperationState.QUEUED:
                operation.state, operation.finished_at = OperationState.CANCELLED, now()
                session.add(operation)
        holding.release(session, actor.in_ledger(), request)
        feed.record(session, "withdrawn", request=number, user=actor.user, reason=body.reason)
        session.add(request)
        session.flush()
        return as_json(session, request)


def locked(session: Session, actor: Actor, number: str) -> Request:
    """The request, its row locked, if the actor may see it."""
    query = select(Request).where(Request.number == number, sight.visible(actor, col(Request.administration))).with_for_update()
    request = session.exec(query).first()
    if request is None:
        raise NotVisible("request", number)
    return request


def listing(
    app: App,
    actor: Actor,
    administration: str | None = None,
    state: str | None = None,
    kind: str | None = None,
    after: str | None = None,
    limit: int = PAGE,
) -> dict[str, Any]:
    """Requests that the actor may see, newest first, page by page."""
    size = max(1, min(limit, LARGEST_PAGE))
    conditions = [column == value for column, value in ((col(Request.state), state), (col(Request.kind), kind)) if value is not None]
    with app.reading() as session:
        if administration is not None:
            conditions.append(col(Request.administration) == sight.require_visible(session, actor, administration).code)
        if after is not None:
            mark = columns(*_ORDER).where(col(Request.number) == after, sight.visible(actor, col(Request.administration)))
            at = session.execute(mark).one_or_none()
            if at is None:
                raise DcctlError("DCCTL-002", field="after", value=after, allowed=A_CURSOR)
            conditions.append(tuple_(*_ORDER) < tuple_(*(literal(value) for value in at)))
        newest = columns(*LISTED).where(*conditions).order_by(*(column.desc() for column in _ORDER)).limit(size + 1)
        if administration is None and not actor.sees_all:
            newest = _of_each(sight.below(sight.own(actor)), newest, size + 1)
        found = session.execute(newest).mappings().all()
    items = [dict(line) for line in found[:size]]
    return {"apiVersion": "dcctl/v1", "items": items, "cursor": items[-1]["number"] if len(found) > size else None}


def _of_each(codes: Select[tuple[str]], newest: Select[Any], limit: int) -> Select[Any]:
    """The newest of several administrations: those of each by its index, then the newest of these, however many there are of anybody's."""
    of = codes.subquery()
    each = newest.where(col(Request.administration) == of.c.code).lateral()
    order = (each.c.created_at.desc(), each.c.number.desc())
    return columns(each).select_from(of.join(each, true())).order_by(*order).limit(limit)


def show(app: App, actor: Actor, number: str) -> dict[str, Any]:
    """One request, with its decisions and its whole story in order."""
    with app.reading() as session:
        request = find(session, actor, number)
        return as_json(session, request) | {"story": story.of(session, request), "resting": resting.of_request(app, session, number)}


def find(session: Session, actor: Actor, number: str) -> Request:
    """The request, if the actor may see it."""
    request = session.exec(select(Request).where(Request.number == number, sight.visible(actor, col(Request.administration)))).first()
    if request is None:
        raise NotVisible("request", number)
    return request


def events(app: App, actor: Actor, number: str, after: int = 0, wait: float = 0.0) -> dict[str, Any]:
    """What happened to a request and its operations after the cursor; may wait for more."""
    with app.reading() as session:
        find(session, actor, number)

    def state(session: Session) -> tuple[str, bool]:
        current = session.exec(select(Request.state).where(Request.number == number)).one()
        return current, current in FINAL

    def rests(session: Session) -> dict[str, Any] | None:
        return resting.of_request(app, session, number)

    return {"apiVersion": "dcctl/v1"} | feed.page(app, after=after, wait=wait, state=state, resting=rests, request=number)


def as_json(session: Session, request: Request, submitted: Event | None = None) -> dict[str, Any]:
    """A request as it travels: `RequestOut`.

    Args:
        submitted: all that has happened to a request that was made only now; nothing else is looked for.
    """
    if submitted is not None:
        return _told(request, [], None, [submitted])
    decisions = session.exec(select(Decision).where(Decision.request == request.number).order_by(col(Decision.id))).all()
    operation = session.exec(select(Operation.id).where(Operation.request == request.number).order_by(col(Operation.created_at).desc())).first()
    happened = session.exec(
        select(Event).where(Event.request == request.number, Event.kind != "resource").order_by(col(Event.id)).limit(feed.PAGE)
    ).all()
    return _told(request, decisions, operation, happened)


def _told(request: Request, decisions: Sequence[Decision], operation: str | None, happened: Sequence[Event]) -> dict[str, Any]:
    waiting = request.state in (RequestState.SUBMITTED, RequestState.IN_REVIEW)
    missing = needs.missing(request, decisions) if waiting else []
    return {
        "number": request.number,
        "state": request.state,
        "kind": request.kind,
        "administration": request.administration,
        "environment": request.environment,
        "requester": {key: request.requester[key] for key in ("user_id", "user", "domain", "roles")},
        "created_at": request.created_at,
        "updated_at": request.updated_at,
        "justification": request.justification,
        "demand": request.demand,
        "granted": request.granted,
        "policy": request.policy,
        "round": request.round,
        "lapses_at": request.lapses_at if request.state in EXPIRING else None,
        "offer": f"{request.offer}@{request.offer_version}" if request.offer else None,
        "digest": request.digest,
        "plan": request.plan,
        "steps": request.steps,
        "notices": request.notices,
        "evidence": request.evidence,
        "evidence_digest": request.evidence_digest,
        "decisions": [
            {
                "verdict": d.verdict,
                "user": d.actor["user"],
                "role": d.role,
                "reason": d.reason,
                "digest": d.digest,
                "decided_at": d.decided_at.isoformat(),
                "round": d.round,
                "policy": d.policy,
                "emergency": d.emergency,
            }
            for d in decisions
        ],
        "missing": [{"role": m.role, "administration": m.administration} for m in missing],
        "operation": operation,
        "error": request.error,
        "events": [feed.as_json(event) for event in happened],
    }

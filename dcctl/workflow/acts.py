"""Acts of operators: carried out at once, or written down until a second operator has decided. Each has a number, a reason and names a document.

An act that waits holds nothing. It is tried in full when it is asked for, and again in full when it is approved; decision and posting are one
transaction. Nobody approves what they asked for, which the database refuses too.
"""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from dcctl import approval
from dcctl.approval import ActState
from dcctl.errors import DcctlError, NotVisible
from dcctl.schemas import API_VERSION, DecisionIn
from dcctl.store import ACT_NUMBER, Act, ActDecision, Idempotency
from dcctl.workflow import deeds, idempotency
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.deeds import Deed
from quotas import store as accounts
from quotas.ledger import Cause, MovesRefused, QuotaExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an operator asks for; the fields are those of `store.Act`."""

    kind: str
    reason: str
    document: str | None
    administration: str | None = None
    resources: dict[str, int] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    content: str | None = None


def carry_out(app: App, session: Session, actor: Actor, wish: Wish, key: str | None) -> Act:
    """Post what the wish says, or write it down to wait where it is beyond what one operator may do alone. The same key again is the same act.

    Raises:
        DcctlError: 303 the key was used for something else; what `deeds` says. QuotaShort: every shortfall; nothing is written.
    """
    if key is not None and (known := _known(session, actor, wish, key)) is not None:
        return known
    act = new(session, actor, wish)
    deed = deeds.of(app, session, act)
    act.over = over(deed)
    act.waits = bool(act.over)
    if act.waits:
        attempt(session, actor, act, deed)
    else:
        _post(session, actor, act, deed)
    return keep(session, actor, act, key)


def over(deed: Deed) -> dict[str, Any]:
    """What of a deed is beyond what one operator may do alone."""
    return approval.beyond(deed.weighs, deed.alone)


def new(session: Session, actor: Actor, wish: Wish) -> Act:
    """An act with its number, not yet in the session."""
    number = f"A-{datetime.now(UTC).year}-{session.execute(ACT_NUMBER.next_value()).scalar_one():04d}"
    return Act(number=number, actor=actor.document(), digest=digest(number, actor, wish), **asdict(wish))


def keep(session: Session, actor: Actor, act: Act, key: str | None) -> Act:
    """Write the act down, and what its key has led to."""
    session.add(act)
    if key is not None:
        claimed = session.get_one(Idempotency, (actor.user_id, key))
        claimed.act = act.number
        session.add(claimed)
    session.flush()
    return act


def _known(session: Session, actor: Actor, wish: Wish, key: str) -> Act | None:
    known = idempotency.claim(session, actor, key, fingerprint(wish))
    if known is None:
        return None
    if known.act is None:
        raise DcctlError("DCCTL-303", key=key)
    return session.get_one(Act, known.act)


def is_known(session: Session, actor: Actor, key: str) -> bool:
    """Whether the key has led to an act."""
    known = session.get(Idempotency, (actor.user_id, key))
    return known is not None and known.act is not None


def fingerprint(wish: Wish) -> str:
    """What a key is remembered with."""
    return idempotency.fingerprint({"act": asdict(wish)})


def digest(number: str, actor: Actor, wish: Wish) -> str:
    """Of everything that a second operator approves."""
    return idempotency.fingerprint({"number": number, "asked_by": actor.user_id, **asdict(wish)})


def attempt(session: Session, actor: Actor, act: Act, deed: Deed) -> None:
    """Post and take it back at once: the ledger itself says whether it could be done. Accounts are locked for that moment only."""
    point = session.begin_nested()
    try:
        _post(session, actor, act, deed)
    finally:
        point.rollback()


def _post(session: Session, actor: Actor, act: Act, deed: Deed) -> None:
    if not deed.moves:
        return
    cause = Cause(kind=deed.cause, reference=act.number, document=act.document or None)
    try:
        posting = accounts.post(session, deed.moves, actor=actor.in_ledger(), cause=cause, effective_at=deed.effective_at)
    except QuotaExceeded as error:
        raise deed.short(error) from error
    except MovesRefused as error:
        raise deed.refused(error) from error
    if deed.effective_at is not None:
        deeds.require_so_then(session, posting)


def decide(app: App, actor: Actor, number: str, body: DecisionIn) -> dict[str, Any]:
    """Record a second operator's verdict; an approval posts in the same transaction, or is not recorded.

    Raises:
        NotVisible: there is no such act. DcctlError: 301 it does not wait, 204 the asker's own, 551 another digest; what a posting is refused for.
    """
    try:
        with app.transaction() as session:
            # The second of two waits here and then finds the first one's decision.
            session.connection().exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended('dcctl.act.' || %s, 0))", (number,))
            act = _found(session, number)
            approval.check_act(
                number=number,
                state=state(act, session.get(ActDecision, number)),
                verdict=body.verdict,
                asker_id=act.actor["user_id"],
                decider_id=actor.user_id,
                given_digest=body.digest,
                digest=act.digest,
            )
            decision = ActDecision(
                act=number, verdict=body.verdict, digest=act.digest, reason=body.reason, user_id=actor.user_id, actor=actor.document()
            )
            session.add(decision)
            session.flush()
            if body.verdict == "approve":
                _post(session, actor, act, deeds.of(app, session, act))
            return shown(act, decision)
    except IntegrityError as error:
        if "act_decision_pkey" not in str(error.orig):
            raise
        raise DcctlError("DCCTL-301", number=number, state="–", action=body.verdict, possible=["show"]) from error


def show(app: App, actor: Actor, number: str) -> dict[str, Any]:
    """The whole of one act."""
    with app.reading() as session:
        return shown(_found(session, number), session.get(ActDecision, number))


def listing(
    app: App, actor: Actor, state: str | None = None, kind: str | None = None, administration: str | None = None,
    after: str | None = None, limit: int = 100,
) -> dict[str, Any]:  # fmt: skip
    """Acts, the newest first; `cursor` is given as `after` for the next page."""
    query = select(Act, ActDecision).outerjoin(ActDecision, col(ActDecision.act) == col(Act.number))
    conditions = {
        ActState.WAITING: col(Act.waits) & col(ActDecision.verdict).is_(None),
        ActState.POSTED: ~col(Act.waits) | (col(ActDecision.verdict) == "approve"),
        ActState.REFUSED: col(ActDecision.verdict) == "refuse",
    }
    if state is not None:
        if state not in set(ActState):
            raise DcctlError("DCCTL-002", field="state", value=state, allowed=", ".join(ActState))
        query = query.where(conditions[ActState(state)])
    if kind is not None:
        query = query.where(col(Act.kind) == kind)
    if administration is not None:
        query = query.where(col(Act.administration) == administration)
    with app.reading() as session:
        if after is not None:
            last = _found(session, after)
            query = query.where((col(Act.created_at) < last.created_at) | ((col(Act.created_at) == last.created_at) & (col(Act.number) < after)))
        found = session.exec(query.order_by(col(Act.created_at).desc(), col(Act.number).desc()).limit(limit + 1)).all()
    items = [line(act, decision) for act, decision in found[:limit]]
    return {"apiVersion": API_VERSION, "items": items, "cursor": items[-1]["number"] if len(found) > limit else None}


def state(act: Act, decision: ActDecision | None) -> ActState:
    """What became of an act."""
    if not act.waits:
        return ActState.POSTED
    if decision is None:
        return ActState.WAITING
    return ActState.POSTED if decision.verdict == "approve" else ActState.REFUSED


def line(act: Act, decision: ActDecision | None = None) -> dict[str, Any]:
    """As it is listed: `schemas.ActOut`."""
    decided = decision and {
        "verdict": decision.verdict, "user": decision.actor["user"], "user_id": decision.user_id, "reason": decision.reason,
        "decided_at": decision.decided_at,
    }  # fmt: skip
    return {
        "number": act.number,
        "kind": act.kind,
        "state": str(state(act, decision)),
        "administration": act.administration,
        "resources": act.resources,
        "reason": act.reason,
        "document": act.document,
        "asked_by": {name: act.actor[name] for name in ("user_id", "user", "domain", "roles")},
        "created_at": act.created_at,
        "over": act.over,
        "digest": act.digest,
        "decision": decided,
    }


def told(session: Session, act: Act) -> dict[str, Any]:
    """The same, with the decision that there may be."""
    return line(act, session.get(ActDecision, act.number))


def shown(act: Act, decision: ActDecision | None) -> dict[str, Any]:
    """With all that is approved: `schemas.ActShown`."""
    return {"apiVersion": API_VERSION, **line(act, decision), "details": act.details}


def _found(session: Session, number: str) -> Act:
    act = session.get(Act, number)
    if act is None:
        raise NotVisible("act", number)
    return act

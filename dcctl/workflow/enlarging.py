"""Requests for a larger envelope: nothing is held at submit; whoever gives may give less, and then the requester says yes or no.

The first of several approvals of those who give holds at the grantor; the visa of the administration's own lead does not, else a ministry could
freeze the pool by asking. The last one releases and grants in one posting.
"""

from datetime import timedelta
from typing import Any

from sqlmodel import Session

from dcctl.approval import POOL
from dcctl.errors import DcctlError, NotVisible, QuotaShort
from dcctl.lifecycle import RequestState, request_after
from dcctl.rulebook import OPERATOR
from dcctl.schemas import RequestIn
from dcctl.store import Request, now
from dcctl.workflow import clock, feed, holding, letters, needs, sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.amounts import amounts
from dcctl.workflow.app import App
from quotas import ledger
from quotas import store as accounts
from quotas.ledger import Cause, CauseKind, Move, QuotaExceeded

#: A hold runs so long at least.
LEAST = timedelta(hours=1)


def of_own(actor: Actor, body: RequestIn) -> str:
    """Code of the administration that asks: the actor's own."""
    code = body.administration or sight.own(actor)
    if code is None or code != sight.own(actor):
        raise NotVisible("administration", code or "-")
    return code


def fill(session: Session, request: Request, body: RequestIn) -> None:
    """Make it a request for so many units more.

    Raises:
        DcctlError: 002 with every amount that cannot be, or without a reason.
    """
    if not (body.reason or "").strip():
        raise DcctlError("DCCTL-002", field="reason", value="–", allowed="text")
    request.demand, request.justification = dict(amounts(body.resources or {}, least=1)), body.reason or ""


def resolved(session: Session, request: Request) -> dict[str, Any]:
    """Who pays: part of what an approval binds."""
    return {"payer": needs.payer_of(session, request.administration)}


def gives(request: Request, role: str, administration: str) -> bool:
    """Whether somebody in this role, for this administration, is of those who give."""
    payer = request.resolved.get("payer", POOL)
    return role == OPERATOR if payer == POOL else (role != OPERATOR and administration == payer)


def hold(app: App, session: Session, actor: Actor, request: Request) -> None:
    """Set aside at the grantor what will be given, in the place of what was."""
    payer = holding.holder(session, _payer(session, request))
    wanted, until = dict(request.granted or request.demand), request.lapses_at
    if until is not None and until < (least := clock.moment(session) + LEAST):  # it lapses in a moment, and gives this back then
        until = least
    held = accounts.open_holds(session, reference=request.number)
    if {one.resource: one.amount for one in held} == wanted:
        accounts.keep_holds(session, request.number, until)
        return
    moves = [*accounts.ending(ledger.Kind.RELEASE, held), *ledger.hold(payer, app.region, wanted, request.number, until)]
    _post(session, actor, request, moves, payer.name)


def grant(app: App, session: Session, actor: Actor, request: Request) -> None:
    """Give it: what is held for it is released and granted in one posting, and the request is fulfilled. It must be *approved*."""
    payer = holding.holder(session, _payer(session, request))
    administration = holding.holder(session, request.administration)
    held = accounts.open_holds(session, reference=request.number)
    given = dict(request.granted or request.demand)
    moves = [*accounts.ending(ledger.Kind.RELEASE, held), *ledger.grant(payer, administration, app.region, given)]
    entries = _post(session, actor, request, moves, payer.name)
    for action in ("fulfil", "succeed"):
        request.state = request_after(request.number, RequestState(request.state), action)
    request.updated_at = now()
    session.add(request)
    feed.record(session, "granted", request=request.number, user=actor.user, resources=given, payer=payer.name, entries=entries)
    letters.write(session, "granted", request, by=actor.user, granted=given)


def _payer(session: Session, request: Request) -> str:
    """The payer that was approved; another parent since then is another question."""
    approved, present = str(request.resolved["payer"]), needs.payer_of(session, request.administration)
    if approved != present:
        raise DcctlError("DCCTL-603", number=request.number, administration=request.administration, was=approved, parent=present)
    return approved


def _post(session: Session, actor: Actor, request: Request, moves: list[Move], payer: str) -> list[int]:
    try:
        cause = Cause(kind=CauseKind.REQUEST, reference=request.number)
        return list(accounts.post(session, moves, actor=actor.in_ledger(), cause=cause).entries)
    except QuotaExceeded as error:
        code = "DCCTL-206" if payer == POOL else "DCCTL-201"
        raise QuotaShort(payer, holding.shortfalls(error.shortfalls), grantor=holding.grantor(session, payer), code=code) from error

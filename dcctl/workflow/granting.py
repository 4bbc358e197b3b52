"""Less than was asked: whoever decides grants less, the requester says yes or no, and only that is held, allocated and kept.

Of an envelope, and of the quota of an environment or a change, fewer units (`{"cores": 4}`); of an extension an earlier end (`{"until": …}`). What is
built is what was asked: a quota in which the servers, volumes and addresses do not fit is no less of it but something else, for which the request is
returned. The spec stays as it was asked; `spec_of` says what was granted of it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from dcctl import sizing, speccheck
from dcctl.approval import Needed
from dcctl.errors import DcctlError
from dcctl.lifecycle import Kind
from dcctl.store import CatalogueItem, Request
from dcctl.workflow import clock, enlarging, holding
from dcctl.workflow.actor import Actor
from dcctl.workflow.amounts import amounts
from dcctl.workflow.app import App
from dcctl.workflow.fingerprint import fingerprint
from quotas import ledger
from quotas import store as accounts
from quotas.ledger import Cause, CauseKind
from stacks.faults import SpecFaults
from stacks.specs import duration, parse

#: Of whose quota less can be granted.
SIZED = (Kind.ENVIRONMENT, Kind.CHANGE)
Less = dict[str, Any]


def lessen(session: Session, request: Request, fills: Needed, grant: Mapping[str, Any]) -> Less | None:
    """What is given where it is less than the present figure; resources that are not named stay. None: nothing is less.

    Raises:
        DcctlError: 002 what is no amount or length, 602 more than was asked, or what was not asked; 606 nothing would be left; 607 of a kind of
            which there is no less, or by somebody who gives nothing here; 618 the environment's own things would not fit.
    """
    if request.kind == Kind.EXTENSION:
        return _shorter(session, request, grant)
    given_by_them = request.kind == Kind.ENVELOPE and enlarging.gives(request, fills.role, fills.administration)
    if request.kind not in SIZED and not given_by_them:
        raise DcctlError("DCCTL-607", number=request.number, kind=request.kind)
    present: dict[str, int] = dict(request.granted or request.demand)
    given = amounts(grant, least=0)
    beyond = {name: {"asked": amount, "allowed": present.get(name, 0)} for name, amount in given.items() if amount > present.get(name, 0)}
    if beyond:
        raise DcctlError("DCCTL-602", number=request.number, beyond=[f"{n} {v['asked']} > {v['allowed']}" for n, v in beyond.items()])
    less = {name: amount for name, amount in {**present, **given}.items() if amount}
    if not less:
        raise DcctlError("DCCTL-606", number=request.number)
    if request.kind in SIZED:
        _require_fitting(session, request, less)
    return less if less != present else None


def _require_fitting(session: Session, request: Request, less: Less) -> None:
    known: dict[str, dict[str, dict[str, Any]]] = {"flavor": {}, "volume_type": {}}
    for item in session.exec(select(CatalogueItem).where(col(CatalogueItem.kind).in_(known))).all():
        known[item.kind][item.name] = item.document
    spec = parse(_with(request, less))
    needed = sizing.needs(spec, known["flavor"], speccheck.default_volume_type(known["volume_type"]))
    short = {name: amount for name, amount in needed.items() if amount > spec.quota.get(name, 0)}
    if short:
        has = parse(request.spec).quota
        least = [f"{name} {request.demand.get(name, 0) - (has.get(name, 0) - amount)}" for name, amount in short.items()]
        raise DcctlError("DCCTL-618", number=request.number, least=least)


def _shorter(session: Session, request: Request, grant: Mapping[str, Any]) -> Less | None:
    if set(grant) != {"duration"}:
        raise DcctlError("DCCTL-002", field="grant", value=", ".join(map(str, grant))[:80] or "{}", allowed="duration")
    try:
        length = duration(grant["duration"])
    except SpecFaults as refused:
        raise DcctlError("DCCTL-002", field="grant.duration", value=str(grant["duration"])[:80], allowed="30 days, 6 months") from refused
    present, moment = until(request), datetime.fromisoformat(request.steps[0]["from"])
    shorter = length.after(max(moment, clock.moment(session)))
    if shorter > present:
        raise DcctlError("DCCTL-602", number=request.number, beyond=[f"{shorter.date().isoformat()} > {present.date().isoformat()}"])
    return {"until": shorter.isoformat()} if shorter < present else None


def set_less(request: Request, less: Less) -> None:
    """From now on so much is what is approved; whoever approves next names this."""
    request.granted = less
    request.digest = fingerprint(request, request.resolved, request.plan, request.steps)


def is_less(request: Request) -> bool:
    """Whether the requester is to be asked: less is given than was wanted."""
    return request.granted is not None and request.granted != request.demand


def until(request: Request) -> datetime:
    """Of an extension, the end that is granted."""
    return datetime.fromisoformat((request.granted or request.steps[0])["until"])


def spec_of(request: Request) -> dict[str, Any]:
    """The spec with the quota that is granted of it."""
    return _with(request, request.granted) if request.granted is not None and request.kind in SIZED else request.spec


def _with(request: Request, granted: Less) -> dict[str, Any]:
    quota = dict(request.spec["quota"])
    for name, asked in request.demand.items():
        quota[name] -= asked - granted.get(name, 0)
    return {**request.spec, "quota": {name: amount for name, amount in quota.items() if amount}}


def hold_less(app: App, session: Session, actor: Actor, request: Request) -> None:
    """Give back what is held beyond what is granted."""
    held = accounts.open_holds(session, reference=request.number)
    if request.kind not in SIZED or not held:
        return
    own, granted = holding.holder(session, request.administration), dict(request.granted or request.demand)
    moves = [*accounts.ending(ledger.Kind.RELEASE, held), *ledger.hold(own, app.region, granted, request.number, None)]
    accounts.post(session, moves, actor=actor.in_ledger(), cause=Cause(kind=CauseKind.REQUEST, reference=request.number))

"""The request's side of the ledger: hold, release, keep, lapse. Amounts short become a refusal that names each of them."""

from collections.abc import Iterable

from sqlmodel import Session

from dcctl.errors import DcctlError, QuotaShort
from dcctl.store import Administration, Request
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from quotas import store as ledger
from quotas.ledger import Actor as LedgerActor
from quotas.ledger import Cause, CauseKind, Holder, HolderKind, Kind, QuotaExceeded, Shortfall
from quotas.ledger import free as free_moves
from quotas.ledger import hold as hold_moves
from quotas.resources import Demand, in_order

POOL = "pool"
#: Who acts when the clock or the worker does.
ITSELF = LedgerActor(user_id="dcctl", user_name="dcctl", scope="none")


def holder(session: Session, name: str) -> Holder:
    """The ledger's holder of an administration or `administration/environment`, which was opened with it."""
    found = ledger.find_holder(session, name)
    if found is None:
        raise DcctlError("DCCTL-107", kind="holder", name=name, hint="")
    return found


def foresee(app: App, session: Session, request: Request, demand: Demand) -> None:
    """Refuse what clearly does not fit before anything is written; the posting decides again, with the accounts locked."""
    administration = request.administration
    available = dict(ledger.available(session, administration, app.region))
    for held in ledger.open_holds(session, reference=request.number) if request.round > 1 else []:
        available[held.resource] = available.get(held.resource, 0) + held.amount
    short = [
        {"resource": resource, "asked": demand[resource], "available": available.get(resource, 0)}
        for resource in in_order(demand)
        if demand[resource] > available.get(resource, 0)
    ]
    if short:
        raise QuotaShort(administration, short, grantor=grantor(session, administration))


def hold(app: App, session: Session, actor: Actor, request: Request) -> None:
    """Set the request's demand aside until the request lapses, in the place of what an edited one held: in one posting, all of it or none."""
    own = holder(session, request.administration)
    held = ledger.open_holds(session, reference=request.number) if request.round > 1 else []
    moves = [*ledger.ending(Kind.RELEASE, held), *hold_moves(own, app.region, request.demand, request.number, request.lapses_at)]
    if not moves:
        return
    try:
        ledger.post(session, moves, actor=actor.in_ledger(), cause=Cause(kind=CauseKind.REQUEST, reference=request.number))
    except QuotaExceeded as error:
        raise QuotaShort(request.administration, shortfalls(error.shortfalls), grantor=grantor(session, request.administration)) from error


def release(session: Session, actor: LedgerActor, request: Request, kind: Kind = Kind.RELEASE) -> bool:
    """Give back what the request still holds; True when there was something."""
    held = ledger.open_holds(session, reference=request.number)
    if not held:
        return False
    cause = CauseKind.EXPIRY if kind is Kind.EXPIRE else CauseKind.REQUEST
    ledger.post(session, ledger.ending(kind, held), actor=actor, cause=Cause(kind=cause, reference=request.number))
    return True


def keep(session: Session, request: Request) -> None:
    """An approved request's hold no longer runs out."""
    if ledger.open_holds(session, reference=request.number):
        ledger.keep_holds(session, request.number)


def allocate(session: Session, request: Request) -> None:
    """Turn the request's hold into the environment's own; nothing to do when that has happened."""
    own = holder(session, request.administration)
    environment = ledger.open_holder(session, HolderKind.ENVIRONMENT, request.environment, own)
    held = ledger.open_holds(session, reference=request.number)
    if held:
        cause = Cause(kind=CauseKind.REQUEST, reference=request.number)
        ledger.post(session, ledger.ending(Kind.ALLOCATE, held, environment), actor=ITSELF, cause=cause)


def allocated(app: App, session: Session, administration: str, environment: str) -> Demand:
    """What the ledger has allocated to an environment, by resource; nothing while it has no holder."""
    found = ledger.find_holder(session, f"{administration}/{environment}")
    if found is None:
        return {}
    return {r: b.allocated for r, b in ledger.balances(session, found, app.region).items() if b.allocated}


def free(app: App, session: Session, request: Request) -> None:
    """Give back everything that the environment has."""
    give_back(app, session, request, allocated(app, session, request.administration, request.environment))


def give_back(app: App, session: Session, request: Request, amounts: Demand) -> None:
    """Give back so much of what the environment has."""
    if amounts:
        own = holder(session, request.administration)
        moves = free_moves(holder(session, f"{request.administration}/{request.environment}"), own, app.region, amounts)
        ledger.post(session, moves, actor=ITSELF, cause=Cause(kind=CauseKind.REQUEST, reference=request.number))


def grantor(session: Session, administration: str) -> str:
    """Who can enlarge the envelope of an administration: its parent, or the datacenter's operators."""
    found = session.get(Administration, administration)
    return found.parent if found is not None and found.parent else "dc_operator"


def shortfalls(found: Iterable[Shortfall]) -> list[dict[str, object]]:
    """Shortfalls as an error carries them, in the order in which people read resources."""
    by_name = {s.resource: {"resource": s.resource, "asked": s.asked, "available": s.available} for s in found}
    return [by_name[name] for name in in_order(by_name)]

"""Acts of the datacenter's operators: declared capacity, envelopes granted and revoked. Each has a number, a reason, and names its document."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from dcctl.errors import DcctlError, QuotaShort
from dcctl.schemas import API_VERSION, CapacityIn, EnvelopeIn
from dcctl.store import ACT_NUMBER, Act
from dcctl.words import N_
from dcctl.workflow import holding, sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.quota import history, of_administration, quota
from quotas import ledger, resources
from quotas import store as accounts
from quotas.ledger import Cause, CauseKind, Move, QuotaExceeded
from quotas.resources import AmountFault, Demand

__all__ = ["capacity", "declare", "grant", "history", "quota", "revoke"]

POOL, WORLD = "pool", "world"
OPERATORS = "dc_operator"

SOMETHING = N_("at least one resource, as in cores=64")


def capacity(app: App, actor: Actor) -> dict[str, Any]:
    """What the datacenter has of each resource, and what of it is granted."""
    with app.reading() as session:
        return _capacity(app, session)


def _capacity(app: App, session: Session) -> dict[str, Any]:
    items = [
        {"resource": name, "unit": unit(name), "declared": c.declared, "granted": c.granted, "available": c.available}
        for name, c in accounts.capacity(session, app.region).items()
    ]
    return {"apiVersion": API_VERSION, "region": app.region, "items": items}


def declare(app: App, actor: Actor, body: CapacityIn) -> dict[str, Any]:
    """Say what capacity the datacenter has now, of the resources named; the difference is posted, all of it or none.

    Raises:
        DcctlError: 002 with every amount that cannot be. QuotaShort: 206, what would be taken is granted already.
    """
    wanted = amounts(body.resources, least=0)
    with app.transaction() as session:
        # Two operators at once: the second waits, and counts from what the first declared.
        number = _act(session, actor, "declare", None, body.document, body.reason, wanted, alone=True)
        has = {name: c.declared for name, c in accounts.capacity(session, app.region).items()}
        more = {name: amount - has.get(name, 0) for name, amount in wanted.items()}
        world, pool = holding.holder(session, WORLD), holding.holder(session, POOL)
        moves = [
            *ledger.declare(world, pool, app.region, {name: amount for name, amount in more.items() if amount > 0}),
            *ledger.retract(pool, world, app.region, {name: -amount for name, amount in more.items() if amount < 0}),
        ]
        try:
            _post(session, actor, moves, number, body.document)
        except QuotaExceeded as error:
            raise QuotaShort(POOL, holding.shortfalls(error.shortfalls), grantor=OPERATORS, code="DCCTL-206") from error
        return _capacity(app, session)


def grant(app: App, actor: Actor, body: EnvelopeIn) -> dict[str, Any]:
    """Give an administration so much more, out of its parent's envelope or the pool.

    Raises:
        NotVisible: no such administration. DcctlError: 002 with every amount that cannot be.
        QuotaShort: 206 the pool, 201 the parent has not enough.
    """
    given = amounts(body.resources, least=1)
    with app.transaction() as session:
        to = sight.require_visible(session, actor, body.administration)
        number = _act(session, actor, "grant", to.code, body.document, body.reason, given)
        grantor = to.parent or POOL
        moves = ledger.grant(holding.holder(session, grantor), holding.holder(session, to.code), app.region, given)
        try:
            _post(session, actor, moves, number, body.document)
        except QuotaExceeded as error:
            code = "DCCTL-206" if grantor == POOL else "DCCTL-201"
            raise QuotaShort(grantor, holding.shortfalls(error.shortfalls), grantor=holding.grantor(session, grantor), code=code) from error
        return of_administration(app, session, to.code)


def revoke(app: App, actor: Actor, body: EnvelopeIn) -> dict[str, Any]:
    """Take so much back from an administration's envelope, as far as it is available.

    Raises:
        NotVisible, DcctlError: as for a grant. QuotaShort: 202, it is held, allocated or passed on.
    """
    taken = amounts(body.resources, least=1)
    with app.transaction() as session:
        of = sight.require_visible(session, actor, body.administration)
        number = _act(session, actor, "revoke", of.code, body.document, body.reason, taken)
        moves = ledger.revoke(holding.holder(session, of.code), holding.holder(session, of.parent or POOL), app.region, taken)
        try:
            _post(session, actor, moves, number, body.document)
        except QuotaExceeded as error:
            raise QuotaShort(of.code, holding.shortfalls(error.shortfalls), grantor=of.parent or OPERATORS, code="DCCTL-202") from error
        return of_administration(app, session, of.code)


def amounts(given: Mapping[str, object], *, least: int) -> Demand:
    """Whole numbers of counted resources, in the order in which people read them; DCCTL-002 with every one that is not."""
    if not given:
        raise DcctlError("DCCTL-002", field="resources", value="{}", allowed=SOMETHING)
    checked = resources.validate_amounts(given)
    problems = [_problem(fault.resource, fault.value, fault.fault, fault.nearest, least) for fault in checked.faults]
    problems += [_problem(name, amount, AmountFault.NEGATIVE, (), least) for name, amount in checked.demand.items() if amount < least]
    if problems:
        raise DcctlError("DCCTL-002", **problems[0], problems=problems)
    return {name: checked.demand[name] for name in resources.in_order(checked.demand)}


def _problem(name: str, value: object, fault: AmountFault, nearest: Iterable[str], least: int) -> dict[str, Any]:
    known = [*(resource.name for resource in resources.COUNTED), f"{resources.TYPED_GIGABYTES}TYPE"]
    foreign = fault in (AmountFault.UNKNOWN, AmountFault.STRUCTURAL)
    near = list(nearest)
    return {
        "field": f"resources.{name[:80]}",
        "value": str(value)[:80],
        "allowed": [*(f"{name}?" for name in near), *known] if foreign else f"{least} … {resources.LARGEST_AMOUNT}",
        "fault": str(fault),
        "nearest": near,
    }


def unit(name: str) -> str:
    """Of a resource: MiB, GiB, or nothing for what is counted one by one."""
    found = resources.find(name)
    return found.unit if found else ""


def _act(
    session: Session,
    actor: Actor,
    kind: str,
    administration: str | None,
    document: str | None,
    reason: str,
    asked: Demand,
    *,
    alone: bool = False,
) -> str:
    if alone:
        session.connection().exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended('dcctl.declare', 0))")
    number = f"A-{datetime.now(UTC).year}-{session.execute(ACT_NUMBER.next_value()).scalar_one():04d}"
    act = Act(
        number=number, kind=kind, administration=administration, document=document, reason=reason, resources=dict(asked), actor=actor.document()
    )
    session.add(act)
    session.flush()
    return number


def _post(session: Session, actor: Actor, moves: list[Move], number: str, document: str | None) -> None:
    if moves:
        cause = Cause(kind=CauseKind.ACT, reference=number, document=document or None)
        accounts.post(session, moves, actor=actor.in_ledger(), cause=cause)

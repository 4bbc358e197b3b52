"""What a decider sees beside the plan: the envelope up the tree, the pool, what is in use, similar requests, doors that stand open.

All of it is read from the database, so it can be looked at anew at any time; it moves by the minute and is no part of the digest.
"""

from typing import Any

from sqlmodel import Session, col, select

from dcctl import sizing, steps
from dcctl.approval import POOL
from dcctl.lifecycle import ALTERING, ENDED, Kind
from dcctl.store import Request, now
from dcctl.workflow import granting, holding, needs
from dcctl.workflow.app import App
from quotas import store as ledger
from quotas.resources import in_order
from stacks.environment import EnvironmentSpec
from stacks.specs import parse

#: Similar requests that are named.
MOST_SIMILAR = 10
WORLD = ("0.0.0.0/0", "::/0")


def of(app: App, session: Session, request: Request, *, previewed_at: str | None = None) -> dict[str, Any]:
    """The facts as they are now, with this request already held.

    Args:
        previewed_at: of a change, when the engine was asked what it would do.
    """
    wanted = request.granted or request.demand if request.kind != Kind.EXTENSION else {}
    pool = ledger.capacity(session, app.region)
    own = needs.use(app, session, request.administration)
    found: dict[str, Any] = {
        "at": now().isoformat(),
        "envelope": _envelope(app, session, request.administration, wanted),
        "pool": {name: {"declared": c.declared, "available": c.available} for name, c in pool.items() if name in wanted},
        "use": {
            name: {"allocated": of.allocated, "used": of.used, "seen_at": of.seen_at.isoformat() if of.seen_at is not None else None}
            for name, of in own.items()
        },
        "similar": _similar(session, request),
        "notices": request.notices,
        "policy": {"version": request.policy, "rule": request.rule, "needs": request.needs},
    }
    if request.kind in ALTERING:
        found["change"] = {"quota": _moved(app, session, request), "counts": steps.counts(request.steps), "previewed_at": previewed_at}
    if request.kind in (Kind.ENVIRONMENT, Kind.CHANGE):
        found["open_to_the_world"] = _open(parse(request.spec))
    if request.kind == Kind.ENVELOPE:
        found |= _of_envelope(app, session, request, wanted)
    return found


def _envelope(app: App, session: Session, code: str, wanted: dict[str, Any]) -> dict[str, Any]:
    balances = ledger.balances(session, holding.holder(session, code), app.region)
    return {
        name: {"granted": b.granted, "available": b.available, "held": b.held, "allocated": b.allocated}
        for name, b in balances.items()
        if name in wanted
    }


def _of_envelope(app: App, session: Session, request: Request, wanted: dict[str, Any]) -> dict[str, Any]:
    """What the payer and those above it have, and what the payer would have left; nothing is held for the request at its submit."""
    payer = str(request.resolved.get("payer") or needs.payer_of(session, request.administration))
    available = ledger.available(session, payer, app.region)
    held = {hold.resource: hold.amount for hold in ledger.open_holds(session, reference=request.number)}
    after = {name: available.get(name, 0) + held.get(name, 0) - wanted[name] for name in in_order(wanted)}
    above: list[dict[str, Any]] = []
    code = payer
    while code != POOL and len(above) < MOST_SIMILAR:
        above.append({"administration": code, "envelope": _envelope(app, session, code, wanted)})
        code = needs.payer_of(session, code)
    return {"payer": payer, "after": after, "above": above}


def _similar(session: Session, request: Request) -> list[dict[str, Any]]:
    """Other requests of the same kind for the same administration that are open, the newest first."""
    query = (
        select(Request.number, Request.state, Request.environment, Request.demand)
        .where(
            Request.administration == request.administration, Request.kind == request.kind, Request.number != request.number,
            col(Request.state).not_in(ENDED),
        )
        .order_by(col(Request.created_at).desc())
        .limit(MOST_SIMILAR)
    )  # fmt: skip
    return [dict(zip(("number", "state", "environment", "demand"), row, strict=True)) for row in session.exec(query).all()]


def _open(spec: EnvironmentSpec) -> list[dict[str, Any]]:
    """Ports that everybody may reach, by server."""
    return [
        {"server": server.name, "port": port.port, "protocol": port.protocol, "public_address": server.floating_ip}
        for server in spec.servers
        for port in server.ports
        if str(port.source) in WORLD
    ]


def _moved(app: App, session: Session, request: Request) -> dict[str, list[int]]:
    """What the environment has of each resource, and what it will have after the change; those that stay are left out."""
    allocated = holding.allocated(app, session, request.administration, request.environment)
    wanted = sizing.demand(parse(granting.spec_of(request)))
    return {
        resource: [allocated.get(resource, 0), wanted.get(resource, 0)]
        for resource in in_order({*allocated, *wanted})
        if allocated.get(resource, 0) != wanted.get(resource, 0)
    }

"""Who has what: the ledger's figures beside OpenStack's, and the transfers that led there. Figures of OpenStack are read from our copies."""

from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from dcctl.errors import NotVisible
from dcctl.schemas import API_VERSION
from dcctl.store import Act, Environment, Request
from dcctl.workflow import sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from quotas import store as accounts
from quotas.ledger import Balance, Holder
from quotas.resources import COUNTED, find

POOL = "pool"
#: Limits and use by resource; a missing one was not observed.
Observed = dict[str, dict[str, int | None]]


def quota(app: App, actor: Actor, administration: str | None = None, environment: str | None = None) -> dict[str, Any]:
    """What a holder has; neither named: the actor's own administration, and the pool for operators and auditors.

    Raises:
        NotVisible: no such administration or environment.
    """
    with app.reading() as session:
        code = administration or sight.own(actor)
        if environment is not None:
            return of_environment(app, session, actor, code, environment)
        if code is None and actor.sees_all:
            pool = _holder(session, POOL)
            return _items(app, pool, accounts.balances(session, pool, app.region), {})
        if code is None or code != sight.own(actor):
            sight.require_visible(session, actor, code or "-")
        return of_administration(app, session, code or "-")


def of_administration(app: App, session: Session, code: str) -> dict[str, Any]:
    """An administration's envelope; limit and use are the sums over its own environments."""
    holder = _holder(session, code)
    return _items(app, holder, accounts.balances(session, holder, app.region), observed(app, session, administration=code))


def of_environment(app: App, session: Session, actor: Actor, administration: str | None, name: str) -> dict[str, Any]:
    """What an environment was allocated, with its project's limit and use."""
    if administration is None:
        raise NotVisible("environment", name)
    found = session.exec(
        select(Environment)
        .where(Environment.administration == administration, Environment.name == name, sight.visible(actor, col(Environment.administration)))
        .order_by(col(Environment.id).desc())
    ).first()
    if found is None:
        raise NotVisible("environment", f"{administration}/{name}")
    holder = accounts.find_holder(session, f"{administration}/{name}")
    if holder is None:  # before the allocation nothing is its own
        return {"apiVersion": API_VERSION, "holder": f"{administration}/{name}", "kind": "environment", "region": app.region, "items": []}
    return _items(app, holder, accounts.balances(session, holder, app.region), observed(app, session, environment_id=found.id))


def _items(app: App, holder: Holder, balances: dict[str, Balance], seen: Observed) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "holder": holder.name,
        "kind": str(holder.kind),
        "region": app.region,
        "items": [item(name, balance, seen.get(name, {})) for name, balance in balances.items()],
    }


def item(name: str, balance: Balance, seen: dict[str, int | None]) -> dict[str, Any]:
    """One line of `schemas.QuotaItem`."""
    found = find(name)
    return {
        "resource": name,
        "unit": found.unit if found else "",
        "granted": balance.granted,
        "available": balance.available,
        "held": balance.held,
        "allocated": balance.allocated,
        "limit": seen.get("limit"),
        "usage": seen.get("usage"),
    }


#: For each project and counted resource the use, and the limit that was read last: by us after writing it, or by the collector. Then the sums over
#: the projects. Neutron's own keys are in the singular.
_OBSERVED = text("""
    WITH project AS (
        SELECT project_id FROM environment
        WHERE project_id IS NOT NULL AND state <> 'decommissioned'
            AND (CAST(:id AS bigint) IS NULL OR id = :id) AND (CAST(:administration AS text) IS NULL OR administration = :administration)
    ), reading AS (
        SELECT project_id, CASE WHEN key IN ('network', 'router', 'floatingip') THEN key || 's' ELSE key END AS resource,
            value AS quota, NULL::bigint AS usage, read_at AS quota_at
        FROM project_limit JOIN project USING (project_id) WHERE value IS NOT NULL
        UNION ALL
        SELECT project_id, resource, backend_quota, usage, coalesce(quota_at, '-infinity')
        FROM project_observation JOIN project USING (project_id) WHERE region = :region
    ), latest AS (
        SELECT project_id, resource, (array_agg(quota ORDER BY quota_at DESC) FILTER (WHERE quota IS NOT NULL))[1] AS quota, max(usage) AS usage
        FROM reading WHERE resource = ANY (:counted) OR starts_with(resource, 'gigabytes_')
        GROUP BY project_id, resource
    )
    SELECT resource, CASE WHEN bool_or(quota = -1) THEN -1 ELSE sum(quota) END::bigint AS quota, sum(usage)::bigint AS usage
    FROM latest GROUP BY resource""")


def observed(app: App, session: Session, *, administration: str | None = None, environment_id: int | None = None) -> Observed:
    """Sums of limits and use over projects; a limit of -1 (unlimited) anywhere makes the sum -1, what was seen nowhere is missing."""
    values = {"administration": administration, "id": environment_id, "region": app.region, "counted": [resource.name for resource in COUNTED]}
    rows = session.connection().execute(_OBSERVED, values).all()
    return {resource: {"limit": limit, "usage": usage} for resource, limit, usage in rows}


def history(
    app: App, actor: Actor, administration: str | None = None, environment: str | None = None, after: int | None = None, limit: int = 100
) -> dict[str, Any]:
    """The transfers from and to a holder, newest first; `cursor` is given as `after` for the next page."""
    with app.reading() as session:
        code = administration or sight.own(actor)
        if code is None and environment is None and actor.sees_all:
            name = POOL
        else:
            if code is None or code != sight.own(actor):
                sight.require_visible(session, actor, code or "-")
            name = f"{code}/{environment}" if environment is not None else str(code)
        holder = accounts.find_holder(session, name)
        if holder is None:
            raise NotVisible("environment" if environment is not None else "administration", name)
        found = accounts.history(session, holder, app.region, after, limit + 1)
        reasons = _reasons(session, {entry.cause.reference for entry in found[:limit]})
    items = [
        {
            "entry": entry.id,
            "kind": str(entry.kind),
            "resource": entry.resource,
            "unit": unit.unit if (unit := find(entry.resource)) else "",
            "amount": entry.amount,
            "source": entry.source,
            "destination": entry.target,
            "effective_at": entry.effective_at,
            "recorded_at": entry.recorded_at,
            "actor": entry.actor.user_name,
            "cause": entry.cause.reference,
            "document": entry.cause.document,
            "reason": reasons.get(entry.cause.reference),
        }
        for entry in found[:limit]
    ]
    return {"apiVersion": API_VERSION, "items": items, "cursor": items[-1]["entry"] if len(found) > limit else None}


def _reasons(session: Session, references: set[str]) -> dict[str, str]:
    acts = select(Act.number, Act.reason).where(col(Act.number).in_(references))
    asked = select(Request.number, Request.justification).where(col(Request.number).in_(references))
    return {row[0]: row[1] for row in session.execute(acts.union_all(asked))}


def _holder(session: Session, name: str) -> Holder:
    found = accounts.find_holder(session, name)
    if found is None:
        raise NotVisible("holder", name)
    return found

"""What there is, what is promised and what is used now, side by side: the figures of the dashboards, for `dcctl usage`."""

from collections import Counter
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from dcctl.errors import DcctlError
from dcctl.schemas import API_VERSION
from dcctl.store import Administration, Source
from dcctl.words import N_
from dcctl.workflow import sight, usage
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.quota import POOL, of_administration
from quotas import store as accounts
from quotas.ledger import HolderKind
from quotas.resources import COUNTED, find, in_order

KNOWN_RESOURCE = N_("a resource that is counted")

_IN_ALL = text("SELECT resource, sum(usage)::bigint FROM project_observation WHERE region = :region AND usage IS NOT NULL GROUP BY resource")

#: Each project of an administration, by its environment or else by the domain it is in (as in `metrics.snapshot`), with what it uses and may use.
_PROJECTS = text("""
    WITH owner AS (
        SELECT e.project_id, e.administration, e.name FROM environment e WHERE e.project_id IS NOT NULL AND e.state <> 'decommissioned'
        UNION
        SELECT o.project_id, a.code, NULL FROM observed_project o JOIN administration a USING (domain_id)
        WHERE NOT EXISTS (SELECT FROM environment e WHERE e.project_id = o.project_id AND e.state <> 'decommissioned')
    )
    SELECT owner.administration, owner.name, seen.project_id, seen.usage, seen.backend_quota, back.value
    FROM owner JOIN project_observation seen USING (project_id)
    LEFT JOIN LATERAL (
        SELECT value FROM project_limit kept
        WHERE kept.project_id = seen.project_id AND kept.key = ANY (:keys) AND kept.value IS NOT NULL
            AND (seen.backend_quota IS NULL OR kept.read_at >= coalesce(seen.quota_at, '-infinity'))
        ORDER BY kept.read_at DESC LIMIT 1
    ) back ON true
    WHERE seen.region = :region AND seen.resource = :resource AND seen.usage IS NOT NULL AND owner.administration = ANY (:administrations)
    ORDER BY seen.usage DESC, owner.administration, owner.name, seen.project_id LIMIT :count""")


def shown(app: App, actor: Actor, administration: str | None = None) -> dict[str, Any]:
    """Of an administration; none named: the actor's own, and the whole datacenter for operators and auditors. `schemas.UsageShown`.

    Raises:
        NotVisible: no such administration.
    """
    code = administration or sight.own(actor)
    if code is None and actor.sees_all:
        return _datacenter(app)
    with app.reading() as session:
        if code is None or code != sight.own(actor):
            sight.require_visible(session, actor, code or "-")
        found = of_administration(app, session, code or "-")
        read_at = _read_at(session)
    items = [{**_without_limit(item), "capacity": None, "at": _at(read_at, item["resource"], item["usage"])} for item in found["items"]]
    return found | {"items": items}


def _datacenter(app: App) -> dict[str, Any]:
    """Capacity and what was granted of it; what environments have, and what is used in all projects, those of no administration too."""
    with app.reading() as session:
        has = accounts.capacity(session, app.region)
        allocated: Counter[str] = Counter()
        for line in accounts.all_balances(session, HolderKind.ENVIRONMENT):
            if line.region == app.region:
                allocated[line.resource] += line.balance.allocated
        found = session.connection().execute(_IN_ALL, {"region": app.region}).all()
        read_at = _read_at(session)
    used = {name: 0 for name in (*has, *(resource.name for resource in COUNTED)) if _at(read_at, name, 0) is not None}
    used |= {name: int(amount) for name, amount in found if find(name) is not None}  # what is structural has no accounts
    items = []
    for name in in_order({*has, *used}):
        resource, capacity = find(name), has.get(name)
        items.append(
            {
                "resource": name,
                "unit": resource.unit if resource else "",
                "capacity": capacity.declared if capacity else 0,
                "granted": capacity.granted if capacity else 0,
                "available": capacity.available if capacity else 0,
                "held": capacity.held if capacity else 0,
                "allocated": allocated[name],
                "usage": used.get(name),
                "at": _at(read_at, name, used.get(name)),
            }
        )
    return {"apiVersion": API_VERSION, "holder": POOL, "kind": POOL, "region": app.region, "items": items}


def greatest(app: App, actor: Actor, resource: str, *, by: str = "administration", count: int = 10) -> dict[str, Any]:
    """Who uses most of a resource now, of those that the actor may see. `schemas.UsageTop`.

    Args:
        by: administration or project.

    Raises:
        DcctlError: 002, the resource is none.
    """
    found = find(resource)
    if found is None:
        raise DcctlError("DCCTL-002", field="resource", value=resource, allowed=KNOWN_RESOURCE)
    rows = _projects(app, actor, resource, count) if by == "project" else _administrations(app, actor, resource, count)
    nothing = {"project": None, "project_id": None, "granted": None, "allocated": None, "limit": None}
    items = [nothing | {"resource": resource, "unit": found.unit} | row for row in rows]
    return {"apiVersion": API_VERSION, "region": app.region, "resource": resource, "by": by, "items": items}


def _administrations(app: App, actor: Actor, resource: str, count: int) -> list[dict[str, Any]]:
    used = [item for item in usage.latest(app, actor)["items"] if item["resource"] == resource]
    used.sort(key=lambda item: (-item["usage"], item["administration"]))
    with app.reading() as session:
        balances = {
            line.holder.code: line.balance
            for line in accounts.all_balances(session, HolderKind.ADMINISTRATION)
            if (line.region, line.resource) == (app.region, resource)
        }
    rows = []
    for item in used[:count]:
        balance = balances.get(item["administration"])
        had = {"granted": balance.granted, "allocated": balance.allocated} if balance else {"granted": 0, "allocated": 0}
        rows.append({"administration": item["administration"], "usage": item["usage"], "at": item["at"], **had})
    return rows


def _projects(app: App, actor: Actor, resource: str, count: int) -> list[dict[str, Any]]:
    """A limit is the one that was read last; none where it is not known or not enforced."""
    keys = [resource, resource.removesuffix("s"), *{"instances": ["servers"], "cores": ["class:VCPU"], "ram": ["class:MEMORY_MB"]}.get(resource, [])]
    with app.reading() as session:
        codes = session.exec(select(Administration.code).where(sight.visible(actor, col(Administration.code)))).all()
        values = {"keys": keys, "region": app.region, "resource": resource, "administrations": list(codes), "count": count}
        found = session.connection().execute(_PROJECTS, values).all()
        read_at = _read_at(session)
    rows = []
    for code, name, project_id, used, enforced, back in found:
        limit = back if back is not None else enforced
        known = None if limit is None or limit < 0 else limit
        row = {"administration": code, "project": name, "project_id": project_id, "usage": used, "limit": known}
        rows.append(row | {"at": _at(read_at, resource, used)})
    return rows


def _read_at(session: Session) -> dict[str, Any]:
    return dict(session.exec(select(Source.name, Source.last_success_at).where(col(Source.last_success_at).is_not(None))).all())


def _at(read_at: dict[str, Any], name: str, used: int | None) -> Any:
    """When the use was read: with its service's last full answer."""
    resource = find(name)
    return read_at.get(resource.service_type) if resource is not None and used is not None else None


def _without_limit(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "limit"}

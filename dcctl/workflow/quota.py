"""Who has what: the ledger's figures beside OpenStack's, and the transfers that led there. Figures of OpenStack are read from our copies."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from dcctl.errors import DcctlError, NotVisible
from dcctl.schemas import API_VERSION
from dcctl.store import Act, ActDecision, Decision, Environment, Request, Source, now
from dcctl.words import N_
from dcctl.workflow import sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from quotas import store as accounts
from quotas.ledger import Balance, Holder
from quotas.resources import COUNTED, find, in_order

POOL = "pool"
PASSED = N_("a moment that has passed")
CLOCKS_DIFFER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """A moment of the ledger: what counted at `as_of`, in the light of what was recorded until `known_at` (None: until now)."""

    as_of: datetime
    known_at: datetime | None = None


#: Limits and use by resource; a missing one was not observed.
Observed = dict[str, dict[str, int | None]]


def quota(
    app: App, actor: Actor, administration: str | None = None, environment: str | None = None, *, then: Then | None = None
) -> dict[str, Any]:
    """What a holder has, or had then; neither named: the actor's own administration, and the pool for operators and auditors.

    Raises:
        NotVisible: no such administration or environment. DcctlError: 002, the moment lies ahead.
    """
    with app.reading() as session:
        code = administration or sight.own(actor)
        if then is not None:
            require_past(known_at=then.known_at, as_of=then.as_of)
            return _as_of(app, session, _visible(session, actor, code, environment), then)
        if environment is not None:
            return of_environment(app, session, actor, code, environment)
        if code is None and actor.sees_all:
            pool = _holder(session, POOL)
            return _items(app, pool, accounts.balances(session, pool, app.region), {})
        if code is None or code != sight.own(actor):
            sight.require_visible(session, actor, code or "-")
        return of_administration(app, session, code or "-")


def require_past(**moments: datetime | None) -> None:
    """Return when these moments, by the field that they came in, have passed or are nobody's.

    Raises:
        DcctlError: 002.
    """
    for field, moment in moments.items():
        if moment is not None and moment > now() + CLOCKS_DIFFER:
            raise DcctlError("DCCTL-002", field=field, value=moment.isoformat(), allowed=PASSED)


def _as_of(app: App, session: Session, holder: Holder, then: Then) -> dict[str, Any]:
    """Limits and use are not remembered, so only the ledger's figures are of that day."""
    balances = accounts.balances(session, holder, app.region, as_of=then.as_of, known_at=then.known_at)
    return _items(app, holder, balances, {}) | {"as_of": then.as_of, "known_at": then.known_at}


def of_administration(app: App, session: Session, code: str) -> dict[str, Any]:
    """An administration's envelope; limit and use are the sums over the projects of its own."""
    holder = _holder(session, code)
    balances = accounts.balances(session, holder, app.region)
    return _items(app, holder, balances, observed(app, session, administration=code, named=balances))


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
        "items": rows(balances, seen),
    }


def rows(balances: dict[str, Balance], seen: Observed) -> list[dict[str, Any]]:
    """A line for each resource that the holder has an account of, or of which something was observed: what nobody granted may be in use."""
    return [item(name, balances.get(name, Balance()), seen.get(name, {})) for name in in_order({*balances, *seen})]


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


#: For each project and counted resource the use, and the limit that was read last: by us after writing it (which counts when both are of one
#: moment), or by the collector. Then the sums over the projects; an administration's are also those of its domain that dcctl did not make, as in
#: `metrics.snapshot`. Neutron's own keys are in the singular, and those of Nova's unified limits are Placement's.
_OBSERVED = text("""
    WITH project AS (
        SELECT project_id FROM environment
        WHERE project_id IS NOT NULL AND state <> 'decommissioned'
            AND (CAST(:id AS bigint) IS NULL OR id = :id) AND (CAST(:administration AS text) IS NULL OR administration = :administration)
        UNION
        SELECT o.project_id FROM observed_project o JOIN administration a USING (domain_id)
        WHERE a.code = CAST(:administration AS text)
            AND NOT EXISTS (
                SELECT FROM environment e WHERE e.project_id = o.project_id AND e.administration <> a.code AND e.state <> 'decommissioned')
    ), reading AS (
        SELECT project_id, CASE WHEN key IN ('network', 'router', 'floatingip') THEN key || 's' WHEN key = 'servers' THEN 'instances'
                WHEN key = 'class:VCPU' THEN 'cores' WHEN key = 'class:MEMORY_MB' THEN 'ram' ELSE key END AS resource,
            value AS quota, NULL::bigint AS usage, read_at AS quota_at, 1 AS weight
        FROM project_limit JOIN project USING (project_id) WHERE value IS NOT NULL
        UNION ALL
        SELECT project_id, resource, backend_quota, usage, coalesce(quota_at, '-infinity'), 0
        FROM project_observation JOIN project USING (project_id) WHERE region = :region
    ), latest AS (
        SELECT project_id, resource, max(usage) AS usage,
            (array_agg(quota ORDER BY quota_at DESC, weight DESC) FILTER (WHERE quota IS NOT NULL))[1] AS quota
        FROM reading WHERE resource = ANY (:counted) OR starts_with(resource, 'gigabytes_')
        GROUP BY project_id, resource
    )
    SELECT resource, CASE WHEN bool_or(quota = -1) THEN -1 ELSE sum(quota) END::bigint AS quota, sum(usage)::bigint AS usage
    FROM latest GROUP BY resource""")


def observed(
    app: App, session: Session, *, administration: str | None = None, environment_id: int | None = None, named: Iterable[str] = ()
) -> Observed:
    """Sums of limits and use over projects; a limit of -1 (unlimited) anywhere makes the sum -1, what was seen nowhere is missing.

    Of an administration, nothing seen of a service that was read is a use of 0, as in `metrics.snapshot`; so it is for the resources `named` besides
    those that every site counts.
    """
    values = {"administration": administration, "id": environment_id, "region": app.region, "counted": [resource.name for resource in COUNTED]}
    seen = session.connection().execute(_OBSERVED, values).all()
    found: Observed = {resource: {"limit": limit, "usage": usage} for resource, limit, usage in seen}
    if administration is None:
        return found
    read = set(session.exec(select(Source.name).where(col(Source.last_success_at).is_not(None))).all())
    for name in {*(resource.name for resource in COUNTED), *named, *found}:
        resource = find(name)
        if resource is not None and resource.service_type in read:
            known = found.setdefault(name, {})
            known["usage"] = known.get("usage") or 0
    return found


def history(
    app: App, actor: Actor, administration: str | None = None, environment: str | None = None, after: int | None = None, limit: int = 100
) -> dict[str, Any]:
    """The transfers from and to a holder, newest first; `cursor` is given as `after` for the next page."""
    with app.reading() as session:
        holder = _visible(session, actor, administration or sight.own(actor), environment)
        found = accounts.history(session, holder, app.region, after, limit + 1)
        stories = _stories(session, {entry.cause.reference for entry in found[:limit]})
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
            "cause_kind": str(entry.cause.kind),
            "reverses": entry.reverses,
            **(stories.get(entry.cause.reference) or Story()).as_json(),
        }
        for entry in found[:limit]
    ]
    return {"apiVersion": API_VERSION, "items": items, "cursor": items[-1]["entry"] if len(found) > limit else None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Of an act or a request: why, who asked for it, who decided."""

    reason: str | None = None
    asked_by: str | None = None
    decided_by: str | None = None

    def as_json(self) -> dict[str, str | None]:
        return {"reason": self.reason, "asked_by": self.asked_by, "decided_by": self.decided_by}


def _stories(session: Session, references: set[str]) -> dict[str, Story]:
    """By the number that an entry names as its cause."""
    ours = select(Act, ActDecision).outerjoin(ActDecision, col(ActDecision.act) == col(Act.number)).where(col(Act.number).in_(references))
    found = {
        act.number: Story(reason=act.reason, asked_by=act.actor.get("user"), decided_by=decision.actor.get("user") if decision else None)
        for act, decision in session.exec(ours).all()
    }
    deciders: dict[str, list[str]] = {}
    for decision in session.exec(select(Decision).where(col(Decision.request).in_(references)).order_by(col(Decision.id))).all():
        deciders.setdefault(decision.request, []).append(str(decision.actor.get("user")))
    asked = select(Request.number, Request.justification, Request.requester).where(col(Request.number).in_(references))
    for number, justification, requester in session.exec(asked).all():
        decided = ", ".join(deciders.get(number, [])) or None
        found[number] = Story(reason=justification, asked_by=requester.get("user"), decided_by=decided)
    return found


def _visible(session: Session, actor: Actor, code: str | None, environment: str | None) -> Holder:
    """The holder that is meant: nobody named is the pool, for operators and auditors."""
    if code is None and environment is None and actor.sees_all:
        return _holder(session, POOL)
    if code is None or code != sight.own(actor):
        sight.require_visible(session, actor, code or "-")
    name = f"{code}/{environment}" if environment is not None else str(code)
    holder = accounts.find_holder(session, name)
    if holder is None:
        raise NotVisible("environment" if environment is not None else "administration", name)
    return holder


def _holder(session: Session, name: str) -> Holder:
    found = accounts.find_holder(session, name)
    if found is None:
        raise NotVisible("holder", name)
    return found

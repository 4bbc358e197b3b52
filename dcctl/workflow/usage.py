"""Use over time: hour by hour, over a period by administration, and now. Observed by the collector, never in the ledger.

What was not seen is unknown and has no figure; a zero was seen. Of two measures of an hour the greater counts: readings of the lists miss servers
that lived between two of them, Nova's records miss servers that never started.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from dcctl.errors import DcctlError
from dcctl.migrations.hours import EVERYBODY
from dcctl.schemas import API_VERSION
from dcctl.store import Administration, Source, now
from dcctl.words import N_
from dcctl.workflow import sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from quotas.resources import COUNTED, Resource, find, in_order

HOUR = timedelta(hours=1)
LONGEST = timedelta(days=400)
LATER = N_("a moment after the beginning, at most 400 days later")
KNOWN_RESOURCE = N_("a resource that is counted")

_COVERAGE = text("""
    SELECT hour, service_type, greatest(sampled_seconds, recorded_seconds) AS seconds FROM usage_coverage
    WHERE region = :region AND service_type = ANY (:services) AND hour >= :since AND hour < :until
        AND greatest(sampled_seconds, recorded_seconds) > 0""")

#: One row an hour, whatever the number of projects, and answered from the index alone (a test reads the plan).
HOURS = """
    SELECT hour, resource, unit_seconds FROM usage_sum
    WHERE administration = :administration AND region = :region AND resource = ANY (:resources) AND hour >= :since AND hour < :until"""

_BY_ADMINISTRATION = text("""
    SELECT administration, sum(unit_seconds)::bigint AS unit_seconds FROM usage_sum
    WHERE administration = ANY (:administrations) AND region = :region AND resource = :resource AND hour >= :since AND hour < :until
    GROUP BY administration HAVING sum(unit_seconds) > 0""")

#: Whose a project is: by its environment, else by the domain it is in (as in `metrics.snapshot`).
_NOW = text("""
    WITH owner AS (
        SELECT e.project_id, e.administration FROM environment e WHERE e.project_id IS NOT NULL AND e.state <> 'decommissioned'
        UNION
        SELECT o.project_id, a.code FROM observed_project o JOIN administration a USING (domain_id)
        WHERE NOT EXISTS (SELECT FROM environment e WHERE e.project_id = o.project_id AND e.state <> 'decommissioned')
    )
    SELECT administration, resource, sum(usage)::bigint AS usage FROM project_observation JOIN owner USING (project_id)
    WHERE region = :region AND administration = ANY (:administrations) AND usage IS NOT NULL GROUP BY administration, resource""")


def hourly(
    app: App, actor: Actor, administration: str | None, since: datetime, until: datetime, resources: list[str] | None = None
) -> dict[str, Any]:
    """Use of an administration's own projects, hour by hour; of the whole datacenter for operators and auditors who name nobody.

    Args:
        since, until: the hours that begin in this period, its end not included.
        resources: counted ones; by default those that every site counts.

    Returns:
        ``items`` of ``hour``, ``resource``, ``unit``, ``average`` (units over the part of the hour that was seen) and ``known`` (that part, 0 to 1).

    Raises:
        NotVisible: no such administration. DcctlError: 002, the period or a resource is none.
    """
    since, until = _period(since, until)
    wanted = _resources(resources)
    with app.reading() as session:
        code = _administration(session, actor, administration)
        values = {"administration": code or EVERYBODY, "region": app.region, "resources": wanted, "since": since, "until": until}
        values["services"] = sorted({_found(name).service_type for name in wanted})
        connection = session.connection()
        used = {(hour, name): int(seconds) for hour, name, seconds in connection.execute(text(HOURS), values)}
        seen = {(hour, service): int(seconds) for hour, service, seconds in connection.execute(_COVERAGE, values)}
    items = []
    for name in wanted:
        resource = _found(name)
        for hour in sorted(hour for hour, service in seen if service == resource.service_type):
            seconds = seen[hour, resource.service_type]
            items.append(
                {
                    "hour": hour.astimezone(UTC),
                    "resource": name,
                    "unit": resource.unit,
                    "average": round(used.get((hour, name), 0) / seconds, 3),
                    "known": round(seconds / 3600, 4),
                }
            )
    items.sort(key=lambda item: item["hour"])  # stable: the resources keep their order
    return {"apiVersion": API_VERSION, "administration": code, "region": app.region, "since": since, "until": until, "items": items}


def ranking(app: App, actor: Actor, resource: str, since: datetime, until: datetime) -> dict[str, Any]:
    """How much of a resource each visible administration used in a period, greatest first, in units x hours (``unit_hours``).

    Raises:
        DcctlError: 002, the period or the resource is none.
    """
    since, until = _period(since, until)
    (name,) = _resources([resource])
    found = _found(name)
    with app.reading() as session:
        names = _visible(session, actor)
        values = {"administrations": list(names), "region": app.region, "resource": name, "since": since, "until": until}
        values["services"] = [found.service_type]
        used = {code: int(seconds) for code, seconds in session.connection().execute(_BY_ADMINISTRATION, values)}
        seen = sum(seconds for _, _, seconds in session.connection().execute(_COVERAGE, values))
    items = [
        {"administration": code, "name": names[code], "resource": name, "unit": found.unit, "unit_hours": round(seconds / 3600, 2)}
        for code, seconds in sorted(used.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    return {"apiVersion": API_VERSION, "region": app.region, "since": since, "until": until, "known_hours": round(seen / 3600, 2), "items": items}


def latest(app: App, actor: Actor, administration: str | None = None) -> dict[str, Any]:
    """What is in use now: of one administration, or of each that the actor may see; ``at`` is when the service was read in full.

    Raises:
        NotVisible: no such administration.
    """
    with app.reading() as session:
        names = _visible(session, actor)
        if administration is not None:
            names = {administration: sight.require_visible(session, actor, administration).name}
        values = {"administrations": list(names), "region": app.region}
        used = {(code, name): int(usage) for code, name, usage in session.connection().execute(_NOW, values)}
        sources = session.exec(select(Source.name, Source.last_success_at).where(col(Source.last_success_at).is_not(None))).all()
    read_at = dict(sources)
    counted = [resource.name for resource in COUNTED]
    items = []
    for code in sorted(names):
        for name in in_order({*counted, *(name for owner, name in used if owner == code and find(name) is not None)}):
            resource = find(name)
            if resource is not None and resource.service_type in read_at:
                usage = used.get((code, name), 0)
                at = read_at[resource.service_type]
                items.append({"administration": code, "name": names[code], "resource": name, "unit": resource.unit, "usage": usage, "at": at})
    return {"apiVersion": API_VERSION, "region": app.region, "items": items}


def _visible(session: Session, actor: Actor) -> dict[str, str]:
    """Code -> name of every administration that the actor may see."""
    query = select(Administration.code, Administration.name).where(sight.visible(actor, col(Administration.code)))
    return dict(session.exec(query).all())


def _administration(session: Session, actor: Actor, named: str | None) -> str | None:
    """The one that is meant; None is the whole datacenter."""
    code = named or sight.own(actor)
    if code is None and actor.sees_all:
        return None
    return sight.require_visible(session, actor, code or "-").code


def _period(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """The whole hours that begin in the period."""
    if not since < until <= since + LONGEST:
        raise DcctlError("DCCTL-002", field="until", value=until.isoformat(), allowed=LATER)
    return _next_hour(since), _next_hour(min(until, now() + HOUR))


def _next_hour(moment: datetime) -> datetime:
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour if hour == moment else hour + HOUR


def _found(name: str) -> Resource:
    resource = find(name)
    assert resource is not None, name  # `_resources` has looked
    return resource


def _resources(named: list[str] | None) -> list[str]:
    for name in named or ():
        if find(name) is None:
            raise DcctlError("DCCTL-002", field="resource", value=name, allowed=KNOWN_RESOURCE)
    return in_order(named or [resource.name for resource in COUNTED])

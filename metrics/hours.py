"""SQL of hourly use: what two readings tell of the time between them, and what Nova's records tell of hours that have ended.

Each function takes the caller's connection and commits nothing. The tables are `dcctl.store.UsageHour` and `UsageCoverage`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from metrics.spans import hours_between
from quotas.resources import COUNTED, TYPED_GIGABYTES

#: What was counted holds until the next reading, but for no longer than this: beyond it nobody knows what was there.
LONGEST_GAP = timedelta(minutes=20)

#: Of what no account is kept no history is kept either.
_COUNTED = [resource.name for resource in COUNTED]

#: Whose a project is, or was when it was seen last: by its environment, else by the domain it is in.
_OWNER = """coalesce(
    (SELECT e.administration FROM environment e WHERE e.project_id = {project} ORDER BY e.state = 'decommissioned', e.id DESC LIMIT 1),
    (SELECT a.code FROM observed_project p JOIN administration a USING (domain_id) WHERE p.project_id = {project}))"""


def sample(database: Connection, region: str, service: str, since: datetime | None, until: datetime) -> None:
    """Add what the service's stored observations counted, for the time from their own reading to the next.

    Called before the next reading replaces them. `since` None: there was none before.
    """
    if since is None or not since < until <= since + LONGEST_GAP:
        return
    for hour, seconds in hours_between(since, until):
        database.execute(text("SELECT usage_month(:hour)"), {"hour": hour})
        values = {"hour": hour, "region": region, "service": service, "seconds": seconds, "counted": _COUNTED, "typed": TYPED_GIGABYTES}
        database.execute(
            text(f"""
                INSERT INTO usage_hour (hour, region, project_id, resource, administration, sampled, recorded)
                SELECT CAST(:hour AS timestamptz), o.region, o.project_id, o.resource, {_OWNER.format(project="o.project_id")},
                    o.usage * CAST(:seconds AS bigint), 0
                FROM project_observation o WHERE o.region = :region AND o.service_type = :service AND o.usage > 0
                    AND (o.resource = ANY (:counted) OR starts_with(o.resource, :typed))
                ON CONFLICT (hour, region, project_id, resource) DO UPDATE
                SET sampled = usage_hour.sampled + excluded.sampled, administration = coalesce(excluded.administration, usage_hour.administration)
            """),
            values,
        )
        database.execute(
            text("""
                INSERT INTO usage_coverage (hour, region, service_type, sampled_seconds, recorded_seconds)
                VALUES (:hour, :region, :service, :seconds, 0)
                ON CONFLICT (hour, region, service_type) DO UPDATE
                SET sampled_seconds = least(3600, usage_coverage.sampled_seconds + excluded.sampled_seconds)
            """),
            values,
        )


def record(database: Connection, region: str, service: str, hour: datetime, used: Mapping[tuple[str, str], int]) -> None:
    """Put down what the service's own records say of a whole hour: (project id, resource) -> units x seconds. The same again changes nothing."""
    database.execute(text("SELECT usage_month(:hour)"), {"hour": hour})
    keys = sorted(key for key, amount in used.items() if amount > 0)
    database.execute(
        text(f"""
            INSERT INTO usage_hour (hour, region, project_id, resource, administration, sampled, recorded)
            SELECT CAST(:hour AS timestamptz), CAST(:region AS text), project_id, resource,
                {_OWNER.format(project="found.project_id")}, 0, amount
            FROM unnest(CAST(:projects AS text[]), CAST(:resources AS text[]), CAST(:amounts AS bigint[])) AS found (project_id, resource, amount)
            ON CONFLICT (hour, region, project_id, resource) DO UPDATE
            SET recorded = excluded.recorded, administration = coalesce(usage_hour.administration, excluded.administration)
        """),
        {
            "hour": hour,
            "region": region,
            "projects": [project for project, _ in keys],
            "resources": [resource for _, resource in keys],
            "amounts": [used[key] for key in keys],
        },
    )
    database.execute(
        text("""
            INSERT INTO usage_coverage (hour, region, service_type, sampled_seconds, recorded_seconds) VALUES (:hour, :region, :service, 0, 3600)
            ON CONFLICT (hour, region, service_type) DO UPDATE SET recorded_seconds = 3600
        """),
        {"hour": hour, "region": region, "service": service},
    )


def unrecorded(database: Connection, region: str, service: str, hours: list[datetime]) -> list[datetime]:
    """Those of the hours that no records were put down for, oldest first."""
    statement = """SELECT hour FROM usage_coverage
        WHERE region = :region AND service_type = :service AND recorded_seconds = 3600 AND hour = ANY (:hours)"""
    done = set(database.execute(text(statement), {"region": region, "service": service, "hours": hours}).scalars())
    return sorted(hour for hour in hours if hour not in done)


def forget(database: Connection, before: datetime) -> int:
    """Drop the months that ended before then; return how many. The database keeps the last twelve whatever is asked."""
    dropped: int = database.execute(text("SELECT usage_forget(:before)"), {"before": before}).scalar_one()
    return dropped

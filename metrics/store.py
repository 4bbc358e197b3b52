"""SQL of the metrics: the collector's writes (observations only) and the exporter's one reading of everything.

Each function takes the caller's connection and commits nothing. The exporter has no right on any table: it reads views (`dcctl.migrations.views`),
those of the ledger by `quotas.store`.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from metrics import hours
from metrics.facts import About, CapacityFact, ChainFact, EnvironmentFact, Facts, LedgerFact, LimitFact, ObservationFact, ProofFact, SourceFact
from metrics.readings import Projects, Reading
from quotas.ledger import HolderKind
from quotas.proof import unsealed
from quotas.store import HolderBalance, all_balances, capacity

DatabaseError = SQLAlchemyError


def engine(url: str, name: str, *, read_only: bool = False) -> Engine:
    """One role's way to PostgreSQL; what does not answer in time is an error, never a wait without end.

    Args:
        name: of the process, as PostgreSQL's own views show it.
        read_only: each transaction sees one moment, and writes nothing whatever the role may.
    """
    options = "-c statement_timeout=60s -c lock_timeout=20s" + (" -c default_transaction_read_only=on" if read_only else "")
    return create_engine(
        url,
        pool_size=1,
        max_overflow=1,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED",
        connect_args={"connect_timeout": 5, "application_name": name, "options": options},
    )


# -- the collector's writes -------------------------------------------------------------------------------------------------------------


def write_projects(database: Connection, source: str, found: Projects) -> bool:
    """Make the observed projects these, and no others; False when a later reading is stored already."""
    before = _last_success(database, source)
    if before is not None and before >= found.at:
        return False
    columns = list(zip(*((p.id, p.name, p.domain_id, p.domain_name) for p in found.projects), strict=True)) or [()] * 4
    ids, names, domains, domain_names = (list(column) for column in columns)
    database.execute(
        text("""
            INSERT INTO observed_project (project_id, name, domain_id, domain_name, seen_at)
            SELECT *, CAST(:at AS timestamptz)
            FROM unnest(CAST(:ids AS text[]), CAST(:names AS text[]), CAST(:domains AS text[]), CAST(:domain_names AS text[]))
            ON CONFLICT (project_id) DO UPDATE
            SET name = excluded.name, domain_id = excluded.domain_id, domain_name = excluded.domain_name, seen_at = excluded.seen_at
        """),
        {"ids": ids, "names": names, "domains": domains, "domain_names": domain_names, "at": found.at},
    )
    database.execute(text("DELETE FROM observed_project WHERE seen_at <> :at"), {"at": found.at})
    _succeeded(database, source, found.at)
    return True


def write_reading(database: Connection, source: str, region: str, reading: Reading) -> bool:
    """Make a service's observations in the region these, and no others; False when a later reading is stored already.

    Every observed project gets a figure for every resource of the service: one that the reading does not name has 0, which is a figure.
    """
    before = _last_success(database, source)
    if before is not None and before >= reading.at:
        return False
    hours.sample(database, region, reading.service_type, before, reading.at)
    observed = database.execute(text("SELECT project_id FROM observed_project")).scalars().all()
    projects = sorted({*observed, *(project for project, _ in reading.usage)})
    keys = [(project, resource) for project in projects for resource in reading.resources]
    limits = [reading.limits.get(key, reading.default_limits.get(key[1])) for key in keys]
    database.execute(
        text("""
            INSERT INTO project_observation (project_id, region, service_type, resource, usage, backend_quota, usage_at, quota_at)
            SELECT project_id, :region, :service, resource, used, enforced, :at,
                CASE WHEN enforced IS NOT NULL THEN CAST(:limits_at AS timestamptz) END
            FROM unnest(CAST(:projects AS text[]), CAST(:resources AS text[]), CAST(:usage AS bigint[]), CAST(:limits AS bigint[]))
                AS found (project_id, resource, used, enforced)
            ON CONFLICT (project_id, region, service_type, resource) DO UPDATE
            SET usage = excluded.usage, backend_quota = excluded.backend_quota, usage_at = excluded.usage_at, quota_at = excluded.quota_at
        """),
        {
            "region": region,
            "service": reading.service_type,
            "at": reading.at,
            "limits_at": reading.limits_at or reading.at,
            "projects": [project for project, _ in keys],
            "resources": [resource for _, resource in keys],
            "usage": [reading.usage.get(key, 0) for key in keys],
            "limits": limits,
        },
    )
    database.execute(
        text("DELETE FROM project_observation WHERE region = :region AND service_type = :service AND usage_at IS DISTINCT FROM :at"),
        {"region": region, "service": reading.service_type, "at": reading.at},
    )
    _succeeded(database, source, reading.at)
    return True


def fallen(database: Connection, region: str, reading: Reading, share: float) -> list[tuple[str, str]]:
    """(project id, resource) with more stored than was read, of the lists that fell by more than the share; those that fell most first.

    Projects that Keystone no longer lists are left out: what they had went with them.
    """
    stored = _rows(
        database,
        """SELECT project_id, resource, usage FROM project_observation JOIN observed_project USING (project_id)
        WHERE region = :region AND service_type = :service AND resource = ANY (:resources) AND usage > 0 ORDER BY project_id, resource""",
        region=region,
        service=reading.service_type,
        resources=list(reading.lists),
    )
    before: Counter[str] = Counter()
    for _, resource, usage in stored:
        before[resource] += usage
    now: Counter[str] = Counter()
    for (_, resource), usage in reading.usage.items():
        now[resource] += usage
    short = {resource for resource in reading.lists if now[resource] < before[resource] * (1 - share)}
    falls = [(usage - reading.usage.get((project, resource), 0), project, resource) for project, resource, usage in stored if resource in short]
    return [(project, resource) for fall, project, resource in sorted(falls, key=lambda found: -found[0]) if fall > 0]


def unlisted(database: Connection, region: str, reading: Reading) -> list[str]:
    """Ids of stored projects with limits of their own that the reading's list of limits does not name, though it names everyone's default."""
    if not reading.default_limits:
        return []
    found = _rows(
        database,
        """SELECT DISTINCT project_id FROM project_observation JOIN observed_project USING (project_id)
        JOIN unnest(CAST(:resources AS text[]), CAST(:defaults AS bigint[])) AS by_default (resource, most) USING (resource)
        WHERE region = :region AND service_type = :service AND backend_quota <> most
            AND NOT EXISTS (SELECT FROM unnest(CAST(:named AS text[])) AS named (id) WHERE named.id = project_id)
        ORDER BY project_id""",
        region=region,
        service=reading.service_type,
        resources=list(reading.default_limits),
        defaults=list(reading.default_limits.values()),
        named=list({project for project, _ in reading.limits}),
    )
    return [project for (project,) in found]


def vanished(database: Connection, found: Projects, share: float) -> list[str]:
    """Ids of stored projects that were not found, where there are fewer by more than the share."""
    stored = set(database.execute(text("SELECT project_id FROM observed_project")).scalars())
    listed = {project.id for project in found.projects}
    return sorted(stored - listed) if len(listed) < len(stored) * (1 - share) else []


def write_duration(database: Connection, source: str, seconds: float) -> None:
    """Remember how long the last reading of a source took."""
    database.execute(text("UPDATE source SET seconds = :seconds WHERE name = :source"), {"source": source, "seconds": seconds})


def add_calls(database: Connection, made: Mapping[tuple[str, int], int]) -> None:
    """Add calls of the collector to what it has made so far, by service and HTTP status."""
    for (service, code), number in sorted(made.items()):
        database.execute(
            text("""
                INSERT INTO collect_calls (service_type, code, total) VALUES (:service, :code, :number)
                ON CONFLICT (service_type, code) DO UPDATE SET total = collect_calls.total + excluded.total
            """),
            {"service": service, "code": code, "number": number},
        )


def write_failure(database: Connection, source: str, at: datetime, words: str) -> None:
    """Remember that a source failed, and with which words; its values and the time of its last success stay."""
    database.execute(
        text("""
            INSERT INTO source (name, last_attempt_at, last_error) VALUES (:source, :at, :words)
            ON CONFLICT (name) DO UPDATE SET last_attempt_at = excluded.last_attempt_at, last_error = excluded.last_error
            WHERE source.last_attempt_at IS NULL OR source.last_attempt_at <= excluded.last_attempt_at
        """),
        {"source": source, "at": at, "words": words},
    )


def _last_success(database: Connection, source: str) -> datetime | None:
    """Take the source for this transaction, and tell of when its stored values are: of two collectors the slower one must not go back."""
    database.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('dcctl source ' || :source, 0))"), {"source": source})
    stored: datetime | None = database.execute(text("SELECT last_success_at FROM source WHERE name = :source"), {"source": source}).scalar()
    return stored


def _succeeded(database: Connection, source: str, at: datetime) -> None:
    database.execute(
        text("""
            INSERT INTO source (name, last_success_at, last_attempt_at, last_error) VALUES (:source, :at, :at, NULL)
            ON CONFLICT (name) DO UPDATE SET last_success_at = excluded.last_success_at, last_attempt_at = excluded.last_attempt_at, last_error = NULL
        """),
        {"source": source, "at": at},
    )


# -- the exporter's reading -------------------------------------------------------------------------------------------------------------


def read_facts(database: Connection, region: str) -> Facts:
    """Read everything that is exported, by the exporter's views; the caller's transaction sees one moment. `region` is the site's own."""
    taken_at = datetime.now(UTC)
    regions = [row[0] for row in _rows(database, "SELECT region FROM exporter.ledger_region ORDER BY region")]
    balances = [
        line for kind in (HolderKind.ADMINISTRATION, HolderKind.ENVIRONMENT) for line in all_balances(database, kind, view="exporter.ledger_balance")
    ]
    environments = _rows(database, "SELECT administration, name, project_id, expires_at FROM exporter.environment WHERE state <> 'decommissioned'")
    observations = _rows(
        database, "SELECT project_id, region, service_type, resource, usage, backend_quota, quota_at FROM exporter.project_observation"
    )
    limits = _rows(database, "SELECT project_id, service_type, key, value, read_at FROM exporter.project_limit")
    requests = _rows(database, "SELECT administration, state, kind, count(*) FROM exporter.request GROUP BY administration, state, kind")
    oldest = _rows(database, _OLDEST)
    decisions = _rows(database, _DECISIONS)
    limit_states = _rows(
        database,
        """SELECT state, count(*) FROM exporter.project_limit WHERE project_id IN
        (SELECT project_id FROM exporter.environment WHERE project_id IS NOT NULL AND state <> 'decommissioned') GROUP BY state""",
    )
    sources = _rows(database, "SELECT name, last_success_at, complete, seconds FROM exporter.source")
    followed = _rows(database, 'SELECT position, "right", checked_at FROM exporter.ledger_proof')
    administrations = _rows(database, "SELECT code, domain_id, name, coalesce(parent, '') FROM exporter.administration")
    projects = _rows(database, "SELECT project_id, domain_id, name FROM exporter.observed_project")
    operations = _rows(database, "SELECT kind, state, count(*) FROM exporter.operation GROUP BY 1, 2")
    collected = _rows(database, "SELECT service_type, code, total FROM exporter.collect_calls")
    calls = _rows(database, "SELECT process, service_type, method, outcome, total FROM exporter.openstack_requests")
    open_ones = "SELECT name, state, count(*) FROM exporter.discrepancy WHERE state <> 'resolved' AND region = :region GROUP BY name, state"
    discrepancies = _rows(database, open_ones, region=region)
    seals = unsealed(database, seals="exporter.ledger_seal", entries="exporter.ledger_unsealed")
    trail = unsealed(database, seals="exporter.audit_seal", entries="exporter.audit_unsealed")
    letters = _rows(database, "SELECT state, count(*), min(created_at) FROM exporter.letter GROUP BY state")
    return Facts(
        taken_at=taken_at,
        region=region,
        administrations={code: domain for code, domain, _, _ in administrations},
        about={code: About(name=name, parent=parent) for code, _, name, parent in administrations},
        environments=tuple(EnvironmentFact(administration=a, holder=f"{a}/{name}", project_id=p, expires_at=end) for a, name, p, end in environments),
        domains={project: domain for project, domain, _ in projects},
        names={project: name for project, _, name in projects},
        holders=tuple(_ledger_fact(line) for line in balances),
        capacity=tuple(
            CapacityFact(
                region=where,
                resource=resource,
                capacity=figures.declared,
                granted=figures.granted,
                available=figures.available,
                held=figures.held,
            )
            for where in regions
            for resource, figures in capacity(database, where, view="exporter.ledger_capacity").items()
        ),
        observations=tuple(
            ObservationFact(project_id=p, region=r, service_type=s, resource=name, usage=used, backend_quota=q, quota_at=at)
            for p, r, s, name, used, q, at in observations
        ),
        limits=tuple(LimitFact(project_id=p, service_type=s, key=key, value=value, read_at=at) for p, s, key, value, at in limits),
        requests={(administration, state, kind): count for administration, state, kind, count in requests},
        sources={name: at for name, at, _, _ in sources if at is not None},
        attempts={name: SourceFact(complete=whole, seconds=seconds) for name, _, whole, seconds in sources},
        oldest={(administration, state, kind): at for administration, state, kind, at in oldest},
        decisions={(administration, kind, verdict): count for administration, kind, verdict, count in decisions},
        operations={(kind, state): count for kind, state, count in operations},
        idle={(kind, state): at for kind, state, at in _rows(database, _IDLE)},
        limit_states=dict(limit_states),
        api_calls={(service, code): total for service, code, total in collected},
        proof=next((ProofFact(position=position, right=right, checked_at=at) for position, right, at in followed), None),
        calls={(process, service, method, outcome): total for process, service, method, outcome, total in calls},
        discrepancies={(name, state): count for name, state, count in discrepancies},
        sealed_position=seals.position,
        sealed_at=seals.sealed_at,
        unsealed_since=seals.oldest_recorded_at,
        trail=ChainFact(position=trail.position, sealed_at=trail.sealed_at, unsealed_since=trail.oldest_recorded_at),
        letters={state: count for state, count, _ in letters},
        letters_since={state: since for state, _, since in letters},
    )


#: What happens to an operation is told by events: begun, a step, a resource, retried.
_IDLE = """SELECT o.kind, o.state, min(greatest(o.created_at, o.started_at, (SELECT max(e.at) FROM exporter.event e WHERE e.operation = o.id)))
    FROM exporter.operation o WHERE o.state IN ('queued', 'running') GROUP BY o.kind, o.state"""

#: On requests and acts; an act that waits for nobody is its operator's own decision. One that concerns no single administration has an empty code.
_DECISIONS = """SELECT r.administration, r.kind, d.verdict, count(*)
    FROM exporter.decision d JOIN exporter.request r ON r.number = d.request GROUP BY 1, 2, 3
    UNION ALL SELECT coalesce(a.administration, ''), a.kind, coalesce(d.verdict, 'approve'), count(*)
    FROM exporter.act a LEFT JOIN exporter.act_decision d ON d.act = a.number WHERE d.act IS NOT NULL OR NOT a.waits GROUP BY 1, 2, 3"""

#: Of the states in which somebody still has something to do.
_OLDEST = """SELECT administration, state, kind, min(created_at) FROM exporter.request
    WHERE state IN ('submitted', 'in_review', 'returned', 'proposed', 'approved', 'fulfilling', 'failed') GROUP BY administration, state, kind"""


def _ledger_fact(line: HolderBalance) -> LedgerFact:
    figures = line.balance
    return LedgerFact(
        holder=line.holder.name,
        region=line.region,
        resource=line.resource,
        available=figures.available,
        held=figures.held,
        allocated=figures.allocated,
        granted=figures.granted,
    )


def _rows(database: Connection, statement: str, **values: object) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in database.execute(text(statement), values)]

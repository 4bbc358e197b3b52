"""Cores of min-sante, hour by hour, last March: how long that takes where every hour of every project of a country is kept for years.

    python -m tests.bench.metrics_hours [--projects 2000] [--months 6] [--reads 60] [--output bench-results/metrics_hours.json]

Fills months of use as the collector leaves them (three resources of every project and hour; three hundred administrations, of which min-sante has a
thirtieth of the projects), then asks the application's own function, as an operator does, for one month of one resource, months in turn: of
min-sante, of a ministry of three projects, and of the whole datacenter. Target: 100 ms at the 99th of a hundred. Beside it: the same question put to
the rows of the projects, which is what the sums are for; what a pass of the collector takes to write its figures down with its share of an hour,
with the sums and without; and what a month costs to drop when it is beyond the policy.
"""

import argparse
import itertools
import json
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlmodel import Session

from dcctl import migrations
from dcctl.config import Database, Settings
from dcctl.migrations.hours import summed
from dcctl.store import Administration
from dcctl.workflow import usage
from dcctl.workflow.app import App
from metrics import hours, store
from metrics.collector import months_before
from tests import postgres
from tests.integration.metrics.site import REGION, as_role, reading
from tests.integration.metrics.site import projects as listed
from tests.integration.workflow.conftest import person

MOST_MS = 100.0
#: Of thirty projects one is min-sante's; of ten thousand, as of a country, that would be three hundred and thirty.
OF_SANTE, SMALL_MINISTRY = 30, 3
ADMINISTRATIONS = 300
RESOURCES = ("instances", "cores", "ram")
#: Data that are thrown away: what a crash would cost is of no interest here.
QUICK = {"fsync": "off", "wal_level": "minimal", "max_wal_senders": "0", "maintenance_work_mem": "256MB", "max_wal_size": "2GB"}

_WHOSE = "CASE WHEN p < :small THEN 'min-plan' WHEN p % :sante = 0 THEN 'min-sante' ELSE 'commune-' || p % :administrations END"
#: Made beside the table and attached when it is full, in one transaction: rows that are put into an index one by one take hours.
_MONTH = (
    "CREATE TABLE usage_months.{month} (LIKE usage_hour INCLUDING CONSTRAINTS)",
    f"""
    INSERT INTO usage_months.{{month}} (hour, region, project_id, resource, administration, sampled, recorded)
    SELECT h, :region, lpad(to_hex(p), 32, '0'), r, {_WHOSE}, 3600 * (p % 7), 3600 * (p % 7 + 1)
    FROM generate_series(CAST(:since AS timestamptz), CAST(:until AS timestamptz) - interval '1 hour', '1 hour') h,
        generate_series(0, :projects - 1) p, unnest(CAST(:resources AS text[])) r
    """,
    "ALTER TABLE usage_months.{month} ADD PRIMARY KEY (hour, region, project_id, resource)",
    "ALTER TABLE usage_months.{month} ADD CHECK (hour >= '{since}' AND hour < '{until}')",  # so that nothing is looked through to attach it
    "ALTER TABLE usage_hour ATTACH PARTITION usage_months.{month} FOR VALUES FROM ('{since}') TO ('{until}')",
    "SELECT usage_month(:since)",
    summed("SELECT administration, region, resource, hour, greatest(sampled, recorded) FROM usage_months.{month}"),
    """
    INSERT INTO usage_coverage SELECT h, :region, 'compute', 3600, 3600
    FROM generate_series(CAST(:since AS timestamptz), CAST(:until AS timestamptz) - interval '1 hour', '1 hour') h
    """,
)
#: What the sums save: the same figures from the rows of the projects.
_BY_PROJECTS = text("""
    SELECT hour, resource, sum(greatest(sampled, recorded))::bigint FROM usage_hour
    WHERE administration = :administration AND region = :region AND resource = 'cores' AND hour >= :since AND hour < :until
    GROUP BY hour, resource""")


def fill(owner: Engine, projects: int, first: datetime, months: int) -> int:
    """Every hour of every project, a month at a time; the number of rows."""
    with Session(owner) as session:
        codes = ("min-sante", "min-plan", *(f"commune-{number}" for number in range(ADMINISTRATIONS)))
        session.add_all(Administration(code=code, name=code, domain_id=f"d-{code}") for code in codes)
        session.commit()
    rows = 0
    for since, until in spans(first, months):
        values = {"region": REGION, "small": SMALL_MINISTRY, "sante": OF_SANTE, "administrations": ADMINISTRATIONS, "since": since, "until": until,
                  "projects": projects, "resources": list(RESOURCES)}  # fmt: skip
        with owner.begin() as database:
            for statement in _MONTH:
                done = database.execute(text(statement.format(month=f"month_{since:%Y_%m}", since=since, until=until)), values)
                rows += done.rowcount if "generate_series(0" in statement else 0
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as database:
        database.execute(text("VACUUM ANALYZE usage_sum"))
        database.execute(text("ANALYZE usage_hour"))
    return rows


def spans(first: datetime, months: int) -> list[tuple[datetime, datetime]]:
    """Beginning and end of each month."""
    return [(months_before(first, -number), months_before(first, -number - 1)) for number in range(months)]


def asked(app: App, months: list[tuple[datetime, datetime]], code: str | None, reads: int) -> list[float]:
    """Milliseconds of each question; each answer is looked at."""
    operator, turns, times = person("operator", "dc_operator"), itertools.cycle(months), []
    for _ in range(reads):
        since, until = next(turns)
        before = time.perf_counter()
        found = usage.hourly(app, operator, code, since, until, ["cores"])["items"]
        times.append(1000 * (time.perf_counter() - before))
        assert len(found) == (until - since).days * 24
        assert all(item["average"] > 0 for item in found)
    return times


def by_projects(owner: Engine, months: list[tuple[datetime, datetime]], reads: int) -> list[float]:
    """Milliseconds of the same question about min-sante without the sums."""
    times = []
    with owner.connect() as database:
        for since, until in itertools.islice(itertools.cycle(months), reads):
            before = time.perf_counter()
            found = database.execute(_BY_PROJECTS, {"administration": "min-sante", "region": REGION, "since": since, "until": until}).all()
            times.append(1000 * (time.perf_counter() - before))
            assert len(found) == (until - since).days * 24
    return times


def written(collector: Engine, owner: Engine, projects: int, rounds: int = 5) -> dict[str, list[float]]:
    """Milliseconds that a reading of Nova takes to be written down, its use of the hour with it; interleaved with the same without the sums."""
    at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    ids = [f"{number:032x}" for number in range(projects)]
    with collector.begin() as database:
        store.write_projects(database, "keystone", listed(at, *ids))
    used = {(project, resource): 2 for project in ids for resource in RESOURCES}
    times: dict[str, list[float]] = {"with sums": [], "without": []}
    for number in range(2 * rounds + 2):
        name = "with sums" if number % 2 else "without"
        with owner.begin() as database:
            act = "ENABLE" if number % 2 else "DISABLE"
            database.execute(text(f"ALTER TABLE usage_hour {act} TRIGGER usage_hour_summed_insert, {act} TRIGGER usage_hour_summed_update"))
        at += timedelta(minutes=1)
        before = time.perf_counter()
        with collector.begin() as database:
            store.write_reading(database, "compute", REGION, reading(at, used, resources=RESOURCES))
        times[name].append(1000 * (time.perf_counter() - before))
    return {name: taken[1:] for name, taken in times.items()}  # the first of each makes the hour's rows


def run(projects: int, months: int, reads: int) -> dict[str, Any]:
    """Fill, ask, write, drop; every time that was taken is in the result."""
    # Months that may be dropped: the database keeps the last twelve.
    first = months_before(datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0), months + 12)
    with postgres.server(**QUICK) as database:
        dsn = database.database(lambda address: migrations.upgrade(postgres.alchemy(address)), key="migrations")
        owner = create_engine(postgres.alchemy(dsn))
        began = time.monotonic()
        rows = fill(owner, projects, first, months)
        filled = time.monotonic() - began
        app = App(Settings(database=Database(application=as_role(dsn, "dcctl_app")), cloud={"region": REGION}))
        whom = {"min-sante": "min-sante", "min-plan": "min-plan", "datacenter": None}
        taken = {name: asked(app, spans(first, months), code, reads) for name, code in whom.items()}
        app.close()
        reference = by_projects(owner, spans(first, months), min(reads, 2 * months))
        collector = store.engine(as_role(dsn, "dcctl_collector"), "bench")
        passes = written(collector, owner, projects)
        dropped = []
        for number in range(1, months + 1):
            before = time.perf_counter()
            with collector.begin() as connection:
                assert hours.forget(connection, months_before(first, -number)) == 1
            dropped.append(round(1000 * (time.perf_counter() - before), 1))
        collector.dispose()
        owner.dispose()
    p99 = {name: round(sorted(times)[max(0, int(0.99 * len(times)) - 1)], 1) for name, times in taken.items()}
    return {
        "projects": projects, "months": months, "rows": rows, "filled_seconds": round(filled, 1),
        "median_ms": {name: round(statistics.median(times), 1) for name, times in taken.items()}, "p99_ms": p99,
        "by_projects_median_ms": round(statistics.median(reference), 1),
        "written_median_ms": {name: round(statistics.median(times), 1) for name, times in passes.items()}, "month_dropped_ms": dropped,
        "rounds_ms": {name: [round(one, 1) for one in times] for name, times in {**taken, "by projects": reference, **passes}.items()},
        "missed": max(p99.values()) > MOST_MS,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.bench.metrics_hours")
    for name, number in (("projects", 2000), ("months", 6), ("reads", 60)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--output", type=Path, default=Path("bench-results/metrics_hours.json"))
    chosen = parser.parse_args()
    result = run(chosen.projects, chosen.months, chosen.reads)
    print(json.dumps({name: value for name, value in result.items() if name != "rounds_ms"}))
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=2) + "\n")
    return int(result["missed"])


if __name__ == "__main__":
    sys.exit(main())

"""Use hour by hour, from readings and records to what is read back, in a real PostgreSQL."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from dcctl.config import Database, Settings
from dcctl.errors import DcctlError, NotVisible
from dcctl.workflow import usage
from dcctl.workflow.app import App
from metrics import hours, store
from tests.integration.metrics.site import REGION, Site, projects, reading
from tests.integration.workflow.conftest import AGENT, JUSTICE_AGENT, person

OPERATOR = person("operator", "dc_operator")
HOUR = timedelta(hours=1)
#: The beginning of a whole hour that may still be written to, whenever the test runs.
TEN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@pytest.fixture
def app(known: Site):
    made = App(Settings(database=Database(application=known.dsn.replace("dcctl_owner@", "dcctl_app@").replace("postgresql://", "postgresql+psycopg://")),
                        cloud={"region": REGION}))  # fmt: skip
    yield made
    made.close()


def read(site: Site, at: datetime, **cores: int) -> None:
    """The collector reads Keystone and Nova at this moment."""
    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(at, "0f", "0a", "0d"))
        store.write_reading(database, "compute", REGION, reading(at, {(f"0{name}", "cores"): amount for name, amount in cores.items()}))


def figures(app: App, code: str | None = "min-sante", since: datetime = TEN, until: datetime = TEN + 4 * HOUR) -> dict[datetime, tuple[float, float]]:
    """Hour -> (average cores, part of the hour that was seen)."""
    found = usage.hourly(app, OPERATOR, code, since, until, ["cores"])["items"]
    return {item["hour"]: (item["average"], item["known"]) for item in found}


def test_what_was_counted_holds_until_the_next_reading_across_the_hour(app: App, known: Site):
    read(known, TEN + minutes(50), f=6, a=2)
    read(known, TEN + minutes(65), f=2)
    read(known, TEN + minutes(80), f=2)

    assert figures(app) == {TEN: (8.0, round(1 / 6, 4)), TEN + HOUR: (round((8 * 5 + 2 * 15) / 20, 3), round(20 / 60, 4))}


def test_a_gap_is_unknown_and_neither_zero_nor_what_was_there_before(app: App, known: Site):
    read(known, TEN, f=6)
    read(known, TEN + minutes(10), f=6)
    with known.collecting() as database:
        store.write_failure(database, "compute", TEN + minutes(20), "Nova is away")
    read(known, TEN + HOUR + minutes(50), f=4)
    read(known, TEN + 2 * HOUR, f=4)

    assert figures(app) == {TEN: (6.0, round(10 / 60, 4)), TEN + HOUR: (4.0, round(10 / 60, 4))}


def test_an_hour_that_was_seen_with_nothing_in_use_is_zero(app: App, known: Site):
    read(known, TEN)
    read(known, TEN + minutes(15))

    assert figures(app)[TEN] == (0.0, 0.25)


def test_a_server_that_lived_thirty_seconds_between_two_readings_is_in_the_records(app: App, known: Site):
    read(known, TEN)
    read(known, TEN + minutes(15))
    for _twice in range(2):
        with known.collecting() as database:
            hours.record(database, REGION, "compute", TEN, {("0f", "cores"): 4 * 30})

    assert figures(app)[TEN] == (round(120 / 3600, 3), 1.0)
    (first,) = usage.ranking(app, OPERATOR, "cores", TEN, TEN + HOUR)["items"]
    assert (first["administration"], first["unit_hours"]) == ("min-sante", round(120 / 3600, 2))


def test_a_server_that_never_started_is_in_the_readings(app: App, known: Site):
    for minute in range(0, 75, 15):
        read(known, TEN + minutes(minute), f=8)
    with known.collecting() as database:
        hours.record(database, REGION, "compute", TEN, {})

    assert figures(app)[TEN] == (8.0, 1.0)


def test_what_was_used_stays_its_administrations_when_the_project_is_gone(app: App, known: Site):
    read(known, TEN, a=2)
    read(known, TEN + minutes(15))
    with known.collecting() as database:
        store.write_projects(database, "keystone", projects(TEN + minutes(20), "0f"))
        hours.record(database, REGION, "compute", TEN, {("0a", "cores"): 2 * 900})

    assert figures(app)[TEN] == (0.5, 1.0)


def test_only_hours_without_records_are_asked_for(known: Site):
    with known.collecting() as database:
        hours.record(database, REGION, "compute", TEN, {})

        assert hours.unrecorded(database, REGION, "compute", [TEN + HOUR, TEN, TEN - HOUR]) == [TEN - HOUR, TEN + HOUR]


def test_a_ministry_reads_its_own_use_and_nobody_elses(app: App, known: Site):
    read(known, TEN, f=6)
    read(known, TEN + minutes(15), f=6)

    assert usage.hourly(app, AGENT, None, TEN, TEN + HOUR, ["cores"])["items"][0]["average"] == 6.0
    with pytest.raises(NotVisible):
        usage.hourly(app, JUSTICE_AGENT, "min-sante", TEN, TEN + HOUR)
    assert usage.ranking(app, JUSTICE_AGENT, "cores", TEN, TEN + HOUR)["items"] == []
    assert {item["administration"] for item in usage.latest(app, JUSTICE_AGENT)["items"]} == {"min-justice"}
    assert figures(app, None)[TEN] == (6.0, 0.25)


def test_what_is_in_use_now_has_the_time_of_its_reading(app: App, known: Site):
    read(known, TEN, f=6, a=2)

    now = {(item["administration"], item["resource"]): item for item in usage.latest(app, OPERATOR)["items"]}
    assert (now["min-sante", "cores"]["usage"], now["min-sante", "cores"]["at"]) == (8, TEN)
    assert now["min-justice", "cores"]["usage"] == 0
    assert ("min-sante", "volumes") not in now


@pytest.mark.parametrize(("length", "resource"), [(timedelta(0), "cores"), (-HOUR, "cores"), (timedelta(days=401), "cores"), (HOUR, "coeurs")])
def test_a_period_or_a_resource_that_is_none_is_refused(app: App, length: timedelta, resource: str):
    with pytest.raises(DcctlError) as refused:
        usage.hourly(app, OPERATOR, "min-sante", TEN, TEN + length, [resource])
    assert refused.value.code == "DCCTL-002"


def test_the_collector_cannot_rewrite_what_is_settled_nor_lower_nor_delete_nor_make_a_month_of_the_future(known: Site):
    with known.owner.begin() as owner:
        owner.execute(text("SELECT usage_month(now() - interval '3 days')"))
        owner.execute(text("""INSERT INTO usage_hour
            VALUES (date_trunc('hour', now() - interval '3 days', 'UTC'), 'cotonou', '0f', 'ram', 'min-sante', 9, 0)"""))
    read(known, TEN, f=6)
    read(known, TEN + minutes(15), f=6)
    for statement, words in (
        ("UPDATE usage_hour SET recorded = 1 WHERE resource = 'ram'", "settled"),
        ("UPDATE usage_hour SET sampled = 0 WHERE resource = 'cores'", "only grow"),
        ("DELETE FROM usage_hour", "permission denied"),
        ("TRUNCATE usage_hour", "permission denied"),
        ("INSERT INTO usage_sum VALUES ('min-sante', 'cotonou', 'cores', date_trunc('hour', now(), 'UTC'), 1)", "permission denied"),
        ("UPDATE usage_sum SET unit_seconds = 0", "permission denied"),
        ("SELECT usage_month(now() + interval '1 year')", "no month"),
        ("SELECT usage_forget(now())", "is kept"),
        ("DROP TABLE usage_months.month_" + f"{TEN:%Y_%m}", "permission denied"),
    ):
        with pytest.raises(DBAPIError, match=words), known.collecting() as database:
            database.execute(text(statement))


def test_the_application_only_reads_use(app: App, known: Site):
    for statement in ("UPDATE usage_hour SET sampled = 10", "UPDATE usage_sum SET unit_seconds = 10", "DELETE FROM usage_sum"):
        with pytest.raises(ProgrammingError, match="permission denied"), app.transaction() as session:
            session.connection().execute(text(statement))


def test_whole_months_beyond_the_policy_are_dropped_and_no_others(known: Site):
    with known.owner.begin() as owner:
        for month in ("2024-01-15", "2024-12-31", "2025-01-01"):
            owner.execute(text("SELECT usage_month(CAST(:month AS timestamptz))"), {"month": f"{month} 00:00+00"})
            owner.execute(text("INSERT INTO usage_hour VALUES (:at, 'cotonou', '0f', 'ram', 'min-sante', 9, 0)"), {"at": f"{month} 00:00+00"})

    with known.collecting() as database:
        assert hours.forget(database, datetime(2025, 1, 1, tzinfo=UTC)) == 2
        assert hours.forget(database, datetime(2025, 1, 31, 23, tzinfo=UTC)) == 0

    with known.owner.connect() as owner:
        for table in ("usage_hour WHERE", "usage_sum WHERE administration = 'min-sante' AND"):
            assert owner.execute(text(f"SELECT count(*) FROM {table} hour < '2025-02-01'")).scalar_one() == 1


def test_cores_of_a_ministry_hour_by_hour_of_a_month_are_one_row_an_hour_from_that_month_s_index_alone(app: App, known: Site):
    """A year of eight projects; the plan is shown rather than a time that depends on who else is at work."""
    with known.owner.begin() as owner:
        owner.execute(text("""SELECT usage_month(m) FROM generate_series('2025-01-01 00:00+00'::timestamptz, '2025-12-01 00:00+00', '1 month') m"""))
        owner.execute(text("""
            INSERT INTO usage_hour SELECT h, 'cotonou', 'p' || p, 'cores', CASE WHEN p < 2 THEN 'min-sante' ELSE 'min-justice' END, 3600 * p, 0
            FROM generate_series('2025-01-01 00:00+00'::timestamptz, '2025-12-31 23:00+00', '1 hour') h, generate_series(0, 7) p"""))
        owner.execute(text("""INSERT INTO usage_coverage SELECT h, 'cotonou', 'compute', 3600, 3600
            FROM generate_series('2025-01-01 00:00+00'::timestamptz, '2025-12-31 23:00+00', '1 hour') h"""))
    with known.owner.connect().execution_options(isolation_level="AUTOCOMMIT") as owner:
        owner.execute(text("VACUUM ANALYZE usage_sum"))
    march, april = datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)

    with app.reading() as session:
        values = {"administration": "min-sante", "region": REGION, "resources": ["cores"], "since": march, "until": april}
        plan = "\n".join(session.connection().execute(text(f"EXPLAIN (ANALYZE, COSTS OFF, BUFFERS) {usage.HOURS}"), values).scalars())

    assert "Index Only Scan using sum_2025_03_" in plan
    assert re.search(r"Index Only Scan .*rows=744(\.00)? ", plan)
    assert "sum_2025_02" not in plan
    assert "Seq Scan" not in plan
    assert "Heap Fetches: 0" in plan
    found = figures(app, since=march, until=april)
    assert (len(found), found[march]) == (31 * 24, (1.0, 1.0))
    assert figures(app, None, march, april)[march] == (float(sum(range(8))), 1.0)

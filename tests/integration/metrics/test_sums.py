"""What hours add up to by administration is what they say project by project, however they were written."""

import random
import threading
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, text
from sqlmodel import Session

from dcctl import migrations
from dcctl.migrations.hours import EVERYBODY
from dcctl.store import Administration
from metrics import hours, store
from tests import postgres
from tests.integration.metrics.site import REGION, Site, project, projects, reading

HOUR = timedelta(hours=1)
TEN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)

_KEPT = "SELECT administration, region, resource, hour, unit_seconds FROM usage_sum WHERE unit_seconds <> 0"
_COUNTED = f"""
    SELECT administration, region, resource, hour, sum(greatest(sampled, recorded))::bigint FROM usage_hour
    WHERE administration IS NOT NULL GROUP BY 1, 2, 3, 4
    UNION ALL SELECT '{EVERYBODY}', region, resource, hour, sum(greatest(sampled, recorded))::bigint FROM usage_hour GROUP BY 1, 2, 3, 4"""


def kept(owner: Engine) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
    """The sums as they are kept, and as they are counted from the hours."""
    with owner.connect() as database:
        found = [{tuple(row) for row in database.execute(text(statement))} for statement in (_KEPT, _COUNTED)]
    return found[0], {row for row in found[1] if row[-1] != 0}


@pytest.mark.parametrize("seed", range(3))
def test_sums_are_those_of_the_hours_after_any_readings_and_records_while_projects_change_hands(site: Site, seed: int):
    """Three projects of two ministries and of nobody; readings, records that grow and fall, a project that becomes the other ministry's."""
    chance = random.Random(seed)
    with Session(site.owner) as session:
        session.add_all(Administration(code=code, name=code, domain_id=f"d-{code}") for code in ("min-sante", "min-plan"))
        session.commit()
    at = TEN
    for _ in range(40):
        at += timedelta(minutes=chance.choice((3, 9, 15)))
        used = {(name, resource): chance.randrange(4) for name in ("0a", "0b", "0c") for resource in ("cores", "instances")}
        with site.collecting() as database:
            found = projects(at, "0a", "0b", "0c")
            whose = ("min-sante", chance.choice(("min-sante", "min-plan", "d-nobody")), "min-plan")
            moved = tuple(project(one.id, domain) for one, domain in zip(found.projects, whose, strict=True))
            store.write_projects(database, "keystone", type(found)(at=at, projects=moved))
            store.write_reading(database, "compute", REGION, reading(at, used))
            if chance.random() < 0.3:
                recorded = {key: 1000 * chance.randrange(4) for key in used}
                hours.record(database, REGION, "compute", TEN + chance.randrange(3) * HOUR, recorded)

    sums, counted = kept(site.owner)

    assert sums == counted
    assert {row[0] for row in sums} == {"min-sante", "min-plan", EVERYBODY}


def test_what_two_collectors_write_at_once_is_summed_up_once(site: Site):
    """Records of the same hours from both, again and again, each with its own figures."""
    with Session(site.owner) as session:
        session.add(Administration(code="min-sante", name="min-sante", domain_id="d-min-sante"))
        session.commit()
    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(TEN, "0a", "0b"))
    failures: list[Exception] = []

    def write(share: int) -> None:
        try:
            for number in range(25):
                with site.collecting() as database:
                    used = {(name, "cores"): share * 100 + number for name in ("0a", "0b")}
                    hours.record(database, REGION, "compute", TEN + number % 3 * HOUR, used)
        except Exception as error:
            failures.append(error)

    both = [threading.Thread(target=write, args=(share,)) for share in (1, 2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)

    assert failures == []
    sums, counted = kept(site.owner)
    assert (sums, len(sums)) == (counted, 2 * 3)


def test_hours_that_were_kept_before_there_were_sums_are_summed_up_by_the_migration(postgresql: postgres.Server):
    dsn = postgresql.database()
    owner = create_engine(postgres.alchemy(dsn))
    for role in ("dcctl_app", "dcctl_collector", "dcctl_exporter", "dcctl_auditor", "dcctl_sealer"):
        with owner.begin() as database:
            migrations._ensure_role(database, role)
    with owner.begin() as database:
        config = migrations._config()
        config.attributes["connection"] = database
        command.upgrade(config, "0015")
        for month in (1, 2):
            database.execute(text(f"""CREATE TABLE usage_months.month_2026_0{month} PARTITION OF usage_hour
                FOR VALUES FROM ('2026-0{month}-01 00:00+00') TO ('2026-0{month + 1}-01 00:00+00')"""))
        database.execute(text("""
            INSERT INTO usage_hour SELECT h, 'cotonou', 'p' || p, 'cores', CASE WHEN p > 0 THEN 'min-sante' END, 3600 * p, 1800 * p * p + 7
            FROM generate_series('2026-01-20 00:00+00'::timestamptz, '2026-02-10 00:00+00', '1 hour') h, generate_series(0, 3) p"""))

    migrations.upgrade(postgres.alchemy(dsn))

    sums, counted = kept(owner)
    assert (sums, len(sums)) == (counted, 2 * (21 * 24 + 1))
    owner.dispose()
    postgresql.drop(dsn)

"""A migrated database with two administrations, an offer and a copy of a catalogue; people as tokens would describe them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from dcctl import migrations
from dcctl.config import Database, Settings
from dcctl.store import Administration, CatalogueItem, Offer
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from quotas import ledger, store
from tests import postgres
from tests.unit.dcctl.test_speccheck import CATALOGUE, OFFERS

ENVELOPE = {"instances": 40, "cores": 80, "ram": 163840, "volumes": 40, "gigabytes": 1000, "gigabytes_ssd": 200,
            "networks": 10, "routers": 10, "floatingips": 20}  # fmt: skip
BOOTSTRAP = ledger.Actor(user_id="operator", user_name="operator", scope="project:asin/exploitation")


def person(name: str, *roles: str, administration: str | None = None) -> Actor:
    return Actor(
        user_id=f"id-{name}", user=name, domain_id="asin", domain="asin", roles=frozenset(roles), scope_kind="domain",
        scope_domain_id=administration, expires_at=datetime.now(UTC) + timedelta(hours=1), administration=administration,
        scope=f"domain:{administration}", audit_id="audit",
    )  # fmt: skip


AGENT = person("sante-agent", "dc_agent", administration="min-sante")
LEAD = person("sante-lead", "dc_lead", administration="min-sante")
JUSTICE_AGENT = person("justice-agent", "dc_agent", administration="min-justice")
JUSTICE_LEAD = person("justice-lead", "dc_lead", administration="min-justice")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    with postgres.server() as server:
        yield server


def migrate(dsn: str) -> None:
    migrations.upgrade(postgres.alchemy(dsn))


@pytest.fixture
def database(postgresql: postgres.Server) -> Iterator[str]:
    """The owner's DSN of a fresh, migrated database."""
    dsn = postgresql.database(migrate, key="migrations")
    yield dsn
    postgresql.drop(dsn)


@pytest.fixture
def app(database: str) -> Iterator[App]:
    made = application(database)
    fill(made)
    yield made
    made.close()


def filled(dsn: str) -> None:
    """A database to be copied: migrated, with what every test has."""
    migrate(dsn)
    app = application(dsn)
    fill(app)
    app.close()


def application(database: str) -> App:
    """The application on a database, whose owner's DSN is given."""
    url = postgres.alchemy(database).replace(postgres.OWNER, "dcctl_app")
    return App(Settings(database=Database(application=url), cloud={"region": "cotonou"}))


def fill(app: App) -> None:
    """Capacity, two administrations with their envelopes, an offer and a catalogue."""
    with app.transaction() as session:
        pool = store.find_holder(session, "pool")
        world = store.find_holder(session, "world")
        session.add(Offer(name="standard", version=1, document=OFFERS[0]["document"]))
        session.add_all([CatalogueItem(cloud_id=f"id-{item['name']}", **item) for item in CATALOGUE])
        declared = {resource: 10 * amount for resource, amount in ENVELOPE.items()}
        act = ledger.Cause(kind=ledger.CauseKind.ACT, reference="A-2026-0001", document="PV 2022-06")
        store.post(session, ledger.declare(world, pool, "cotonou", declared), actor=BOOTSTRAP, cause=act)
    for code in ("min-sante", "min-justice"):
        with app.transaction() as session:
            session.add(Administration(code=code, name=code, domain_id=code))
            pool = store.find_holder(session, "pool")
            holder = store.open_holder(session, ledger.HolderKind.ADMINISTRATION, code, pool)
            store.post(session, ledger.grant(pool, holder, "cotonou", ENVELOPE), actor=BOOTSTRAP, cause=act)


def with_agency(app: App) -> None:
    """anpc below min-sante, which granted it one core."""
    act = ledger.Cause(kind=ledger.CauseKind.ACT, reference="A-2026-0002", document="note")
    with app.transaction() as session:
        session.add(Administration(code="anpc", name="ANPC", parent="min-sante", domain_id="anpc"))
        parent = store.find_holder(session, "min-sante")
        assert parent is not None
        child = store.open_holder(session, ledger.HolderKind.ADMINISTRATION, "anpc", parent)
        store.post(session, ledger.grant(parent, child, "cotonou", {"cores": 1}), actor=AGENT.in_ledger(), cause=act)

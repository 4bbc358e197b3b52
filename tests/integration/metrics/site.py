"""A migrated database in a real PostgreSQL, seen by the roles of the owner, the application, the collector and the exporter."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from dcctl import migrations
from metrics import store
from metrics.facts import Facts
from metrics.readings import Project, Projects, Reading
from quotas.resources import COMPUTE
from tests import postgres

REGION = "cotonou"
NINE = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One database, and an engine for each role as the processes make it."""

    dsn: str
    owner: Engine
    collector: Engine
    exporter: Engine

    def facts(self) -> Facts:
        with self.exporter.connect() as database:
            return store.read_facts(database, REGION)

    def usage(self) -> dict[tuple[str, str], int | None]:
        """(project id, resource) -> what is stored."""
        return {(fact.project_id, fact.resource): fact.usage for fact in self.facts().observations}

    def source(self, name: str) -> tuple[datetime | None, datetime | None, str | None]:
        """Last success, last attempt, last error."""
        with self.owner.connect() as database:
            row = database.execute(text("SELECT last_success_at, last_attempt_at, last_error FROM source WHERE name = :name"), {"name": name}).one()
            return row[0], row[1], row[2]

    @contextmanager
    def collecting(self) -> Iterator[Connection]:
        with self.collector.begin() as database:
            yield database


def project(identifier: str, domain: str = "min-sante") -> Project:
    return Project(id=identifier, name=f"projet {identifier}", domain_id=f"d-{domain}", domain_name=domain)


def projects(at: datetime, *identifiers: str) -> Projects:
    return Projects(at=at, projects=tuple(project(identifier) for identifier in identifiers))


def reading(at: datetime, usage: dict[tuple[str, str], int], service: str = COMPUTE, resources: tuple[str, ...] = ("instances", "cores")) -> Reading:
    return Reading(service_type=service, at=at, resources=resources, usage=usage)


def migrate(dsn: str) -> None:
    migrations.upgrade(postgres.alchemy(dsn))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    with postgres.server() as server:
        yield server


def as_role(dsn: str, role: str) -> str:
    return postgres.alchemy(dsn).replace(f"{postgres.OWNER}@", f"{role}@")


@pytest.fixture
def site(postgresql: postgres.Server) -> Iterator[Site]:
    dsn = postgresql.database(migrate, key="migrations")
    made = Site(
        dsn=dsn,
        owner=create_engine(postgres.alchemy(dsn)),
        collector=store.engine(as_role(dsn, "dcctl_collector"), "dcctl-collector"),
        exporter=store.engine(as_role(dsn, "dcctl_exporter"), "dcctl-exporter", read_only=True),
    )
    yield made
    for engine in (made.owner, made.collector, made.exporter):
        engine.dispose()
    postgresql.drop(dsn)

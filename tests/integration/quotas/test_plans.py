"""No read that people wait for scans the entries: PostgreSQL's own plans say so, with its settings untouched and statistics fresh."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.pool import NullPool

from quotas import store
from quotas.ledger import POOL, HolderKind
from tests.postgres import OWNER, Server, alchemy

from .conftest import APPLICATION, prepare
from .filling import REGION, Filled, fill

ENVIRONMENTS, ENTRIES = 500, 15_000
#: Pages of entries below which a sequential scan would be the right choice.
PAGES_AT_LEAST = 200

READS: dict[str, Callable[[Connection, Filled], object]] = {
    "balance": lambda c, f: store.balances(c, f.administrations[7], REGION),
    "balance of an environment": lambda c, f: store.balances(c, f.environments[70], REGION),
    "list": lambda c, f: store.children(c, f.administrations[7], HolderKind.ENVIRONMENT),
    "history": lambda c, f: store.history(c, f.administrations[7], REGION),
    "a later page of history": lambda c, f: store.history(c, f.administrations[7], REGION, after=9_000),
    "history of an environment": lambda c, f: store.history(c, f.environments[70], REGION),
    "history of the pool": lambda c, f: store.history(c, POOL, REGION),
    "as of": lambda c, f: store.balances(c, f.administrations[7], REGION, as_of=f.middle),
    "as of, an environment": lambda c, f: store.balances(c, f.environments[70], REGION, as_of=f.middle),
    "as of, as it was known then": lambda c, f: store.balances(c, f.administrations[7], REGION, as_of=f.middle, known_at=f.middle),
    "open holds of a reference": lambda c, f: store.open_holds(c, reference="R-2-77"),
}


@pytest.fixture(scope="module")
def filled(postgresql: Server) -> Iterator[tuple[Connection, Filled]]:
    dsn = postgresql.database(prepare)
    url = alchemy(dsn.replace(f"{OWNER}@", f"{APPLICATION}@"))
    with create_engine(url, poolclass=NullPool, connect_args={"options": "-c synchronous_commit=off"}).connect() as connection:
        made = fill(connection, environments=ENVIRONMENTS, entries=ENTRIES)
        with create_engine(alchemy(dsn), poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as owner:
            owner.execute(text("VACUUM ANALYZE"))
        yield connection, made
    postgresql.drop(dsn)


def plans(connection: Connection, read: Callable[[], object]) -> list[dict[str, Any]]:
    """The plan of every statement that a read sends, as it is executed."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    read()
    event.remove(connection, "before_cursor_execute", note)
    connection.rollback()
    asked = [connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one() for statement, parameters in sent]
    return [plan[0]["Plan"] for plan in asked]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def scanned(found: list[dict[str, Any]]) -> set[str]:
    """The tables that are read from their beginning to their end."""
    return {node["Relation Name"] for plan in found for node in nodes(plan) if node["Node Type"] == "Seq Scan"}


@pytest.mark.parametrize("read", READS, ids=str)
def test_a_read_does_not_scan_the_entries(filled: tuple[Connection, Filled], read: str) -> None:
    connection, made = filled
    found = plans(connection, lambda: READS[read](connection, made))
    assert found
    assert scanned(found) & {"entry", "hold"} == set()


@pytest.mark.parametrize("read", ["as of", "as of, an environment"])
def test_balances_of_a_past_day_read_the_index_alone(filled: tuple[Connection, Filled], read: str) -> None:
    """Whatever plan is kept for later: what is not in the index is not in the statement."""
    connection, made = filled
    connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
    found = plans(connection, lambda: READS[read](connection, made))
    of_entries = [node for plan in found for node in nodes(plan) if node.get("Relation Name") == "entry"]
    assert {(node["Node Type"], node["Heap Fetches"]) for node in of_entries} == {("Index Only Scan", 0)}


def test_a_read_without_an_index_would_be_seen(filled: tuple[Connection, Filled]) -> None:
    connection, _ = filled
    pages = connection.execute(text("SELECT relpages FROM pg_class WHERE oid = 'quotas.entry'::regclass")).scalar_one()
    assert pages > PAGES_AT_LEAST
    found = plans(
        connection, lambda: connection.execute(text("SELECT sum(amount) FROM quotas.entry WHERE actor_name = :name"), {"name": "operateur"})
    )
    assert scanned(found) == {"entry"}

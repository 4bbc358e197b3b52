"""Eight processes at the limit, one below and one above it: granted equals the limit exactly. Four wrong ledgers do not pass."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from quotas import store
from quotas.ledger import Balance
from tests.postgres import OWNER, Server, alchemy

from .conftest import APPLICATION, prepare
from .mutants import MUTANTS, NO_CHECK, NOTED, SETUP
from .storm import DEMAND, PROCESSES, REGION, Way, by_the_ledger, overshoots, rage, rounds

#: Envelopes of 16 units, one demand too few, as many, one too many; then many too many. The full size is in tests/chaos.
LIMIT = 2 * PROCESSES
SIZES = [(LIMIT, LIMIT + offset) for offset in (-1, 0, 1, 1, 1, 1)] + [(LIMIT, 4 * LIMIT)] * 2


@pytest.fixture
def database(postgresql: Server) -> Iterator[str]:
    dsn = postgresql.database(prepare)
    yield dsn
    postgresql.drop(dsn)


def storm_on_the_ledger(owner_dsn: str, sizes: list[tuple[int, int]]) -> None:
    """What was told, what is stored and what the entries add up to are the same, and are the limit: by `post()` alone, without the second wall."""
    dsn = owner_dsn.replace(f"{OWNER}@", f"{APPLICATION}@")
    planned = rounds(owner_dsn, APPLICATION, sizes)
    with psycopg.connect(owner_dsn, autocommit=True) as owner:
        owner.execute(NO_CHECK)
    granted = rage(by_the_ledger, dsn, planned)
    assert overshoots(planned, granted) == []
    with create_engine(alchemy(dsn), poolclass=NullPool).connect() as connection:
        for planned_round, number in zip(planned, granted, strict=True):
            expected = Balance(available=planned_round.limit - number, held=number, granted=planned_round.limit)
            assert store.balances(connection, planned_round.holder, REGION) == dict.fromkeys(DEMAND, expected)
        assert store.differences(connection) == []
        assert len(store.open_holds(connection)) == len(DEMAND) * sum(granted)


def storm_on_a_mutant(owner_dsn: str, mutant: Way, sizes: list[tuple[int, int]]) -> list[str]:
    """The rounds that gave it away."""
    planned = rounds(owner_dsn, APPLICATION, sizes)
    with psycopg.connect(owner_dsn, autocommit=True) as owner:
        for statement in SETUP:
            owner.execute(statement.encode())
    granted = rage(mutant, owner_dsn, planned)
    with psycopg.connect(owner_dsn) as owner:
        for planned_round, number in zip(planned, granted, strict=True):
            noted = dict(owner.execute(NOTED, [planned_round.holder.id]).fetchall())
            assert noted == dict.fromkeys(DEMAND, number), "it says what it did: the fault is the overshoot, not a lost note"
    return overshoots(planned, granted)


def test_eight_processes_are_granted_the_limit_exactly(database: str) -> None:
    storm_on_the_ledger(database, SIZES)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_storm_finds_a_wrong_ledger(database: str, mutant: Way) -> None:
    assert storm_on_a_mutant(database, mutant, SIZES)

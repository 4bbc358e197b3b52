"""The ledger at full size: two million steps against a dict, storms of ten thousand demands."""

import os
from collections.abc import Iterator

import pytest

from tests.chaos.seeds import SEED
from tests.integration.quotas.conftest import prepare
from tests.integration.quotas.mutants import MUTANTS
from tests.integration.quotas.storm import Way
from tests.integration.quotas.test_machine import run
from tests.integration.quotas.test_storm import storm_on_a_mutant, storm_on_the_ledger
from tests.postgres import Server, server

STEPS = int(os.environ.get("DCCTL_CHAOS_STEPS", "2000000"))
DEMANDS = int(os.environ.get("DCCTL_CHAOS_DEMANDS", "10000"))
#: Each part has a database of its own, so that none grows until its look-ups are slow.
PARTS = max(1, STEPS // 50000)
SHORT_ROUND = 40


@pytest.fixture(scope="module")
def embedded() -> Iterator[Server]:
    with server() as postgres:
        yield postgres


@pytest.fixture
def database(embedded: Server) -> Iterator[str]:
    dsn = embedded.database(prepare)
    yield dsn
    embedded.drop(dsn)


@pytest.mark.parametrize("part", range(PARTS))
def test_the_ledger_does_what_a_dict_would(database: str, part: int) -> None:
    print(run(database, STEPS // PARTS, SEED + part))


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_ten_thousand_demands_on_one_envelope(database: str, offset: int) -> None:
    """One too few, as many, one too many."""
    storm_on_the_ledger(database, [(DEMANDS - offset, DEMANDS)])


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_ten_thousand_demands_on_many_envelopes(database: str, offset: int) -> None:
    """The last units are contested again and again."""
    storm_on_the_ledger(database, [(SHORT_ROUND, SHORT_ROUND + offset)] * (DEMANDS // SHORT_ROUND))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_ten_thousand_demands_find_a_wrong_ledger(database: str, mutant: Way) -> None:
    found = storm_on_a_mutant(database, mutant, [(SHORT_ROUND, SHORT_ROUND + 1)] * (DEMANDS // SHORT_ROUND))
    print(f"{mutant.__name__}: {len(found)} of {DEMANDS // SHORT_ROUND} rounds granted too much")
    assert found

"""A hundred kill -9 of PostgreSQL under load: nothing acknowledged lost, nothing twice, rules 1 to 3 hold each time."""

import os

import pytest

from tests.chaos.kills import rounds
from tests.chaos.seeds import SEED
from tests.integration.quotas.conftest import APPLICATION, prepare
from tests.postgres import OWNER, server

KILLS = int(os.environ.get("DCCTL_CHAOS_KILLS", "100"))


def test_a_hundred_killed_servers_lose_nothing_and_do_nothing_twice() -> None:
    with server() as postgres:
        with postgres.administration() as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        dsn = postgres.database(prepare).replace(f"{OWNER}@", f"{APPLICATION}@")
        found = rounds(postgres, dsn, kills=KILLS, seed=SEED)
    print(found)
    assert found["stored_entries"] != 0


def test_a_server_that_acknowledges_before_it_has_written_is_found_out() -> None:
    """The same rounds see the loss where there is one."""
    with server(synchronous_commit="off", wal_writer_delay="10s") as postgres:
        dsn = postgres.database(prepare).replace(f"{OWNER}@", f"{APPLICATION}@")
        with pytest.raises(AssertionError, match="acknowledged and lost"):
            rounds(postgres, dsn, kills=10, seed=1)

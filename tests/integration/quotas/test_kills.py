"""kill -9 of PostgreSQL under load: the whole server, its postmaster alone, one backend. A hundred of them are in tests/chaos."""

import random

from tests.chaos.kills import SORTS, rounds
from tests.postgres import OWNER, server

from .conftest import APPLICATION, prepare


def test_what_was_acknowledged_survives_a_killed_server_once() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    with server() as postgres:
        with postgres.administration() as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        dsn = postgres.database(prepare).replace(f"{OWNER}@", f"{APPLICATION}@")
        found = rounds(postgres, dsn, kills=len(SORTS), seed=seed)
    print(found)
    assert found["kills"] == dict.fromkeys(SORTS, 1)
    assert found["cut_off"] != 0, "the server was killed under load"

"""Do reads of the ledger stay as quick while it grows? Two ledgers on one server, read in turn, round by round.

    python -m tests.bench.ledger_scale [--rounds 5] [--reads 200] [--small 10000] [--large 1000000] [--output FILE]

The small one has 1,000 environments, the large one 10,000, ten in each administration. Reads are of holders chosen at random:
- balance: of an administration, now;
- list: an administration's environments with the balance of one of them;
- history: the newest hundred transfers of an administration, and the hundred that follow;
- as of: the balances of an administration, and of an environment, at the moment when half of the entries were there.

Ends with 1 where a p99 at the large size is beyond 1.5 times the small one's (the median of the rounds' ratios).
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, create_engine, text

from quotas import schema, store
from quotas.ledger import HolderKind
from tests.integration.quotas.filling import REGION, Filled, fill
from tests.postgres import alchemy, server

LIMIT = 1.5
SIZES = ("small", "large")


def balance(connection: Connection, filled: Filled, dice: random.Random) -> None:
    assert store.balances(connection, dice.choice(filled.administrations), REGION)


def listing(connection: Connection, filled: Filled, dice: random.Random) -> None:
    environments = store.children(connection, dice.choice(filled.administrations), HolderKind.ENVIRONMENT)
    store.balances(connection, dice.choice(environments), REGION)


def history(connection: Connection, filled: Filled, dice: random.Random) -> None:
    whose = dice.choice(filled.administrations)
    page = store.history(connection, whose, REGION, limit=50)
    store.history(connection, whose, REGION, after=page[-1].id, limit=50)


def as_of(connection: Connection, filled: Filled, dice: random.Random) -> None:
    assert store.balances(connection, dice.choice(filled.administrations), REGION, as_of=filled.middle)


def as_of_environment(connection: Connection, filled: Filled, dice: random.Random) -> None:
    store.balances(connection, dice.choice(filled.environments), REGION, as_of=filled.middle)


READS: Mapping[str, Callable[[Connection, Filled, random.Random], None]] = {
    "balance": balance,
    "list": listing,
    "history": history,
    "as of": as_of,
    "as of, an environment": as_of_environment,
}


def prepare(dsn: str) -> None:
    engine = create_engine(alchemy(dsn))
    with engine.begin() as connection:
        for statement in schema.UPGRADE:
            connection.execute(text(statement))
    engine.dispose()


def measure(connection: Connection, filled: Filled, read: str, reads: int, seed: int) -> dict[str, float]:
    """p50 and p99 in milliseconds; each read is a transaction of its own."""
    dice, latencies = random.Random(seed), []
    for _ in range(reads):
        began = time.perf_counter()
        READS[read](connection, filled, dice)
        connection.commit()
        latencies.append(1000 * (time.perf_counter() - began))
    latencies.sort()
    return {"p50_ms": latencies[len(latencies) // 2], "p99_ms": latencies[int(len(latencies) * 0.99)]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reads", type=int, default=200, help="of each kind in a round, for each size")
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--output", type=Path, default=Path(f"bench-results/ledger_scale-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"))
    options = parser.parse_args()
    rounds: list[dict[str, dict[str, dict[str, float]]]] = []
    with server(synchronous_commit="off", max_wal_size="4GB", shared_buffers="512MB") as postgres:
        connections, filled = {}, {}
        for size, entries, environments in zip(SIZES, (options.small, options.large), (1000, 10000), strict=True):
            dsn, began = postgres.database(prepare), time.monotonic()
            connections[size] = create_engine(alchemy(dsn)).connect()
            filled[size] = fill(connections[size], environments=environments, entries=entries)
            with create_engine(alchemy(dsn), isolation_level="AUTOCOMMIT").connect() as owner:
                owner.execute(text("VACUUM ANALYZE"))
            print(f"{size}: {filled[size].entries} entries of {environments} environments in {time.monotonic() - began:.0f} s", flush=True)
        for number in range(-1, options.rounds):  # the first one warms up
            turn = SIZES if number % 2 else SIZES[::-1]
            found = {read: {size: measure(connections[size], filled[size], read, options.reads, number) for size in turn} for read in READS}
            if number >= 0:
                rounds.append(found)
                print(json.dumps({read: {s: round(found[read][s]["p99_ms"], 2) for s in SIZES} for read in READS}), flush=True)
        for connection in connections.values():
            connection.close()

    ratios = {read: statistics.median(r[read]["large"]["p99_ms"] / r[read]["small"]["p99_ms"] for r in rounds) for read in READS}
    medians = {read: {size: statistics.median(r[read][size]["p50_ms"] for r in rounds) for size in SIZES} for read in READS}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"rounds": rounds, "p99_large_to_small": ratios, "p50_ms": medians}, indent=1) + "\n")
    for read, ratio in ratios.items():
        p50 = medians[read]
        print(f"{read}: p99 {ratio:.2f} times the small size's (p50 {p50['small']:.2f} and {p50['large']:.2f} ms)")
    return 0 if max(ratios.values()) <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())

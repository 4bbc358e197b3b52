"""How fast is a posting, next to the least that does the same rows?

    python -m tests.bench.ledger_post [--seconds 3] [--rounds 5] [--clients 8] [--output FILE]

A posting is the hold of a demand of three resources: six accounts locked and changed, three entries and three holds written. All clients hit one
administration. Four ways, interleaved, on one PostgreSQL with fsync on; each round gives ratios to the reference, the result is their median:

- reference: one data-modifying statement on bare tables, by psycopg, in autocommit: a primary key, a CHECK on the balance, one open hold of a
  reference, and the ledger's columns; ids of accounts are known, nothing is checked, and the hash is 32 bytes that are there already;
- post: `quotas.store.post()` on a connection in autocommit;
- post in a transaction: the same between BEGIN and COMMIT, as a use case does that writes its own rows too;
- orm: SQLModel objects, `with_for_update`, one session a posting.

Ends with 1 when `post` is below 0.8 of the reference or below 5 times the orm, or its p99 is beyond 1.5 times the reference's.
"""

import argparse
import itertools
import json
import multiprocessing as mp
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import BigInteger, create_engine, text
from sqlmodel import Field, Session, SQLModel, select

from quotas import schema, store
from quotas.ledger import POOL, WORLD, Actor, Cause, CauseKind, HolderKind, declare, grant, hold
from tests.postgres import alchemy, server

DEMAND = {"cores": 2, "ram": 4096, "gigabytes": 20}
PLENTY = dict.fromkeys(DEMAND, 10**12)
ACTOR = Actor(user_id="5f1c", user_name="sante-agent", scope="domain:min-sante", audit_id="3KJ9")
MODES = ("reference", "post", "post in a transaction", "orm")

BARE = [
    "CREATE TABLE bare_account (id int PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0)) WITH (fillfactor = 50)",
    """CREATE TABLE bare_hold (id bigserial PRIMARY KEY, reference text, holder_id bigint, region text, resource text, amount bigint, state text,
        expires_at timestamptz, opened_entry bigint)""",
    """CREATE TABLE bare_entry (id bigserial PRIMARY KEY, posting bigint, kind text, debit_account bigint, credit_account bigint, region text,
        resource text, amount bigint, reference text, effective_at timestamptz, recorded_at timestamptz, actor_id text, actor_name text,
        actor_scope text, actor_audit_id text, cause_kind text, cause_reference text, content_hash bytea)""",
    "CREATE UNIQUE INDEX ON bare_hold (reference, holder_id, region, resource) WHERE state = 'open'",
    "INSERT INTO bare_account SELECT n, 1000000000000 FROM generate_series(1, 6) n",
    "ANALYZE bare_account",
]
#: Accounts 1 to 3 are what is available, 4 to 6 what is held.
REFERENCE = """WITH want AS (SELECT * FROM unnest(%(ids)s::int[], %(amounts)s::bigint[]) AS w (id, n)),
    lk AS (SELECT c.id, c.balance, w.n FROM bare_account c JOIN want w USING (id) ORDER BY c.id FOR UPDATE OF c),
    ok AS (SELECT bool_and(balance + n >= 0) AS ok FROM lk),
    u AS (UPDATE bare_account c SET balance = c.balance + lk.n FROM lk, ok WHERE c.id = lk.id AND ok.ok RETURNING 1),
    line AS (SELECT * FROM unnest(%(resources)s::text[], %(asked)s::bigint[], %(debits)s::int[]) AS l (resource, amount, debit)),
    h AS (INSERT INTO bare_hold (reference, holder_id, region, resource, amount, state)
        SELECT %(reference)s, 11, 'cotonou', resource, amount, 'open' FROM line, ok WHERE ok.ok)
    INSERT INTO bare_entry (posting, kind, debit_account, credit_account, region, resource, amount, reference, effective_at, recorded_at,
        actor_id, actor_name, actor_scope, actor_audit_id, cause_kind, cause_reference, content_hash)
    SELECT 1, 'hold', debit, debit + 3, 'cotonou', resource, amount, %(reference)s, clock_timestamp(), clock_timestamp(),
        '5f1c', 'sante-agent', 'domain:min-sante', '3KJ9', 'request', %(reference)s, decode(repeat('5f', 32), 'hex') FROM line, ok WHERE ok.ok"""


class BareAccount(SQLModel, table=True):
    __tablename__ = "bare_account"
    id: int = Field(primary_key=True)
    balance: int = Field(sa_type=BigInteger)


class BareHold(SQLModel, table=True):
    __tablename__ = "bare_hold"
    id: int | None = Field(default=None, primary_key=True)
    reference: str
    holder_id: int
    region: str
    resource: str
    amount: int
    state: str


class BareEntry(SQLModel, table=True):
    __tablename__ = "bare_entry"
    id: int | None = Field(default=None, primary_key=True)
    posting: int
    kind: str
    debit_account: int
    credit_account: int
    region: str
    resource: str
    amount: int
    reference: str
    actor_id: str
    actor_name: str
    actor_scope: str
    actor_audit_id: str
    cause_kind: str
    cause_reference: str
    content_hash: bytes = bytes(32)


Once = Callable[[str], None]


def by_reference(dsn: str) -> Once:
    connection = psycopg.connect(dsn, autocommit=True)
    amounts = list(DEMAND.values())
    fixed = {"ids": [1, 2, 3, 4, 5, 6], "amounts": [-n for n in amounts] + amounts, "resources": list(DEMAND), "asked": amounts, "debits": [1, 2, 3]}

    def once(reference: str) -> None:
        assert connection.execute(REFERENCE, {**fixed, "reference": reference}).rowcount == len(DEMAND)

    return once


def by_post(dsn: str) -> Once:
    connection = create_engine(alchemy(dsn), isolation_level="AUTOCOMMIT").connect()
    sante = store.find_holder(connection, "min-sante")
    assert sante is not None

    def once(reference: str) -> None:
        cause = Cause(kind=CauseKind.REQUEST, reference=reference)
        assert len(store.post(connection, hold(sante, "cotonou", DEMAND, reference), actor=ACTOR, cause=cause).entries) == len(DEMAND)

    return once


def by_transaction(dsn: str) -> Once:
    connection = create_engine(alchemy(dsn)).connect()
    sante = store.find_holder(connection, "min-sante")
    assert sante is not None
    connection.commit()

    def once(reference: str) -> None:
        cause = Cause(kind=CauseKind.REQUEST, reference=reference)
        store.post(connection, hold(sante, "cotonou", DEMAND, reference), actor=ACTOR, cause=cause)
        connection.commit()

    return once


def by_orm(dsn: str) -> Once:
    engine = create_engine(alchemy(dsn), pool_size=1)

    def once(reference: str) -> None:
        with Session(engine) as session:
            accounts = {a.id: a for a in session.exec(select(BareAccount).order_by(BareAccount.id).with_for_update()).all()}  # type: ignore[arg-type]
            for number, (resource, amount) in enumerate(DEMAND.items(), start=1):
                assert accounts[number].balance >= amount
                accounts[number].balance -= amount
                accounts[number + 3].balance += amount
                line: dict[str, Any] = {"region": "cotonou", "resource": resource, "amount": amount, "reference": reference}
                who: dict[str, Any] = {"actor_id": "5f1c", "actor_name": "sante-agent", "actor_scope": "domain:min-sante", "actor_audit_id": "3KJ9"}
                why: dict[str, Any] = {"cause_kind": "request", "cause_reference": reference}
                session.add(BareEntry(posting=1, kind="hold", debit_account=number, credit_account=number + 3, **line, **who, **why))
                session.add(BareHold(holder_id=11, state="open", **line))
            session.commit()

    return once


WAYS: dict[str, Callable[[str], Once]] = dict(zip(MODES, (by_reference, by_post, by_transaction, by_orm), strict=True))


def client(mode: str, dsn: str, seconds: float, barrier: Barrier, results: Any) -> None:
    """One client: warm up, start together, post until the time is over, tell how long each took."""
    once = WAYS[mode](dsn)
    numbers = (f"R-{os.getpid()}-{n}" for n in itertools.count())
    for _ in range(10):
        once(next(numbers))
    barrier.wait()
    latencies = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        once(next(numbers))
        latencies.append(time.perf_counter() - start)
    results.put(latencies)


def measure(mode: str, dsn: str, clients: int, seconds: float) -> dict[str, float]:
    """Postings a second, and latencies in milliseconds, of all clients together."""
    context = mp.get_context("spawn")
    barrier, results = context.Barrier(clients), context.Queue()
    processes = [context.Process(target=client, args=(mode, dsn, seconds, barrier, results)) for _ in range(clients)]
    for process in processes:
        process.start()
    latencies = sorted(itertools.chain.from_iterable(results.get() for _ in processes))
    for process in processes:
        process.join()
    p50, p99 = (latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.99))
    return {"rate": len(latencies) / seconds, "p50_ms": p50, "p99_ms": p99}


def prepare(dsn: str) -> None:
    engine = create_engine(alchemy(dsn))
    with engine.begin() as connection:
        for statement in [*schema.UPGRADE, *BARE]:
            connection.execute(text(statement))
        sante = store.open_holder(connection, HolderKind.ADMINISTRATION, "min-sante", POOL)
        act = Cause(kind=CauseKind.ACT, reference="A-2026-0001")
        moves = declare(WORLD, POOL, "cotonou", PLENTY) + grant(POOL, sante, "cotonou", PLENTY)
        store.post(connection, moves, actor=ACTOR, cause=act)
    engine.dispose()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--output", type=Path, default=Path(f"bench-results/ledger_post-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"))
    options = parser.parse_args()
    rounds: list[dict[str, dict[str, float]]] = []
    with server() as postgres:
        for number in range(options.rounds):
            dsn = postgres.database(prepare)
            turn = [*MODES[number % len(MODES) :], *MODES[: number % len(MODES)]]
            rounds.append({mode: measure(mode, dsn, options.clients, options.seconds) for mode in turn})
            print(json.dumps({mode: {k: round(v, 2) for k, v in rounds[-1][mode].items()} for mode in MODES}), flush=True)
            engine = create_engine(alchemy(dsn))
            with engine.connect() as connection:
                assert store.differences(connection) == []
            engine.dispose()
            postgres.drop(dsn)

    def ratio(figure: str, mode: str, to: str) -> float:
        return statistics.median(r[mode][figure] / r[to][figure] for r in rounds)

    summary = {
        "rate of post to reference": ratio("rate", "post", "reference"),
        "rate of post in a transaction to reference": ratio("rate", "post in a transaction", "reference"),
        "rate of post to orm": ratio("rate", "post", "orm"),
        "p99 of post to reference": ratio("p99_ms", "post", "reference"),
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"clients": options.clients, "seconds": options.seconds, "rounds": rounds, "medians": summary}, indent=1))
    for name, value in summary.items():
        print(f"{name}: {value:.2f}")
    good = summary["rate of post to reference"] >= 0.8 and summary["rate of post to orm"] >= 5 and summary["p99 of post to reference"] <= 1.5
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

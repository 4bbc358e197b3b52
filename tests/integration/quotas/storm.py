"""A storm of demands on one ledger: eight processes take the same envelopes, one unit of each resource at a time, until all have asked.

A round is an envelope of its own that nobody has touched: `limit` units, `asked` demands, which all processes start on together. The ledger's way and
the wrong ways of `mutants` go through the same storm and are judged by the same sentence: granted is `min(limit, asked)`, exactly.
"""

import multiprocessing as mp
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from quotas import store
from quotas.ledger import POOL, WORLD, Actor, Cause, CauseKind, Holder, HolderKind, QuotaExceeded, declare, grant, hold
from tests.postgres import OWNER, alchemy

REGION = "cotonou"
DEMAND = ("cores", "ram", "gigabytes")
PROCESSES = 8
SECONDS_AT_MOST = 1200.0
OPERATOR = Actor(user_id="0a71", user_name="operateur", scope="project:asin/exploitation")
AGENT = Actor(user_id="5f1c", user_name="sante-agent", scope="domain:min-sante")

#: Takes one unit of each resource, named in the order given, from an administration for a reference; says whether it was granted.
Take = Callable[[Holder, Sequence[str], str], bool]
#: Makes a `Take` for one process, with a connection of its own to the database.
Way = Callable[[str], Take]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One envelope and what is asked of it."""

    holder: Holder
    limit: int
    asked: int


def rounds(owner_dsn: str, application: str, sizes: Sequence[tuple[int, int]]) -> list[Round]:
    """Open an administration with an envelope of its own for each (limit, asked)."""
    engine = create_engine(alchemy(owner_dsn.replace(f"{OWNER}@", f"{application}@")), poolclass=NullPool)
    act = Cause(kind=CauseKind.ACT, reference="A-2026-0001")
    with engine.begin() as connection:
        moves = declare(WORLD, POOL, REGION, dict.fromkeys(DEMAND, sum(limit for limit, _ in sizes)))
        made = []
        for number, (limit, asked) in enumerate(sizes):
            holder = store.open_holder(connection, HolderKind.ADMINISTRATION, f"commune-{number}", POOL)
            moves += grant(POOL, holder, REGION, dict.fromkeys(DEMAND, limit))
            made.append(Round(holder=holder, limit=limit, asked=asked))
        store.post(connection, moves, actor=OPERATOR, cause=act)
    return made


def by_the_ledger(dsn: str) -> Take:
    """`quotas.store.post()`, as a use case calls it."""
    connection = create_engine(alchemy(dsn), poolclass=NullPool).connect()

    def take(holder: Holder, resources: Sequence[str], reference: str) -> bool:
        try:
            moves = hold(holder, REGION, dict.fromkeys(resources, 1), reference)
            store.post(connection, moves, actor=AGENT, cause=Cause(kind=CauseKind.REQUEST, reference=reference))
        except QuotaExceeded:
            return False
        finally:
            connection.commit()
        return True

    return take


def process(way: Way, dsn: str, planned: Sequence[Round], number: int, start: Barrier, results: Any) -> None:
    """One of the storm's processes: its share of every round's demands; how many of each round it was granted, or what went wrong."""
    try:
        take = way(dsn)
        # Half of the processes name the resources the other way round: where locks are taken in the caller's order, that is a deadlock.
        resources = DEMAND if number % 2 else DEMAND[::-1]
        granted = []
        for turn, planned_round in enumerate(planned):
            start.wait(SECONDS_AT_MOST)
            mine = range(number, planned_round.asked, PROCESSES)
            granted.append(sum(take(planned_round.holder, resources, f"R-{turn}-{demand}") for demand in mine))
        results.put(granted)
    except BaseException as error:
        start.abort()
        results.put(f"process {number}: {type(error).__name__}: {error}")
        raise


def rage(way: Way, dsn: str, planned: Sequence[Round]) -> list[int]:
    """Let the storm go; how many demands of each round were granted, by what the processes were told."""
    context = mp.get_context("forkserver")
    context.set_forkserver_preload([__name__, "psycopg"])
    start, results = context.Barrier(PROCESSES), context.Queue()
    processes = [context.Process(target=process, args=(way, dsn, planned, number, start, results)) for number in range(PROCESSES)]
    for one in processes:
        one.start()
    told = [results.get(timeout=SECONDS_AT_MOST) for _ in processes]
    for one in processes:
        one.join()
    wrong = sorted(answer for answer in told if isinstance(answer, str))
    assert not wrong, "; ".join(wrong)
    return [sum(answer[turn] for answer in told) for turn in range(len(planned))]


def overshoots(planned: Sequence[Round], granted: Sequence[int]) -> list[str]:
    """The rounds in which what was granted is not what was there or what was asked, whichever is less."""
    return [
        f"{r.holder.name}: limit {r.limit}, asked {r.asked}, granted {n}" for r, n in zip(planned, granted, strict=True) if n != min(r.limit, r.asked)
    ]

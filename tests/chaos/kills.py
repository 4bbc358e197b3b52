"""kill -9 of PostgreSQL under load, and what must be true of the ledger each time it is back.

Writers post without pause on connections of their own; each notes what it was told, and what it has sent without being told. Then the whole server is
killed, or its postmaster alone, or one backend (which makes the postmaster restart all the others), and started again on the same data.
After a kill a writer does what a client does that was cut off: it looks whether its posting is there, and goes on from that.
"""

import itertools
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from quotas import store
from quotas.ledger import POOL, WORLD, Actor, Cause, CauseKind, Holder, HolderKind, Kind, Move, declare, free, grant, hold
from tests.postgres import Server, alchemy, die_with_parent

REGION = "cotonou"
WRITERS = 4
DEMAND = {"cores": 2, "ram": 4096, "gigabytes": 20}
PLENTY = dict.fromkeys(DEMAND, 2**50)
ACTOR = Actor(user_id="5f1c", user_name="sante-agent", scope="domain:min-sante")
#: Postings between two kills, at least.
BUSY = 8
SORTS = ("all", "postmaster", "backend")
PATIENCE_SECONDS = 120.0


@dataclass
class Told:
    """What the writers were told: kinds by entry id; and how often they were cut off with a posting on its way."""

    entries: dict[int, tuple[str, str]] = field(default_factory=dict)
    in_doubt: int = 0
    found_after_doubt: int = 0
    references: set[str] = field(default_factory=set)


@dataclass
class Writer:
    """One client that takes and gives back, reference by reference, and never posts the same thing twice."""

    dsn: str
    name: str
    holder: Holder
    environment: Holder
    told: Told = field(default_factory=Told)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    steps: list[tuple[Kind, str]] = field(default_factory=list)
    cut_off: bool = False

    def run(self, stop: threading.Event) -> None:
        """Post until `stop`, or until the connection breaks."""
        try:
            with create_engine(alchemy(self.dsn), poolclass=NullPool).connect() as connection:
                while not stop.is_set():
                    self.once(connection)
        except DBAPIError:
            pass

    def once(self, connection: Connection) -> None:
        """The next transfer of the story: hold, then release, or allocate and free."""
        if not self.steps:
            number = next(self.numbers)
            reference = f"R-{self.name}-{number}"
            self.steps = [(kind, reference) for kind in ((Kind.HOLD, Kind.ALLOCATE, Kind.FREE) if number % 3 else (Kind.HOLD, Kind.RELEASE))]
        kind, reference = self.steps[0]
        entries = self.posted(connection, kind, reference) if self.cut_off else ()
        if self.cut_off:
            self.told.found_after_doubt += bool(entries)
            self.cut_off = False
        if not entries:
            self.cut_off = True
            self.told.in_doubt += 1
            cause = Cause(kind=CauseKind.REQUEST, reference=reference)
            entries = store.post(connection, self.moves(kind, reference), actor=ACTOR, cause=cause).entries
            connection.commit()
            self.cut_off = False
            self.told.in_doubt -= 1
        self.told.references.add(reference)
        self.told.entries |= {entry: (str(kind), reference) for entry in entries}
        self.steps.pop(0)

    def moves(self, kind: Kind, reference: str) -> list[Move]:
        match kind:
            case Kind.HOLD:
                return hold(self.holder, REGION, DEMAND, reference)
            case Kind.FREE:
                return free(self.environment, self.holder, REGION, DEMAND)
            case _:
                beneficiary = self.environment if kind is Kind.ALLOCATE else self.holder
                return [
                    Move(kind=kind, payer=self.holder.id, beneficiary=beneficiary.id, region=REGION, resource=r, amount=n, reference=reference)
                    for r, n in DEMAND.items()
                ]

    def posted(self, connection: Connection, kind: Kind, reference: str) -> tuple[int, ...]:
        """The entries of a posting of which nothing was heard: all of it or none."""
        found = store.history(connection, self.holder, limit=1000 * len(DEMAND))
        connection.commit()
        mine = tuple(sorted(entry.id for entry in found if entry.kind is kind and entry.cause.reference == reference))
        assert len(mine) in (0, len(DEMAND)), f"half of a posting is there: {kind} {reference} {mine}"
        return mine


def writers(application_dsn: str) -> list[Writer]:
    """Four writers; two and two share an administration, so that they wait for each other's rows."""
    with create_engine(alchemy(application_dsn), poolclass=NullPool).begin() as connection:
        act = Cause(kind=CauseKind.ACT, reference="A-2026-0001")
        store.post(connection, declare(WORLD, POOL, REGION, PLENTY), actor=ACTOR, cause=act)
        made, grants = [], []
        for code in ("min-sante", "min-justice"):
            holder = store.open_holder(connection, HolderKind.ADMINISTRATION, code, POOL)
            grants += grant(POOL, holder, REGION, dict.fromkeys(DEMAND, 2**40))
            for number in range(WRITERS // 2):
                environment = store.open_holder(connection, HolderKind.ENVIRONMENT, f"plateforme-{number}", holder)
                made.append(Writer(dsn=application_dsn, name=f"{code}-{number}", holder=holder, environment=environment))
        store.post(connection, grants, actor=ACTOR, cause=act)
    return made


def children(pid: int) -> list[int]:
    """The server's processes below its postmaster."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill(server: Server, dsn: str, sort: str, dice: random.Random) -> None:
    """kill -9; return when nothing of the old server runs any more, or, for a backend, when the postmaster has begun anew."""
    if sort == "backend":
        kill_a_backend(dsn, dice)
        return
    postmaster = server.process.pid
    below = children(postmaster)
    for pid in [postmaster, *below] if sort == "all" else [postmaster]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait(PATIENCE_SECONDS)
    until_gone(below)


def kill_a_backend(dsn: str, dice: random.Random) -> None:
    """Kill one writer's backend; the postmaster then ends all others, this watcher's too."""
    with psycopg.connect(dsn, autocommit=True) as watcher:
        own = "SELECT pid FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid() ORDER BY pid"
        os.kill(dice.choice([pid for (pid,) in watcher.execute(own).fetchall()]), signal.SIGKILL)
        end = time.monotonic() + PATIENCE_SECONDS
        with suppress(psycopg.OperationalError):
            while time.monotonic() < end:
                watcher.execute("SELECT 1")
                time.sleep(0.01)
            raise AssertionError("the server did not notice that a backend was killed")


def until_busy(clients: Sequence[Writer]) -> None:
    """Return once so many postings were acknowledged since the last kill that this one comes under load."""
    before, end = sum(len(client.told.entries) for client in clients), time.monotonic() + PATIENCE_SECONDS
    while sum(len(client.told.entries) for client in clients) < before + BUSY * len(DEMAND):
        assert time.monotonic() < end, "the writers do not post"
        time.sleep(0.01)


def until_gone(pids: Sequence[int]) -> None:
    """Orphans of a postmaster end by themselves, at the latest when they next wait for something."""
    end = time.monotonic() + PATIENCE_SECONDS
    while any(Path(f"/proc/{pid}/exe").exists() for pid in pids):
        assert time.monotonic() < end, "processes of the killed server are still there"
        time.sleep(0.02)


def start_again(server: Server, dsn: str) -> float:
    """Start the killed server on its data, as it was started; the seconds until it answers."""
    began = time.monotonic()
    while time.monotonic() < began + PATIENCE_SECONDS:
        if server.process.poll() is not None:  # also where the old server's shared memory was still in use a moment ago
            with (server.directory / "log").open("ab") as output:
                server.process = subprocess.Popen(
                    server.process.args,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    user="nobody" if os.geteuid() == 0 else None,
                    cwd="/",
                    start_new_session=True,
                    preexec_fn=die_with_parent,
                )
        with suppress(psycopg.OperationalError):
            psycopg.connect(dsn).close()
            return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"PostgreSQL did not start again: {(server.directory / 'log').read_text(errors='replace')[-2000:]}")


#: Rules 1 to 3, each as a question whose answer must be empty. They are asked of the tables, not of `quotas.store`.
BROKEN_RULES = {
    "1: balances are what their entries add up to": """
        SELECT a.id, a.balance FROM quotas.account a WHERE a.balance <> (SELECT coalesce(sum(amount), 0) FROM (
            SELECT amount FROM quotas.entry WHERE credit_account = a.id UNION ALL SELECT -amount FROM quotas.entry WHERE debit_account = a.id) t)""",
    "1: nothing comes from nowhere": "SELECT resource, sum(balance) FROM quotas.account GROUP BY region, resource HAVING sum(balance) <> 0",
    "2: no balance below zero": "SELECT id, balance FROM quotas.account WHERE balance < 0 AND holder_kind <> 'world'",
    "3: a hold is made once": """
        SELECT reference, resource, count(*) FROM quotas.entry WHERE kind = 'hold' GROUP BY reference, resource HAVING count(*) <> 1""",
    "3: a hold ends once": """
        SELECT reference, resource, count(*) FROM quotas.entry WHERE kind IN ('allocate', 'release', 'expire')
        GROUP BY reference, resource HAVING count(*) <> 1""",
    "3: a hold is open until its end, and has that end": """
        SELECT h.opened_entry, h.state, e.kind FROM quotas.hold h
        LEFT JOIN quotas.entry e ON e.reference = h.reference AND e.resource = h.resource AND e.kind <> 'hold'
        WHERE h.closed_entry IS DISTINCT FROM e.id
            OR h.state <> CASE e.kind WHEN 'allocate' THEN 'consumed' WHEN 'release' THEN 'released' WHEN 'expire' THEN 'expired' ELSE 'open' END""",
    "3: every hold has its entry": """
        SELECT e.id, h.opened_entry FROM (SELECT * FROM quotas.entry WHERE kind = 'hold') e FULL JOIN quotas.hold h ON h.opened_entry = e.id
        WHERE e.id IS NULL OR h.opened_entry IS NULL OR (e.amount, e.reference) <> (h.amount, h.reference)""",
    "postings are whole": "SELECT posting FROM quotas.entry WHERE cause_kind = 'request' GROUP BY posting HAVING count(*) <> 3",
}


def judge(dsn: str, clients: Sequence[Writer]) -> int:
    """See that nothing that was told is lost, nothing is there twice, and the rules hold; return the number of entries."""
    told = {entry: what for client in clients for entry, what in client.told.entries.items()}
    assert len(told) == sum(len(client.told.entries) for client in clients), "an entry's number was given twice"
    with psycopg.connect(dsn) as connection:
        stored = {
            row[0]: (row[1], row[2]) for row in connection.execute("SELECT id, kind, cause_reference FROM quotas.entry WHERE cause_kind = 'request'")
        }
        lost = {entry: what for entry, what in told.items() if stored.get(entry) != what}
        assert not lost, f"acknowledged and lost: {lost}"
        unknown = Counter(what for entry, what in stored.items() if entry not in told)
        on_their_way = {(str(c.steps[0][0]), c.steps[0][1]): len(DEMAND) for c in clients if c.steps and c.cut_off}
        assert unknown.items() <= on_their_way.items(), f"written and never asked for, or twice: {unknown - Counter(on_their_way)}"
        twice = {what: n for what, n in Counter(stored.values()).items() if n != len(DEMAND)}
        assert not twice, f"not once: {twice}"
        for rule, question in BROKEN_RULES.items():
            assert connection.execute(question.encode()).fetchall() == [], rule
        return len(stored)


def rounds(server: Server, application_dsn: str, *, kills: int, seed: int, seconds: tuple[float, float] = (0.0, 0.6)) -> dict[str, object]:
    """Kill and look, again and again; the figures of all of it. The same seed kills in the same sorts after the same times."""
    dice = random.Random(seed)
    clients = writers(application_dsn)
    sorts: Counter[str] = Counter()
    restarts, entries = [], 0
    for turn in range(kills):
        stop = threading.Event()
        threads = [threading.Thread(target=client.run, args=(stop,)) for client in clients]
        for thread in threads:
            thread.start()
        until_busy(clients)
        time.sleep(dice.uniform(*seconds))
        sort = SORTS[turn % len(SORTS)]
        sorts[sort] += 1
        kill(server, application_dsn, sort, dice)
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "a writer waits for a server that is dead"
        restarts.append(start_again(server, application_dsn))
        found = judge(application_dsn, clients)
        assert found >= entries + BUSY * len(DEMAND), "nothing was posted between two kills, so nothing was shown"
        entries = found
    return {
        "kills": dict(sorts),
        "acknowledged_entries": sum(len(client.told.entries) for client in clients),
        "stored_entries": entries,
        "cut_off": sum(client.told.in_doubt for client in clients),
        "cut_off_and_there": sum(client.told.found_after_doubt for client in clients),
        "restart_seconds_median": round(sorted(restarts)[len(restarts) // 2], 2),
        "restart_seconds_most": round(max(restarts), 2),
    }

"""A ledger of its own for each test: fresh database, the application's role, a pool, two ministries."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from quotas import schema, store
from quotas.ledger import (
    POOL,
    WORLD,
    Actor,
    Balance,
    Cause,
    CauseKind,
    Holder,
    HolderKind,
    Kind,
    Move,
    allocate,
    declare,
    grant,
    hold,
    revoke,
)
from tests.postgres import Server, alchemy

APPLICATION = "ledger_application"
READER = "ledger_reader"
REGION = "cotonou"

OPERATOR = Actor(user_id="0a71", user_name="operateur", scope="project:asin/exploitation", audit_id="Zk3-Qw")
AGENT = Actor(user_id="5f1c", user_name="sante-agent", scope="domain:min-sante", audit_id="3KJ9-aa")
ACT = Cause(kind=CauseKind.ACT, reference="A-2026-0001", document="Arrêté 2026-12 du 3 janvier 2026")
REQUEST = Cause(kind=CauseKind.REQUEST, reference="R-2026-0042")
EXPIRY = Cause(kind=CauseKind.EXPIRY, reference="R-2026-0042")
CORRECTION = Cause(kind=CauseKind.CORRECTION, reference="erreur de saisie")


def prepare(dsn: str) -> None:
    """The ledger's migration with two roles beside the owner's: the application's and a reader's."""
    engine = create_engine(alchemy(dsn), poolclass=NullPool)
    with engine.begin() as connection:
        for statement in schema.UPGRADE:
            connection.execute(text(statement))
        for role in (APPLICATION, READER):
            if connection.execute(text("SELECT FROM pg_roles WHERE rolname = :role"), {"role": role}).first() is None:
                connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        for statement in schema.grants(APPLICATION, [READER]):
            connection.execute(text(statement))


_RUN_OUT = """
    UPDATE quotas.hold SET expires_at = clock_timestamp() - interval '1 second'
    WHERE reference = %s AND state = 'open' AND expires_at IS NOT NULL"""


@dataclass
class Ledger:
    """A ledger with 100 cores, 64 GiB and 1000 GiB declared; min-sante has 40 cores, 16 GiB and 500 GiB, min-justice 20 cores and 8 GiB.

    With `commits` off everything happens in one transaction, which the test's end rolls back.
    """

    owner_dsn: str
    commits: bool
    application: str = APPLICATION
    opened: list[Connection] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = self.connect()
        self.sante = self.administration("min-sante")
        self.justice = self.administration("min-justice")
        self.dossier = self.environment(self.sante, "dossier-patient")
        self.act(declare(WORLD, POOL, REGION, {"cores": 100, "ram": 65536, "gigabytes": 1000}))
        self.act(grant(POOL, self.sante, REGION, {"cores": 40, "ram": 16384, "gigabytes": 500}))
        self.act(grant(POOL, self.justice, REGION, {"cores": 20, "ram": 8192}))

    def dsn(self, user: str | None = None) -> str:
        return self.owner_dsn.replace("dcctl_owner@", f"{user or self.application}@")

    def connect(self, user: str | None = None) -> Connection:
        """A connection of its own, as one of the roles; closed with the test."""
        self.opened.append(create_engine(alchemy(self.dsn(user)), poolclass=NullPool).connect())
        return self.opened[-1]

    def commit(self) -> None:
        if self.commits:
            self.connection.commit()

    def administration(self, code: str, parent: Holder = POOL) -> Holder:
        found = store.open_holder(self.connection, HolderKind.ADMINISTRATION, code, parent)
        self.commit()
        return found

    def environment(self, administration: Holder, code: str) -> Holder:
        found = store.open_holder(self.connection, HolderKind.ENVIRONMENT, code, administration)
        self.commit()
        return found

    def post(self, moves: list[Move], cause: Cause = REQUEST, actor: Actor = AGENT, effective_at: datetime | None = None) -> store.Posting:
        posting = store.post(self.connection, moves, actor=actor, cause=cause, effective_at=effective_at)
        self.commit()
        return posting

    def act(self, moves: list[Move], effective_at: datetime | None = None) -> store.Posting:
        return self.post(moves, ACT, OPERATOR, effective_at)

    def give(self, holder: Holder, **amounts: int) -> store.Posting:
        return self.act(grant(POOL, holder, REGION, amounts))

    def take(self, holder: Holder, **amounts: int) -> store.Posting:
        return self.act(revoke(holder, POOL, REGION, amounts))

    def hold(self, demand: Mapping[str, int], reference: str = "R-2026-0042", seconds: float | None = None) -> store.Posting:
        until = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
        return self.post(hold(self.sante, REGION, demand, reference, until))

    def run_out(self, reference: str = "R-2026-0042") -> None:
        """The time of a reference's open holds passes, as its owner writes into the table; only what is committed can be seen by the owner."""
        assert self.commits
        with psycopg.connect(self.owner_dsn) as owner:
            moved = owner.execute(_RUN_OUT, [reference]).rowcount
        assert moved, f"{reference} has no open hold with an end"

    def end(self, kind: Kind, reference: str = "R-2026-0042") -> store.Posting:
        moves = store.ending(kind, store.open_holds(self.connection, reference=reference), self.dossier if kind is Kind.ALLOCATE else None)
        return self.post(moves, EXPIRY if kind is Kind.EXPIRE else REQUEST)

    def allocate(self, demand: Mapping[str, int], reference: str = "R-2026-0042") -> store.Posting:
        self.hold(demand, reference)
        return self.post(allocate(self.sante, self.dossier, REGION, demand, reference))

    def balance(self, holder: Holder, resource: str = "cores", as_of: datetime | None = None) -> Balance:
        found = store.balances(self.connection, holder, as_of=as_of).get(resource, Balance())
        self.commit()
        return found

    def differences(self) -> list[store.Difference]:
        found = store.differences(self.connection)
        self.commit()
        return found

    def close(self) -> None:
        for connection in self.opened:
            connection.close()


@pytest.fixture(scope="session")
def empty_ledger(postgresql: Server) -> str:
    """The owner's DSN of a ledger in which nothing is ever committed."""
    return postgresql.database(prepare)


@pytest.fixture
def ledger(empty_ledger: str) -> Iterator[Ledger]:
    """A ledger whose transaction is rolled back."""
    made = Ledger(empty_ledger, commits=False)
    try:
        yield made
        assert made.differences() == []
    finally:
        made.close()


@pytest.fixture
def shared_ledger(postgresql: Server) -> Iterator[Ledger]:
    """A ledger in a database of its own, for several connections at once."""
    made = Ledger(postgresql.database(prepare), commits=True)
    try:
        yield made
        made.connection.rollback()
        assert made.differences() == []
    finally:
        made.close()

"""A ledger of its own for each test: fresh database, the application's role, a pool, two ministries."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Connection, Engine, create_engine, text
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


@dataclass
class Ledger:
    """A ledger with 100 cores, 64 GiB and 1000 GiB declared; min-sante has 40 cores, 16 GiB and 500 GiB, min-justice 20 cores and 8 GiB."""

    owner_dsn: str
    engines: list[Engine] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = self.connect()
        self.sante = self.administration("min-sante")
        self.justice = self.administration("min-justice")
        self.dossier = self.environment(self.sante, "dossier-patient")
        self.act(declare(WORLD, POOL, REGION, {"cores": 100, "ram": 65536, "gigabytes": 1000}))
        self.act(grant(POOL, self.sante, REGION, {"cores": 40, "ram": 16384, "gigabytes": 500}))
        self.act(grant(POOL, self.justice, REGION, {"cores": 20, "ram": 8192}))

    def dsn(self, user: str = APPLICATION) -> str:
        return psycopg.conninfo.make_conninfo(self.owner_dsn, user=user)

    def connect(self, user: str = APPLICATION) -> Connection:
        """A connection of its own, as one of the roles; closed with the test."""
        url = alchemy(self.owner_dsn).replace("dcctl_owner@", f"{user}@")
        self.engines.append(create_engine(url, poolclass=NullPool))
        return self.engines[-1].connect()

    @contextmanager
    def connected(self, user: str = APPLICATION) -> Iterator[Connection]:
        with self.connect(user) as connection:
            yield connection

    def administration(self, code: str, parent: Holder = POOL) -> Holder:
        found = store.open_holder(self.connection, HolderKind.ADMINISTRATION, code, parent)
        self.connection.commit()
        return found

    def environment(self, administration: Holder, code: str) -> Holder:
        found = store.open_holder(self.connection, HolderKind.ENVIRONMENT, code, administration)
        self.connection.commit()
        return found

    def post(self, moves: list[Move], cause: Cause = REQUEST, actor: Actor = AGENT, effective_at: datetime | None = None) -> store.Posting:
        posting = store.post(self.connection, moves, actor=actor, cause=cause, effective_at=effective_at)
        self.connection.commit()
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

    def end(self, kind: Kind, reference: str = "R-2026-0042") -> store.Posting:
        moves = store.ending(kind, store.open_holds(self.connection, reference=reference), self.dossier if kind is Kind.ALLOCATE else None)
        return self.post(moves, EXPIRY if kind is Kind.EXPIRE else REQUEST)

    def allocate(self, demand: Mapping[str, int], reference: str = "R-2026-0042") -> store.Posting:
        self.hold(demand, reference)
        return self.post(allocate(self.sante, self.dossier, REGION, demand, reference))

    def balance(self, holder: Holder, resource: str = "cores", **when: datetime) -> Balance:
        found = store.balances(self.connection, holder, **when).get(resource, Balance())
        self.connection.commit()
        return found

    def differences(self) -> list[store.Difference]:
        found = store.differences(self.connection)
        self.connection.commit()
        return found

    def close(self) -> None:
        self.connection.close()
        for engine in self.engines:
            engine.dispose()


@pytest.fixture
def ledger(postgresql: Server) -> Iterator[Ledger]:
    dsn = postgresql.database(prepare)
    made = Ledger(dsn)
    try:
        yield made
        assert made.differences() == []
    finally:
        made.close()
        postgresql.drop(dsn)

"""Sealing, checkpoints and the export in PostgreSQL; what is exported is proved by `quotas.chain`, which needs no database. The ledger is one chain;
another one (`Chain`) is read, sealed and exported in the same way.

As in `quotas.store`, every function takes the caller's connection or session and commits nothing.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from quotas import chain
from quotas.chain import Checkpoint, Form
from quotas.content import ACCOUNTS, COLUMNS, TAB, account_line, field, hashed, line
from quotas.schema import sealing
from quotas.schema.sealing import Sealed
from quotas.store import Database

#: Rows that the database sends at once while an export is read.
FETCHED = 2000

_BALANCES = f"SELECT concat_ws({TAB}, 'B', a.id, a.balance) FROM quotas.account a ORDER BY a.id"
#: Whose an account is, with its hash, of the alias l.
_OWNED = f"l.line, encode({hashed('l.line')}, 'hex')"
_BOUND = f"""(SELECT concat_ws({TAB}, 'A', s.position, {_OWNED}, encode(s.chain_hash, 'hex'))
    FROM (SELECT {account_line()} AS line FROM {ACCOUNTS} WHERE a.id = -s.entry_id) l)"""
_UNBOUND = f"""SELECT concat_ws({TAB}, 'N', {_OWNED}) FROM (
    SELECT a.id, {account_line()} AS line FROM {ACCOUNTS} WHERE NOT EXISTS (SELECT FROM quotas.seal s WHERE s.entry_id = -a.id)) l ORDER BY l.id"""
_HOLDS = f"""SELECT concat_ws({TAB}, 'H', {field("reference", "o.reference")}, coalesce(a.id, 0), o.amount)
    FROM quotas.hold o LEFT JOIN quotas.account a ON (a.holder_id, a.region, a.resource, a.place) = (o.holder_id, o.region, o.resource, 'held')
    WHERE o.state = 'open' ORDER BY o.opened_entry"""

@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """How far the chain goes and since when, and since when the oldest entry waits that is not in it; None: all are."""

    position: int
    sealed_at: datetime | None
    oldest_recorded_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chain in the database.

    Attributes:
        line: the SQL of a row's line, of the alias e.
        bound: the SQL of the whole line of a link that is no row's, of the alias s.
    """

    sealed: Sealed
    line: str
    form: Form
    bound: str = "NULL"

    def seal(self, database: Database) -> int:
        """Chain what is committed and not chained yet, a batch of it; return how many rows. Only the sealer's role may."""
        sealed: int = _bare(database).exec_driver_sql(f"SELECT {self.sealed.schema}.seal()").scalar_one()
        return sealed

    def link(self, database: Database, position: int) -> bytes | None:
        """The chain's hash at a position; None where it does not go so far."""
        statement = f"SELECT s.chain_hash FROM {self.sealed.schema}.seal s WHERE s.position = :position"
        found = _bare(database).execute(text(statement), {"position": position}).scalar()
        return None if found is None else bytes(found)

    def links(self, database: Database, after: int, most: int) -> Iterator[bytes]:
        """Lines of the links after a position, in order, as in an export; at most so many."""
        return streamed(database, f"{self._links} WHERE s.position > {int(after)} ORDER BY s.position LIMIT {int(most)}")

    def head(self, database: Database, at: datetime, *, view: str = "") -> Checkpoint | None:
        """What a checkpoint made now would say; None while nothing is sealed. `view` is one of the seals."""
        statement = f"SELECT s.position, s.chain_hash FROM {view or f'{self.sealed.schema}.seal'} s ORDER BY s.position DESC LIMIT 1"
        row = _bare(database).execute(text(statement)).one_or_none()
        return None if row is None else Checkpoint(position=row[0], chain_hash=bytes(row[1]), signed_at=micros(at), of=self.form.name)

    def record(self, database: Database, made: Checkpoint, public_key: bytes, signature: bytes) -> bool:
        """Keep a signed checkpoint beside the chain; False where the chain does not have this hash there. Only the auditor's role may."""
        at = datetime.fromtimestamp(made.signed_at // 10**6, UTC).replace(microsecond=made.signed_at % 10**6)
        values = (made.position, made.chain_hash, at, public_key, signature)
        statement = f"SELECT {self.sealed.schema}.record_checkpoint(%s, %s, %s, %s, %s)"
        return "faults" not in _bare(database).exec_driver_sql(statement, values).scalar_one()

    def checkpoints(self, database: Database) -> Iterator[bytes]:
        """Lines of the recorded checkpoints."""
        return streamed(
            database,
            f"""SELECT concat_ws({TAB}, 'C', c.position, encode(c.chain_hash, 'hex'), {field("recorded_at", "c.signed_at")},
            encode(c.public_key, 'hex'), encode(c.signature, 'hex')) FROM {self.sealed.schema}.checkpoint c ORDER BY c.position, c.public_key""",
        )

    def sealed_rows(self, database: Database) -> Iterator[bytes]:
        """Lines of the links, by position."""
        return streamed(database, f"{self._links} ORDER BY s.position")

    def waiting_rows(self, database: Database) -> Iterator[bytes]:
        """Lines of the rows that are not sealed yet, by id."""
        return streamed(
            database,
            f"""SELECT concat_ws({TAB}, 'U', {self.line}, encode(e.content_hash, 'hex')) FROM {self._table} e
            WHERE NOT EXISTS (SELECT FROM {self.sealed.schema}.seal s WHERE s.entry_id = e.id) ORDER BY e.id""",
        )

    def export(self, database: Database) -> Iterator[bytes]:
        """The lines of a whole export of a chain that is no ledger. The caller's transaction sees one moment (REPEATABLE READ)."""
        checkpoints = rows = 0
        yield self.form.first + b"\n"
        for checkpoints, told in enumerate(self.checkpoints(database), start=1):  # noqa: B007 - the count is what is left
            yield told
        for told in itertools.chain(self.sealed_rows(database), self.waiting_rows(database)):
            rows += told[:1] != b"M"
            yield told
        yield f"Z\t{checkpoints}\t{rows}\n".encode()

    @property
    def _table(self) -> str:
        return f"{self.sealed.schema}.{self.sealed.table}"

    @property
    def _links(self) -> str:
        return f"""SELECT CASE WHEN e.id IS NULL THEN coalesce({self.bound}, concat_ws({TAB}, 'M', s.position, s.entry_id))
            ELSE concat_ws({TAB}, 'E', s.position, {self.line}, encode(e.content_hash, 'hex'), encode(s.chain_hash, 'hex')) END
            FROM {self.sealed.schema}.seal s LEFT JOIN {self._table} e ON e.id = s.entry_id"""


LEDGER = Chain(sealed=sealing.LEDGER, line=line({name: f"e.{name}" for name in COLUMNS}), form=chain.LEDGER, bound=_BOUND)
seal, link, links, head, record = LEDGER.seal, LEDGER.link, LEDGER.links, LEDGER.head, LEDGER.record


#: When the ledger's entries were recorded that are not sealed yet.
UNSEALED = sealing.LEDGER.unsealed("recorded_at")


def unsealed(database: Database, *, seals: str = "quotas.seal", entries: str = f"({UNSEALED})") -> Unsealed:
    """How far the ledger's chain goes; `seals` and `entries` are views of the seals and of what is not sealed yet, of another chain say."""
    statement = f"""SELECT coalesce((SELECT max(s.position) FROM {seals} s), 0),
        (SELECT s.sealed_at FROM {seals} s ORDER BY s.position DESC LIMIT 1), (SELECT min(e.recorded_at) FROM {entries} e)"""
    position, sealed_at, oldest = _bare(database).execute(text(statement)).one()
    return Unsealed(position=position, sealed_at=sealed_at, oldest_recorded_at=oldest)


def export(database: Database, at: datetime) -> Iterator[bytes]:
    """The lines of an export of the ledger, as `quotas.chain` describes them, without holding more than a few thousand.

    The caller's transaction sees one moment (REPEATABLE READ): balances and entries belong together.
    """
    accounts = entries = 0
    yield LEDGER.form.first + str(micros(at)).encode() + b"\n"
    for accounts, told in enumerate(streamed(database, _BALANCES), start=1):  # noqa: B007 - the count is what is left
        yield told
    yield from LEDGER.checkpoints(database)
    for told in LEDGER.sealed_rows(database):
        entries += told[:1] == b"E"
        yield told
    yield from streamed(database, _UNBOUND)
    for told in LEDGER.waiting_rows(database):
        entries += 1
        yield told
    yield from streamed(database, _HOLDS)
    yield f"Z\t{accounts}\t{entries}\n".encode()


def streamed(database: Database, statement: str) -> Iterator[bytes]:
    """The lines that a statement of one column gives, fetched some thousands at a time."""
    # Closed with the generator: who has seen enough does not read to the end.
    with _bare(database).execute(text(statement).execution_options(yield_per=FETCHED)) as rows:
        for told in rows.scalars():
            yield told.encode() + b"\n"


def micros(at: datetime) -> int:
    """A time as the lines have it."""
    return int(at.timestamp()) * 10**6 + at.microsecond


def _bare(database: Database) -> Connection:
    return database.connection() if isinstance(database, Session) else database

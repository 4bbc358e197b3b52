"""Sealing, checkpoints and the export in PostgreSQL; what is exported is proved by `quotas.chain`, which needs no database.

As in `quotas.store`, every function takes the caller's connection or session and commits nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from quotas.chain import FORMAT, Checkpoint
from quotas.content import COLUMNS, TAB, field, line
from quotas.store import Database

#: Rows that the database sends at once while an export is read.
FETCHED = 2000

_ENTRY = line({name: f"e.{name}" for name in COLUMNS})

_ACCOUNTS = f"""SELECT concat_ws({TAB}, 'A', a.id, {field("region", "coalesce(p.code || '/', '') || h.code")}, h.kind, {field("region", "a.region")},
        {field("resource", "a.resource")}, a.place, a.balance)
    FROM quotas.account a JOIN quotas.holder h ON h.id = a.holder_id
    LEFT JOIN quotas.holder p ON p.id = h.parent_id AND h.kind = 'environment' ORDER BY a.id"""

_LINKS = f"""SELECT CASE WHEN e.id IS NULL THEN concat_ws({TAB}, 'M', s.position, s.entry_id)
        ELSE concat_ws({TAB}, 'E', s.position, {_ENTRY}, encode(e.content_hash, 'hex'), encode(s.chain_hash, 'hex')) END
    FROM quotas.seal s LEFT JOIN quotas.entry e ON e.id = s.entry_id"""
_SEALED = f"{_LINKS} ORDER BY s.position"

_UNSEALED = f"""SELECT concat_ws({TAB}, 'U', {_ENTRY}, encode(e.content_hash, 'hex'))
    FROM quotas.entry e WHERE NOT EXISTS (SELECT FROM quotas.seal s WHERE s.entry_id = e.id) ORDER BY e.id"""

_CHECKPOINTS = f"""SELECT concat_ws({TAB}, 'C', c.position, encode(c.chain_hash, 'hex'), {field("recorded_at", "c.signed_at")},
        encode(c.public_key, 'hex'), encode(c.signature, 'hex')) FROM quotas.checkpoint c ORDER BY c.position, c.public_key"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """How far the chain goes and since when, and since when the oldest entry waits that is not in it; None: all are."""

    position: int
    sealed_at: datetime | None
    oldest_recorded_at: datetime | None


def seal(database: Database) -> int:
    """Chain what is committed and not chained yet, a batch of it; return how many entries. Only the sealer's role may."""
    sealed: int = _bare(database).exec_driver_sql("SELECT quotas.seal()").scalar_one()
    return sealed


def unsealed(database: Database) -> Unsealed:
    """Of the entries above the sealer's mark; the index is read, not the entries."""
    statement = """SELECT coalesce((SELECT max(s.position) FROM quotas.seal s), 0),
        (SELECT s.sealed_at FROM quotas.seal s ORDER BY s.position DESC LIMIT 1), (
        SELECT min(e.recorded_at) FROM quotas.entry e
        WHERE e.id > (SELECT below FROM quotas.sealed) AND NOT EXISTS (SELECT FROM quotas.seal s WHERE s.entry_id = e.id))"""
    position, sealed_at, oldest = _bare(database).execute(text(statement)).one()
    return Unsealed(position=position, sealed_at=sealed_at, oldest_recorded_at=oldest)


def link(database: Database, position: int) -> bytes | None:
    """The chain's hash at a position; None where it does not go so far."""
    found = _bare(database).execute(text("SELECT s.chain_hash FROM quotas.seal s WHERE s.position = :position"), {"position": position}).scalar()
    return None if found is None else bytes(found)


def links(database: Database, after: int, most: int) -> Iterator[bytes]:
    """Lines of the sealed entries after a position, in order, as in an export; at most so many."""
    return _streamed(database, f"{_LINKS} WHERE s.position > {int(after)} ORDER BY s.position LIMIT {int(most)}")


def head(database: Database, at: datetime) -> Checkpoint | None:
    """What a checkpoint made now would say; None while nothing is sealed."""
    statement = "SELECT s.position, s.chain_hash FROM quotas.seal s ORDER BY s.position DESC LIMIT 1"
    row = _bare(database).execute(text(statement)).one_or_none()
    return None if row is None else Checkpoint(position=row[0], chain_hash=bytes(row[1]), signed_at=_micros(at))


def record(database: Database, made: Checkpoint, public_key: bytes, signature: bytes) -> bool:
    """Keep a signed checkpoint beside the chain; False where the chain does not have this hash there. Only the auditor's role may."""
    at = datetime.fromtimestamp(made.signed_at // 10**6, UTC).replace(microsecond=made.signed_at % 10**6)
    values = (made.position, made.chain_hash, at, public_key, signature)
    answer = _bare(database).exec_driver_sql("SELECT quotas.record_checkpoint(%s, %s, %s, %s, %s)", values).scalar_one()
    return "faults" not in answer


def export(database: Database, at: datetime) -> Iterator[bytes]:
    """The lines of an export, as `quotas.chain` describes them, without holding more than a few thousand.

    The caller's transaction sees one moment (REPEATABLE READ): balances and entries belong together.
    """
    accounts = entries = 0
    yield FORMAT + str(_micros(at)).encode() + b"\n"
    for accounts, told in enumerate(_streamed(database, _ACCOUNTS), start=1):  # noqa: B007 - the count is what is left
        yield told
    yield from _streamed(database, _CHECKPOINTS)
    for statement in (_SEALED, _UNSEALED):
        for told in _streamed(database, statement):
            entries += told[:1] != b"M"
            yield told
    yield f"Z\t{accounts}\t{entries}\n".encode()


def _streamed(database: Database, statement: str) -> Iterator[bytes]:
    # Closed with the generator: who has seen enough does not read to the end.
    with _bare(database).execute(text(statement).execution_options(yield_per=FETCHED)) as rows:
        for told in rows.scalars():
            yield told.encode() + b"\n"


def _micros(at: datetime) -> int:
    return int(at.timestamp()) * 10**6 + at.microsecond


def _bare(database: Database) -> Connection:
    return database.connection() if isinstance(database, Session) else database

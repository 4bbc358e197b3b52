"""The lease of an environment: who may work on it, until when by the database's clock, and the token that every write of theirs names.

    take ──▶ renew, renew, … ──▶ give_back        (or nothing more: it lapses, and somebody else may take it)

The row is locked in strengths that fit together: `require` reads it FOR KEY SHARE, so nobody can take it before that transaction ends;
`renew` and `give_back` change no key and pass beside such readers; `take` locks it FOR UPDATE and waits for them. Whoever needs other rows,
too, locks the lease first.
"""

import os
import socket
from dataclasses import dataclass, replace

from sqlalchemy import text
from sqlmodel import Session

#: This process, as a lease names its holder.
HOLDER = f"{socket.gethostname()}/{os.getpid()}"


class Lost(Exception):
    """The lease lapsed or is somebody else's: what this run still wanted to write is refused, and the operation belongs to its successor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease as its holder knows it. `unclean`: an earlier run of the environment did not end by its own word, or ended badly."""

    administration: str
    environment: str
    holder: str
    token: int
    unclean: bool


_THERE = text("""
    INSERT INTO lease (administration, environment, token, expires_at, unclean)
    VALUES (:administration, :environment, 0, 'epoch', false) ON CONFLICT DO NOTHING""")
_LOCK = text("SELECT 1 FROM lease WHERE administration = :administration AND environment = :environment FOR UPDATE")
#: A statement of its own: the clock that counts is that after the wait for the lock.
_LOOK = text("""
    SELECT operation, holder IS NULL OR expires_at <= clock_timestamp() AS free, holder IS NOT NULL AS held, unclean
    FROM lease WHERE administration = :administration AND environment = :environment""")
_TAKE = text("""
    UPDATE lease SET token = token + 1, holder = :holder, operation = :operation,
        expires_at = clock_timestamp() + make_interval(secs => :seconds), unclean = :unclean
    WHERE administration = :administration AND environment = :environment RETURNING token""")
_MINE = "administration = :administration AND environment = :environment AND token = :token AND holder = :holder AND expires_at > clock_timestamp()"
_RENEW = text(f"UPDATE lease SET expires_at = clock_timestamp() + make_interval(secs => :seconds) WHERE {_MINE}")
_OVERTAKE = text(f"UPDATE lease SET token = :younger, unclean = true WHERE {_MINE}")
_REQUIRE = text(f"SELECT 1 FROM lease WHERE {_MINE} FOR KEY SHARE")
_GIVE_BACK = text(f"UPDATE lease SET holder = NULL, operation = NULL, expires_at = clock_timestamp(), unclean = :unclean WHERE {_MINE}")

_COUNTING = text("SELECT pg_advisory_xact_lock(hashtextextended('dcctl.leases', 0))")
_HELD = text("SELECT count(*) FROM lease WHERE holder IS NOT NULL AND expires_at > clock_timestamp()")
_ENDLESS = 1 << 30


def take(session: Session, administration: str, environment: str, *, operation: str | None, seconds: float, holder: str = HOLDER) -> Lease | None:
    """Take the environment's lease, in the caller's transaction; None while another holds it."""
    key = {"administration": administration, "environment": environment}
    session.connection().execute(_THERE, key)
    session.connection().execute(_LOCK, key)
    row = session.connection().execute(_LOOK, key).one()
    if not row.free:
        return None
    unclean = bool(row.unclean or row.held)  # free and held: it lapsed
    given = {**key, "holder": holder, "operation": operation, "seconds": seconds, "unclean": unclean}
    token = int(session.connection().execute(_TAKE, given).scalar_one())
    return Lease(administration=administration, environment=environment, holder=holder, token=token, unclean=unclean)


def room(session: Session, most: int) -> int:
    """How many leases more may be held at a time by all workers together; less than 0: more are held than may be, this transaction's among them.

    Whoever asks is alone in that until the transaction ends: ask last, with the lease's row locked already. `most` 0: any number.
    """
    if not most:
        return _ENDLESS
    session.connection().execute(_COUNTING)
    return most - int(session.connection().execute(_HELD).scalar_one())


def renew(session: Session, lease: Lease, seconds: float) -> bool:
    """Have it for so many seconds more from now; False when it has lapsed, which cannot be undone."""
    return bool(session.connection().execute(_RENEW, {**_key(lease), "seconds": seconds}).rowcount)


def overtake(session: Session, lease: Lease, token: int) -> Lease:
    """Go on with a token younger than `token`, which something outside has seen already: this database was restored to a day before it.

    Nobody knows what was done since, so the run looks first.

    Raises:
        Lost: the lease is not this one's any more: the younger token is another run's.
    """
    younger = max(token, lease.token) + 1
    if not session.connection().execute(_OVERTAKE, {**_key(lease), "younger": younger}).rowcount:
        raise Lost(f"{lease.administration}/{lease.environment} is not of token {lease.token} any more")
    return replace(lease, token=younger, unclean=True)


def require(session: Session, lease: Lease) -> None:
    """Return when the lease is this one's, and let nobody take it until the transaction has ended.

    Raises:
        Lost: it is not.
    """
    if session.connection().execute(_REQUIRE, _key(lease)).first() is None:
        raise Lost(f"{lease.administration}/{lease.environment} is not of token {lease.token} any more")


def give_back(session: Session, lease: Lease, *, unclean: bool) -> None:
    """End it, in the caller's transaction; what was unclean is so until a run ends well (`unclean` False)."""
    if not session.connection().execute(_GIVE_BACK, {**_key(lease), "unclean": unclean}).rowcount:
        raise Lost(f"{lease.administration}/{lease.environment} is not of token {lease.token} any more")


def free(session: Session, administration: str, environment: str, *, but: str) -> bool:
    """Whether nobody has the environment for the operation `but`: given back, lapsed, or another's. Nobody takes it before the transaction ends."""
    key = {"administration": administration, "environment": environment}
    session.connection().execute(_LOCK, key)
    row = session.connection().execute(_LOOK, key).first()
    return row is None or bool(row.free) or row.operation != but


def _key(lease: Lease) -> dict[str, object]:
    return {"administration": lease.administration, "environment": lease.environment, "token": lease.token, "holder": lease.holder}

"""Keys of calls that may be sent twice: same key and body, same answer; other body, refused.

A use case that makes something new claims its key itself, and notes what came of it. Of any other deed the API says under which key it is done
(`under`); the first transaction that is opened meanwhile claims it, so key and deed are committed together or not at all.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, SQLModel

from dcctl.errors import DcctlError
from dcctl.store import Idempotency, now

if TYPE_CHECKING:
    from dcctl.workflow.actor import Actor

#: Statements of the table and not of the class: nothing in the session is to follow them, and to find that out costs more than they do.
_TABLE = SQLModel.metadata.tables["idempotency"]
_TAKEN = insert(_TABLE).on_conflict_do_nothing().returning(_TABLE.c.key)
_LED = update(_TABLE).where(_TABLE.c.user_id == bindparam("of"), _TABLE.c.key == bindparam("by"))


def fingerprint(body: Mapping[str, Any]) -> str:
    """Of what is asked for, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str).encode()).hexdigest()


def lead_to(session: Session, actor: "Actor", key: str, request: str) -> None:
    """Note the request that a claimed key has led to."""
    session.connection().execute(_LED, {"of": actor.user_id, "by": key, "request": request})


def claim(session: Session, actor: "Actor", key: str, of: str) -> Idempotency | None:
    """Take the key, or return what it has led to. A second call with the key waits here until the first has ended.

    Raises:
        DcctlError: 303, the key was used for another body.
    """
    row = {"user_id": actor.user_id, "key": key, "body_hash": of, "created_at": now()}
    if session.connection().execute(_TAKEN, row).first() is not None:
        return None
    known = session.get_one(Idempotency, (actor.user_id, key))
    if known.body_hash != of:
        raise DcctlError("DCCTL-303", key=key)
    return known


# -- a deed that leaves nothing new to name -----------------------------------------------------------------------------------------------------


class Repeated(Exception):
    """It was done before under this key: whoever asked is told how things stand."""


@dataclass(slots=True, kw_only=True)
class _Key:
    actor: "Actor"
    key: str
    of: str
    claimed: bool = False


_current: ContextVar[_Key | None] = ContextVar("idempotency key", default=None)


@contextmanager
def under(actor: "Actor", key: str, of: str) -> Iterator[None]:
    """What is done meanwhile, in this thread or task, is done under this key.

    Raises:
        Repeated: it was done already. DcctlError: 303, the key was used for something else.
    """
    token = _current.set(_Key(actor=actor, key=key, of=of))
    try:
        yield
    finally:
        _current.reset(token)


def is_known(session: Session, actor: "Actor", key: str, of: str) -> bool:
    """Whether it was done already, for what must be known before a transaction is opened.

    Raises:
        DcctlError: 303, the key was used for something else.
    """
    known = session.get(Idempotency, (actor.user_id, key))
    if known is not None and known.body_hash != of:
        raise DcctlError("DCCTL-303", key=key)
    return known is not None


def begin(session: Session) -> None:
    """Claim the key of the deed that is under way, if it has one, before anything else of its first transaction."""
    deed = _current.get()
    if deed is None or deed.claimed:
        return
    if claim(session, deed.actor, deed.key, deed.of) is not None:
        raise Repeated
    deed.claimed = True

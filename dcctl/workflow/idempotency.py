"""Keys of calls that may be sent twice: same key and body, same answer; other body, refused."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, SQLModel

from dcctl.errors import DcctlError
from dcctl.store import Idempotency, now
from dcctl.workflow.actor import Actor

#: Statements of the table and not of the class: nothing in the session is to follow them, and to find that out costs more than they do.
_TABLE = SQLModel.metadata.tables["idempotency"]
_TAKEN = insert(_TABLE).on_conflict_do_nothing().returning(_TABLE.c.key)
_LED = update(_TABLE).where(_TABLE.c.user_id == bindparam("of"), _TABLE.c.key == bindparam("by"))


def fingerprint(body: Mapping[str, Any]) -> str:
    """Of what is asked for, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str).encode()).hexdigest()


def lead_to(session: Session, actor: Actor, key: str, request: str) -> None:
    """Note the request that a claimed key has led to."""
    session.connection().execute(_LED, {"of": actor.user_id, "by": key, "request": request})


def claim(session: Session, actor: Actor, key: str, of: str) -> Idempotency | None:
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

"""Keys of calls that may be sent twice: same key and body, same answer; other body, refused."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from dcctl.errors import DcctlError
from dcctl.store import Idempotency, now
from dcctl.workflow.actor import Actor


def fingerprint(body: Mapping[str, Any]) -> str:
    """Of what is asked for, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str).encode()).hexdigest()


def claim(session: Session, actor: Actor, key: str, of: str) -> Idempotency | None:
    """Take the key, or return what it has led to. A second call with the key waits here until the first has ended.

    Raises:
        DcctlError: 303, the key was used for another body.
    """
    taken = insert(Idempotency).values(user_id=actor.user_id, key=key, body_hash=of, created_at=now()).on_conflict_do_nothing()
    if session.execute(taken.returning(col(Idempotency.key))).first() is not None:
        return None
    known = session.get_one(Idempotency, (actor.user_id, key))
    if known.body_hash != of:
        raise DcctlError("DCCTL-303", key=key)
    return known

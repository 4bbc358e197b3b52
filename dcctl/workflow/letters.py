"""Letters of requests: put into the outbox in the transaction of what they tell of; `workflow.post` sends them."""

from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any
from uuid import uuid4

from sqlmodel import Session, col, select

from dcctl.occasions import OCCASIONS
from dcctl.store import Contact, Letter, Request

COTONOU = timezone(timedelta(hours=1), "Africa/Porto-Novo")


def write(session: Session, occasion: str, request: Request, **params: Any) -> int:
    """A letter for each contact of the request's administration; how many. It is as lasting as the caller's transaction.

    Args:
        occasion: received, returned, approved, refused, ready, failed, expiring.
        params: by (who did it), reason, error (as `DcctlError.to_json`), days and until (of *expiring*): what the occasion's sentence names.
    """
    if occasion not in OCCASIONS:
        raise ValueError(occasion)
    contacts = session.exec(select(Contact).where(Contact.administration == request.administration).order_by(col(Contact.address))).all()
    asked = {"number": request.number, "environment": request.environment, "kind": request.kind, **params}
    for contact in contacts:
        to: dict[str, Any] = {"administration": contact.administration, "address": contact.address, "lang": contact.lang, "daily": contact.daily}
        session.add(Letter(**to, message_id=fresh_id(), occasion=occasion, params=asked))
    return len(contacts)


def fresh_id() -> str:
    """A Message-ID that names no machine and was never given."""
    return f"<{uuid4()}@dcctl.invalid>"


def last_digest(at: datetime, hour: int) -> datetime:
    """The last moment until `at` at which daily letters are sent, in UTC."""
    today = datetime.combine(at.astimezone(COTONOU).date(), time(hour), COTONOU)
    return (today if today <= at else today - timedelta(days=1)).astimezone(UTC)

"""Letters of requests: put into the outbox in the transaction of what they tell of; `workflow.post` sends them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any
from uuid import uuid4

from sqlmodel import Session, col, select

from dcctl.occasions import DATACENTER, OCCASIONS
from dcctl.store import Contact, Letter, Request
from dcctl.words import DEFAULT

COTONOU = timezone(timedelta(hours=1), "Africa/Porto-Novo")


def write(
    session: Session, occasion: str, request: Request, *, to: Iterable[str] | None = None, operators: Sequence[str] = (), **params: Any
) -> int:
    """A letter for each contact; how many. It is as lasting as the caller's transaction.

    Args:
        occasion: one of `occasions.OCCASIONS`.
        to: administrations whose contacts get it; the request's own where nobody says otherwise.
        operators: addresses of the datacenter's operators that get it, too (`letters.operators`).
        params: by (who did it), reason, error (as `DcctlError.to_json`), days and until: what the occasion's sentence names.
    """
    if occasion not in OCCASIONS:
        raise ValueError(occasion)
    codes = {request.administration} if to is None else set(to)
    contacts = session.exec(select(Contact).where(col(Contact.administration).in_(codes)).order_by(col(Contact.address))).all()
    told = {
        "number": request.number, "environment": request.environment, "kind": request.kind, "administration": request.administration,
        "asked": request.demand, **params,
    }  # fmt: skip
    addressed: list[dict[str, Any]] = [
        {"administration": contact.administration, "address": contact.address, "lang": contact.lang, "daily": contact.daily} for contact in contacts
    ]
    addressed += [{"administration": DATACENTER, "address": address, "lang": DEFAULT} for address in sorted(set(operators))]
    session.add_all(Letter(**one, message_id=fresh_id(), occasion=occasion, params=told) for one in addressed)
    return len(addressed)


def day(moment: datetime) -> str:
    """A date as letters say it."""
    return moment.astimezone(COTONOU).strftime("%d/%m/%Y")


def fresh_id() -> str:
    """A Message-ID that names no machine and was never given."""
    return f"<{uuid4()}@dcctl.invalid>"


def last_digest(at: datetime, hour: int) -> datetime:
    """The last moment until `at` at which daily letters are sent, in UTC."""
    today = datetime.combine(at.astimezone(COTONOU).date(), time(hour), COTONOU)
    return (today if today <= at else today - timedelta(days=1)).astimezone(UTC)

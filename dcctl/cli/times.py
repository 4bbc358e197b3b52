"""Moments for people: the datacenter's own time, in the order of the reader's language. Machines get ISO 8601 in UTC."""

from datetime import UTC, datetime, time, timedelta, timezone

from dcctl.errors import DcctlError
from dcctl.words import N_, current

#: Africa/Porto-Novo: one hour ahead of UTC all year, no summer time (tz database).
PORTO_NOVO = timezone(timedelta(hours=1), "Africa/Porto-Novo")


def moment(value: object) -> str:
    """`22/11/2026 17:05` in French, `2026-11-22 17:05` in English; what is not a moment stays as it is."""
    try:
        at = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return str(value)
    if at.tzinfo is None:
        return str(value)
    return at.astimezone(PORTO_NOVO).strftime("%d/%m/%Y %H:%M" if current() == "fr" else "%Y-%m-%d %H:%M")


def instant(option: str, typed: str | None) -> str | None:
    """What a person typed as a moment, as ISO 8601 in UTC: a date means its end (today: now), a time without a zone is the datacenter's own.

    Raises:
        DcctlError: DCCTL-002, it is no moment, or lies ahead.
    """
    if typed is None:
        return None
    now = datetime.now(UTC)
    at = _typed(typed.strip())
    if at is None:
        raise DcctlError("DCCTL-002", field=option, value=typed, allowed="2026-06-30, 30/06/2026, 2026-06-30 17:05")
    if at > now and at.astimezone(PORTO_NOVO).date() > now.astimezone(PORTO_NOVO).date():
        raise DcctlError("DCCTL-002", field=option, value=typed, allowed=N_("a moment that has passed"))
    return min(at, now).astimezone(UTC).isoformat()


def beginning(option: str, typed: str) -> str:
    """What a person typed as the first moment of a period, as ISO 8601 in UTC: a date means its beginning, `36h` and `30d` count back from now.

    Raises:
        DcctlError: DCCTL-002, it is no moment, or lies ahead.
    """
    text, now = typed.strip(), datetime.now(UTC)
    if text[:-1].isascii() and text[:-1].isdigit() and text[-1:] in ("h", "d") and len(text) < 6:
        return (now - timedelta(**{"hours" if text[-1] == "h" else "days": int(text[:-1])})).isoformat()
    at = _typed(text)
    if at is not None and at.astimezone(PORTO_NOVO).time() == time.max and len(text) == len("2026-06-30"):
        at = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if at is None:
        raise DcctlError("DCCTL-002", field=option, value=typed, allowed="2026-06-30, 30/06/2026, 2026-06-30 17:05, 36h, 30d")
    if at > now:
        raise DcctlError("DCCTL-002", field=option, value=typed, allowed=N_("a moment that has passed"))
    return at.astimezone(UTC).isoformat()


def _typed(text: str) -> datetime | None:
    for form in ("%Y-%m-%d", "%d/%m/%Y"):
        try:
            day = datetime.strptime(text, form).replace(tzinfo=PORTO_NOVO)
        except ValueError:
            continue
        return day + timedelta(days=1, microseconds=-1)
    for read in (datetime.fromisoformat, lambda words: datetime.strptime(words, "%d/%m/%Y %H:%M")):
        try:
            at = read(text.replace("Z", "+00:00"))
        except ValueError:
            continue
        return at if at.tzinfo is not None else at.replace(tzinfo=PORTO_NOVO)
    return None


def deadline(option: str, typed: str) -> str:
    """What a person typed as a moment to come, as ISO 8601 in UTC; a date means its end.

    Raises:
        DcctlError: DCCTL-002, it is no moment, or has passed.
    """
    at = _typed(typed.strip())
    if at is None or at <= datetime.now(UTC):
        raise DcctlError("DCCTL-002", field=option, value=typed, allowed=N_("a moment to come, as 2030-01-31 or 31/01/2030 17:05"))
    return at.astimezone(UTC).isoformat()

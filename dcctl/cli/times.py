"""Moments for people: the datacenter's own time, in the order of the reader's language. Machines get ISO 8601 in UTC."""

from datetime import datetime, timedelta, timezone

from dcctl.words import current

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

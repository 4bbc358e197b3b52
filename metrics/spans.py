"""Hours, and how much of each something lasted.

This module is pure: no clock, no database, no network.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

HOUR = timedelta(hours=1)
#: Nova's names in a record of use -> the ledger's. A server is one instance.
_AMOUNTS = {"cores": "vcpus", "ram": "memory_mb"}


def hour_of(moment: datetime) -> datetime:
    """The beginning of the hour (UTC) that a moment is in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hours_between(since: datetime, until: datetime) -> Iterator[tuple[datetime, int]]:
    """Each hour that the span touches, with the whole seconds of it that are in the span.

    Whole seconds are cut from the clock, not from the length: spans that follow each other add up to what lies between the first and the last moment.
    """
    beginning, end = int(since.timestamp()), int(until.timestamp())
    while beginning < end:
        hour = beginning - beginning % 3600
        ending = min(end, hour + 3600)
        yield datetime.fromtimestamp(hour, UTC), ending - beginning
        beginning = ending


def seconds_within(hour: datetime, started: datetime, ended: datetime | None) -> int:
    """Whole seconds of the hour that something lasted; not ended means it still goes on. What was there at all lasted a second."""
    beginning, end = max(hour, started), min(hour + HOUR, ended or hour + HOUR)
    return max(1, int((end - beginning).total_seconds())) if beginning < end else 0


def recorded(hour: datetime, records: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """What Nova's records of use say of the hour: (project id, resource) -> units x seconds.

    Args:
        records: `server_usages` of os-simple-tenant-usage; times are in UTC and without a zone.
    """
    used: Counter[tuple[str, str]] = Counter()
    for record in records:
        ended = record["ended_at"]
        seconds = seconds_within(hour, _moment(record["started_at"]), _moment(ended) if ended else None)
        if seconds:
            project = str(record["tenant_id"])
            used[project, "instances"] += seconds
            for resource, theirs in _AMOUNTS.items():
                used[project, resource] += int(record[theirs]) * seconds
    return dict(used)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)

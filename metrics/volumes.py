"""What volumes and snapshots there are: listed once in a while, brought up to date in between as far as Cinder lets anybody.

Cinder lists what was made or changed since a moment (3.60), but never what was deleted: `changes-since` is Nova's. It counts without listing (3.45),
though, also what was made before a moment. So changes are read, the number of all is compared, and what is missing is looked for by halves of the
time in which volumes were made: eight calls for one gap among 100,000, since things of one environment were made, and go, together. Gaps everywhere
would cost as much as a listing; then the listing is left to the next full pass.

One comparison a filter: Cinder takes several for alternatives (`gte:a,lt:b` is everything; `cinder.db.api._filter_time_comparison`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any

from dcctl.cloud.connect import Cloud
from metrics.counting import Incomplete, Usage, Volume, add_volume, count_snapshots, volume_of
from metrics.listing import Query, items
from metrics.servers import OVERLAP

#: `consumes_quota` came with 3.65; filters by time (3.60) and counts (3.45) are older.
CINDER_MICROVERSION = "3.65"
_PATH = "/volumes/detail"
#: So many volumes are listed rather than halved further: one page, as Cinder's come.
LISTED_AT_ONCE = 1000


class Untold(Exception):
    """What is missing is in too many places to be looked for, or changes meanwhile, or Cinder counts what it does not list; a whole listing tells."""


@dataclass(slots=True)
class _Search:
    """What the search for deleted volumes may still cost, and what it found."""

    calls_left: int
    gone: set[str] = field(default_factory=set)

    def spend(self, calls: int = 1) -> None:
        self.calls_left -= calls
        if self.calls_left < 0:
            raise Untold


class Volumes:
    """Every volume's project, size, type and birth as of the last reading; empty until the first."""

    def __init__(self) -> None:
        self._known: dict[str, Volume] = {}
        self._as_of: datetime | None = None
        self._snapshot_calls = 0

    @property
    def as_of(self) -> datetime | None:
        """When the last reading began; None: there was none, or it was forgotten."""
        return self._as_of

    def forget(self) -> None:
        """What was read was not believed: the next reading is a listing."""
        self._as_of = None

    def listed(self, cloud: Cloud, at: datetime, page_size: int | None = None) -> Usage:
        """List every volume and snapshot, and count them.

        Raises:
            Unsettled: a snapshot's volume was made after the volumes were listed.
        """
        self._as_of = None
        known: dict[str, Volume] = {}
        texts: dict[str, str] = {}  # one string for each project and type rather than one for each volume
        for volume in _volumes(cloud, page_size):
            known[str(volume["id"])] = volume_of(volume, texts)
        calls = cloud.calls()
        usage = _counted(cloud, known, page_size)
        self._known, self._as_of, self._snapshot_calls = known, at, cloud.calls() - calls
        return usage

    def changed(self, cloud: Cloud, at: datetime, most_calls: int, page_size: int | None = None) -> Usage:
        """Ask for what was made and changed since the last reading, find what is gone, and count again. What failed leaves all as it was.

        Args:
            most_calls: how many calls the search for what is gone may cost.

        Raises:
            Untold: it would cost more, or does not add up.
            Unsettled: a snapshot's volume was made after the volumes were listed.
        """
        if self._as_of is None:
            raise ValueError("nothing was listed before")
        if self._snapshot_calls > most_calls:  # of snapshots Cinder does not even list the new ones apart
            raise Untold
        since = f"gte:{(self._as_of - OVERLAP).strftime('%Y-%m-%dT%H:%M:%S')}"
        known = dict(self._known)
        for moment in ("created_at", "updated_at"):
            for volume in _volumes(cloud, page_size, {moment: since}):
                known[str(volume["id"])] = volume_of(volume, {})
        missing = len(known) - _count(cloud)
        if missing < 0:
            raise Untold
        if missing:
            search = _Search(most_calls)
            in_order = sorted((volume.made_at, identifier) for identifier, volume in known.items())
            _find(cloud, in_order, 0, missing, search, page_size)
            for identifier in search.gone:
                del known[identifier]
        usage = _counted(cloud, known, page_size)
        self._known, self._as_of = known, at
        return usage


def _find(cloud: Cloud, known: list[tuple[str, str]], older_ones: int, missing: int, search: _Search, page_size: int | None) -> None:
    """Find the volumes that are no more among those known, of which so many are missing.

    What was made at one moment cannot be told apart by it, so halves end where moments do.

    Args:
        known: moments of birth and ids, in their order.
        older_ones: how many volumes there are that were made before the first of them.
    """
    if not missing:
        return
    first, last = known[0][0], known[-1][0]
    middle = len(known) // 2
    while middle and known[middle - 1][0] == known[middle][0]:
        middle -= 1
    if len(known) <= LISTED_AT_ONCE or middle == 0:
        search.spend(max(1, -(-len(known) // LISTED_AT_ONCE)))
        from_here = _volumes(cloud, page_size, {"created_at": f"gte:{first}", "sort_key": "created_at", "sort_dir": "asc"})
        there = {str(volume["id"]) for volume in takewhile(lambda volume: str(volume["created_at"]) <= last, from_here)}
        gone = {identifier for _, identifier in known} - there
        if len(gone) != missing:
            raise Untold  # something went while it was looked for
        search.gone |= gone
        return
    search.spend()
    older, younger = known[:middle], known[middle:]
    there_older = _count(cloud, {"created_at": f"lt:{younger[0][0]}"}) - older_ones
    missing_older = len(older) - there_older
    if not 0 <= missing_older <= missing:
        raise Untold
    _find(cloud, older, older_ones, missing_older, search, page_size)
    _find(cloud, younger, older_ones + there_older, missing - missing_older, search, page_size)


def _volumes(cloud: Cloud, page_size: int | None, query: Mapping[str, str] | None = None) -> Iterator[Mapping[str, Any]]:
    asked: Query = {"all_tenants": "1", **(query or {})}
    return items(cloud, "block-storage", _PATH, "volumes", page_size, asked, CINDER_MICROVERSION)


def _count(cloud: Cloud, query: Mapping[str, str] | None = None) -> int:
    """How many volumes there are, by Cinder's own count."""
    params = {"all_tenants": "1", "limit": "1", "with_count": "true", **(query or {})}
    document = cloud.call("block-storage", "GET", _PATH, params=params, microversion=CINDER_MICROVERSION)
    if not isinstance(document, dict) or not isinstance(document.get("count"), int):
        raise Incomplete(f"the answer to GET {_PATH} has no count")
    return int(document["count"])


def _counted(cloud: Cloud, known: Mapping[str, Volume], page_size: int | None) -> Usage:
    usage: Usage = Counter()
    for volume in known.values():
        add_volume(usage, volume)
    snapshots = items(cloud, "block-storage", "/snapshots/detail", "snapshots", page_size, {"all_tenants": "1"}, CINDER_MICROVERSION)
    usage.update(count_snapshots(snapshots, known))
    return usage

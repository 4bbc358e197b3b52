"""How much one person may ask, and one administration: so many calls a minute; and whoever has spent half of them has no more than a share of the
threads at a time, so that one flood leaves the others room, be it one person's or that of everybody in a ministry. A burst is no flood.

Counted in each process, not in the database: a count there would cost every reading a write, and a flood would then burden just what all others wait
for. With several processes behind a balancer a person has so much of each, and that is what the setting means.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil

from dcctl.errors import DcctlError

#: People that are remembered; whoever was away longest is forgotten first, with a full minute to spend.
REMEMBERED = 10_000
#: In the place of the administration of whoever has no role.
NOBODY = "–"
#: An administration has the calls of so many people.
PEOPLE = 5


class Share:
    """Of one process and of people, or of administrations; threads share it."""

    def __init__(self, *, a_minute: int, at_once: int, clock: Callable[[], float] = time.monotonic, code: str = "DCCTL-640") -> None:
        """`a_minute` 0: any number. `code`: of the refusal."""
        self._a_minute, self._at_once, self._clock, self._code = a_minute, at_once, clock, code
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By user the calls that are left, and when that was reckoned."""
        self._under_way: dict[str, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def admitted(self, user_id: str) -> Iterator[None]:
        """One call of this user, or of somebody of this administration.

        Raises:
            DcctlError: 640 or 614, with the seconds after which there is room again.
        """
        self._begin(user_id)
        try:
            yield
        finally:
            with self._lock:
                self._under_way[user_id] -= 1
                if not self._under_way[user_id]:
                    del self._under_way[user_id]

    def _begin(self, user_id: str) -> None:
        if not self._a_minute:
            with self._lock:
                self._under_way[user_id] = self._under_way.get(user_id, 0) + 1
            return
        with self._lock:
            now = self._clock()
            left, since = self._left.pop(user_id, (float(self._a_minute), now))
            left = min(float(self._a_minute), left + (now - since) * self._a_minute / 60)
            busy = self._under_way.get(user_id, 0) >= self._at_once and left < self._a_minute / 2
            enough = left >= 1 and not busy
            self._left[user_id] = (left - 1 if enough else left, now)
            while len(self._left) > REMEMBERED:
                self._left.popitem(last=False)
            if enough:
                self._under_way[user_id] = self._under_way.get(user_id, 0) + 1
                return
        seconds = 1 if busy else max(1, ceil((1 - left) * 60 / self._a_minute))
        raise DcctlError(self._code, name=user_id, seconds=seconds, a_minute=self._a_minute, at_once=self._at_once)


class Pace:
    """What one call must pass: its person's pace, and its administration's. Operators and auditors belong to none.

    Whoever has no role of dcctl's shares one pace with all others who have none: a domain manager's puppets, however many, spend nothing of their
    ministry's.
    """

    def __init__(self, *, a_minute: int, at_once: int) -> None:
        self._people = Share(a_minute=a_minute, at_once=at_once)
        self._administrations = Share(a_minute=PEOPLE * a_minute, at_once=at_once, code="DCCTL-614")

    @contextmanager
    def admitted(self, user_id: str, administration: str | None) -> Iterator[None]:
        """One call of this user for this administration, or for `NOBODY`.

        Raises:
            DcctlError: 640 the person's, 614 the administration's calls are spent.
        """
        with self._people.admitted(user_id):
            if administration is None:
                yield
                return
            with self._administrations.admitted(administration):
                yield

"""Tokens that Keystone may not know, by the address that sends them: how many Keystone is asked about; and how many refusals leave an event.

Each token that is not remembered as right is one call of Keystone (keystonemiddleware remembers the false ones too, but a flood invents new ones).
An address has so many false ones a minute; beyond that only as many of its unknown tokens are asked about as come back with time, whoever sends
them. What was right a moment ago goes on. The address is the connection's: behind a balancer all callers share one, and the bound is the site's.

In each process, as `dcctl.api.pace`.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from dcctl.errors import DcctlError

#: False tokens of one address in a minute.
FALSE_A_MINUTE = 60
#: Events of refusals before anybody is known, and of one person who asks too much, in a minute; those beyond are counted.
EVENTS_A_MINUTE = 30
#: Tokens and addresses that are remembered; what was seen longest ago is forgotten first.
REMEMBERED = 10_000
#: A right token is remembered so long; that it is still right is for the token check to say.
SECONDS = 3600.0


class Bucket:
    """So many a minute for each name, come back evenly; not safe for threads by itself."""

    def __init__(self, a_minute: int, clock: Callable[[], float]) -> None:
        self._a_minute, self._clock = a_minute, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def left(self, name: str) -> float:
        """How many are left now."""
        left, since = self._left.get(name, (float(self._a_minute), self._clock()))
        return min(float(self._a_minute), left + (self._clock() - since) * self._a_minute / 60)

    def spend(self, name: str) -> None:
        """One of them."""
        left = self.left(name)
        self._left.pop(name, None)
        self._left[name] = (left - 1, self._clock())
        while len(self._left) > REMEMBERED:
            self._left.popitem(last=False)

    def give_back(self, name: str) -> None:
        """One that was spent."""
        self._left[name] = (min(float(self._a_minute), self.left(name) + 1), self._clock())

    def seconds(self, name: str) -> int:
        """Until there is one again."""
        return max(1, ceil((1 - self.left(name)) * 60 / self._a_minute))


class Doubt:
    """Before the token check and after it; threads share it."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._false = Bucket(FALSE_A_MINUTE, clock)
        self._right: OrderedDict[bytes, float] = OrderedDict()

    def ask(self, token: str, address: str) -> None:
        """Return when Keystone may be asked about this token.

        A place is taken at once, so that many at the same instant are bounded too, and given back to whoever turns out to be right.

        Raises:
            DcctlError: 617, with the seconds after which there is room again.
        """
        with self._lock:
            if self._clock() - self._right.get(_digest(token), -SECONDS) < SECONDS:
                return
            if self._false.left(address) < 1:
                raise DcctlError("DCCTL-617", address=address, seconds=self._false.seconds(address))
            self._false.spend(address)

    def right(self, token: str, address: str) -> None:
        """Keystone knows it."""
        with self._lock:
            digest = _digest(token)
            if digest not in self._right:
                self._false.give_back(address)
            self._right.pop(digest, None)
            self._right[digest] = self._clock()
            while len(self._right) > REMEMBERED:
                self._right.popitem(last=False)

    def false(self, token: str) -> None:
        """Keystone does not know it, or no more."""
        with self._lock:
            self._right.pop(_digest(token), None)

    def unanswered(self, token: str, address: str) -> None:
        """Keystone said nothing about it."""
        with self._lock:
            if _digest(token) not in self._right:
                self._false.give_back(address)


class Told:
    """Which refusals at the door leave an event: so many a minute for each name, and how many before it did not."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._events = Bucket(EVENTS_A_MINUTE, clock)
        self._left_out: OrderedDict[str, int] = OrderedDict()

    def one(self, name: str) -> int | None:
        """How many of this name were left out since the last event; None: this one is left out, too."""
        with self._lock:
            if self._events.left(name) < 1:
                self._left_out[name] = self._left_out.get(name, 0) + 1
                while len(self._left_out) > REMEMBERED:
                    self._left_out.popitem(last=False)
                return None
            self._events.spend(name)
            return self._left_out.pop(name, 0)


def _digest(token: str) -> bytes:
    """No token is kept."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()

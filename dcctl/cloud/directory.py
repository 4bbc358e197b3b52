"""Keystone's people, roles and domains as they were found a moment ago, so that not every request asks again who the same few people are.

What was found is believed for `SECONDS`. What was not found is never remembered: who has just been given an account is known at once. Whoever must
see that somebody has gone (the fulfilment, before it lets people in) asks `identity` itself.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator

from dcctl.cloud import identity
from dcctl.cloud.connect import Cloud
from dcctl.cloud.identity import User

#: Longest age of an answer.
SECONDS = 60.0
#: Beyond so many answers the oldest are forgotten.
MOST = 10_000


class Directory:
    """One for the process; threads may share it."""

    def __init__(self, *, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._found: dict[tuple[str, ...], tuple[float, object]] = {}

    def users(self, cloud: Cloud, names: Iterable[str], domains: Iterable[str]) -> Iterator[tuple[str, User | None]]:
        """As `identity.find_users`; Keystone is asked for those who are not known."""
        wanted, in_order = list(names), tuple(domains)
        known = {name: user for name in wanted if isinstance(user := self._known("user", name, *in_order), User)}
        yield from known.items()
        for name, user in identity.find_users(cloud, [name for name in wanted if name not in known], in_order):
            if user is not None:
                self._keep(user, "user", name, *in_order)
            yield name, user

    def knows(self, name: str, domains: Iterable[str]) -> bool:
        """Whether that user was found a moment ago."""
        return self._known("user", name, *domains) is not None

    def user(self, cloud: Cloud, name: str, domains: Iterable[str]) -> User | None:
        """As `identity.find_user`."""
        return dict(self.users(cloud, [name], domains))[name]

    def role(self, cloud: Cloud, name: str) -> str | None:
        """As `identity.find_role`."""
        known = self._known("role", name)
        if isinstance(known, str):
            return known
        found = identity.find_role(cloud, name)
        if found is not None:
            self._keep(found, "role", name)
        return found

    def _known(self, *key: str) -> object | None:
        with self._lock:
            until, found = self._found.get(key, (0.0, None))
        return found if self._clock() < until else None

    def _keep(self, found: object, *key: str) -> None:
        with self._lock:
            self._found.pop(key, None)  # so that the order is that of the answers
            self._found[key] = self._clock() + self._seconds, found
            while len(self._found) > MOST:
                del self._found[next(iter(self._found))]

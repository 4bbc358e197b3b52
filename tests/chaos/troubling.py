"""Trouble before or after each call that changes something, once at each; and the request is followed to its end all the same."""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.acceptance.main_job.conftest import Ministry
from tests.chaos.crew import Crew
from tests.chaos.proxy import Call, Choose, Fault, KeptBack

#: A request that ends badly so often is not brought to its end by retries.
RETRIES = 200
#: For one request, with all that is done to it.
SECONDS = 7200.0
#: When what was killed has not been missed: the run went on without it.
UNMISSED_SECONDS = 8.0
ENDED = ("fulfilled", "failed", "refused", "abandoned", "withdrawn")
_IDS = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")


def signature(call: Call) -> str:
    """What a call does, by whichever run it is made: without ids, and of its body what names and counts."""
    path = _IDS.sub("*", call.path.partition("?")[0])
    if "application_credentials" in path:  # their names and ends are each run's own
        return f"{call.method} {call.port} {path}"
    return f"{call.method} {call.port} {path} {' '.join(sorted(_said(call.body)))}".strip()


def _said(body: bytes) -> Iterator[str]:
    try:
        todo: list[Any] = [json.loads(body)]
    except ValueError:
        return
    while todo:
        match todo.pop():
            case dict() as found:
                for key, value in found.items():
                    if value is None or isinstance(value, dict | list):
                        yield str(key)
                        todo.append(value)
                    elif key in ("name", "size", "new_size", "flavorRef", "port_range_min", "protocol", "remote_ip_prefix", "cidr", "instances"):
                        yield f"{key}={_IDS.sub('*', str(value))}"
            case list() as items:
                todo += items


@dataclass(slots=True)
class Trouble:
    """What is done at calls: `at(call, when)` does it and returns what it was, None where it could not; once for each signature and moment.

    Between two of them somebody has to `arm` it again.
    """

    at: Callable[[Call, str], str | None]
    most: int
    done: list[str] = field(default_factory=list)
    _met: set[tuple[str, str]] = field(default_factory=set)
    _armed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self) -> None:
        self._armed = len(self.done) < self.most

    @property
    def armed(self) -> bool:
        return self._armed

    def meet(self, call: Call, when: str) -> bool:
        """Whether it was done at this call."""
        with self._lock:
            key = (when, signature(call))
            if not self._armed or key in self._met:
                return False
            what = self.at(call, when)
            if what is None:
                return False
            self._met.add(key)
            self._armed = False
            self.done.append(f"{what} {when} {call.method} {call.path.partition('?')[0]}")
            return True


@contextmanager
def deaths(crew: Crew, part: str, most: int) -> Iterator[Trouble]:
    """`part` is killed before and after each call, when it is there to be killed."""

    def kill(call: Call, when: str) -> str | None:
        return part if crew.kill(part) else None

    trouble = Trouble(at=kill, most=most)

    def before(call: Call) -> None:
        # A call that its sender did not live to make is kept back; that of anybody else goes on.
        if trouble.meet(call, "before") and part == ("provider" if call.by_the_engine else "worker"):
            raise KeptBack

    crew.weather.before, crew.weather.after = before, lambda call: trouble.meet(call, "after") and None
    try:
        yield trouble
    finally:
        crew.weather.clear()


@contextmanager
def refusals(crew: Crew, most: int, fault: Fault = Fault.ERROR) -> Iterator[Trouble]:
    """Each call is refused once."""
    trouble = Trouble(at=lambda call, when: str(fault), most=most)

    def choose(call: Call) -> Fault | None:
        return fault if call.changes and trouble.meet(call, "at") else None

    crew.weather.choose = choose
    try:
        yield trouble
    finally:
        crew.weather.clear()


@contextmanager
def weather(crew: Crew, choose: Choose) -> Iterator[None]:
    """The weather is like that."""
    crew.weather.choose = choose
    try:
        yield
    finally:
        crew.weather.clear()


@dataclass(slots=True, kw_only=True)
class Told:
    """How a request came to its end."""

    state: str
    retries: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """Codes of what it failed with before."""
    words: list[str] = field(default_factory=list)


def followed(crew: Crew, ministry: Ministry, number: str, trouble: Trouble | None = None, *, seconds: float = SECONDS, retrying: bool = True) -> Told:
    """See a request to its end: what dies is started again, and what has failed is retried, as a person would."""
    told, until = Told(state=""), time.monotonic() + seconds
    killed_at, of_attempt, count = 0.0, None, len(trouble.done) if trouble else 0
    while time.monotonic() < until:
        crew.mend()
        found = crew.request(number)
        if not found:
            time.sleep(0.3)
            continue
        told.state = found["state"]
        if found["state"] in ENDED:
            if found["state"] != "failed" or not retrying:
                return told
            told.retries += 1
            error = found["error"] or {}
            told.failures[str(error.get("code"))] += 1
            told.words.append(str(error.get("params", {}).get("words", "")))
            if told.retries > RETRIES:
                break
            retry(crew, ministry, found["operation"])
            continue
        if trouble is not None:
            if len(trouble.done) > count:
                count, killed_at, of_attempt = len(trouble.done), time.monotonic(), found["attempt"]
            elif not trouble.armed and (found["attempt"] != of_attempt or time.monotonic() - killed_at > UNMISSED_SECONDS):
                trouble.arm()
        time.sleep(0.3)
    pytest.fail(f"{number} is {told.state} after {told.retries} retries ({dict(told.failures)}): {trouble.done if trouble else ''} {told.words[-3:]}")


def retry(crew: Crew, ministry: Ministry, operation: str) -> None:
    """Retry it as a lead; while the API or its database come back, it is asked again."""
    said = ""
    for _ in range(10):
        done = ministry.site.dcctl(ministry.lead, "operation", "retry", operation)
        said = done.stderr
        if done.returncode == 0 or "DCCTL-3" in said:  # it is queued by now, or was when the answer was cut off
            return
        crew.mend()
        time.sleep(1)
    pytest.fail(f"{operation} cannot be retried: {said}")


def submitted(crew: Crew, ministry: Ministry, name: str, *more: str, **changes: Any) -> str:
    """A request that is approved: for a new environment of that name, or a change of it. `more`: words of the approval."""
    crew.of(ministry, name)
    confirm = ("--confirm", name) if more else ()
    number = str(ministry.site.answer(ministry.agent, "request", "submit", str(ministry.spec(name, **changes)), *confirm)["number"])
    ministry.site.until(lambda: crew.request(number).get("state") == "in_review", f"{number} is examined", seconds=300)
    digest = ministry.site.answer(ministry.lead, "request", "show", number)["digest"]
    ministry.site.answer(ministry.lead, "request", "approve", number, "--digest", digest, "--reason", "conforme", *more)
    return number

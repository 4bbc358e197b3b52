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
ENDED = ("fulfilled", "failed", "refused", "abandoned", "withdrawn")
#: Ids, and the names of the tests' administrations, each of which has one of its own.
_IDS = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|recette-[a-z]+[0-9]*-[0-9]+-[0-9]+")


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


#: A moment at a call: `before`, `after` or `at`, and the call's signature.
Moment = tuple[str, str]


@dataclass(slots=True)
class Trouble:
    """What is done at calls: `at(call, when)` does it and returns what it was, None where it could not; once for each signature and moment."""

    at: Callable[[Call, str], str | None]
    most: int
    met: set[Moment] = field(default_factory=set)
    """Shared by the lives of one environment: what one life did not come to, the next one meets."""
    done: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def meet(self, call: Call, when: str) -> bool:
        """Whether it was done at this call."""
        with self._lock:
            moment = (when, signature(call))
            if len(self.done) >= self.most or moment in self.met:
                return False
            what = self.at(call, when)
            if what is None:
                return False
            self.met.add(moment)
            self.done.append(f"{what} {when} {call.method} {call.path.partition('?')[0]}")
            return True


@dataclass(frozen=True, slots=True)
class Recorded:
    """The calls that change something of an undisturbed run, once each, in order: their signatures, and which of them the engine made."""

    calls: dict[str, bool] = field(default_factory=dict)

    def moments(self, part: str) -> set[Moment]:
        """At which of them, and when, that part is there to be killed (or the call to be refused)."""
        if part == "refusal":
            return {("at", one) for one in self.calls}
        return {(when, one) for one, engines in self.calls.items() if engines or part not in OF_A_RUN for when in ("before", "after")}


#: Parts that are there only while the engine runs, and so at its calls alone.
OF_A_RUN = ("guardian", "run", "engine", "provider")


@contextmanager
def recording(crew: Crew) -> Iterator[Recorded]:
    """Nothing is done; what is called is written down."""
    found, lock = Recorded(), threading.Lock()

    def hear(call: Call) -> None:
        with lock:
            found.calls.setdefault(signature(call), call.by_the_engine)

    crew.weather.after = hear
    try:
        yield found
    finally:
        crew.weather.clear()


@contextmanager
def deaths(crew: Crew, part: str, most: int, met: set[Moment]) -> Iterator[Trouble]:
    """`part` is killed before and after each call, when it is there to be killed.

    A call before which something of the run was killed is not made, as if that had died a moment earlier; the next run makes it. On the API no run
    depends: its death holds the call up until it is there again, so that the next call finds it.
    """

    def kill(call: Call, when: str) -> str | None:
        return part if crew.kill(part) else None

    trouble = Trouble(at=kill, most=most, met=met)

    def meet(call: Call, when: str) -> None:
        if trouble.meet(call, when):
            if part == "api":
                assert crew.answering(), "the API did not come back"
            elif when == "before":
                raise KeptBack

    crew.weather.before, crew.weather.after = (lambda call: meet(call, "before")), (lambda call: meet(call, "after"))
    try:
        yield trouble
    finally:
        crew.weather.clear()


@contextmanager
def refusals(crew: Crew, most: int, met: set[Moment], fault: Fault = Fault.ERROR) -> Iterator[Trouble]:
    """Each call is refused once."""
    trouble = Trouble(at=lambda call, when: str(fault), most=most, met=met)

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


def followed(crew: Crew, ministry: Ministry, number: str, *, seconds: float = SECONDS, retrying: bool = True) -> Told:
    """See a request to its end: what dies is started again, and what has failed is retried, as a person would."""
    told, until = Told(state=""), time.monotonic() + seconds
    while time.monotonic() < until:
        crew.mend()
        found = crew.request(number)
        if not found:
            time.sleep(0.3)
            continue
        told.state = found["state"]
        if found["state"] in ENDED:
            if found["state"] != "failed" or not retrying:
                if not crew.idle():
                    continue  # it has said its last word, and still has calls to make
                crew.ready()
                return told
            told.retries += 1
            error = found["error"] or {}
            told.failures[str(error.get("code"))] += 1
            told.words.append(str(error.get("params", {}).get("words", "")))
            if told.retries > RETRIES:
                break
            retry(crew, ministry, found["operation"])
            continue
        time.sleep(0.3)
    pytest.fail(f"{number} is {told.state} after {told.retries} retries ({dict(told.failures)}): {told.words[-3:]}")


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

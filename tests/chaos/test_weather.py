"""A site on bad days: a fifth of all calls fails, is cut, garbled or late; for a minute none succeeds. What is asked for is there once in the end,
and nobody asks without bound.

`DCCTL_CHAOS_SEED` replays a run, `DCCTL_CHAOS_MINUTE` is the length of the bad minute in seconds, `DCCTL_CHAOS_STALL` that of a stall.
"""

import os
import random
import threading
import time
from collections import Counter

import pytest

from tests.acceptance.main_job.conftest import Ministry
from tests.acceptance.provisioner.world import WITNESS_WARNINGS
from tests.chaos.conftest import Agree
from tests.chaos.crew import Crew
from tests.chaos.proxy import Call, Choose, Fault, sometimes
from tests.chaos.seeds import SEED
from tests.chaos.test_deaths import GROWN, KEYS, WEB
from tests.chaos.troubling import followed, retry, submitted, weather

pytestmark = WITNESS_WARNINGS

MINUTE = float(os.environ.get("DCCTL_CHAOS_MINUTE", "60"))
SHARE = 0.2
#: Times that one address may be asked in a minute in which nothing succeeds: four attempts each, by what looks again every few seconds, and by a
#: person who retries at once whatever failed.
BOUND = 90
#: How long such a person waits after each look.
PATIENT_SECONDS = 5.0
#: No servers: what is made here is made in a few seconds.
BARE = {"servers": [], "quota": {"networks": 1, "routers": 1, "floatingips": 1}}


def test_on_a_bad_day_it_is_made_changed_and_given_back(crew: Crew, ministry: Ministry, agree: Agree) -> None:
    crew.weather.stall_seconds = float(os.environ.get("DCCTL_CHAOS_STALL", "30"))
    name, dice, retries = "orage", random.Random(SEED), []
    for asked in (lambda: submitted(crew, ministry, name, servers=[WEB], **KEYS),
                  lambda: submitted(crew, ministry, name, "--confirm", name, servers=[GROWN], **KEYS),
                  lambda: ministry.decommission(name)):  # fmt: skip
        number = asked()
        with weather(crew, sometimes(dice, SHARE)):
            told = followed(crew, ministry, number)
        assert told.state == "fulfilled", told
        retries.append((told.retries, dict(told.failures)))
        agree()
    assert set(crew.weather.calls) == {"well", *Fault}, f"not every fault was met: {dict(crew.weather.calls)}"
    print(f"retries and why: {retries}; calls by fault: {dict(crew.weather.calls)}; 0 twice, 0 unknown, 0 stuck")


class BadMinute:
    """From the first change that the engine sends on, and for so long, nothing succeeds; what was asked in that time is counted."""

    def __init__(self, always: Choose, seconds: float) -> None:
        self.always, self.seconds = always, seconds
        self.asked: Counter[tuple[str, int, str]] = Counter()
        self.began: float | None = None
        self.lock = threading.Lock()

    def __call__(self, call: Call) -> Fault | None:
        with self.lock:
            if self.began is None:
                if not (call.changes and call.by_the_engine):
                    return None
                self.began = time.monotonic()
            if self.over():
                return None
            self.asked[call.method, call.port, call.path.partition("?")[0]] += 1
        return self.always(call)

    def over(self) -> bool:
        return self.began is not None and time.monotonic() >= self.began + self.seconds


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.ERROR, Fault.RESET, Fault.TRUNCATED, None], ids=["429", "500", "reset", "truncated", "any"])
def test_when_nothing_answers_for_a_minute_what_was_begun_is_ended_later(crew: Crew, ministry: Ministry, agree: Agree, fault: Fault | None) -> None:
    crew.weather.stall_seconds = 10.0
    minute = BadMinute(sometimes(random.Random(SEED), 1.0) if fault is None else lambda call: fault, MINUTE)

    number = submitted(crew, ministry, "nuit", **BARE)
    with weather(crew, minute):
        crew.site.until(lambda: minute.began is not None, "the engine is at it", seconds=240, pause=0.1)
        retries = 0
        while not minute.over():
            found = crew.request(number)
            assert found.get("state") != "fulfilled", "all was made while nothing succeeded"
            if found.get("state") == "failed":  # a person who does not wait for better weather
                retries += 1
                retry(crew, ministry, found["operation"])
            time.sleep(PATIENT_SECONDS)
        told = followed(crew, ministry, number)
    most = minute.asked.most_common(3)

    assert told.state == "fulfilled", told
    assert sum(minute.asked.values()) >= 2, "hardly anything was asked for, so nothing was shown"
    assert most[0][1] <= BOUND * max(MINUTE, 30) / 60, most
    agree()
    assert followed(crew, ministry, ministry.decommission("nuit")).state == "fulfilled"
    agree()
    print(f"asked {sum(minute.asked.values())} times in {MINUTE:.0f} s, most of all {most}; calls by fault: {dict(crew.weather.calls)}")
    print(f"retries: {retries} in the minute, {told.retries} after it {dict(told.failures)}; 0 twice, 0 unknown, 0 stuck")


def test_the_worker_waits_as_long_as_it_is_asked_to(crew: Crew, ministry: Ministry, agree: Agree) -> None:
    """Each call of its own that changes something is answered 429 once, with a Retry-After of a second; of the engine's one of each stack."""
    met: dict[str, float] = {}
    pauses: list[float] = []
    refused = set[str]()

    def choose(call: Call) -> Fault | None:
        if call.changes and call.by_the_engine and call.path.endswith(("/groups", "/routers")) and call.path not in refused:
            refused.add(call.path)
            return Fault.BUSY
        if not call.changes or call.by_the_engine:
            return None
        key = f"{call.method} {call.path}"
        if key in met:
            pauses.append(time.monotonic() - met.pop(key))
            return None
        met[key] = time.monotonic()
        return Fault.BUSY

    number = submitted(crew, ministry, "presse", **BARE)
    with weather(crew, choose):
        told = followed(crew, ministry, number)

    assert (told.state, told.retries) == ("fulfilled", 0), told
    assert pauses
    assert min(pauses) >= 0.9
    assert len(refused) == 2
    assert len(crew.ask("SELECT 1 FROM event WHERE request = %s AND kind = 'busy'", number)) == 2
    agree()

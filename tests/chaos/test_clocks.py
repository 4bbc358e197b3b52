"""The clocks of worker and API jump by an hour and a day, there and back, while they work: nothing ends early, and nobody's place is taken."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stacks.specs import duration
from tests.acceptance.main_job.conftest import Ministry
from tests.acceptance.provisioner.world import WITNESS_WARNINGS
from tests.chaos.clocks import Clock
from tests.chaos.conftest import Agree
from tests.chaos.crew import NAMES, Crew
from tests.chaos.proxy import Call
from tests.chaos.troubling import followed, submitted

pytestmark = WITNESS_WARNINGS

JUMPS = {"+1h": timedelta(hours=1), "-1h": timedelta(hours=-1), "+1d": timedelta(days=1), "-1d": timedelta(days=-1)}
MOMENT = timedelta(minutes=10)
BARE: dict[str, Any] = {"servers": [], "quota": {"networks": 1, "routers": 1, "floatingips": 1}}


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock")


def test_the_workers_clocks_jump_with_each_call_and_each_environment_has_one_holder(
    crew: Crew, ministry: Ministry, agree: Agree, clock: Clock
) -> None:
    for name in NAMES:
        crew.workers.more |= clock.environment
        crew.workers.end_one(name)
    crew.mend()
    jumps, turn, lock = list(JUMPS), [0], threading.Lock()

    def jump(call: Call) -> None:
        with lock:
            clock.set(jumps[turn[0] % len(jumps)])
            turn[0] += 1

    waiting = str(ministry.site.answer(ministry.agent, "request", "submit", str(ministry.spec("attente", **BARE)))["number"])
    [(lapses,)] = crew.ask("SELECT lapses_at FROM request WHERE number = %s", waiting)
    crew.weather.before = jump
    told = followed(crew, ministry, submitted(crew, ministry, "horloge", **BARE))

    assert (told.state, told.retries) == ("fulfilled", 0), told
    assert turn[0] >= 8
    [(token, expires)] = crew.ask(
        "SELECT l.token, e.expires_at FROM lease l JOIN environment e USING (administration) WHERE l.administration = %s AND e.name = l.environment",
        ministry.code,
    )
    assert token == 1, "the environment has had more than one holder"
    assert abs(expires - duration("3 months").after(datetime.now(UTC))) < MOMENT
    [(state, later)] = crew.ask("SELECT state, lapses_at FROM request WHERE number = %s", waiting)
    assert state in ("submitted", "in_review")
    assert later == lapses
    clock.set("+0")
    assert followed(crew, ministry, ministry.decommission("horloge")).state == "fulfilled"
    agree()
    print(f"\n{turn[0]} jumps; one holder; nothing lapsed")


@pytest.mark.parametrize("jump", JUMPS)
def test_what_an_api_of_a_wrong_clock_takes_in_waits_no_shorter(crew: Crew, ministry: Ministry, agree: Agree, clock: Clock, jump: str) -> None:
    crew.restart_api(clock.environment)
    site = ministry.site
    clock.set(jump)
    done = site.dcctl(ministry.agent, "request", "submit", str(ministry.spec("attente", **BARE)), lang="en")
    clock.set("+0")
    if done.returncode:  # to a clock that is ahead every token has ended: nobody is let in, and nothing is written
        assert JUMPS[jump] > timedelta(0), done.stderr
        assert done.returncode == 3, done.stderr
        site.answer(ministry.agent, "request", "submit", str(ministry.spec("attente", **BARE)))
    [(number, lapses, holds)] = crew.ask(
        "SELECT r.number, r.lapses_at, (SELECT min(h.expires_at) FROM quotas.hold h WHERE h.reference = r.number) FROM request r"
        " WHERE r.administration = %s", ministry.code,
    )  # fmt: skip
    [(policy,)] = crew.ask("SELECT extract(epoch FROM lapses_at - waits_since) FROM request WHERE number = %s", number)
    assert abs(lapses - datetime.now(UTC) - timedelta(seconds=float(policy))) < MOMENT
    assert holds == lapses
    site.answer(ministry.agent, "request", "withdraw", str(number), "--reason", "essai")
    agree()

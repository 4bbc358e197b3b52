"""The clocks of worker and API jump by an hour and a day, there and back, while they work: nothing ends before its time or stays after it, and
nobody's place is taken."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.site import postgres
from stacks.specs import duration
from tests.acceptance.main_job.conftest import Ministry
from tests.acceptance.provisioner.world import WITNESS_WARNINGS
from tests.chaos.clocks import Clock
from tests.chaos.conftest import Agree
from tests.chaos.crew import Crew
from tests.chaos.proxy import Call
from tests.chaos.troubling import followed, submitted

pytestmark = WITNESS_WARNINGS

JUMPS = {"+1h": timedelta(hours=1), "-1h": timedelta(hours=-1), "+1d": timedelta(days=1), "-1d": timedelta(days=-1)}
MOMENT = timedelta(minutes=10)
#: Short beside each jump, and long enough for a busy machine: nothing but a clock can end it here.
LEASE = {"DCCTL_WORKER__LEASE_SECONDS": "15"}
BARE: dict[str, Any] = {"servers": [], "quota": {"networks": 1, "routers": 1, "floatingips": 1}}


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock")


@dataclass(frozen=True, slots=True)
class NearItsEnd:
    """A request that waits, with its hold, and an environment that is there: both end in less than an hour by the database's clock."""

    crew: Crew
    ministry: Ministry
    waiting: str
    environment: str

    def put(self, seconds: float) -> None:
        """From now on their ends are so far away."""
        away = timedelta(seconds=seconds)
        with postgres.connect(self.crew.layout, postgres.DATABASE) as connection:
            moment = datetime.now(UTC) + away
            for statement, who in ((_LAPSES, (moment, self.waiting)), (_EXPIRES, (moment, self.waiting)),
                                   (_ENDS, (moment, self.ministry.code, self.environment))):  # fmt: skip
                assert connection.execute(statement.encode(), who).rowcount, statement

    def states(self) -> tuple[str, str, int]:
        """Of the request and of the environment, and how many holds are open."""
        [(request,)] = self.crew.ask("SELECT state FROM request WHERE number = %s", self.waiting)
        query = "SELECT state FROM environment WHERE administration = %s AND name = %s"
        [(environment,)] = self.crew.ask(query, self.ministry.code, self.environment)
        [(held,)] = self.crew.ask("SELECT count(*) FROM quotas.hold WHERE reference = %s AND state = 'open'", self.waiting)
        return request, environment, held


_LAPSES = "UPDATE request SET lapses_at = %s WHERE number = %s"
_EXPIRES = "UPDATE quotas.hold SET expires_at = %s WHERE reference = %s AND state = 'open'"
_ENDS = "UPDATE environment SET expires_at = %s WHERE administration = %s AND name = %s"


def test_the_workers_clocks_jump_with_each_call_and_nothing_ends_before_its_time_and_each_environment_has_one_holder(
    crew: Crew, ministry: Ministry, agree: Agree, clock: Clock
) -> None:
    """What ends in half an hour does not end by a clock that is a day ahead; what has ended by the database's does by one that is a day late."""
    crew.restart_workers(clock.environment | LEASE)
    site = ministry.site
    assert followed(crew, ministry, submitted(crew, ministry, "finit", **BARE)).state == "fulfilled"
    waiting = str(site.answer(ministry.agent, "request", "submit", str(ministry.spec("attente", **BARE)))["number"])
    site.until(lambda: crew.request(waiting).get("state") == "in_review", "it waits for its lead", seconds=120)
    near = NearItsEnd(crew, ministry, waiting, "finit")
    near.put(1800)
    jumps, turn, lock = list(JUMPS), [0], threading.Lock()

    def jump(call: Call) -> None:
        with lock:
            clock.set(jumps[turn[0] % len(jumps)])
            turn[0] += 1

    crew.weather.before = jump
    told = followed(crew, ministry, submitted(crew, ministry, "horloge", **BARE))
    crew.weather.clear()
    clock.set("+1d")
    first = look(crew)
    site.until(lambda: look(crew) >= first + 120, "the worker has looked for what has ended, and looks again", seconds=240, pause=3)

    assert (told.state, told.retries) == ("fulfilled", 0), told
    assert turn[0] >= 8
    # Warned of its end it may be: that goes by how long it has been there.
    request, environment, holds = near.states()
    assert (request, environment in ("active", "warning"), holds > 0) == ("in_review", True, True), f"ended before its time: {near.states()}"
    [(token, expires)] = crew.ask(
        "SELECT l.token, e.expires_at FROM lease l JOIN environment e ON (e.administration, e.name) = (l.administration, l.environment)"
        " WHERE l.administration = %s AND e.name = 'horloge'", ministry.code,
    )  # fmt: skip
    assert token == 1, "the environment has had more than one holder"
    assert len(crew.ask("SELECT 1 FROM event WHERE request = (SELECT request FROM environment WHERE administration = %s AND name = 'horloge')"
                        " AND kind = 'running'", ministry.code)) == 1  # fmt: skip
    assert abs(expires - duration("3 months").after(datetime.now(UTC))) < MOMENT

    # The same looks do end what is over: by a clock that is a day late, too.
    clock.set("-1d")
    near.put(-1)
    site.until(lambda: near.states() == ("lapsed", "stopped", 0), "what is over has ended", seconds=240, pause=3)
    clock.set("+0")
    for name in ("horloge", "finit"):
        assert followed(crew, ministry, ministry.decommission(name)).state == "fulfilled"
    agree()
    print(f"{turn[0]} jumps; one holder; nothing ended early, and what was over did; 0 twice, 0 unknown, 0 stuck")


def look(crew: Crew) -> float:
    """Of which minute the newest look for what has ended is."""
    [(newest,)] = crew.ask("SELECT coalesce(max(defer_timestamp), 0) FROM procrastinate_periodic_defers WHERE task_name = 'every_minute'")
    return float(newest)


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

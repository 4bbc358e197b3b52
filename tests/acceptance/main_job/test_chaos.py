"""A share of what tests/chaos does at length: parts of runs killed and a call refused at moments that a seed chooses, and clocks that jump.

Only a test's own workers and what they start are killed here; API, PostgreSQL and OpenStack are everybody's. `DCCTL_CHAOS_SEED` replays a run.
"""

import itertools
import random
import threading
from pathlib import Path

from tests.acceptance.main_job.conftest import Ministry
from tests.acceptance.provisioner.world import WITNESS_WARNINGS
from tests.chaos.clocks import Clock
from tests.chaos.conftest import Agree, agree, crew, seed, weather  # noqa: F401 - fixtures
from tests.chaos.crew import Crew
from tests.chaos.proxy import Call, Fault
from tests.chaos.seeds import SEED
from tests.chaos.test_clocks import JUMPS
from tests.chaos.test_weather import BARE
from tests.chaos.troubling import Trouble, followed, submitted

pytestmark = WITNESS_WARNINGS

#: Each once.
KILLED = ("worker", "guardian", "engine", "provider")
#: So many calls at most pass before the next of them is killed: far fewer than the smallest environment needs.
PASSING = 2
#: Longer than any machine stands still: here nothing but a clock could end a lease.
LEASE = {"DCCTL_WORKER__LEASE_SECONDS": "60"}
#: For one request on a machine that has much else to do.
SECONDS = 1200.0


def test_whatever_of_a_run_is_killed_and_a_call_is_refused_the_environment_is_whole_in_the_end(
    crew: Crew, ministry: Ministry, agree: Agree  # noqa: F811
) -> None:  # fmt: skip
    dice = random.Random(SEED)
    parts, when, refused = dice.sample(KILLED, len(KILLED)), dice.choice(("before", "after")), dice.randrange(2, 6)
    passing = [dice.randint(0, PASSING) for _ in parts]
    counting, seen = threading.Lock(), 0

    def at(call: Call, when: str) -> str | None:
        number = len(trouble.done)
        if passing[number]:
            passing[number] -= 1
            return None
        return parts[number] if crew.kill(parts[number]) else None

    def choose(call: Call) -> Fault | None:
        nonlocal seen
        with counting:
            seen += call.changes and call.by_the_engine
            return Fault.ERROR if call.changes and call.by_the_engine and seen == refused else None

    trouble = Trouble(at=at, most=len(parts))
    crew.weather.choose = choose
    setattr(crew.weather, when, lambda call: trouble.meet(call, when) and None)
    told = followed(crew, ministry, submitted(crew, ministry, "recette-chaos", **BARE), seconds=SECONDS)

    assert told.state == "fulfilled", told
    assert trouble.done, "nothing was killed"
    assert seen >= refused, "no call was refused"
    agree()
    print(f"{trouble.done}; retries: {told.retries} {dict(told.failures)}; 0 twice, 0 unknown, 0 stuck")


def test_clocks_that_jump_with_each_call_let_nobody_else_in(
    crew: Crew, ministry: Ministry, agree: Agree, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    clock, jumps = Clock(tmp_path / "clock"), itertools.cycle(JUMPS)
    crew.restart_workers(clock.environment | LEASE)
    crew.weather.before = lambda call: clock.set(next(jumps))
    told = followed(crew, ministry, submitted(crew, ministry, "horloge-chaos", **BARE), seconds=SECONDS)

    assert (told.state, told.retries) == ("fulfilled", 0), told
    assert crew.ask("SELECT token FROM lease WHERE administration = %s", ministry.code) == [(1,)]
    clock.set("+0")
    agree()

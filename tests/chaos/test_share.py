"""What the other tests of chaos do at length, once: kills and a refusal at calls that a seed chooses, and clocks that jump.

`DCCTL_CHAOS_SEED` replays a run.
"""

import os
import random
from pathlib import Path

from tests.acceptance.main_job.conftest import Ministry
from tests.acceptance.provisioner.world import WITNESS_WARNINGS
from tests.chaos.clocks import Clock
from tests.chaos.conftest import Agree
from tests.chaos.crew import NAMES, Crew
from tests.chaos.proxy import Call, Fault
from tests.chaos.troubling import Trouble, followed, submitted

pytestmark = WITNESS_WARNINGS

SEED = int(os.environ.get("DCCTL_CHAOS_SEED", random.randrange(2**32)))
#: No servers: what is made here is made in a few seconds.
BARE = {"servers": [], "quota": {"networks": 1, "routers": 1, "floatingips": 1}}


def test_an_environment_whose_api_database_and_engine_are_killed_and_one_thing_of_which_fails_is_whole_in_the_end(
    crew: Crew, ministry: Ministry, agree: Agree
) -> None:  # fmt: skip
    print(f"\nDCCTL_CHAOS_SEED={SEED}")
    dice = random.Random(SEED)
    parts, refused = dice.sample(("api", "postgresql", "engine"), 3), dice.randrange(2, 6)
    calls = {"engine": 0}

    def at(call: Call, when: str) -> str | None:
        part = parts[len(trouble.done) % len(parts)]
        return part if dice.random() < 0.4 and crew.kill(part) else None

    def choose(call: Call) -> Fault | None:
        calls["engine"] += call.changes and call.by_the_engine
        return Fault.ERROR if call.changes and call.by_the_engine and calls["engine"] == refused else None

    trouble = Trouble(at=at, most=len(parts))
    crew.weather.after, crew.weather.choose = lambda call: trouble.meet(call, "after") and None, choose
    told = followed(crew, ministry, submitted(crew, ministry, "recette", **BARE), trouble, seconds=900)

    assert (told.state, bool(trouble.done)) == ("fulfilled", True), told
    agree()
    print(f"{trouble.done}; retries: {told.retries} {dict(told.failures)}; 0 twice, 0 unknown, 0 stuck")


def test_clocks_that_jump_with_each_call_end_nothing_early_and_let_nobody_else_in(
    crew: Crew, ministry: Ministry, agree: Agree, tmp_path: Path
) -> None:  # fmt: skip
    clock = Clock(tmp_path / "clock")
    crew.workers.more |= clock.environment
    for name in NAMES:
        crew.workers.end_one(name)
    crew.mend()
    jumps = iter(["+1h", "-1h", "+1d", "-1d"] * 1000)
    crew.weather.before = lambda call: clock.set(next(jumps))
    told = followed(crew, ministry, submitted(crew, ministry, "horloge", **BARE), seconds=900)

    assert (told.state, told.retries) == ("fulfilled", 0), told
    assert crew.ask("SELECT token FROM lease WHERE administration = %s", ministry.code) == [(1,)]
    clock.set("+0")
    agree()

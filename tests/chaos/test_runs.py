"""kill -9 of guardian, run, engine and provider at random moments of a run: each time all of it ends, and the stack can be worked on again."""

import os
import random
import signal
import time
from collections import Counter

import pytest

from dcctl.provisioner.engine import Engine, Work
from dcctl.provisioner.errors import EngineBroken, EngineCancelled, EnginePending
from tests.chaos.seeds import SEED
from tests.integration.pulumi.conftest import Silence, engine, engine_home, silence, work  # noqa: F401 - fixtures
from tests.integration.pulumi.test_runs import ENGINE, GUARDIAN, PLUGIN, RUN, base, processes_of, read  # noqa: F401 - a fixture

KILLS = int(os.environ.get("DCCTL_CHAOS_RUNS", "40"))
PARTS = {"guardian": GUARDIAN, "run": RUN, "engine": ENGINE, "provider": PLUGIN}
#: A run on a Keystone that does not answer gets so far that its provider waits for it.
LONGEST_SECONDS = 6.0


def test_forty_runs_killed_at_random_moments_leave_nothing_behind(engine: Engine, work: Work, silence: Silence) -> None:  # noqa: F811
    dice, outcomes = random.Random(SEED), Counter[str]()
    for _ in range(KILLS):
        name = dice.choice(sorted(PARTS))
        outcomes[f"{name}: {killed(engine, work, silence, PARTS[name], dice.uniform(0.0, LONGEST_SECONDS))}"] += 1
        assert processes_of(work) == []
        engine.unlock(work.stack)
    print(dict(outcomes))
    assert sum(outcomes.values()) == KILLS


def killed(engine: Engine, work: Work, silence: Silence, part: bytes, after: float) -> str:  # noqa: F811
    """Run, kill one part after so many seconds (or as soon as it is there); how the run ended."""
    began, hit = time.monotonic(), False

    def kill() -> bool:
        nonlocal hit
        if hit or time.monotonic() - began < after:
            return time.monotonic() - began > after + 30  # what was to be killed never came
        for pid in processes_of(work):
            if part in b" ".join(read(f"/proc/{pid}/cmdline").split(b"\0")[:3]):
                os.kill(pid, signal.SIGKILL)
                hit = True
        return False

    with pytest.raises((EngineBroken, EngineCancelled, EnginePending)) as ended:
        engine.up(work, cloud=silence.cloud, settled=["network"], cancelled=kill)
    return type(ended.value).__name__

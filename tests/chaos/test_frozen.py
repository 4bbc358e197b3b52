"""A run that goes on, or wakes up, after another machine has its environment: its writes are refused, nothing is twice, and what it could still do
inside OpenStack is counted.

The other machine is a worker that sees no process of this one (a namespace of its own), so that it can end none of them.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from dcctl.provisioner import processes as provisioner
from infra.site import postgres
from tests.acceptance.main_job.conftest import Ministry
from tests.acceptance.provisioner.world import WITNESS_WARNINGS
from tests.chaos.conftest import Agree
from tests.chaos.crew import NAMES, Crew
from tests.chaos.proxy import Call
from tests.chaos.test_deaths import KEYS, WEB
from tests.chaos.troubling import followed, submitted

pytestmark = WITNESS_WARNINGS

ELSEWHERE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
#: What the workload of such an environment makes last.
LAST = {"name": "cache", "count": 2, "flavor": "m1.tiny", "image": "cirros"}


@pytest.fixture
def elsewhere(crew: Crew) -> Callable[[], None]:
    """Starts the second worker on a machine of its own; until then there is only the first."""
    if shutil.which(ELSEWHERE[0]) is None or subprocess.run([*ELSEWHERE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this account may not make a namespace of processes (unshare --pid), which stands for another machine")
    crew.workers.end_one(NAMES[1])
    return lambda: crew.workers.start(NAMES[1], below=ELSEWHERE)


class Watch:
    """Calls of one run's engine, known by their tokens, from a moment on."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self.frozen = threading.Event()
        self.calls: list[tuple[float, Call, int]] = []

    def answered(self, call: Call, status: int) -> None:
        if not call.by_the_engine or not call.token:
            return
        if not self.frozen.is_set():
            self.tokens.add(call.token)
        elif call.token in self.tokens:
            self.calls.append((time.monotonic(), call, status))

    def changes(self, since: float) -> list[tuple[float, Call, int]]:
        return [(at - since, call, status) for at, call, status in self.calls if call.changes and at > since]


def taken(crew: Crew) -> int:
    found = crew.ask("SELECT token FROM lease WHERE administration = %s AND environment = %s", crew.code, crew.environment)
    return int(found[0][0]) if found else 0


@pytest.mark.parametrize("parts", [("worker", "guardian"), ("worker", "guardian", "run", "engine", "provider")], ids=["orphaned", "asleep"])
def test_what_is_frozen_past_its_lease_writes_nothing_when_it_goes_on(
    crew: Crew, ministry: Ministry, agree: Agree, elsewhere: Callable[[], None], parts: tuple[str, ...]
) -> None:
    watch, stopped = Watch(), list[int]()

    def freeze(call: Call) -> None:
        if call.by_the_engine and call.path.endswith("/networks") and not watch.frozen.is_set():
            watch.frozen.set()
            for part in parts:
                for pid in crew.pids(part):
                    os.kill(pid, signal.SIGSTOP)
                    stopped.append(pid)

    crew.weather.after, crew.weather.answered = freeze, watch.answered
    number = submitted(crew, ministry, "gel", servers=[WEB, LAST], **KEYS)
    crew.site.until(watch.frozen.is_set, "the workload is being made", seconds=240, pause=0.1)
    first = taken(crew)
    elsewhere()
    crew.site.until(lambda: taken(crew) > first, "the other machine has the environment", seconds=120, pause=0.05)
    since = time.monotonic()

    told = followed(crew, ministry, number)
    orphaned = watch.changes(since)
    woken = time.monotonic()
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):  # its guardian may have ended it while it was stopped
            os.kill(pid, signal.SIGCONT)
    crew.site.until(lambda: not living(crew), "nothing of the old run is left", seconds=60, pause=0.05)
    gone = time.monotonic() - woken
    crew.site.until(lambda: "lease_lost" in crew.workers.log(NAMES[0]), "the frozen worker noticed", seconds=60)
    late = watch.changes(woken)

    assert told.state == "fulfilled", told
    agree()
    assert told.retries == 0, told
    fences = {row[0] for row in fenced(crew)}
    assert fences == {taken(crew)}, "the engine's state is of another token than the lease"
    postings = crew.ask("SELECT kind, resource, count(*) FROM quotas.entry WHERE cause_reference = %s GROUP BY kind, resource", number)
    assert {count for _, _, count in postings} == {1}, postings
    assert len(crew.ask("SELECT 1 FROM event WHERE request = %s AND kind = 'succeeded'", number)) == 1
    print(f"\n{'+'.join(parts)}: after the successor had it, {said(orphaned)}; after waking, {said(late)}; {gone:.2f} s later nothing of it was left")


def living(crew: Crew) -> list[int]:
    """What runs for the environment on this machine; what the other machine has started is its own."""
    return [pid for stack in crew.stacks for pid in provisioner.marked("DCCTL_STACK", stack)]


def said(calls: list[tuple[float, Call, int]]) -> str:
    """In words, with what came of them."""
    well = [after for after, _, status in calls if status < 400]
    if not calls:
        return "the old run's engine asked for nothing"
    last = f", the last one {max(well):.1f} s after" if well else ""
    return f"the old run's engine asked for {len(calls)} changes and got {len(well)}{last}"


def fenced(crew: Crew) -> list[tuple[Any, ...]]:
    with postgres.connect(crew.layout, postgres.ENGINE_DATABASE) as connection:
        query = "SELECT token FROM dcctl_fence WHERE stack = ANY (%s)"
        return [tuple(row) for row in connection.execute(query, (crew.stacks,)).fetchall()]

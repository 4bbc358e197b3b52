"""A run that goes on, or wakes up, after another machine has its environment: what it writes to ledger, store and state is seen to be refused,
nothing is twice, and what it could still do inside OpenStack is counted.

The other machine is a worker that sees no process of this one (a namespace of its own), so that it can end none of them.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from dcctl.config import Database, Settings
from dcctl.provisioner import processes as provisioner
from dcctl.provisioner.processes import boottime
from dcctl.store import Operation
from dcctl.workflow.app import App
from dcctl.workflow.leases import Lease, Lost
from dcctl.workflow.run import Run
from infra.site import postgres
from tests.acceptance.main_job.conftest import Connect, Ministry
from tests.acceptance.provisioner.world import WITNESS_WARNINGS
from tests.chaos.conftest import Agree
from tests.chaos.crew import NAMES, Crew
from tests.chaos.looking import credentials
from tests.chaos.proxy import Call
from tests.chaos.test_deaths import KEYS, WEB
from tests.chaos.test_weather import BARE
from tests.chaos.troubling import followed, submitted

pytestmark = WITNESS_WARNINGS

ELSEWHERE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
#: Longest time that a call is held up; nothing waits as long.
HELD_SECONDS = 180.0
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


def lost(crew: Crew, name: str) -> list[str]:
    """Why a worker says that it lost its lease, each time."""
    lines = (crew.layout.log / f"{name}.log").read_text(errors="replace").splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    return [str(one["why"]) for one in told if one["event"] == "lease_lost"]


def refused_by_the_fence(crew: Crew, token: int) -> int:
    """How many statements of that token the state's database has refused since it was started."""
    return (crew.layout.log / "postgres.log").read_text(errors="replace").count(f"fenced: {token} (the state is of token ")


def an_old_token_writes_nothing(crew: Crew, token: int, pid: int, number: str) -> None:
    """What the frozen worker would write with its own holder's name and token: refused in the state by its trigger, and in store and ledger before
    a transaction's first statement."""
    with postgres.connect(crew.layout, postgres.ENGINE_DATABASE) as connection:
        connection.execute("SELECT set_config('dcctl.fence', %s, false)", (str(token),))
        for stack in crew.stacks:
            for write in ("UPDATE pulumi_state SET data = data WHERE key LIKE %s", "DELETE FROM pulumi_state WHERE key LIKE %s"):
                with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match=f"fenced: {token} "):
                    connection.execute(write.encode(), (f"%/{stack}.json",))
                connection.rollback()
                connection.execute("SELECT set_config('dcctl.fence', %s, false)", (str(token),))
    app = App(Settings(database=Database(application=crew.layout.url(postgres.DATABASE, postgres.APPLICATION))))
    try:
        with app.reading() as session:
            operation = session.get_one(Operation, crew.request(number)["operation"])
        holder = f"{socket.gethostname()}/{pid}"
        old = Lease(administration=crew.code, environment=crew.environment, holder=holder, token=token, unclean=False)
        with pytest.raises(Lost), Run(app, operation, old, boottime()).transaction():
            pytest.fail("a transaction of the old token began")
    finally:
        app.close()


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
    first, frozen = taken(crew), crew.workers.started[NAMES[0]]
    before = refused_by_the_fence(crew, first)
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
    crew.site.until(lambda: bool(lost(crew, NAMES[0])), "the frozen worker noticed", seconds=60)
    late = watch.changes(woken)
    refused = refused_by_the_fence(crew, first) - before

    assert told.state == "fulfilled", told
    agree()
    assert told.retries == 0, told
    # Its engine went on beside the successor, and each time it wanted to write down what it had made it was refused.
    assert refused >= ("engine" not in parts), "the old run's engine wrote to the state, or never wanted to"
    an_old_token_writes_nothing(crew, first, frozen, number)
    agree()
    fences = {row[0] for row in fenced(crew)}
    assert fences == {taken(crew)}, "the engine's state is of another token than the lease"
    postings = crew.ask("SELECT kind, resource, count(*) FROM quotas.entry WHERE cause_reference = %s GROUP BY kind, resource", number)
    assert {count for _, _, count in postings} == {1}, postings
    assert len(crew.ask("SELECT 1 FROM event WHERE request = %s AND kind = 'succeeded'", number)) == 1
    print(f"\n{'+'.join(parts)}: after the successor had it, {said(orphaned)}; after waking, {said(late)}; {gone:.2f} s later nothing of it was left")
    print(f"refused: {refused} of its writes to the state, why it lost: {lost(crew, NAMES[0])}; 0 twice, 0 unknown, 0 stuck")


def test_a_worker_that_sleeps_between_a_call_and_the_write_after_it_writes_nothing(crew: Crew, ministry: Ministry, agree: Agree) -> None:
    """Frozen while Nova writes a limit, so that what it does next, once awake, is to keep in the store what was read back."""
    asleep, going_on = list[int](), threading.Event()

    def freeze(call: Call) -> None:
        if call.method == "PUT" and "/os-quota-sets/" in call.path and not asleep:
            asleep.extend(crew.pids("worker"))
            for pid in asleep:
                os.kill(pid, signal.SIGSTOP)
            going_on.wait(HELD_SECONDS)  # it hears the answer when it wakes

    crew.weather.after = freeze
    number = submitted(crew, ministry, "sommeil", **BARE)
    crew.site.until(lambda: bool(asleep), "a limit is written", seconds=240, pause=0.1)
    first, name = taken(crew), named(crew, asleep[0])
    try:
        crew.site.until(lambda: taken(crew) > first, "the other worker has the environment", seconds=120, pause=0.1)
        told = followed_beside_the_sleeper(crew, number)
    finally:
        os.kill(asleep[0], signal.SIGCONT)
        going_on.set()
    crew.site.until(lambda: bool(lost(crew, name)), "the frozen worker noticed", seconds=60)

    assert told == "fulfilled"
    agree()
    an_old_token_writes_nothing(crew, first, asleep[0], number)
    postings = crew.ask("SELECT kind, resource, count(*) FROM quotas.entry WHERE cause_reference = %s GROUP BY kind, resource", number)
    assert {count for _, _, count in postings} == {1}, postings
    print(f"why it lost: {lost(crew, name)}; 0 twice, 0 unknown, 0 stuck")


@pytest.mark.parametrize("then", ["wakes", "dies"])
def test_a_credential_that_keystone_makes_after_the_successor_has_looked_is_taken_away(
    crew: Crew, ministry: Ministry, connect: Connect, agree: Agree, then: str
) -> None:
    """Its maker takes it away when it wakes up; where it never does, whichever worker looks next."""
    asleep, held, made, sent = list[int](), list[Call](), list[int](), threading.Event()

    def answered(call: Call, status: int) -> None:
        if held and call is held[0]:
            made.append(status)

    def freeze(call: Call) -> None:
        if not makes_a_credential(call):
            return
        if not held:
            held.append(call)
            asleep.extend(crew.pids("worker"))
            for pid in asleep:
                os.kill(pid, signal.SIGSTOP)
            assert sent.wait(HELD_SECONDS), "the successor made none of its own"
        else:
            sent.set()  # the successor has looked, and makes its own

    crew.weather.before, crew.weather.answered = freeze, answered
    number = submitted(crew, ministry, "tardif", **BARE)
    crew.site.until(lambda: bool(asleep), "a credential is being made", seconds=240, pause=0.1)
    first, name, admin = taken(crew), named(crew, asleep[0]), connect()
    mine = f"dcctl.run.{crew.code}.tardif.{first}."
    try:
        crew.site.until(lambda: bool(made), "Keystone has made it", seconds=120, pause=0.1)
        assert (made, sent.is_set()) == ([201], True)
        if then == "dies":
            os.kill(asleep[0], signal.SIGKILL)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(asleep[0], signal.SIGCONT)
    told = followed(crew, ministry, number)

    assert (told.state, told.retries) == ("fulfilled", 0), told
    if then == "wakes":
        crew.site.until(lambda: bool(lost(crew, name)), "the frozen worker noticed", seconds=60)
    crew.site.until(lambda: not any(one.startswith(mine) for one in credentials(admin)), "it is taken away", seconds=60, pause=1)
    agree()


def makes_a_credential(call: Call) -> bool:
    return call.method == "POST" and call.path.endswith("/application_credentials")


def named(crew: Crew, pid: int) -> str:
    return next(name for name, own in crew.workers.started.items() if own == pid)


def followed_beside_the_sleeper(crew: Crew, number: str) -> str:
    """Nothing is started again: the frozen worker is there, and is not to be touched."""
    crew.site.until(lambda: crew.request(number).get("state") in ("fulfilled", "failed"), f"{number} has ended", seconds=300, pause=0.5)
    return str(crew.request(number)["state"])


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

"""kill -9 of run, engine and provider before and after each call that changes something, while a small environment is made, changed and destroyed;
faults on a share of all calls; each thing that cannot be made, one after the other. Each time cloud and state agree in the end: nothing twice,
unknown or stuck.

`DCCTL_CHAOS_SEED` replays a run, `DCCTL_CHAOS_CALLS` bounds how many calls are met.
"""

import contextlib
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dcctl.cloud.connect import Cloud
from dcctl.errors import CloudError, DcctlError, EngineError
from dcctl.provisioner.errors import EngineBroken, EngineFailed, EngineLocked
from dcctl.workflow import recovery
from dcctl.workflow.recovery import Recovered
from stacks.naming import Layer
from stacks.plan import plan
from stacks.specs import parse, to_document
from tests.acceptance.provisioner.conftest import REGION
from tests.acceptance.provisioner.killing import COUNTED, SMALL, agree, kill, recovered, up
from tests.acceptance.provisioner.world import WITNESS_WARNINGS, World
from tests.chaos.proxy import Call, Choose, Fault, KeptBack, Weather, nth, proxy, sometimes, through
from tests.chaos.seeds import SEED
from tests.chaos.worlds import whole

MakeWorld = Callable[..., World]
pytestmark = WITNESS_WARNINGS

CALLS = int(os.environ.get("DCCTL_CHAOS_CALLS", "1000"))
SHARE = 0.2
#: More attempts than this are not bounded any more.
ATTEMPTS = 120
#: Another size, another port, a larger volume.
CHANGED: dict[str, Any] = SMALL[0] | {"flavor": "m1.small", "ports": [80], "volumes": [{"size": 2, "type": "ssd"}]}
GONE = ["rule-web-tcp-443-0.0.0.0_0"]


@pytest.fixture
def behind(weather: Weather, clouds_yaml: Path, tmp_path: Path) -> Iterator[Callable[[World], Cloud]]:
    """Put a world behind the proxy; what looks at it from there. At the end the weather is fine, and the world where it was."""
    with clouds_yaml.open() as file:
        clouds = YAML(typ="safe").load(file)
    entry = clouds["clouds"]["cloud-admin"]
    keystone = int(entry["auth"]["auth_url"].partition("//")[2].partition(":")[2].partition("/")[0])
    moved: list[tuple[World, Any, Any]] = []
    with proxy(weather, range(keystone, keystone + 10)) as port:

        def put(world: World) -> Cloud:
            moved.append((world, world.admin_entry, world.build_entry))
            world.admin_entry, world.build_entry = (_moved(one, port) for one in (world.admin_entry, world.build_entry))
            path = tmp_path / "clouds.yaml"
            path.write_text("")
            path.chmod(0o600)
            with path.open("w") as file:
                YAML().dump({"clouds": {"cloud-admin": _moved(entry, port)}}, file)
            return Cloud(path, "cloud-admin", REGION)

        yield put
        weather.clear()
        for world, administrator, builder in moved:
            world.admin_entry, world.build_entry = administrator, builder


def _moved(entry: Any, port: int) -> dict[str, Any]:
    return {**entry, "auth": {**entry["auth"], "auth_url": through(entry["auth"]["auth_url"], port)}}


class Killer:
    """Kills the runs of a stack at the first call that changes something, by turns before it is made and after."""

    def __init__(self, weather: Weather, stack: str) -> None:
        self.stack, self.weather, self.turn, self.hit = stack, weather, 0, False
        self.kills: list[str] = []
        weather.before, weather.after = self._before, self._after

    def armed(self) -> None:
        self.hit = False
        self.turn += 1

    def disarm(self) -> None:
        self.hit = True

    def _before(self, call: Call) -> None:
        if not self.hit and self.turn % 2:
            self._kill(call, "before")
            raise KeptBack

    def _after(self, call: Call) -> None:
        if not self.hit and not self.turn % 2:
            self._kill(call, "after")

    def _kill(self, call: Call, when: str) -> None:
        self.hit = True
        kill(self.stack)
        self.kills.append(f"{when} {call.method} {call.path.partition('?')[0]}")


def until_whole(world: World, cloud: Cloud, layer: Layer, killer: Killer, **more: Any) -> None:
    """Run again and again, each time killed a call further, until a run comes to its end."""
    step = Recovered()
    for _ in range(ATTEMPTS):
        if len(killer.kills) < CALLS:
            killer.armed()
        else:
            killer.disarm()
        with contextlib.suppress(EngineBroken, EngineFailed):
            up(world, layer, step, **more)
            if not killer.hit or len(killer.kills) >= CALLS:
                return
        killer.disarm()
        step = recovered(world, cloud, layer)
        more = {**more, "refresh": True} if more else more
    pytest.fail(f"not whole after {ATTEMPTS} attempts: {killer.kills}")


def test_killed_before_and_after_each_call_it_is_made_changed_and_destroyed_once(
    make_world: MakeWorld, weather: Weather, behind: Callable[[World], Cloud], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(recovery, "SETTLE_SECONDS", 1.0)  # here a call is over when it is over
    world = make_world("appels", servers=SMALL)
    cloud = behind(world)
    killer = Killer(weather, world.work("tenant").stack)
    until_whole(world, cloud, "tenant", killer)
    made = len(killer.kills)
    killer.disarm()
    outputs = up(world, "tenant", Recovered()).outputs
    world.project_id, world.group_id = outputs["project_id"], outputs["group_id"]
    agree(world, cloud, "tenant")
    world.limit()

    killer = Killer(weather, world.work("workload").stack)
    until_whole(world, cloud, "workload", killer)
    made += len(killer.kills)
    killer.disarm()
    agree(world, cloud, "workload")
    whole(world)
    assert world.left() == COUNTED
    assert {step.op for step in world.engine.preview(world.work("workload"), cloud=world.cloud("workload"))} == {"same"}

    world.spec = parse({**to_document(world.spec), "servers": [CHANGED]})
    killer.kills.clear()
    until_whole(world, cloud, "workload", killer, replace=GONE)
    changed = len(killer.kills)
    killer.disarm()
    agree(world, cloud, "workload")
    whole(world)
    [server] = world.servers()
    assert (server.status, server.flavor.original_name, world.left()) == ("ACTIVE", "m1.small", COUNTED)

    killer.kills.clear()
    for _ in range(ATTEMPTS):
        killer.armed() if len(killer.kills) < CALLS else killer.disarm()
        with contextlib.suppress(EngineBroken, EngineFailed, EngineLocked):
            world.engine.destroy(world.work("workload").stack, cloud=world.cloud("workload"))
            break
        killer.disarm()
        world.engine.unlock(world.work("workload").stack)
    assert set(world.left().values()) == {0}
    print(f"\nkilled {made} times while it was made, {changed} while changed, {len(killer.kills)} while destroyed; 0 twice, 0 unknown, 0 stuck")


def patiently(world: World, cloud: Cloud, layer: Layer) -> tuple[int, Any]:
    """Run, look and run again, as retries do, until it is made; how many runs that took, and the outputs."""
    step: Recovered | None = Recovered()
    for attempt in range(1, ATTEMPTS):
        with contextlib.suppress(EngineFailed, EngineBroken, EngineLocked, EngineError, CloudError, DcctlError):
            if step is None:
                step = recovered(world, cloud, layer)
            return attempt, up(world, layer, step).outputs
        step = None
    pytest.fail(f"not made after {ATTEMPTS} attempts")


def test_on_bad_days_it_is_made_in_the_end_and_once(
    make_world: MakeWorld, weather: Weather, behind: Callable[[World], Cloud]
) -> None:  # fmt: skip
    world = make_world("orage", servers=SMALL)
    cloud = behind(world)
    weather.stall_seconds = float(os.environ.get("DCCTL_CHAOS_STALL", "30"))
    weather.choose = sometimes(random.Random(SEED), SHARE)
    tenant, outputs = patiently(world, cloud, "tenant")
    world.project_id, world.group_id = outputs["project_id"], outputs["group_id"]
    world.limit()
    workload, _ = patiently(world, cloud, "workload")
    weather.choose = lambda call: None

    agree(world, cloud, "tenant")
    agree(world, cloud, "workload")
    whole(world)
    assert world.left() == COUNTED
    assert {step.op for step in world.engine.preview(world.work("workload"), cloud=world.cloud("workload"))} == {"same"}
    print(f"{tenant} and {workload} runs; calls by fault: {dict(weather.calls)}; 0 twice, 0 unknown, 0 stuck")


def failure(world: World) -> EngineFailed | None:
    try:
        up(world, "workload", Recovered())
    except EngineFailed as failed:
        return failed
    return None


def test_whichever_thing_cannot_be_made_the_next_run_makes_what_is_missing(
    make_world: MakeWorld, weather: Weather, behind: Callable[[World], Cloud]
) -> None:  # fmt: skip
    world = make_world("panne", servers=SMALL)
    cloud = behind(world)
    world.tenant()
    world.limit()
    changes: list[str] = []
    weather.after = lambda call: changes.append(f"{call.method} {call.path.partition('?')[0]}")
    assert failure(world) is None
    weather.clear()
    world.engine.destroy(world.work("workload").stack, cloud=world.cloud("workload"))
    assert set(world.left().values()) == {0}
    assert len(changes) >= len(plan(world.spec, world.resolved).of("workload")), changes

    borne = []
    numbers = range(1, min(len(changes), CALLS) + 1)
    for number in numbers:
        met: list[Call] = []
        choose = nth(number)

        def noted(call: Call, choose: Choose = choose, met: list[Call] = met) -> Fault | None:
            fault = choose(call)
            met.extend([call] if fault else [])
            return fault

        weather.choose = noted
        failed = failure(world)
        weather.clear()
        assert met, f"no {number}th call was made, of {len(changes)}"
        if failed is None:
            borne.append(f"{met[0].method} {met[0].path}")
        else:
            assert failed.diagnostics, failed.summary
            assert "mauvais temps" in failed.summary or any("mauvais temps" in (d.words + d.raw) for d in failed.diagnostics), failed.diagnostics
        up(world, "workload", recovered(world, cloud, "workload"))
        agree(world, cloud, "workload")
        whole(world)
        assert world.left() == COUNTED
        world.engine.destroy(world.work("workload").stack, cloud=world.cloud("workload"))
        assert set(world.left().values()) == {0}
    # Making a thing that is refused ends the run; what only sets a word of it may be tried again by the provider itself.
    assert not [call for call in borne if call.startswith("POST")], borne
    print(f"{len(numbers)} of {len(changes)} calls refused, one in each of as many runs, {len(borne)} of them borne by the run itself {borne}")
    print("0 twice, 0 unknown, 0 stuck")

"""Killing the engine in the middle, going on after a look, and the comparison of cloud and state, thing by thing."""

import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dcctl.cloud.connect import Cloud
from dcctl.provisioner import processes, state
from dcctl.provisioner.errors import EngineBroken, EngineFailed
from dcctl.provisioner.job import Event, Outcome
from dcctl.workflow import recovery
from dcctl.workflow.verdicts import Verdict
from stacks.naming import Layer
from stacks.plan import plan
from tests.acceptance.provisioner.world import World

#: One server with a rule, a group, a volume that it starts from, one of data and a public address: every type that the workload has.
SMALL = [
    {"name": "web", "flavor": "m1.tiny", "image": "cirros", "floating_ip": True, "ports": [443], "volumes": [{"size": 1, "type": "ssd"}],
     "boot_volume": {"size": 1, "type": "ssd"}, "placement": "strict"},
]  # fmt: skip
#: What the witness must count in the project of such an environment; its ports: the server's and the router's.
COUNTED = {"servers": 1, "volumes": 2, "networks": 1, "ports": 2, "routers": 1, "addresses": 1, "groups": 1}

Moment = Callable[[Event], bool]


@dataclass(slots=True)
class Told:
    """The feed of a recovery."""

    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, kind: str, **document: Any) -> None:
        self.events.append((kind, document))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [document for said, document in self.events if said == kind]


def begun(name: str) -> Moment:
    """When the engine has begun to make this."""
    return lambda event: event.name == name and event.op == "create" and event.status == "running"


def done(name: str) -> Moment:
    """When it has made it."""
    return lambda event: event.name == name and event.op in {"create", "import"} and event.status == "done"


def nth(number: int) -> Moment:
    """At the event of that number, whatever it is."""
    count = iter(range(number, -1, -1))
    return lambda event: next(count, None) == 0


def kill(stack: str) -> None:
    """kill -9 of run, engine and provider, until none is left."""
    while alive := processes.marked("DCCTL_STACK", stack):
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def killed(world: World, layer: Layer, moment: Moment, recovered: recovery.Recovered | None = None) -> bool:
    """`up`, killed at the moment; False when the moment never came and all is made."""
    work, hit = world.work(layer), []

    def look(event: Event) -> None:
        if not hit and moment(event):
            hit.append(event)
            kill(work.stack)

    with contextlib.suppress(EngineBroken, EngineFailed):
        up(world, layer, recovered or recovery.Recovered(), on_event=look)
        assert not hit
    return bool(hit)


def up(world: World, layer: Layer, recovered: recovery.Recovered, **more: Any) -> Outcome:
    return world.engine.up(world.work(layer), cloud=world.cloud(layer), adopt=recovered.adopt, settled=recovered.settled, **more)


def ground(world: World, cloud: Cloud, layer: Layer, **more: Any) -> recovery.Ground:
    project_id = world.project_id if layer == "workload" else None
    return recovery.Ground(cloud=cloud, engine=world.engine, work=world.work(layer), project_id=project_id, **{"unused": True, **more})


def recovered(world: World, cloud: Cloud, layer: Layer, told: Told | None = None, **more: Any) -> recovery.Recovered:
    world.engine.unlock(world.work(layer).stack)
    return recovery.recover(ground(world, cloud, layer, **more), told or Told())


def recorded(world: World, layer: Layer) -> dict[str, str]:
    """Ids in the engine's state, by logical name."""
    return {name: thing.id for name, thing in state.recorded(world.engine.export(world.work(layer).stack)).items()}


def agree(world: World, cloud: Cloud, layer: Layer) -> dict[str, str]:
    """Everything planned is in the state, and is what a look finds of itself, once each; nothing hangs in the engine. The ids."""
    exported = world.engine.export(world.work(layer).stack)
    known = {name: thing.id for name, thing in state.recorded(exported).items()}
    decisions = recovery.decide(ground(world, cloud, layer).planned, ground(world, cloud, layer).look(), facts(world, cloud, layer))
    assert state.pending(exported) == {}
    assert set(known) == {resource.name for resource in plan(world.spec, world.resolved).of(layer)}
    assert {decision.name: decision.id for decision in decisions} == known
    assert {decision.verdict for decision in decisions} == {Verdict.ADOPT}
    assert not [decision for decision in decisions if decision.doomed or decision.unclear or decision.waiting]
    return known


def facts(world: World, cloud: Cloud, layer: Layer) -> Any:
    """As if nothing were recorded."""
    return recovery.Facts(mark=ground(world, cloud, layer).mark, recorded={}, begun=frozenset(), unused=True)

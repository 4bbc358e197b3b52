"""What an `up` would do is found without a lock and without writing; what a preview stumbles over is looked at on a copy of the state."""

import copy
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dcctl.provisioner.engine import Engine, Work
from dcctl.provisioner.errors import EngineCancelled
from dcctl.provisioner.skeleton import rebuilt
from stacks.environment import to_document
from stacks.plan import plan
from stacks.specs import parse
from tests.integration.pulumi.conftest import Silence

NOWHERE = {"auth": {"auth_url": "http://127.0.0.1:9/v3", "username": "u", "password": "p", "user_domain_name": "Default", "project_id": "p"}}


def files(engine: Engine) -> dict[str, bytes]:
    state = Path(engine.backend.removeprefix("file://"))
    return {str(path.relative_to(state)): path.read_bytes() for path in state.rglob("*") if path.is_file() and "meta.yaml" not in path.name}


def steps(engine: Engine, work: Work) -> set[tuple[str, str]]:
    return {(step.op, step.name) for step in engine.forecast(work, cloud=NOWHERE)}


@pytest.fixture
def state(work: Work) -> dict[str, Any]:
    """The network as the engine knows it, and a volume of which the plan says nothing, protected as volumes are."""
    planned = plan(work.spec, work.resolved).of("workload")
    known, _ = rebuilt(None, work.stack, planned, {"network": "n-1"}, ())
    resources = known["deployment"]["resources"]
    [network] = [resource for resource in resources if resource["urn"].endswith("::network") and resource.get("id")]
    volume = copy.deepcopy(network) | {
        "urn": network["urn"].replace("dcctl:stacks:TenantNetwork$openstack:networking/network:Network::network",
                                      "dcctl:stacks:Servers$openstack:blockstorage/volume:Volume::volume-base-1-1"),
        "type": "openstack:blockstorage/volume:Volume", "id": "v-1", "protect": True,
    }  # fmt: skip
    volume["parent"] = next(resource["urn"] for resource in resources if resource["type"] == "pulumi:pulumi:Stack")
    resources.append(volume)
    return dict(known)


@pytest.fixture
def lock(engine: Engine, work: Work, silence: Silence) -> Iterator[None]:
    """A run that hangs has the stack's lock for as long as the test goes on."""
    ending = threading.Event()

    def hang() -> None:
        with pytest.raises(EngineCancelled):
            engine.up(work, cloud=silence.cloud, cancelled=ending.is_set)

    running = threading.Thread(target=hang)
    running.start()
    assert silence.reached.wait(120)
    yield
    ending.set()
    running.join()


def test_of_a_stack_that_is_not_there_everything_would_be_made(engine: Engine, work: Work) -> None:
    assert steps(engine, work) == {("create", "network"), ("create", "subnet")}
    assert files(engine) == {}


def test_what_would_be_destroyed_is_told_protected_or_not_and_nothing_is_written(engine: Engine, work: Work, state: dict[str, Any]) -> None:
    engine.restore(work.stack, state)
    before = files(engine)

    found = steps(engine, work)

    assert ("delete", "volume-base-1-1") in found
    assert ("create", "subnet") in found
    assert files(engine) == before


def test_a_run_that_goes_on_hinders_no_forecast(engine: Engine, work: Work, lock: None) -> None:
    assert steps(engine, work) == {("create", "network"), ("create", "subnet")}


SERVERS = [
    {"name": "base", "flavor": "m1.small", "image": "cirros", "volumes": [{"size": 20, "type": "ssd"}]},
    {"name": "web", "flavor": "m1.small", "image": "cirros"},
]
KEPT = [{"name": "base-1-data-1", "size": 20, "type": "ssd"}]
#: What a change makes of the servers and of the volume of one of them.
CHANGED: dict[str, dict[str, Any]] = {
    "its server lets go of it": {"servers": [SERVERS[0] | {"volumes": []}, SERVERS[1]], "kept_volumes": KEPT},
    "its server goes": {"servers": [SERVERS[1]], "kept_volumes": KEPT},
    "every server goes": {"servers": [], "kept_volumes": KEPT},
    "it is at another server": {"servers": [SERVERS[1] | {"volumes": [{"size": 20, "type": "ssd", "name": "base-1-data-1"}]}]},
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_volume_that_is_kept_or_moved_is_the_same_thing_to_the_engine(engine: Engine, work: Work, change: str) -> None:
    ids = {"flavor_ids": {"m1.small": "f-1"}, "image_ids": {"cirros": "i-1"}, "volume_types": {"ssd": "t-1", "standard": "t-2"}}
    resolved = replace(work.resolved, **ids)
    document = to_document(work.spec)
    planned = plan(parse(document | {"servers": SERVERS}), resolved).of("workload")
    known, _ = rebuilt(None, work.stack, planned, {thing.name: f"id-{thing.name}" for thing in planned}, ())
    engine.restore(work.stack, known)

    changed = Work(layer="workload", spec=parse(document | CHANGED[change]), resolved=resolved)
    found = {step.name: step.op for step in engine.forecast(changed, cloud=NOWHERE)}

    assert found["volume-base-1-1"] in ("same", "update")
    assert found["attachment-base-1-1"] == "delete"

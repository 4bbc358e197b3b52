"""What an `up` would do is found without a lock and without writing; what a preview stumbles over is looked at on a copy of the state."""

import copy
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcctl.provisioner.engine import Engine, Work
from dcctl.provisioner.errors import EngineCancelled
from dcctl.provisioner.skeleton import rebuilt
from stacks.plan import plan
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
    assert silence.reached.wait(40)
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

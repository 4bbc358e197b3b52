"""What is there already: nothing outside the plan is touched, lost states are found again, vanished things hinder nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from dcctl.provisioner.errors import EngineFailed, PlanExceeded
from dcctl.provisioner.job import Outcome
from stacks import tokens
from stacks.plan import plan
from tests.acceptance.provisioner.world import WITNESS_WARNINGS, World

MakeWorld = Callable[..., World]

pytestmark = WITNESS_WARNINGS

SMALL = [
    {"name": "web", "flavor": "m1.tiny", "image": "cirros", "floating_ip": True, "ports": [443]},
    {"name": "base", "flavor": "m1.tiny", "image": "cirros", "volumes": [{"size": 1, "type": "ssd"}]},
]


def made(world: World) -> Outcome:
    world.tenant()
    world.limit()
    return world.engine.up(world.work("workload"), cloud=world.cloud("workload"))


def ids(world: World) -> dict[str, str]:
    """The id of everything in the workload's state, by logical name."""
    state = world.engine.export(world.work("workload").stack)
    assert state is not None
    return {
        resource["urn"].rpartition("::")[2]: resource["id"]
        for resource in state["deployment"]["resources"]
        if resource["type"] in tokens.ALL
    }  # fmt: skip


def test_a_lost_state_is_found_again_by_ids_and_what_would_be_destroyed_stops_the_run(make_world: MakeWorld) -> None:
    world = make_world("perdu", servers=SMALL)
    first = made(world)
    work, cloud = world.work("workload"), world.cloud("workload")
    known, there = ids(world), world.left()
    assert set(known) == {resource.name for resource in plan(world.spec, world.resolved).of("workload")}

    world.engine.remove(work.stack)
    again = world.engine.up(work, cloud=cloud, adopt=known)

    # The stack's own book-keeping is created; tags, which are not among what an import reads, are written once more.
    assert set(again.changes) <= {"import", "create", "update"}
    assert again.changes["import"] == len(known)
    assert again.outputs == first.outputs
    assert world.left() == there
    assert {step.op for step in world.engine.preview(work, cloud=cloud)} == {"same"}
    assert ids(world) == known

    # The same environment without one of its servers: to be destroyed, which no plan of an environment has.
    fewer = replace(world.spec, servers=world.spec.servers[:1])
    with pytest.raises(PlanExceeded) as caught:
        world.engine.up(world.work("workload", fewer), cloud=cloud)
    assert {(step.op, step.name) for step in caught.value.steps} >= {("delete", "server-base-1"), ("delete", "volume-base-1-1")}
    assert world.left() == there

    # Somebody deletes a server and the network's way out beside dcctl.
    world.admin.compute.delete_server(known["server-web-1"])
    world.admin.network.delete_ip(known["address-web-1"])
    world.engine.destroy(work.stack, cloud=cloud)
    assert set(world.left().values()) == {0}


def test_a_project_that_is_gone_is_told_and_its_stack_can_be_forgotten(make_world: MakeWorld) -> None:
    world = make_world("disparu", servers=[])
    made(world)
    network = world.admin.network
    [router] = network.routers(project_id=world.project_id)
    [subnet] = network.subnets(project_id=world.project_id)
    network.remove_interface_from_router(router, subnet_id=subnet.id)
    network.delete_router(router)
    [mine] = network.networks(project_id=world.project_id)
    network.delete_network(mine)
    world.admin.identity.delete_project(world.project_id)
    stack = world.work("workload").stack

    with pytest.raises(EngineFailed):
        world.engine.destroy(stack, cloud=world.cloud("workload"))
    world.engine.remove(stack)

    assert world.engine.export(stack) is None

"""A state that is rebuilt by hand knows what is there, and nothing in the cloud is touched by it."""

from collections.abc import Callable

from dcctl.cloud.connect import Cloud
from dcctl.provisioner import skeleton
from dcctl.workflow.recovery import Recovered
from stacks.plan import plan
from tests.acceptance.provisioner.killing import SMALL, agree, up
from tests.acceptance.provisioner.test_recovery import removed
from tests.acceptance.provisioner.world import WITNESS_WARNINGS, World
from tests.chaos.worlds import whole

MakeWorld = Callable[..., World]
pytestmark = WITNESS_WARNINGS


def test_a_state_rebuilt_by_hand_is_read_from_what_is_there_and_touches_nothing(make_world: MakeWorld, seer: Cloud) -> None:
    world = make_world("main", servers=SMALL)
    world.tenant()
    world.limit()
    up(world, "workload", Recovered())
    first = {layer: agree(world, seer, layer) for layer in ("tenant", "workload")}

    for layer in ("tenant", "workload"):
        removed(world, layer)
        work, before = world.work(layer), touched(world)
        found, things = skeleton.rebuilt(None, work.stack, plan(world.spec, world.resolved).of(layer), first[layer], ())
        world.engine.rebuild(work.stack, found, things, cloud=world.cloud(layer))
        assert touched(world) == before
        assert agree(world, seer, layer) == first[layer]
        # Tags are not among what is read of a thing that is taken over.
        assert {step.op for step in world.engine.preview(work, cloud=world.cloud(layer))} <= {"same", "update"}
    up(world, "workload", Recovered(), expected=True)
    assert agree(world, seer, "workload") == first["workload"]
    whole(world)


def touched(world: World) -> dict[str, object]:
    """When each thing was changed last, as its service says."""
    network, mine = world.admin.network, {"project_id": world.project_id}
    neutral = [*network.networks(**mine), *network.subnets(**mine), *network.routers(**mine), *network.ports(**mine), *network.ips(**mine)]
    found: dict[str, object] = {thing.id: thing.revision_number for thing in (*neutral, *network.security_groups(**mine))}
    found |= {server.id: server.updated_at for server in world.servers()}
    found |= {volume.id: volume.updated_at for volume in world.admin.block_storage.volumes(all_projects=True, **mine)}
    return found

"""After a kill, or with its state lost, an environment is found again thing by thing: nothing twice, nothing unknown."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from dcctl.cloud.connect import Cloud
from dcctl.errors import EngineError
from dcctl.provisioner import state
from dcctl.provisioner.errors import EngineFailed, EngineStateLost
from stacks import tokens
from stacks.plan import plan
from tests.acceptance.provisioner.conftest import REGION
from tests.acceptance.provisioner.killing import COUNTED, SMALL, Told, agree, begun, done, kill, killed, recorded, recovered, up
from tests.acceptance.provisioner.world import WITNESS_WARNINGS, World

MakeWorld = Callable[..., World]

pytestmark = WITNESS_WARNINGS


@pytest.fixture
def seer(clouds_yaml: Path) -> Cloud:
    return Cloud(clouds_yaml, "cloud-admin", REGION)


def test_killed_at_one_moment_after_the_other_it_goes_on_each_time_and_makes_nothing_twice(make_world: MakeWorld, seer: Cloud) -> None:
    world = make_world("tue", servers=SMALL)
    assert killed(world, "tenant", done("project"))
    outputs = up(world, "tenant", recovered(world, seer, "tenant")).outputs
    world.project_id, world.group_id = outputs["project_id"], outputs["group_id"]
    agree(world, seer, "tenant")
    world.limit()

    told, step, kills = Told(), recovery_of_nothing(), 0
    for moment in (begun("network"), done("router"), done("port-web-1"), done("server-web-1")):
        # What a killed run had got done beyond its last word is adopted, and is no moment of the next.
        kills += (hit := killed(world, "workload", moment, step))
        step = recovered(world, seer, "workload", told) if hit else recovery_of_nothing()
    assert kills >= 1
    outcome = up(world, "workload", step)

    known = agree(world, seer, "workload")
    assert world.left() == COUNTED
    assert [server.status for server in world.servers()] == ["ACTIVE"]
    assert outcome.outputs["servers"]["server-web-1"]["id"] == known["server-web-1"]
    assert set(up(world, "workload", recovery_of_nothing(), expected=True).changes) == {"same"}
    assert len(told.of("recovered")) == kills


def recovery_of_nothing():  # type: ignore[no-untyped-def]
    from dcctl.workflow.recovery import Recovered

    return Recovered()


def test_a_state_that_is_emptied_or_garbled_is_rebuilt_from_what_is_there(make_world: MakeWorld, seer: Cloud) -> None:
    world = make_world("efface", servers=SMALL)
    world.tenant()
    world.limit()
    up(world, "workload", recovery_of_nothing())
    first = {layer: agree(world, seer, layer) for layer in ("tenant", "workload")}
    assert set(map(type_of(world), first["workload"])) == {t for t in tokens.ALL if "identity" not in t}

    for spoil in (emptied, removed, garbled):
        for layer in ("tenant", "workload"):
            spoil(world, layer)
            with pytest.raises(EngineStateLost):
                up(world, layer, recovery_of_nothing(), expected=True)
            up(world, layer, recovered(world, seer, layer))
            assert agree(world, seer, layer) == first[layer]
            assert {step.op for step in world.engine.preview(world.work(layer), cloud=world.cloud(layer))} == {"same"}
        assert world.left() == COUNTED

    # A data volume that is gone is not silently made anew, with the state or without it: the one that was kept remembers.
    kept = world.engine.export(world.work("workload").stack)
    volume = first["workload"]["volume-web-1-1"]
    compute, block = world.admin.compute, world.admin.block_storage
    compute.delete_volume_attachment(first["workload"]["server-web-1"], volume)
    block.wait_for_status(block.get_volume(volume), "available", interval=0.5, wait=60)
    block.delete_volume(volume)
    block.wait_for_delete(block.get_volume(volume), interval=0.5, wait=60)
    with pytest.raises(EngineError) as with_state:
        recovered(world, seer, "workload")
    emptied(world, "workload")
    with pytest.raises(EngineError) as without:
        recovered(world, seer, "workload", remembered=kept)
    assert [caught.value.code for caught in (with_state, without)] == ["DCCTL-420", "DCCTL-420"]
    assert world.left()["volumes"] == 1


def type_of(world: World) -> Callable[[str], str]:
    return {resource.name: resource.type for resource in plan(world.spec, world.resolved).resources}.__getitem__


def emptied(world: World, layer: str) -> None:
    world.engine.restore(world.work(layer).stack, state.EMPTY)  # type: ignore[arg-type]


def removed(world: World, layer: str) -> None:
    world.engine.remove(world.work(layer).stack)  # type: ignore[arg-type]


def garbled(world: World, layer: str) -> None:
    """What the engine wrote, cut in the middle of its form."""
    key = f"%/.pulumi/stacks/dcctl/{world.work(layer).stack}.json"  # type: ignore[arg-type]
    with psycopg.connect(world.engine.backend.replace("postgres://", "postgresql://", 1)) as connection:
        [(name, row)] = connection.execute("SELECT key, data FROM pulumi_state WHERE key LIKE %s", (key,)).fetchall()
        file = json.loads(base64.b64decode(row["data"]))
        file["checkpoint"]["latest"]["resources"] = "rien"
        spoilt = json.dumps({"data": base64.b64encode(json.dumps(file).encode()).decode()})
        assert connection.execute("UPDATE pulumi_state SET data = %s WHERE key = %s", (spoilt, name)).rowcount == 1


def test_what_is_broken_goes_and_what_is_superfluous_goes_and_is_told(make_world: MakeWorld, seer: Cloud) -> None:
    world = make_world("casse", servers=SMALL)
    world.tenant()
    world.limit(ram=2_000_000_000)
    flavor = world.admin.compute.create_flavor(name=f"casse-{world.spec.name}", vcpus=1, ram=100_000_000, disk=1)
    fits = world.resolved
    world.resolved = with_flavor(world, flavor.id)
    try:
        with pytest.raises(EngineFailed):
            up(world, "workload", recovery_of_nothing())
    finally:
        world.admin.compute.delete_flavor(flavor)
    [broken] = world.servers()
    assert broken.status == "ERROR"
    stray = world.admin.network.create_network(
        name=f"min-sante-{world.spec.name}-network", project_id=world.project_id, description=f"dcctl min-sante/{world.spec.name} R-2026-0042"
    )
    emptied(world, "workload")
    kill(world.work("workload").stack)
    world.resolved, told = fits, Told()

    up(world, "workload", recovered(world, seer, "workload", told))

    agree(world, seer, "workload")
    assert world.left() == COUNTED
    removed_things = {(document["id"], document["why"]) for document in told.of("removed")}
    assert removed_things == {(broken.id, "broken"), (stray.id, "spare")}
    [words] = [document["words"] for document in told.of("removed") if document["id"] == broken.id]
    assert words.startswith("No valid host was found")
    assert recorded(world, "workload")["server-web-1"] != broken.id


def with_flavor(world: World, id_: str):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(world.resolved, flavor_ids={**world.resolved.flavor_ids, "m1.tiny": id_})

"""The engine killed again and again at moments that a seed chooses, while it makes a small environment: nothing twice, unknown or stuck."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from dcctl.cloud.connect import Cloud
from dcctl.workflow.recovery import Recovered
from stacks.plan import plan
from tests.acceptance.provisioner.conftest import REGION
from tests.acceptance.provisioner.killing import COUNTED, SMALL, Told, agree, killed, nth, recovered, up
from tests.acceptance.provisioner.world import WITNESS_WARNINGS, World
from tests.chaos.seeds import SEED
from tests.chaos.worlds import whole

ROUNDS = int(os.environ.get("DCCTL_CHAOS_KILLS", "40")) // 8
MakeWorld = Callable[..., World]

pytestmark = WITNESS_WARNINGS


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_killed_at_moments_that_a_seed_chooses_an_environment_is_whole_in_the_end(make_world: MakeWorld, clouds_yaml: Path, round_: int) -> None:
    dice, told, kills = random.Random(SEED + round_), Told(), 0
    world = make_world(f"hasard{round_}", servers=SMALL)
    cloud = Cloud(clouds_yaml, "cloud-admin", REGION)
    step = Recovered()
    while killed(world, "tenant", nth(dice.randrange(6)), step) and kills < 3:
        kills += 1
        step = recovered(world, cloud, "tenant", told)
    outputs = up(world, "tenant", recovered(world, cloud, "tenant", told)).outputs
    world.project_id, world.group_id = outputs["project_id"], outputs["group_id"]
    agree(world, cloud, "tenant")
    world.limit()

    step, events = Recovered(), 2 * len(plan(world.spec, world.resolved).of("workload"))
    for _ in range(5):
        if killed(world, "workload", nth(dice.randrange(events)), step):
            kills += 1
        step = recovered(world, cloud, "workload", told)
    up(world, "workload", step)

    agree(world, cloud, "workload")
    whole(world)
    assert world.left() == COUNTED
    assert {step.op for step in world.engine.preview(world.work("workload"), cloud=world.cloud("workload"))} == {"same"}
    adopted, made_again = (sum(document[key] for document in told.of("recovered")) for key in ("adopted", "forgotten"))
    print(f"{kills} kills, {adopted} taken over, {made_again} made again, {len(told.of('removed'))} deleted, 0 twice, 0 unknown")

"""The comparison of cloud and state for an environment of the engine alone, which no ledger knows: the same judge as for a whole site."""

import psycopg

from stacks import naming
from stacks.plan import plan
from tests.acceptance.provisioner.world import World
from tests.chaos import looking
from tests.chaos.judging import differences


def whole(world: World) -> None:
    """Fails unless each planned thing of both stacks is there once, known to the engine and at rest, and nothing else is."""
    planned, group = plan(world.spec, world.resolved), naming.members_group(world.spec.administration, world.spec.name)
    items = {
        "tenant": looking.tenant(world.admin, world.resolved, group),
        "workload": looking.workload(world.admin, world.project_id, world.resolved),
    }
    wrong = []
    with psycopg.connect(world.engine.backend.replace("postgres://", "postgresql://", 1)) as connection:
        for layer in naming.LAYERS:
            recorded, found = looking.recorded(connection, world.work(layer).stack)
            wrong += found + differences(planned.of(layer), recorded, items[layer])
    assert wrong == [], "\n".join(wrong)

"""The real engine on a fenced state: its driver carries the token, and what the state refuses is known as such."""

from dataclasses import replace

import psycopg
import pytest

from dcctl.migrations import fence
from dcctl.provisioner.engine import Engine, Guard, Work
from dcctl.provisioner.errors import EngineCancelled, EngineFenced
from dcctl.provisioner.processes import boottime
from dcctl.workflow import fencing
from tests import postgres
from tests.integration.pulumi.conftest import Silence


def guarded(engine: Engine, backend: str, token: int) -> Engine:
    until = boottime() + 600
    return replace(engine, backend=backend, guard=Guard(token=token, until=lambda: until))


def relations(backend: str) -> list[str]:
    with psycopg.connect(backend) as connection:
        return [name for (name,) in connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1")]


def test_an_engine_with_an_older_token_can_neither_write_the_state_nor_take_its_lock(
    engine: Engine, work: Work, silence: Silence, postgresql: postgres.Server
) -> None:
    backend = postgresql.database().replace("postgresql://", "postgres://", 1)
    fence.install(backend)
    fencing.lift(backend, [work.stack], 7)
    made = relations(backend)
    with pytest.raises(EngineCancelled):
        guarded(engine, backend, 7).up(work, cloud=silence.cloud, cancelled=silence.reached.is_set)
    before = guarded(engine, backend, 7).export(work.stack)
    assert before is not None
    assert relations(backend) == made  # the engine had nothing to make, at which several first runs would have met

    fencing.lift(backend, [work.stack], 8)
    silence.reached.clear()

    with pytest.raises(EngineFenced):
        guarded(engine, backend, 7).up(work, cloud=silence.cloud, settled=["network"])
    with pytest.raises(EngineFenced):
        guarded(engine, backend, 7).remove(work.stack)
    with pytest.raises(EngineFenced):
        replace(engine, backend=backend).remove(work.stack)
    assert not silence.reached.is_set()
    assert guarded(engine, backend, 8).export(work.stack) == before
    guarded(engine, backend, 8).remove(work.stack)

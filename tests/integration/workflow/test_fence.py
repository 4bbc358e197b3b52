"""The engine's state under a token: what the trigger lets through, with the state's own table and the addresses that the engine is given."""

from collections.abc import Iterator

import psycopg
import pytest

from dcctl.errors import DcctlError
from dcctl.migrations import fence
from dcctl.provisioner.engine import fenced
from dcctl.workflow import fencing
from dcctl.workflow.leases import Lost
from tests import postgres

STACK = "cotonou.min-sante.dossier-patient.workload"
KEYS = (
    f".pulumi/stacks/dcctl/{STACK}.json", f".pulumi/locks/organization/dcctl/{STACK}/0a1b.json",
    f".pulumi/history/dcctl/{STACK}/{STACK}-1.history.json",
    f".pulumi/backups/dcctl/{STACK}/{STACK}.1.json.bak",
)  # fmt: skip
WRITE = "INSERT INTO pulumi_state (key, data) VALUES (%s, '{}') ON CONFLICT (key) DO UPDATE SET data = '{}', updated_at = now()"


@pytest.fixture
def state(postgresql: postgres.Server) -> Iterator[str]:
    """The address of a database for the engine's state, as dcctl.toml has it."""
    dsn = postgresql.database()
    yield dsn.replace("postgresql://", "postgres://", 1)
    postgresql.drop(dsn)


def write(state: str, token: int | None, key: str, statement: str = WRITE) -> None:
    """As the engine does, whose driver makes the same parameter of the connection out of the address."""
    with psycopg.connect(state, options="" if token is None else f"-c dcctl.fence={token}") as connection:
        connection.execute(statement.encode(), (key,))


@pytest.mark.parametrize("key", KEYS)
def test_only_the_youngest_token_writes_a_stacks_state(state: str, key: str) -> None:
    assert fence.install(state)
    fencing.lift(state, [STACK], 6)
    write(state, 6, key)
    fencing.lift(state, [STACK], 7)

    write(state, 7, key)
    for token in (6, 8, None):
        for statement in (WRITE, "DELETE FROM pulumi_state WHERE key = %s", "UPDATE pulumi_state SET data = '[]' WHERE key = %s"):
            with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="fenced: "):
                write(state, token, key, statement)
    write(state, 7, key, "DELETE FROM pulumi_state WHERE key = %s")


def test_what_is_no_stacks_or_anothers_is_not_fenced(state: str) -> None:
    fence.install(state)
    fencing.lift(state, [STACK], 7)

    write(state, None, ".pulumi/meta.yaml")
    write(state, 3, f".pulumi/stacks/dcctl/{STACK.replace('dossier', 'portail')}.json")


def test_a_token_that_is_too_old_cannot_lift_the_fence(state: str) -> None:
    fence.install(state)
    fencing.lift(state, [STACK], 7)
    fencing.lift(state, [STACK], 7)

    with pytest.raises(Lost):
        fencing.lift(state, [STACK], 6)


def test_the_fence_can_be_put_up_again_and_is_missed_where_it_is_not(state: str) -> None:
    with pytest.raises(DcctlError) as missing:
        fencing.lift(state, [STACK], 1)
    assert missing.value.code == "DCCTL-411"

    fence.install(state)
    fence.install(state)

    fencing.lift(state, [STACK], 1)
    with pytest.raises(DcctlError) as away:
        fencing.lift(state.replace("host=", "host=/nowhere"), [STACK], 1)
    assert away.value.code == "DCCTL-412"


def test_a_state_in_files_has_no_fence(tmp_path) -> None:
    backend = f"file://{tmp_path}"

    assert not fence.install(backend)
    fencing.lift(backend, [STACK], 1)
    assert fenced(backend, 1) == backend

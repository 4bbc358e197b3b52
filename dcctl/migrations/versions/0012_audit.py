"""The audit trail: events, their chain and its checkpoints"""

from collections.abc import Sequence

from alembic import op

from dcctl.migrations import audit

revision: str = "0012"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    for statement in audit.UPGRADE:  # psycopg's own: no placeholders to escape
        connection.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("what was done stays written down; restore a backup")

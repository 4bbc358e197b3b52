"""Looks at what the engine's states would know if they were rebuilt"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("plan_run", sa.Column("rebuild", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.alter_column("plan_run", "rebuild", server_default=None)


def downgrade() -> None:
    raise NotImplementedError("restore a backup")

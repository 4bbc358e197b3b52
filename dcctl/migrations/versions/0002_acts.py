"""Acts that wait for a second operator: what they ask for, and the one decision on each"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from dcctl.migrations import rules

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    json = postgresql.JSONB(astext_type=sa.Text())
    # Acts that are there already were carried out by one operator: nothing of them waits.
    for name, sort, before in (
        ("details", json, "'{}'"),
        ("over", json, "'{}'"),
        ("waits", sa.Boolean(), "false"),
        ("digest", sa.String(), "''"),
    ):
        op.add_column("act", sa.Column(name, sort, nullable=False, server_default=sa.text(before)))
        op.alter_column("act", name, server_default=None)
    op.add_column("act", sa.Column("content", sa.String(), nullable=True))
    op.create_index(op.f("ix_act_content"), "act", ["content"], unique=False)
    op.create_table(
        "act_decision",
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("actor", json, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verdict IN ('approve', 'refuse')", name="act_decision_verdict"),
        sa.ForeignKeyConstraint(["act"], ["act.number"]),
        sa.PrimaryKeyConstraint("act"),
    )
    op.add_column("idempotency", sa.Column("act", sa.String(), nullable=True))
    for statement in rules.ACTS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("acts and decisions are never forgotten; restore a backup")

"""Changes of environments: their steps, plans that were asked for, and what the end of an environment has led to"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    json = postgresql.JSONB(astext_type=sa.Text())
    moment = sa.DateTime(timezone=True)
    op.add_column("environment", sa.Column("made_by", sa.String(), nullable=True))
    op.add_column("environment", sa.Column("life", json, nullable=False, server_default=sa.text("'{}'")))
    op.add_column("request", sa.Column("steps", json, nullable=False, server_default=sa.text("'[]'")))
    op.create_table(
        "plan_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("environment_id", sa.Integer(), nullable=False),
        sa.Column("administration", sa.String(), nullable=False),
        sa.Column("drift", sa.Boolean(), nullable=False),
        sa.Column("spec", json, nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("result", json, nullable=False),
        sa.Column("error", json, nullable=True),
        sa.Column("actor", json, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("finished_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["administration"], ["administration.code"]),
        sa.ForeignKeyConstraint(["environment_id"], ["environment.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_plan_run_environment_id"), "plan_run", ["environment_id"], unique=False)


def downgrade() -> None:
    op.drop_table("plan_run")
    op.drop_column("request", "steps")
    op.drop_column("environment", "life")
    op.drop_column("environment", "made_by")

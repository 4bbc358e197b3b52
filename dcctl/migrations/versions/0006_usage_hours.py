"""Use hour by hour (a partition a month), how long each source took, the collector's calls, and how far the ledger's chain was followed"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from dcctl.migrations import hours

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "usage_hour",
        sa.Column("hour", moment, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("region", "project_id", "resource")),
        sa.Column("administration", sa.String(), nullable=True),
        sa.Column("sampled", sa.BigInteger(), nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("hour = date_trunc('hour', hour, 'UTC') AND sampled >= 0 AND recorded >= 0", name="usage_hour_figures"),
        sa.PrimaryKeyConstraint("hour", "region", "project_id", "resource"),
        postgresql_partition_by="RANGE (hour)",
    )
    op.create_index(
        "usage_hour_by_administration",
        "usage_hour",
        ["administration", "region", "resource", "hour"],
        postgresql_include=["sampled", "recorded"],
    )
    op.create_table(
        "usage_coverage",
        sa.Column("hour", moment, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("region", "service_type")),
        sa.Column("sampled_seconds", sa.Integer(), nullable=False),
        sa.Column("recorded_seconds", sa.Integer(), nullable=False),
        sa.CheckConstraint("sampled_seconds BETWEEN 0 AND 3600 AND recorded_seconds BETWEEN 0 AND 3600", name="usage_coverage_seconds"),
        sa.PrimaryKeyConstraint("hour", "region", "service_type"),
    )
    op.add_column("source", sa.Column("seconds", sa.Float(), nullable=True))
    op.create_table(
        "collect_calls",
        sa.Column("service_type", sa.String(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("service_type", "code"),
    )
    op.create_table(
        "ledger_proof",
        sa.Column("one", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("chain_hash", sa.LargeBinary(), nullable=False),
        sa.Column("finding", sa.String(), nullable=True),
        sa.Column("checked_at", moment, nullable=False),
        sa.CheckConstraint("one", name="ledger_proof_one"),
        sa.PrimaryKeyConstraint("one"),
    )
    for statement in hours.UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("use that was observed is never forgotten by a change of the schema; restore a backup")

"""Discrepancies and what is said of them, comparisons, the mode of a region, and the number of calls to OpenStack"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    json = postgresql.JSONB(astext_type=sa.Text())
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "discrepancy",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("region", "name", "subject", "item", "holder")),
        sa.Column("administration", sa.String(), nullable=True),
        sa.Column("expected", sa.BigInteger(), nullable=True),
        sa.Column("found", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("rests_on", json, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("waived_until", moment, nullable=True),
        sa.Column("first_seen", moment, nullable=False),
        sa.Column("last_seen", moment, nullable=False),
        sa.Column("resolved_at", moment, nullable=True),
        sa.CheckConstraint("(state = 'waived') = (waived_until IS NOT NULL)", name="discrepancy_waived_until"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_discrepancy_administration"), "discrepancy", ["administration"], unique=False)
    key = ["region", "name", "subject", "item"]
    op.create_index("discrepancy_open", "discrepancy", key, unique=True, postgresql_where=sa.text("state <> 'resolved'"))
    op.create_table(
        "discrepancy_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("discrepancy", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", json, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(["discrepancy"], ["discrepancy.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_discrepancy_note_discrepancy"), "discrepancy_note", ["discrepancy"], unique=False)
    op.execute(
        "CREATE TRIGGER discrepancy_note_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON discrepancy_note"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.create_table(
        "reconciliation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("apply", sa.Boolean(), nullable=False),
        sa.Column("actor", json, nullable=False),
        sa.Column("result", json, nullable=False),
        sa.Column("error", json, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("finished_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "region_mode",
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", json, nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.PrimaryKeyConstraint("region"),
    )
    op.create_table(
        "openstack_requests",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("process", "service_type", "method", "outcome")),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("process", "service_type", "method", "outcome"),
    )


def downgrade() -> None:
    raise NotImplementedError("what was said of discrepancies is never forgotten; restore a backup")

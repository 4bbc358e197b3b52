"""The last states of each stack, and the certificates of what was destroyed"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    json = postgresql.JSONB(astext_type=sa.Text())
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "kept_state",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("stack", sa.String(), nullable=False),
        sa.Column("taken_at", moment, nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("state", json, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_kept_state_stack"), "kept_state", ["stack"], unique=False)
    op.create_table(
        "certificate",
        sa.Column("environment_id", sa.Integer(), nullable=False),
        sa.Column("administration", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("document", json, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("issued_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["administration"], ["administration.code"]),
        sa.ForeignKeyConstraint(["environment_id"], ["environment.id"]),
        sa.PrimaryKeyConstraint("environment_id"),
    )
    op.create_index("certificate_by_name", "certificate", ["administration", "environment"], unique=False)
    op.execute(
        "CREATE TRIGGER certificate_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON certificate"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    raise NotImplementedError("what was destroyed stays certified; restore a backup")

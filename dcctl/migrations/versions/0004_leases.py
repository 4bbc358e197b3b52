"""The lease of an environment, and maintenance"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "lease",
        sa.Column("administration", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("operation", sa.String(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unclean", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["administration"], ["administration.code"]),
        sa.PrimaryKeyConstraint("administration", "environment"),
    )
    op.create_table(
        "maintenance",
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("on", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("region"),
    )
    # A token that went back would let a run write that was fenced off.
    op.execute("""
        CREATE FUNCTION refuse_older_token() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' OR NEW.token < OLD.token THEN
                RAISE EXCEPTION 'tokens of leases only grow' USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute("CREATE TRIGGER lease_token_grows BEFORE UPDATE OR DELETE ON lease FOR EACH ROW EXECUTE FUNCTION refuse_older_token()")


def downgrade() -> None:
    raise NotImplementedError("a token is never given twice; restore a backup")

"""What a decision binds stays as it was decided; the facts that a decider saw; a reason for an emergency"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from dcctl.migrations import rules

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("decision", sa.Column("evidence_seen", sa.String(), nullable=True))
    op.create_check_constraint("decision_evidence_seen", "decision", "evidence_seen = encode(sha256(convert_to(evidence, 'UTF8')), 'hex')")
    op.create_check_constraint("decision_emergency_reason", "decision", r"NOT emergency OR reason ~ '\S'")
    for statement in rules.BOUND:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("decisions are never forgotten; restore a backup")

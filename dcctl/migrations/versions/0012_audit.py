"""The audit trail: events, their chain and its checkpoints"""

from collections.abc import Sequence

from dcctl.migrations import audit, raw

revision: str = "0012"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    raw.run(audit.UPGRADE)


def downgrade() -> None:
    raise NotImplementedError("what was done stays written down; restore a backup")

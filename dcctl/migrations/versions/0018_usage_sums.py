"""Use of an administration hour by hour, summed up as it is written"""

from collections.abc import Sequence

from dcctl.migrations import hours, raw

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    raw.run(hours.SUMS)


def downgrade() -> None:
    raise NotImplementedError("use that was observed is never forgotten by a change of the schema; restore a backup")

"""Why a region observes by itself: an error's code and parameters, and no sentence of one language"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("region_mode", sa.Column("finding", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("region_mode", "finding")

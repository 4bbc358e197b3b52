"""A name stays in use while less than was asked is proposed; the digest of the evidence stands with it"""

import hashlib
from collections.abc import Sequence

import rfc8785
import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.drop_index("request_name_in_use", "request")
    op.create_index(
        "request_name_in_use",
        "request",
        ["administration", "environment"],
        unique=True,
        postgresql_where=sa.text(
            "kind = 'environment' AND state IN ('submitted', 'in_review', 'returned', 'proposed', 'approved', 'fulfilling', 'failed')"
        ),
    )
    op.add_column("request", sa.Column("evidence_digest", sa.String(), nullable=True))
    known = op.get_bind().execute(sa.text("SELECT number, evidence FROM request WHERE evidence <> '{}'")).all()
    for number, evidence in known:
        digest = hashlib.sha256(rfc8785.dumps(evidence)).hexdigest()
        op.get_bind().execute(sa.text("UPDATE request SET evidence_digest = :digest WHERE number = :number"), {"digest": digest, "number": number})


def downgrade() -> None:
    raise NotImplementedError("restore a backup")

"""The policy of decisions as data, decisions in rounds, waiting with an age, emergencies"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from ruamel.yaml import YAML
from sqlalchemy.dialects import postgresql

from dcctl.migrations import rules

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SHIPPED = Path(__file__).parents[2] / "policies" / "standard.yaml"


def upgrade() -> None:
    json = postgresql.JSONB(astext_type=sa.Text())
    moment = sa.DateTime(timezone=True)
    policy = op.create_table(
        "policy",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", json, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", json, nullable=False),
        sa.Column("published_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    document = YAML(typ="safe", pure=True).load(SHIPPED.read_text(encoding="utf-8"))
    actor: dict[str, object] = {"user_id": "dcctl", "user": "dcctl", "domain": "", "roles": [], "scope": "none", "audit_id": None}
    shipped = {"version": 1, "document": document, "reason": "dcctl-manage db upgrade", "actor": actor, "published_at": datetime.now(UTC)}
    op.bulk_insert(policy, [shipped])
    columns: tuple[tuple[str, sa.types.TypeEngine[Any], str], ...] = (
        ("authors", json, "'[]'"),
        ("round", sa.Integer(), "1"),
        ("needs", json, "'[]'"),
        ("waits_since", moment, "now()"),
        ("reminded", sa.Integer(), "0"),
    )
    for name, sort, before in columns:
        op.add_column("request", sa.Column(name, sort, nullable=False, server_default=sa.text(before)))
    for name, optional in (("policy", sa.Integer()), ("rule", sa.String()), ("granted", json), ("lapses_at", moment)):
        op.add_column("request", sa.Column(name, optional, nullable=True))
    waiting = "state IN ('submitted', 'in_review', 'returned', 'proposed')"
    op.create_index("request_waiting", "request", ["lapses_at"], unique=False, postgresql_where=sa.text(waiting))
    columns = (("round", sa.Integer(), "1"), ("evidence", sa.String(), "'{}'"), ("emergency", sa.Boolean(), "false"))
    for name, sort, before in columns:
        op.add_column("decision", sa.Column(name, sort, nullable=False, server_default=sa.text(before)))
    for name, optional in (("role", sa.String()), ("administration", sa.String()), ("policy", sa.Integer()), ("granted", json)):
        op.add_column("decision", sa.Column(name, optional, nullable=True))
    op.drop_constraint("decision_once_a_person", "decision")
    op.create_unique_constraint("decision_once_a_person", "decision", ["request", "round", "user_id"])
    op.create_check_constraint("decision_verdict", "decision", "verdict IN ('approve', 'refuse', 'return')")
    op.create_check_constraint("decision_emergency", "decision", "NOT emergency OR verdict = 'approve' AND role = 'dc_operator'")
    op.create_index("decision_in_an_emergency", "decision", ["request"], unique=False, postgresql_where=sa.text("emergency"))
    op.create_table(
        "emergency_review",
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("actor", json, nullable=False),
        sa.Column("reviewed_at", moment, nullable=False),
        sa.CheckConstraint("verdict IN ('justified', 'objected')", name="emergency_review_verdict"),
        sa.ForeignKeyConstraint(["request"], ["request.number"]),
        sa.PrimaryKeyConstraint("request"),
    )
    # What waited for a lead until now still does.
    op.execute("UPDATE request SET needs = jsonb_build_array(jsonb_build_object('role', 'dc_lead', 'administration', administration))")
    for statement in rules.DECIDING:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("decisions are never forgotten; restore a backup")

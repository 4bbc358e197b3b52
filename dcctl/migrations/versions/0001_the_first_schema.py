"""The first schema"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects import postgresql

from dcctl.migrations import raw, rules
from quotas import schema as ledger

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "administration",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("domain_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent"],
            ["administration.code"],
        ),
        sa.PrimaryKeyConstraint("code"),
        sa.UniqueConstraint("domain_id"),
    )
    op.create_table(
        "catalogue_item",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cloud_id", sa.String(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request", sa.String(), nullable=True),
        sa.Column("operation", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("event_by_operation", "event", ["operation", "id"], unique=False)
    op.create_index("event_by_request", "event", ["request", "id"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("request", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key"),
    )
    op.create_table(
        "observed_project",
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("domain_id", sa.String(), nullable=False),
        sa.Column("domain_name", sa.String(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_id"),
    )
    op.create_table(
        "offer",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", "version"),
    )
    op.create_table(
        "project_limit",
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("service_type", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "service_type", "key"),
    )
    op.create_table(
        "project_observation",
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("service_type", sa.String(), nullable=False),
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("usage", sa.BigInteger(), nullable=True),
        sa.Column("backend_quota", sa.BigInteger(), nullable=True),
        sa.Column("usage_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("quota_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("project_id", "region", "service_type", "resource"),
    )
    op.create_table(
        "source",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "act",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("administration", sa.String(), nullable=True),
        sa.Column("document", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("resources", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("actor", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["administration"],
            ["administration.code"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index(op.f("ix_act_administration"), "act", ["administration"], unique=False)
    op.create_table(
        "environment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("administration", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("project_id", sa.String(), nullable=True),
        sa.Column("group_id", sa.String(), nullable=True),
        sa.Column("offer", sa.String(), nullable=False),
        sa.Column("offer_version", sa.Integer(), nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("outputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["administration"],
            ["administration.code"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "environment_name_in_use", "environment", ["administration", "name"], unique=True, postgresql_where=sa.text("state <> 'decommissioned'")
    )
    op.create_index(op.f("ix_environment_administration"), "environment", ["administration"], unique=False)
    op.create_index(op.f("ix_environment_project_id"), "environment", ["project_id"], unique=False)
    op.create_table(
        "request",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("administration", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("environment_id", sa.Integer(), nullable=True),
        sa.Column("offer", sa.String(), nullable=True),
        sa.Column("offer_version", sa.Integer(), nullable=True),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("demand", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("resolved", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("plan", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("notices", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("justification", sa.String(), nullable=False),
        sa.Column("requester", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("requester_id", sa.String(), nullable=False),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state NOT IN ('approved', 'fulfilling', 'fulfilled') OR digest IS NOT NULL", name="request_approved_has_digest"),
        sa.ForeignKeyConstraint(
            ["administration"],
            ["administration.code"],
        ),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environment.id"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("request_by_administration", "request", ["administration", "state"], unique=False)
    op.create_index("request_newest", "request", ["created_at", "number"], unique=False)
    op.create_index("request_newest_of_administration", "request", ["administration", "created_at", "number"], unique=False)
    op.create_index(
        "request_name_in_use",
        "request",
        ["administration", "environment"],
        unique=True,
        postgresql_where=sa.text("kind = 'environment' AND state IN ('submitted', 'in_review', 'returned', 'approved', 'fulfilling', 'failed')"),
    )
    op.create_table(
        "decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("actor", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["request"],
            ["request.number"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("request", "user_id", name="decision_once_a_person"),
    )
    op.create_index(op.f("ix_decision_request"), "decision", ["request"], unique=False)
    op.create_table(
        "operation",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=True),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("administration", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("environment_id", sa.Integer(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("seconds", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["administration"],
            ["administration.code"],
        ),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environment.id"],
        ),
        sa.ForeignKeyConstraint(
            ["request"],
            ["request.number"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_operation_administration"), "operation", ["administration"], unique=False)
    op.create_index(op.f("ix_operation_environment_id"), "operation", ["environment_id"], unique=False)
    op.create_index(op.f("ix_operation_request"), "operation", ["request"], unique=False)
    for sequence in ("request_number", "act_number"):
        op.execute(sa.schema.CreateSequence(sa.Sequence(sequence)))
    # Last the queue's tables and functions, as procrastinate ships them.
    raw.run((*rules.UPGRADE, *ledger.UPGRADE, SchemaManager.get_schema()))


def downgrade() -> None:
    raise NotImplementedError("the first revision has nothing below it; drop the database")

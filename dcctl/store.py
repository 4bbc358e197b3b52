"""The application's tables (SQLModel): what dcctl itself remembers. The ledger's tables are in `quotas`.

Times are aware and in UTC. JSON columns hold canonical documents that other parts wrote (spec, plan, evidence) and are data, never code.
Rules that must hold whatever writes are constraints and triggers of the migration: a decider is never the requester, one decision a person,
decisions and events are append-only.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Connection, DateTime, Index, Sequence, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from quotas.schema.sealing import Sealed

#: The audit trail's table is chained as the ledger's entries are; its own migration makes it, and `dcctl.trail` has its columns.
AUDIT = Sealed(schema="audit", table="event", sequence="event_number", number=1)


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


def _at(**options: Any) -> Any:
    return Field(sa_type=DateTime(timezone=True), **options)


def _json(**options: Any) -> Any:
    return Field(sa_type=JSONB, **options)


class Administration(SQLModel, table=True):
    """A ministry, agency or commune; its code never changes."""

    __tablename__ = "administration"
    code: str = Field(primary_key=True)
    name: str
    parent: str | None = Field(default=None, foreign_key="administration.code")
    domain_id: str = Field(unique=True)
    created_at: datetime = _at(default_factory=now)
    created_by: dict[str, Any] = _json(default_factory=dict)


class Offer(SQLModel, table=True):
    """A version of an entry of the catalogue; immutable once published."""

    __tablename__ = "offer"
    name: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    document: dict[str, Any] = _json()
    published_at: datetime = _at(default_factory=now)
    retired_at: datetime | None = _at(default=None)


class Policy(SQLModel, table=True):
    """A version of the policy of decisions; the newest is the one in force. Append-only."""

    __tablename__ = "policy"
    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    document: dict[str, Any] = _json()
    reason: str
    actor: dict[str, Any] = _json(default_factory=dict)
    published_at: datetime = _at(default_factory=now)


class CatalogueItem(SQLModel, table=True):
    """The worker's copy of what OpenStack offers: flavors, images, external networks, volume types."""

    __tablename__ = "catalogue_item"
    kind: str = Field(primary_key=True)
    """flavor | image | network | volume_type"""
    name: str = Field(primary_key=True)
    cloud_id: str
    document: dict[str, Any] = _json(default_factory=dict)
    seen_at: datetime = _at(default_factory=now)


class Environment(SQLModel, table=True):
    """What an administration obtains; one Keystone project each."""

    __tablename__ = "environment"
    __table_args__ = (Index("environment_name_in_use", "administration", "name", unique=True, postgresql_where=text("state <> 'decommissioned'")),)
    id: int | None = Field(default=None, primary_key=True)
    administration: str = Field(foreign_key="administration.code", index=True)
    name: str
    state: str
    project_id: str | None = Field(default=None, index=True)
    group_id: str | None = None
    offer: str
    offer_version: int
    spec: dict[str, Any] = _json(default_factory=dict)
    outputs: dict[str, Any] = _json(default_factory=dict)
    request: str
    """The first one; everything in the cloud carries its number."""
    made_by: str | None = None
    """The request whose spec, ids and plan it has now: the last change that was fulfilled; None: the first."""
    life: dict[str, Any] = _json(default_factory=dict, sa_column_kwargs={"server_default": text("'{}'")})
    """Towards its end: {"warned": days of the last warning, "stopped": [ids of the servers that its end has stopped]}."""
    created_at: datetime = _at(default_factory=now)
    expires_at: datetime | None = _at(default=None)


class PlanRun(SQLModel, table=True):
    """What a spec would change in an environment, or what differs between its stack and the cloud: found by the worker, kept to be read."""

    __tablename__ = "plan_run"
    id: int | None = Field(default=None, primary_key=True)
    environment_id: int = Field(foreign_key="environment.id", index=True)
    administration: str = Field(foreign_key="administration.code")
    drift: bool = False
    """What differs is kept as discrepancies."""
    rebuild: bool = False
    """Not what differs: what the engine's states would know if they were rebuilt."""
    spec: dict[str, Any] | None = _json(default=None, nullable=True)
    state: str = "queued"
    """queued | running | done | failed"""
    result: dict[str, Any] = _json(default_factory=dict)
    """steps, digest, quota, demand"""
    error: dict[str, Any] | None = _json(default=None, nullable=True)
    actor: dict[str, Any] = _json(default_factory=dict)
    created_at: datetime = _at(default_factory=now)
    finished_at: datetime | None = _at(default=None)


#: Acts are numbered A-YEAR-NUMBER, as requests are.
ACT_NUMBER = Sequence("act_number", metadata=SQLModel.metadata)


class Act(SQLModel, table=True):
    """What an operator did, or asks a second operator to do, without a request; it names a paper. Append-only: what became of it is a decision."""

    __tablename__ = "act"
    number: str = Field(primary_key=True)
    kind: str
    """declare | grant | revoke | import | correct | move"""
    administration: str | None = Field(default=None, foreign_key="administration.code", index=True)
    document: str | None = None
    """Of the paper that orders it."""
    reason: str
    resources: dict[str, Any] = _json(default_factory=dict)
    """As it was asked for: the new capacity, units more or fewer, the sums of a file, what comes in the place of an entry."""
    details: dict[str, Any] = _json(default_factory=dict)
    """What only this kind has: who pays, the lines of a file, the entry that is corrected, the parents of an administration."""
    over: dict[str, Any] = _json(default_factory=dict)
    """By resource the units beyond a threshold of the site: {"cores": {"asked": 600, "allowed": 500}}; where there is one, the act waits."""
    waits: bool = False
    digest: str
    """Of everything that a second operator approves."""
    content: str | None = Field(default=None, index=True)
    """Of a file: the digest of what it grants, by which the same file is recognised."""
    actor: dict[str, Any] = _json(default_factory=dict)
    created_at: datetime = _at(default_factory=now)


class ActDecision(SQLModel, table=True):
    """A second operator's word on an act that waits; at most one an act, never of the one who asked for it. Append-only."""

    __tablename__ = "act_decision"
    __table_args__ = (CheckConstraint("verdict IN ('approve', 'refuse')", name="act_decision_verdict"),)
    act: str = Field(primary_key=True, foreign_key="act.number")
    verdict: str
    digest: str
    reason: str
    user_id: str
    actor: dict[str, Any] = _json()
    decided_at: datetime = _at(default_factory=now)


#: Requests are numbered R-YEAR-NUMBER from one sequence: a refused submit may leave a gap, so that no submit waits for another's number.
REQUEST_NUMBER = Sequence("request_number", metadata=SQLModel.metadata)


class Request(SQLModel, table=True):
    """A spec, who asks, why, and a state."""

    __tablename__ = "request"
    __table_args__ = (
        CheckConstraint("state NOT IN ('approved', 'fulfilling', 'fulfilled') OR digest IS NOT NULL", name="request_approved_has_digest"),
        Index("request_by_administration", "administration", "state"),
        # What waits for somebody, for the clock.
        Index("request_waiting", "lapses_at", postgresql_where=text("state IN ('submitted', 'in_review', 'returned', 'proposed')")),
        # Lists are newest first: of everybody, and of one administration.
        Index("request_newest", "created_at", "number"),
        Index("request_newest_of_administration", "administration", "created_at", "number"),
        Index(
            "request_name_in_use",
            "administration",
            "environment",
            unique=True,
            postgresql_where=text(
                "kind = 'environment' AND state IN ('submitted', 'in_review', 'returned', 'proposed', 'approved', 'fulfilling', 'failed')"
            ),
        ),
    )
    number: str = Field(primary_key=True)
    kind: str
    state: str
    administration: str = Field(foreign_key="administration.code")
    environment: str
    """The environment's name; its row is made when the fulfilment begins."""
    environment_id: int | None = Field(default=None, foreign_key="environment.id")
    offer: str | None = None
    offer_version: int | None = None
    spec: dict[str, Any] = _json(default_factory=dict)
    demand: dict[str, Any] = _json(default_factory=dict)
    resolved: dict[str, Any] = _json(default_factory=dict)
    plan: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    steps: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs={"server_default": text("'[]'")})
    """Of a change: what is made, changed, replaced and destroyed, as `dcctl.steps` has it; part of what its digest covers."""
    notices: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    evidence: dict[str, Any] = _json(default_factory=dict)
    evidence_digest: str | None = None
    """SHA-256 of the evidence in its canonical form, noted with it: what a decision names that was made on it."""
    digest: str | None = None
    justification: str = ""
    requester: dict[str, Any] = _json(default_factory=dict)
    requester_id: str
    authors: list[str] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs={"server_default": text("'[]'")})
    """User ids of those who edited it, beside the requester: none of them decides on it."""
    round: int = Field(default=1, sa_column_kwargs={"server_default": text("1")})
    """Grows each time that it is submitted anew after a return; decisions count in their own round."""
    policy: int | None = None
    """The version that said what it needs."""
    rule: str | None = None
    """The name of the rule that fitted."""
    needs: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs={"server_default": text("'[]'")})
    """Every decision that it needs, as `dcctl.approval.Needed`; nothing: the policy decides."""
    granted: dict[str, Any] | None = _json(default=None, nullable=True)
    """What is given where that is less than was asked."""
    waits_since: datetime = _at(default_factory=now, sa_column_kwargs={"server_default": text("now()")})
    """Since when it is in the state in which it waits for somebody."""
    lapses_at: datetime | None = _at(default=None)
    reminded: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """After how many days of this waiting the last reminder was given."""
    error: dict[str, Any] | None = _json(default=None, nullable=True)
    created_at: datetime = _at(default_factory=now)
    updated_at: datetime = _at(default_factory=now)


class Decision(SQLModel, table=True):
    """approve, refuse or return, by a person or by a version of the policy, on a digest. Append-only."""

    __tablename__ = "decision"
    __table_args__ = (
        UniqueConstraint("request", "round", "user_id", name="decision_once_a_person"),
        CheckConstraint("verdict IN ('approve', 'refuse', 'return')", name="decision_verdict"),
        CheckConstraint("NOT emergency OR verdict = 'approve' AND role = 'dc_operator'", name="decision_emergency"),
        CheckConstraint("NOT emergency OR reason ~ '\\S'", name="decision_emergency_reason"),
        CheckConstraint("evidence_seen = encode(sha256(convert_to(evidence, 'UTF8')), 'hex')", name="decision_evidence_seen"),
        Index("decision_in_an_emergency", "request", postgresql_where=text("emergency")),
    )
    id: int | None = Field(default=None, primary_key=True)
    request: str = Field(foreign_key="request.number", index=True)
    round: int = Field(default=1, sa_column_kwargs={"server_default": text("1")})
    verdict: str
    digest: str
    reason: str
    user_id: str
    """Of a version of the policy: ``policy:3``."""
    actor: dict[str, Any] = _json()
    """user, roles, scope and audit id, from the token"""
    role: str | None = None
    """In which role, and for which administration: which of the decisions that are needed this one is."""
    administration: str | None = None
    policy: int | None = None
    """The version of the policy that counted."""
    evidence: str = Field(default="{}", sa_column_kwargs={"server_default": text("'{}'")})
    """The facts that stood with the request, as canonical JSON (RFC 8785)."""
    evidence_seen: str | None = None
    """SHA-256 of them, where the decider named what they were shown; the database compares the two."""
    granted: dict[str, Any] | None = _json(default=None, nullable=True)
    """Where less than was asked is given: what."""
    emergency: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """Made alone by an operator, against what the policy needs; somebody else reviews it."""
    decided_at: datetime = _at(default_factory=now)


class EmergencyReview(SQLModel, table=True):
    """What somebody else thinks of a decision that was made in an emergency. Append-only; without one the decision is open."""

    __tablename__ = "emergency_review"
    __table_args__ = (CheckConstraint("verdict IN ('justified', 'objected')", name="emergency_review_verdict"),)
    request: str = Field(primary_key=True, foreign_key="request.number")
    verdict: str
    reason: str
    user_id: str
    actor: dict[str, Any] = _json()
    reviewed_at: datetime = _at(default_factory=now)


class Idempotency(SQLModel, table=True):
    """What a key has already led to: same key and body, same answer; other body, refused."""

    __tablename__ = "idempotency"
    user_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    body_hash: str
    request: str | None = None
    act: str | None = None
    created_at: datetime = _at(default_factory=now)


class Operation(SQLModel, table=True):
    """One run of the provisioner for one environment."""

    __tablename__ = "operation"
    id: str = Field(primary_key=True)
    """Like O-2026-0042-1: the request's year and number, and a count."""
    kind: str
    """fulfil | decommission | abandon | change | undo | extension | rebuild"""
    state: str
    step: str | None = None
    request: str = Field(foreign_key="request.number", index=True)
    administration: str = Field(foreign_key="administration.code", index=True)
    environment: str
    environment_id: int | None = Field(default=None, foreign_key="environment.id", index=True)
    """None until the fulfilment has made the environment's row."""
    attempt: int = 1
    cancel_requested: bool = False
    seconds: dict[str, Any] = _json(default_factory=dict)
    """Seconds of each step, for the bench: queue, tenant, limits, people, workload, …"""
    error: dict[str, Any] | None = _json(default=None, nullable=True)
    created_at: datetime = _at(default_factory=now)
    started_at: datetime | None = _at(default=None)
    finished_at: datetime | None = _at(default=None)


class Lease(SQLModel, table=True):
    """Who may work on an environment now: one run at a time, on any number of machines. Rows stay, so that a token is never given twice."""

    __tablename__ = "lease"
    administration: str = Field(primary_key=True, foreign_key="administration.code")
    environment: str = Field(primary_key=True)
    token: int = Field(default=0, sa_type=BigInteger)
    """Grows with each taking; every write of a run names it."""
    holder: str | None = None
    """The worker's process; None: given back."""
    operation: str | None = None
    expires_at: datetime = _at(default_factory=now)
    """By the database's clock."""
    unclean: bool = False
    """Since its last success a run of this environment did not end by its own word, or ended badly."""


class Maintenance(SQLModel, table=True):
    """Whether operations may begin in a region; without a row they may."""

    __tablename__ = "maintenance"
    region: str = Field(primary_key=True)
    on: bool
    reason: str
    actor: dict[str, Any] = _json(default_factory=dict)
    since: datetime = _at(default_factory=now)


class Event(SQLModel, table=True):
    """What happened to a request or an operation, in order. Append-only; `watch` reads it by cursor."""

    __tablename__ = "event"
    __table_args__ = (Index("event_by_request", "request", "id"), Index("event_by_operation", "operation", "id"))
    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    at: datetime = _at(default_factory=now)
    request: str | None = Field(default=None)
    operation: str | None = Field(default=None)
    kind: str
    """submitted, reviewed, approved, refused, step, resource, failed, …"""
    document: dict[str, Any] = _json(default_factory=dict)


class KeptState(SQLModel, table=True):
    """A stack's state after a run of the engine, secrets encrypted by the engine; the last few of each stack are kept."""

    __tablename__ = "kept_state"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    stack: str = Field(index=True)
    taken_at: datetime = _at(default_factory=now)
    operation: str
    state: dict[str, Any] = _json(default_factory=dict)


class Certificate(SQLModel, table=True):
    """That everything of an environment was destroyed: what, where, when and by whose word. Append-only; outlives the project."""

    __tablename__ = "certificate"
    __table_args__ = (Index("certificate_by_name", "administration", "environment"),)
    environment_id: int = Field(primary_key=True, foreign_key="environment.id")
    administration: str = Field(foreign_key="administration.code")
    environment: str
    document: dict[str, Any] = _json()
    digest: str
    """SHA-256 of the document's canonical JSON (RFC 8785)."""
    issued_at: datetime = _at(default_factory=now)


class ProjectLimit(SQLModel, table=True):
    """A limit as it was last written and read back, or last observed, in the service's own key."""

    __tablename__ = "project_limit"
    project_id: str = Field(primary_key=True)
    service_type: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    wanted: int = Field(sa_type=BigInteger)
    value: int | None = Field(default=None, sa_type=BigInteger)
    state: str
    read_at: datetime = _at(default_factory=now)


class Discrepancy(SQLModel, table=True):
    """A difference between ledger, limits and use, and what is thought of it; one row from the first time that it is seen until it is resolved."""

    __tablename__ = "discrepancy"
    __table_args__ = (
        Index("discrepancy_open", "region", "name", "subject", "item", unique=True, postgresql_where=text("state <> 'resolved'")),
        CheckConstraint("(state = 'waived') = (waived_until IS NOT NULL)", name="discrepancy_waived_until"),
    )
    id: int | None = Field(default=None, primary_key=True)
    region: str
    name: str
    """As in `quotas.reconcile.Name`."""
    subject: str
    """A project's id, a source, or empty for the whole site."""
    item: str
    holder: str = ""
    administration: str | None = Field(default=None, index=True)
    expected: int | None = Field(default=None, sa_type=BigInteger)
    found: int | None = Field(default=None, sa_type=BigInteger)
    detail: str = ""
    rests_on: list[str] = Field(default_factory=list, sa_type=JSONB)
    state: str = "open"
    """open | explained | waived | resolved"""
    waived_until: datetime | None = _at(default=None)
    first_seen: datetime = _at(default_factory=now)
    last_seen: datetime = _at(default_factory=now)
    resolved_at: datetime | None = _at(default=None)


class DiscrepancyNote(SQLModel, table=True):
    """Who said what of a discrepancy, and when; dcctl itself says that one is over, or is another than was explained. Append-only."""

    __tablename__ = "discrepancy_note"
    id: int | None = Field(default=None, primary_key=True)
    discrepancy: int = Field(foreign_key="discrepancy.id", index=True)
    state: str
    reason: str
    actor: dict[str, Any] = _json(default_factory=dict)
    at: datetime = _at(default_factory=now)


class Reconciliation(SQLModel, table=True):
    """One comparison of ledger, limits and use; kept, so that it can be followed and looked at later."""

    __tablename__ = "reconciliation"
    id: int | None = Field(default=None, primary_key=True)
    region: str
    state: str = "queued"
    """queued | running | done | failed"""
    apply: bool = False
    actor: dict[str, Any] = _json(default_factory=dict)
    result: dict[str, Any] = _json(default_factory=dict)
    """How many projects were looked at, differences by name, sources that failed, what came of limits that were written."""
    error: dict[str, Any] | None = _json(default=None, nullable=True)
    created_at: datetime = _at(default_factory=now)
    finished_at: datetime | None = _at(default=None)


class RegionMode(SQLModel, table=True):
    """Whether reconciling may write to OpenStack. A region without a row is in `enforce`."""

    __tablename__ = "region_mode"
    region: str = Field(primary_key=True)
    mode: str
    """observe | enforce"""
    reason: str
    """An operator's words; empty where dcctl found a reason itself."""
    finding: dict[str, Any] | None = _json(default=None, nullable=True)
    """The error that says why dcctl itself put the region into observe."""
    actor: dict[str, Any] = _json(default_factory=dict)
    since: datetime = _at(default_factory=now)


class Contact(SQLModel, table=True):
    """An address to which letters about an administration go."""

    __tablename__ = "contact"
    administration: str = Field(primary_key=True, foreign_key="administration.code")
    address: str = Field(primary_key=True)
    lang: str = "fr"
    """fr | en"""
    daily: bool = False
    """One letter a day with everything, rather than one for each occasion."""
    created_at: datetime = _at(default_factory=now)
    created_by: dict[str, Any] = _json(default_factory=dict)


class Letter(SQLModel, table=True):
    """A letter to be sent, or sent: written with what it tells of, sent by the worker. It outlives contact and administration."""

    __tablename__ = "letter"
    __table_args__ = (Index("letter_waiting", "next_at", postgresql_where=text("state = 'waiting'")),)
    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    message_id: str = Field(index=True)
    """Of the mail, fixed before it is first sent; letters of one digest have the same."""
    administration: str
    address: str
    lang: str
    daily: bool = False
    occasion: str
    """As in `dcctl.occasions`."""
    params: dict[str, Any] = _json(default_factory=dict)
    state: str = "waiting"
    """waiting | handed (its last byte may be with the server, and nobody knows more) | sent | given_up | dropped (by an operator)"""
    attempts: int = 0
    next_at: datetime = _at(default_factory=now)
    last_error: str | None = None
    created_at: datetime = _at(default_factory=now)
    sent_at: datetime | None = _at(default=None)


class LedgerProof(SQLModel, table=True):
    """How far the ledger's chain was followed and found right, and what was wrong after it; one row."""

    __tablename__ = "ledger_proof"
    __table_args__ = (CheckConstraint("one", name="ledger_proof_one"),)
    one: bool = Field(default=True, primary_key=True)
    position: int = Field(sa_type=BigInteger)
    chain_hash: bytes
    finding: str | None = None
    """As in `quotas.chain.Finding`, with its position; None: nothing is wrong."""
    checked_at: datetime = _at(default_factory=now)


class LedgerAcceptance(SQLModel, table=True):
    """That somebody had the chain followed anew from its beginning, after a restore say: where that ended, and what was known before. Append-only."""

    __tablename__ = "ledger_acceptance"
    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    accepted_at: datetime = _at(default_factory=now)
    account: str
    """Of the server's own system: whoever may do this has no token."""
    reason: str
    position: int = Field(sa_type=BigInteger)
    former_position: int = Field(sa_type=BigInteger)
    former_finding: str | None = None


# -- observations: written by the collector only ------------------------------------------------------------------------------------------------


class ProjectObservation(SQLModel, table=True):
    """Use and enforced limit of a counted resource in a project, as OpenStack said."""

    __tablename__ = "project_observation"
    project_id: str = Field(primary_key=True)
    region: str = Field(primary_key=True)
    service_type: str = Field(primary_key=True)
    resource: str = Field(primary_key=True)
    usage: int | None = Field(default=None, sa_type=BigInteger)
    backend_quota: int | None = Field(default=None, sa_type=BigInteger)
    usage_at: datetime | None = _at(default=None)
    quota_at: datetime | None = _at(default=None)


class ObservedProject(SQLModel, table=True):
    """A project as Keystone listed it; administration is its domain's name."""

    __tablename__ = "observed_project"
    project_id: str = Field(primary_key=True)
    name: str
    domain_id: str
    domain_name: str
    seen_at: datetime = _at(default_factory=now)


class Source(SQLModel, table=True):
    """When each source last answered in full, and what it said when it did not."""

    __tablename__ = "source"
    name: str = Field(primary_key=True)
    """keystone, compute, block-storage, network, catalogue, …"""
    last_success_at: datetime | None = _at(default=None)
    last_attempt_at: datetime | None = _at(default=None)
    last_error: str | None = None
    seconds: float | None = None
    """How long the last attempt took; of the collector's sources."""


class CollectCalls(SQLModel, table=True):
    """How many calls the collector has made to a service, ever, by the HTTP status of the answer (0: there was none)."""

    __tablename__ = "collect_calls"
    service_type: str = Field(primary_key=True)
    code: int = Field(primary_key=True)
    total: int = Field(sa_type=BigInteger)


class UsageHour(SQLModel, table=True):
    """Use of a project in one hour (UTC), in units x seconds; outlives project and administration, and is settled after two days.

    A partition a month (`dcctl.migrations.hours`). Of an hour without a row nothing was in use, as far as `usage_coverage` says that it was seen.
    """

    __tablename__ = "usage_hour"
    __table_args__ = (
        CheckConstraint("hour = date_trunc('hour', hour, 'UTC') AND sampled >= 0 AND recorded >= 0", name="usage_hour_figures"),
        {"postgresql_partition_by": "RANGE (hour)"},
    )
    hour: datetime = _at(primary_key=True)
    region: str = Field(primary_key=True)
    project_id: str = Field(primary_key=True)
    resource: str = Field(primary_key=True)
    administration: str | None = None
    """Whose project it was then."""
    sampled: int = Field(sa_type=BigInteger)
    """From one reading of the lists to the next, by what the earlier one counted: servers that never started are in it."""
    recorded: int = Field(sa_type=BigInteger)
    """From Nova's records of use: servers that lived between two readings are in it."""


class UsageSum(SQLModel, table=True):
    """What `usage_hour` adds up to by administration, and in all (`dcctl.migrations.hours.EVERYBODY`); of each project the greater measure counts.

    Written by triggers of `usage_hour` alone, a partition a month as there.
    """

    __tablename__ = "usage_sum"
    __table_args__ = ({"postgresql_partition_by": "RANGE (hour)"},)
    administration: str = Field(primary_key=True)
    region: str = Field(primary_key=True)
    resource: str = Field(primary_key=True)
    hour: datetime = _at(primary_key=True)
    unit_seconds: int = Field(sa_type=BigInteger)


class UsageCoverage(SQLModel, table=True):
    """How many seconds of an hour a service's use was seen; what was not seen is unknown, not zero."""

    __tablename__ = "usage_coverage"
    __table_args__ = (
        CheckConstraint("sampled_seconds BETWEEN 0 AND 3600 AND recorded_seconds BETWEEN 0 AND 3600", name="usage_coverage_seconds"),
    )
    hour: datetime = _at(primary_key=True)
    region: str = Field(primary_key=True)
    service_type: str = Field(primary_key=True)
    sampled_seconds: int
    recorded_seconds: int


class OpenStackRequests(SQLModel, table=True):
    """How many calls a kind of process has made to a service, ever; each attempt counts."""

    __tablename__ = "openstack_requests"
    process: str = Field(primary_key=True)
    """api | worker | collector"""
    service_type: str = Field(primary_key=True)
    method: str = Field(primary_key=True)
    outcome: str = Field(primary_key=True)
    """ok | refused | failed"""
    total: int = Field(sa_type=BigInteger)


def add_requests(database: Connection, process: str, made: Mapping[tuple[str, str, str], int]) -> None:
    """Add calls to what the process has made so far, by service, method and outcome."""
    for (service, method, outcome), number in sorted(made.items()):
        database.execute(_ADD, {"process": process, "service": service, "method": method, "outcome": outcome, "number": number})


_ADD = text("""
    INSERT INTO openstack_requests (process, service_type, method, outcome, total) VALUES (:process, :service, :method, :outcome, :number)
    ON CONFLICT (process, service_type, method, outcome) DO UPDATE SET total = openstack_requests.total + excluded.total""")

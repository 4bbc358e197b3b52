"""What travels between client and API, as pydantic models of the server's side.

The client reads the same JSON as plain dictionaries, so that pydantic's import stays out of the command line. Keys are English, only grow, and
every answer has `apiVersion`. Times are ISO 8601 in UTC; amounts are integers in the resource's own unit.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Strict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from dcctl.config import ADDRESS

API_VERSION = "dcctl/v1"

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
#: The paper that orders an act.
Paper = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
#: With its zone.
Moment = Annotated[AwareDatetime, Strict(False)]
Amounts = dict[str, int]


class In(BaseModel):
    """A body that is sent to the API; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, given: Any) -> Any:
        """Refuse what PostgreSQL cannot keep, wherever in the body it is."""
        if not storable(given):
            raise PydanticCustomError("unsuitable_text", "text without control characters")
        return given


def storable(value: object) -> bool:
    """Whether no text in a JSON value has a NUL or half a surrogate pair in it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if "\x00" in one or any("\ud800" <= character <= "\udfff" for character in one):
                return False
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
    return True


class Out(BaseModel):
    """An answer."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)
    apiVersion: str = API_VERSION  # noqa: N815 - the key of the format


# -- what is sent -------------------------------------------------------------------------------------------------------------------------------


class AdministrationIn(In):
    code: Code
    name: str = Field(min_length=1, max_length=200)
    parent: Code | None = None


class ReconciliationIn(In):
    """Compare; `apply`: then write the limits that differ."""

    apply: bool = False


class SayIn(In):
    """Why, and for a waiver until when."""

    reason: Reason
    until: Annotated[datetime, Strict(False)] | None = None


class MaintenanceIn(In):
    """Whether operations may begin."""

    on: bool
    reason: str = Field(default="", max_length=500)


class RegionModeIn(In):
    mode: str = Field(pattern="^(observe|enforce)$")
    reason: Reason


class PersonIn(In):
    user: str = Field(min_length=1, max_length=255)
    role: str = Field(pattern="^(dc_agent|dc_lead)$")


class ContactIn(In):
    """Where letters go: an address of mail in ASCII without quotes; `daily`: one a day with everything."""

    address: str = Field(max_length=254, pattern=ADDRESS)
    lang: str = Field(default="fr", pattern="^(fr|en)$")
    daily: bool = False


class CapacityIn(In):
    """The datacenter's capacity is now this; resources that are left out stay."""

    resources: dict[str, Any] = Field(max_length=200)
    reason: Reason
    document: Paper
    effective_at: Moment | None = None


class EnvelopeIn(In):
    """A grant or a revocation: so many units more, or fewer."""

    administration: str = Field(max_length=255)
    resources: dict[str, Any] = Field(max_length=200)
    reason: Reason
    document: Paper
    effective_at: Moment | None = None


class OpeningIn(In):
    """A line of a file of envelopes: so many units for an administration."""

    administration: str = Field(max_length=255)
    resources: dict[str, Any] = Field(max_length=200)


class ImportIn(In):
    """A file of envelopes, whole; `dry_run` only says what would be posted, `again` posts a file that was posted before."""

    envelopes: list[OpeningIn] = Field(min_length=1, max_length=20_000)
    reason: Reason
    document: Paper
    effective_at: Moment | None = None
    dry_run: bool = False
    again: bool = False


class CorrectionIn(In):
    """Reverse an entry, and post in its place, between the same two, what `resources` says; nothing: only the reversal."""

    entry: int = Field(ge=1, lt=2**63)
    resources: dict[str, Any] = Field(default={}, max_length=200)
    reason: Reason
    document: Paper
    effective_at: Moment | None = None


class ParentIn(In):
    """The administration's parent from `since` on (now, when left out); null: the datacenter itself."""

    parent: Code | None
    since: Annotated[datetime, Strict(False)] | None = None
    reason: Reason
    document: Paper


class RequestIn(In):
    """A request: `spec` for the kind environment (of one that exists, it is a change); for decommission, extension and repair `environment`
    (its name) and `administration`; `duration` for an extension; `resources` (units more) for an envelope; `confirm`, the name once more, where data
    are destroyed."""

    kind: str = Field(default="environment", pattern="^(environment|change|extension|repair|decommission|envelope)$")
    spec: dict[str, Any] | None = None
    resources: dict[str, Any] | None = None
    duration: str | None = Field(default=None, max_length=64)
    administration: str | None = Field(default=None, max_length=255)
    environment: str | None = Field(default=None, max_length=255)
    confirm: str | None = Field(default=None, max_length=255)
    reason: str | None = Field(default=None, max_length=2000)


class DecisionIn(In):
    """`evidence`: the digest of the facts that were shown; `confirm`: the environment's name, where what is approved destroys, replaces or shrinks;
    `grant`: so much only, resources that are left out stay as they are asked for (of an extension `duration`); `emergency`: an operator approves
    alone, and somebody else reviews it later."""

    verdict: str = Field(pattern="^(approve|refuse|return)$")
    digest: str | None = Field(default=None, max_length=128)
    evidence: str | None = Field(default=None, max_length=128)
    reason: Reason
    confirm: str | None = Field(default=None, max_length=255)
    grant: dict[str, Any] | None = None
    emergency: bool = False


class AnswerIn(In):
    """To less than was asked: yes or no. `digest`: of what was seen."""

    accept: bool
    digest: str | None = None
    reason: str | None = Field(default=None, max_length=2000)


class CommentIn(In):
    text: Reason


class ReviewIn(In):
    """Of a decision in an emergency, by somebody else."""

    justified: bool
    reason: Reason


class TrialsIn(In):
    """Requests that are only tried, one after the other, as if each before it had been submitted."""

    requests: list[dict[str, Any]] = Field(min_length=1, max_length=200)


class OfferIn(In):
    """An offer to be published."""

    document: dict[str, Any]


class PolicyIn(In):
    """A policy of decisions; `reason` where it is published."""

    document: dict[str, Any]
    reason: Reason | None = None


class PlanIn(In):
    """What would be done for `spec`; without one: what differs between what was built and what is there. `drift`: keep that as discrepancies."""

    spec: dict[str, Any] | None = None
    drift: bool = False


class RebuildIn(In):
    """`digest` of the look that showed what would be written."""

    digest: str = Field(pattern="^[0-9a-f]{64}$")
    reason: Reason


class AcceptIn(In):
    reason: Reason


class WithdrawIn(In):
    reason: str | None = Field(default=None, max_length=2000)


# -- what is answered ---------------------------------------------------------------------------------------------------------------------------


class Actor(BaseModel):
    """Who did it, as the token said."""

    user_id: str
    user: str
    domain: str
    roles: list[str]


class Whoami(Out):
    user: str
    user_id: str
    domain: str
    scope: dict[str, str]
    roles: list[str]
    administrations: list[str]
    expires_at: datetime


class Parentage(BaseModel):
    """Below whom an administration has been since when (null: the datacenter itself), and when that was written down."""

    parent: str | None
    since: datetime
    recorded_at: datetime


class Administration(Out):
    code: str
    name: str
    parent: str | None
    domain_id: str
    created_at: datetime
    environments: int = 0
    parents: list[Parentage] = []
    """Of one that is shown: every parent that it has had, the present one last."""


class Administrations(Out):
    items: list[Administration]
    cursor: str | None = None


class Person(Out):
    user: str
    user_id: str
    domain: str
    role: str


class People(Out):
    items: list[Person]


class ContactOut(Out):
    administration: str
    address: str
    lang: str | None = None
    """Unknown, as what follows, of one that was removed before."""
    daily: bool | None = None
    created_at: datetime | None = None


class Contacts(Out):
    items: list[ContactOut]


class CapacityItem(BaseModel):
    resource: str
    unit: str
    declared: int
    granted: int
    available: int


class ActOut(BaseModel):
    """An act as it is listed: what was asked for, and what became of it (`waiting`, `posted`, `refused`)."""

    number: str
    kind: str
    state: str
    administration: str | None
    resources: Amounts
    reason: str
    document: str | None
    asked_by: Actor
    created_at: datetime
    over: dict[str, dict[str, int]]
    digest: str
    decision: dict[str, Any] | None


class ActShown(Out, ActOut):
    """With all that a second operator approves."""

    details: dict[str, Any]


class Acts(Out):
    items: list[ActOut]
    cursor: str | None


class CapacityMoved(BaseModel):
    resource: str
    unit: str
    amount: int


class CorrectedItem(BaseModel):
    """The entry that was corrected, the entry that reverses it, or one in its place."""

    entry: int
    kind: str
    resource: str
    unit: str
    amount: int
    reverses: int | None


class ImportItem(BaseModel):
    """One entry that a file makes, or would make."""

    administration: str
    payer: str
    resource: str
    unit: str
    amount: int


class Imported(Out):
    """The sums of a file by resource; `entries` one by one and `shortfalls` only of a dry run, `act` only of what was not one."""

    items: list[CapacityMoved]
    administrations: int
    count: int
    entries: list[ImportItem] = []
    shortfalls: list[dict[str, Any]] = []
    over: dict[str, dict[str, int]] = {}
    act: ActOut | None = None


class Corrected(Out):
    """What was posted in place of an entry; nothing while the act waits."""

    act: ActOut
    items: list[CorrectedItem]


class Capacity(Out):
    """`act`: the one that declared it just now."""

    region: str
    items: list[CapacityItem]
    act: ActOut | None = None


class QuotaItem(BaseModel):
    """`limit` and `usage` are null where nothing was observed yet."""

    resource: str
    unit: str
    granted: int
    available: int
    held: int
    allocated: int
    limit: int | None
    usage: int | None


class QuotaItems(Out):
    """`as_of` and `known_at` are null for now; limits and use are not remembered, so null for then. `act`: the one that changed it just now."""

    holder: str
    kind: str
    region: str
    items: list[QuotaItem]
    as_of: datetime | None = None
    known_at: datetime | None = None
    act: ActOut | None = None


class UsageItem(BaseModel):
    """`capacity` is the datacenter's, null for an administration; `usage` and when it was read (`at`) are null where nothing was observed yet."""

    resource: str
    unit: str
    capacity: int | None
    granted: int
    available: int
    held: int
    allocated: int
    usage: int | None
    at: datetime | None


class UsageShown(Out):
    holder: str
    kind: str
    region: str
    items: list[UsageItem]
    as_of: datetime | None = None
    known_at: datetime | None = None


class UsageHour(BaseModel):
    """`average` over the part of the hour that was seen; `known` is that part, from 0 to 1."""

    hour: datetime
    resource: str
    unit: str
    average: float
    known: float


class UsageHours(Out):
    """Hours in which nothing was seen are missing."""

    administration: str | None
    region: str
    since: datetime
    until: datetime
    items: list[UsageHour]


class UsageTopItem(BaseModel):
    """Of an administration `granted` and `allocated` are known, of a project its `limit` (null: unknown or not enforced); else null."""

    administration: str
    project: str | None
    project_id: str | None
    resource: str
    unit: str
    granted: int | None
    allocated: int | None
    limit: int | None
    usage: int
    at: datetime | None


class UsageTop(Out):
    region: str
    resource: str
    by: str
    items: list[UsageTopItem]


class UsageRanked(BaseModel):
    administration: str
    name: str
    resource: str
    unit: str
    unit_hours: float


class UsageRanking(Out):
    """In units times hours; `known_hours` of the period were seen."""

    region: str
    since: datetime
    until: datetime
    known_hours: float
    items: list[UsageRanked]


class HistoryItem(BaseModel):
    entry: int
    kind: str
    resource: str
    unit: str
    amount: int
    source: str
    destination: str
    effective_at: datetime
    recorded_at: datetime
    actor: str
    cause: str
    document: str | None = None
    reason: str | None = None
    cause_kind: str | None = None
    asked_by: str | None = None
    decided_by: str | None = None
    reverses: int | None = None


class History(Out):
    items: list[HistoryItem]
    cursor: int | None


class CatalogueItem(BaseModel):
    kind: str
    name: str
    document: dict[str, Any]


class Catalogue(Out):
    """`seen_at` is null before OpenStack was first asked."""

    items: list[CatalogueItem]
    seen_at: datetime | None


class AdministrationStatus(BaseModel):
    """`environments`: how many in each state; `next`: codes of what could be done now."""

    code: str
    quota: list[QuotaItem]
    requests_waiting: int
    environments: dict[str, int]
    next: list[str]


class SourceStatus(BaseModel):
    name: str
    last_success_at: datetime | None
    last_attempt_at: datetime | None
    last_error: str | None


class Status(Out):
    administrations: list[AdministrationStatus]
    sources: list[SourceStatus]
    warnings: list[dict[str, Any]]
    resting: dict[str, Any] | None = None
    emergencies: list[dict[str, Any]] = []
    """Decisions that an operator made alone, and nobody has reviewed yet."""
    next: list[str] = []


class Offer(Out):
    name: str
    version: int
    title: dict[str, str]
    description: dict[str, str]
    document: dict[str, Any]


class Offers(Out):
    items: list[Offer]


class PolicyOut(Out):
    """A version of the policy of decisions."""

    version: int
    document: dict[str, Any]
    reason: str
    published_by: str
    published_at: datetime


class PolicyChecked(Out):
    """The version that a document would be; `in_force`: it is the present one."""

    version: int
    in_force: bool


class Missing(BaseModel):
    """A decision that is still needed: which role, from which administration, in words by the reader's side."""

    role: str
    administration: str | None = None


class RequestOut(Out):
    number: str
    state: str
    kind: str
    administration: str
    environment: str
    requester: Actor
    created_at: datetime
    updated_at: datetime
    justification: str
    demand: Amounts
    granted: dict[str, Any] | None = None
    """What is given, where that is less than was asked: units, or of an extension `until`."""
    policy: int | None = None
    """The version of the policy that says whose decisions it needs."""
    round: int = 1
    """How often it was submitted."""
    lapses_at: datetime | None = None
    """While it waits for somebody: when it lapses."""
    offer: str | None
    digest: str | None
    plan: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    notices: list[dict[str, Any]] = []
    evidence: dict[str, Any] = {}
    evidence_digest: str | None = None
    """Of the evidence: what somebody who decides sends back, so that what is kept with the decision is what they saw."""
    decisions: list[dict[str, Any]] = []
    missing: list[Missing] = []
    operation: str | None
    error: dict[str, Any] | None
    events: list[dict[str, Any]] = []
    story: list[dict[str, Any]] = []
    """Of one request that is shown: who did what, when, on which evidence, and the entries of the ledger."""
    resting: dict[str, Any] | None = None
    """Why nothing begins now: `why` (maintenance, observe), `since`, `reason`. With a request that is shown only while an operation of it waits."""


class RequestLine(BaseModel):
    number: str
    state: str
    kind: str
    administration: str
    environment: str
    requester: str
    created_at: datetime
    digest: str | None


class Trial(BaseModel):
    """What became of one that was tried: whether it fits with those before it, what it would hold and whose decisions it would need."""

    fits: bool
    kind: str | None
    demand: Amounts
    needs: list[Missing]
    rule: str | None
    error: dict[str, Any] | None


class Trials(Out):
    items: list[Trial]


class Requests(Out):
    items: list[RequestLine]
    cursor: str | None


class EnvironmentOut(Out):
    name: str
    administration: str
    state: str
    project_id: str | None
    offer: str
    request: str
    created_at: datetime
    expires_at: datetime | None
    spec: dict[str, Any]
    kept_volumes: list[str] = []
    outputs: dict[str, Any]
    limits: list[dict[str, Any]] = []
    days_left: int | None = None
    operation: str | None = None
    error: dict[str, Any] | None = None


class Environments(Out):
    items: list[EnvironmentOut]
    cursor: int | None


class CloudEntry(Out):
    """An entry of a clouds.yaml without a secret."""

    cloud: str
    entry: dict[str, Any]


class PlanOut(Out):
    """`steps` as `dcctl.steps` has them; `quota` by resource from and to; it is over when the state is done or failed."""

    number: int
    administration: str
    environment: str
    state: str
    drift: bool
    rebuild: bool = False
    things: list[dict[str, Any]] = []
    """Of what a state would know when it is rebuilt: what becomes of each planned thing (`dcctl.workflow.rebuilding`)."""
    needed: bool = False
    steps: list[dict[str, Any]]
    counts: dict[str, int]
    quota: dict[str, list[int]]
    demand: Amounts
    digest: str | None
    error: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


class DriftItem(BaseModel):
    """A difference between what was built and what is there."""

    number: str
    environment: str
    item: str
    detail: str
    state: str
    first_seen: datetime
    last_seen: datetime
    reason: str | None


class Drifts(Out):
    items: list[DriftItem]


class CertificateOut(Out):
    """That an environment was destroyed; the digest is SHA-256 of the certificate's canonical JSON (RFC 8785)."""

    issued_at: datetime
    digest: str
    certificate: dict[str, Any]


class OperationOut(Out):
    id: str
    kind: str
    state: str
    step: str | None
    administration: str
    environment: str
    request: str
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: dict[str, float] = {}
    error: dict[str, Any] | None
    resources: list[dict[str, Any]] = []
    resting: dict[str, Any] | None = None
    """Of one that is shown: why it does not begin, while it waits."""


class Operations(Out):
    items: list[OperationOut]
    cursor: str | None


class Events(Out):
    """A page of what happened, oldest first; `cursor` is given as `after` next time. `ended` tells a watcher to stop."""

    items: list[dict[str, Any]]
    cursor: int
    state: str
    ended: bool
    resting: dict[str, Any] | None = None
    """Why what is waited for does not begin."""


class ReconciliationOut(Out):
    """`differences`: how many of each name; `written`: what came of each environment's limits. It is over when the state is done or failed."""

    number: int
    state: str
    apply: bool
    actor: str | None
    differences: dict[str, int]
    written: list[dict[str, Any]]
    error: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


class DiscrepancyItem(BaseModel):
    """Figures in the resource's own unit; `subject` is a project's id, a source, or empty for the whole site."""

    number: str
    name: str
    state: str
    subject: str
    item: str
    holder: str
    administration: str | None
    expected: int | None
    found: int | None
    detail: str
    first_seen: datetime
    last_seen: datetime
    waived_until: datetime | None
    said_by: str | None
    reason: str | None


class Discrepancies(Out):
    items: list[DiscrepancyItem]
    cursor: int | None


class DiscrepancyOut(Out, DiscrepancyItem):
    """With everything that was said of it."""

    notes: list[dict[str, Any]]


class MaintenanceOut(Out):
    region: str
    on: bool
    reason: str | None
    actor: str | None
    since: datetime | None


class RegionOut(Out):
    """`reason` is a person's; where dcctl put the region into observe by itself, `finding` is the error that says why."""

    region: str
    mode: str
    reason: str | None
    finding: dict[str, Any] | None
    actor: str | None
    since: datetime | None


class AuditLine(BaseModel):
    """Who did what, when, from where, where, on what and of whose, and what came of it; `number` is its place among all that was ever drawn."""

    number: int
    at: datetime
    action: str
    outcome: str
    actor_id: str
    actor: str
    scope: str
    observer: str
    address: str | None
    request_id: str | None
    administration: str | None
    target: str | None


class AuditEvents(Out):
    items: list[AuditLine]
    cursor: int | None


class AuditEvent(Out, AuditLine):
    """`document`: roles, body without secrets, before and after, error; `position` in the chain is null until it is sealed."""

    document: dict[str, Any]
    content_hash: str
    position: int | None

"""What travels between client and API, as pydantic models of the server's side.

The client reads the same JSON as plain dictionaries, so that pydantic's import stays out of the command line. Keys are English, only grow, and
every answer has `apiVersion`. Times are ISO 8601 in UTC; amounts are integers in the resource's own unit.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

API_VERSION = "dcctl/v1"

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Amounts = dict[str, int]


class In(BaseModel):
    """A body that is sent to the API; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Out(BaseModel):
    """An answer."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)
    apiVersion: str = API_VERSION  # noqa: N815 - the key of the format


# -- what is sent -------------------------------------------------------------------------------------------------------------------------------


class AdministrationIn(In):
    code: Code
    name: str = Field(min_length=1, max_length=200)
    parent: Code | None = None


class PersonIn(In):
    user: str = Field(min_length=1, max_length=255)
    role: str = Field(pattern="^(dc_agent|dc_lead)$")


class CapacityIn(In):
    """The datacenter's capacity is now this; resources that are left out stay."""

    resources: dict[str, Any]
    reason: Reason
    document: str | None = Field(default=None, max_length=500)


class EnvelopeIn(In):
    """A grant or a revocation: so many units more, or fewer."""

    administration: str
    resources: dict[str, Any]
    reason: Reason
    document: str | None = Field(default=None, max_length=500)


class RequestIn(In):
    """A request: `spec` for the kind environment; `environment` (its name), `administration` and `confirm` for decommission."""

    kind: str = "environment"
    spec: dict[str, Any] | None = None
    administration: str | None = None
    environment: str | None = None
    confirm: str | None = None
    reason: str | None = Field(default=None, max_length=2000)


class DecisionIn(In):
    verdict: str = Field(pattern="^(approve|refuse)$")
    digest: str | None = None
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


class Administration(Out):
    code: str
    name: str
    parent: str | None
    domain_id: str
    created_at: datetime
    environments: int = 0


class Person(Out):
    user: str
    user_id: str
    domain: str
    role: str


class CapacityItem(BaseModel):
    resource: str
    unit: str
    declared: int
    granted: int
    available: int


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
    holder: str
    kind: str
    region: str
    items: list[QuotaItem]


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


class Offer(Out):
    name: str
    version: int
    title: dict[str, str]
    description: dict[str, str]
    document: dict[str, Any]


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
    offer: str | None
    digest: str | None
    plan: list[dict[str, Any]] = []
    notices: list[dict[str, Any]] = []
    evidence: dict[str, Any] = {}
    decisions: list[dict[str, Any]] = []
    missing: list[Missing] = []
    operation: str | None
    error: dict[str, Any] | None
    events: list[dict[str, Any]] = []


class RequestLine(BaseModel):
    number: str
    state: str
    kind: str
    administration: str
    environment: str
    requester: str
    created_at: datetime
    digest: str | None


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
    outputs: dict[str, Any]
    limits: list[dict[str, Any]] = []
    operation: str | None = None
    error: dict[str, Any] | None = None


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


class Events(Out):
    """A page of what happened, oldest first; `cursor` is given as `after` next time. `ended` tells a watcher to stop."""

    items: list[dict[str, Any]]
    cursor: int
    state: str
    ended: bool

"""What travels between client and API, as pydantic models of the server's side.

The client reads the same JSON as plain dictionaries, so that pydantic's import stays out of the command line. Keys are English, only grow, and
every answer has `apiVersion`. Times are ISO 8601 in UTC; amounts are integers in the resource's own unit.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

API_VERSION = "dcctl/v1"

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
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


class CapacityItem(BaseModel):
    resource: str
    unit: str
    declared: int
    granted: int
    available: int


class Capacity(Out):
    region: str
    items: list[CapacityItem]


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
    next: list[str] = []


class Offer(Out):
    name: str
    version: int
    title: dict[str, str]
    description: dict[str, str]
    document: dict[str, Any]


class Offers(Out):
    items: list[Offer]


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
    outputs: dict[str, Any]
    limits: list[dict[str, Any]] = []
    operation: str | None = None
    error: dict[str, Any] | None = None


class Environments(Out):
    items: list[EnvironmentOut]
    cursor: int | None


class CloudEntry(Out):
    """An entry of a clouds.yaml without a secret."""

    cloud: str
    entry: dict[str, Any]


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


class Operations(Out):
    items: list[OperationOut]
    cursor: str | None


class Events(Out):
    """A page of what happened, oldest first; `cursor` is given as `after` next time. `ended` tells a watcher to stop."""

    items: list[dict[str, Any]]
    cursor: int
    state: str
    ended: bool

"""What the exporter reads from PostgreSQL, row by row, as plain values.

This module is pure: no clock, no database, no network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFact:
    """An environment that is not decommissioned; `holder` is its name in the ledger, ``min-sante/dossier-patient``."""

    administration: str
    holder: str
    project_id: str | None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFact:
    """What a holder has of one resource; `holder` is its name in the ledger, the administration's code or as above."""

    holder: str
    region: str
    resource: str
    available: int
    held: int
    allocated: int
    granted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityFact:
    """What the datacenter has of one resource: what of it the pool granted, what is set aside there, and what is left."""

    region: str
    resource: str
    capacity: int
    granted: int
    available: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationFact:
    """A figure of a project as the collector wrote it; -1 as a quota means that nothing is enforced."""

    project_id: str
    region: str
    service_type: str
    resource: str
    usage: int | None
    backend_quota: int | None
    quota_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitFact:
    """A limit as it was read back after it was written, under the service's own key."""

    project_id: str
    service_type: str
    key: str
    value: int | None
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """An administration's name for people, and the code of the one that it belongs to; empty: none."""

    name: str
    parent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofFact:
    """How far the worker followed the ledger's chain, whether what it looked at was right, and when."""

    position: int
    right: bool
    checked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFact:
    """How far a chain goes, when its last row was sealed, and since when the oldest waits that is not in it; None: there is none."""

    position: int = 0
    sealed_at: datetime | None = None
    unsealed_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFact:
    """Whether the last reading of a source was whole, and how long it took; None: not known."""

    complete: bool
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that is exported, as it stood in the database at one moment.

    Attributes:
        taken_at: that moment, by the exporter's clock.
        region: the site's own, to which limits and sources belong.
        administrations: code -> id of its domain.
        domains: project id -> id of its domain, as Keystone said last.
        holders: the ledger's figures of administrations and environments.
        requests: (administration, state, kind) -> how many.
        sources: name -> when it last answered in full; one that never did is left out.
        calls: (process, service, method, outcome) -> calls made to OpenStack ever.
        discrepancies: (name, state) -> how many are not resolved.
        sealed_position: how far the ledger's chain goes; 0 where nothing is sealed.
        about: code -> what people call the administration.
        names: project id -> its name, as Keystone said last.
        oldest: (administration, state, kind) -> when the oldest request in that state was submitted; final states are left out.
        decisions: (administration, kind of request or act, verdict) -> how many ever; an empty code where an act concerns no single administration.
        operations: (kind, state) -> how many.
        idle: (kind, state) -> when the one that has been silent longest was last heard of; queued and running ones only.
        limit_states: state of a project's limit -> how many.
        attempts: name of a source -> how its last reading went, whether it ever succeeded or not.
        api_calls: (service, HTTP status) -> calls of the collector ever; 0 stands for no answer.
        proof: None while the worker never followed the chain.
        sealed_at: when the last entry was sealed; None: there is none.
        unsealed_since: when the oldest entry was recorded that is not in the chain; None: all are.
        trail: the same three of the audit trail's chain.
        letters: state -> how many there are.
        letters_since: state -> when the oldest of them was written.
    """

    taken_at: datetime
    region: str
    administrations: Mapping[str, str]
    environments: tuple[EnvironmentFact, ...]
    domains: Mapping[str, str]
    holders: tuple[LedgerFact, ...]
    capacity: tuple[CapacityFact, ...]
    observations: tuple[ObservationFact, ...]
    limits: tuple[LimitFact, ...]
    requests: Mapping[tuple[str, str, str], int]
    sources: Mapping[str, datetime]
    calls: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)
    discrepancies: Mapping[tuple[str, str], int] = field(default_factory=dict)
    sealed_position: int = 0
    unsealed_since: datetime | None = None
    about: Mapping[str, About] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    oldest: Mapping[tuple[str, str, str], datetime] = field(default_factory=dict)
    decisions: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    operations: Mapping[tuple[str, str], int] = field(default_factory=dict)
    idle: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    limit_states: Mapping[str, int] = field(default_factory=dict)
    attempts: Mapping[str, SourceFact] = field(default_factory=dict)
    api_calls: Mapping[tuple[str, int], int] = field(default_factory=dict)
    proof: ProofFact | None = None
    sealed_at: datetime | None = None
    trail: ChainFact = field(default_factory=ChainFact)
    letters: Mapping[str, int] = field(default_factory=dict)
    letters_since: Mapping[str, datetime] = field(default_factory=dict)

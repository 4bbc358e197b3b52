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
    """What the datacenter has of one resource, and what of it the pool granted."""

    region: str
    resource: str
    capacity: int
    granted: int


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
        unsealed_since: when the oldest entry was recorded that is not in the chain; None: all are.
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

"""From what the database holds to the figures that are exported: whose is which project, what adds up to what, what is known and what is not.

This module is pure: no clock, no database, no network.

A zero is a figure: an administration has 0 of every resource that anybody holds, and 0 of it in use as soon as the service has been read.
What is not known has no figure: use of a service that never answered, a limit that was never read back, a limit of -1 ("unlimited").
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dcctl.lifecycle import Kind, OperationState, RequestState
from metrics.counting import KEYSTONE, NETWORK_KEYS, STRUCTURAL_LIMITS, structural
from metrics.facts import About, CapacityFact, ChainFact, Facts, LedgerFact, ProofFact
from quotas.reconcile import Name
from quotas.resources import COMPUTE, COUNTED, NETWORK, Resource, find, in_order

#: Kinds of request that every administration has a figure for; others appear with the first request of their kind.
KINDS = (Kind.ENVIRONMENT, Kind.DECOMMISSION)

OPERATIONS = ("fulfil", "decommission", "abandon", "change", "undo", "extension", "rebuild")
VERDICTS = ("approve", "refuse", "return")
#: States of a letter (`dcctl.store.Letter`), and those in which somebody still has something to do with it: the postman, or a person.
LETTER_STATES = ("waiting", "handed", "sent", "given_up", "dropped")
UNSETTLED = ("waiting", "handed", "given_up")
#: What may come of writing a limit (`dcctl.cloud.limit_rules.LimitState`, which is no neighbour of the figures).
LIMIT_STATES = ("in_sync", "refused", "ineffective", "blocked_by_usage", "unsupported")

#: Keys that a service's limit may have besides the resource's name: Neutron's singular, and those of Nova's unified limits.
LIMIT_KEYS: Mapping[tuple[str, str], str] = {
    (COMPUTE, "servers"): "instances",
    (COMPUTE, "class:VCPU"): "cores",
    (COMPUTE, "class:MEMORY_MB"): "ram",
    **{(NETWORK, key): resource for key, resource in NETWORK_KEYS.items()},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministrationFigures:
    """What an administration has of one resource in one region; `usage` is of its own projects, not of its children's."""

    administration: str
    region: str
    resource: Resource
    granted: int
    available: int
    held: int
    allocated: int
    usage: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFigures:
    """A project's quota by the ledger (None: no environment of dcctl), the limit that OpenStack enforces, and what is in use."""

    administration: str
    project_id: str
    region: str
    resource: Resource
    quota: int | None
    backend_quota: int | None
    usage: int | None
    unlimited: bool = False
    """OpenStack enforces nothing; then `backend_quota` is None."""
    limit_at: datetime | None = None
    """When the limit, or that there is none, was seen; None: nobody knows of either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedProject:
    """Whose a project is, what it is called, and of which environment it is (empty: dcctl did not make it)."""

    administration: str
    project_id: str
    name: str
    environment: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFigures:
    """What the datacenter declared of one resource in one region, what became of it, and what is in use in all projects, anybody's."""

    region: str
    resource: Resource
    capacity: int
    available: int
    held: int
    granted: int
    allocated: int
    usage: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All figures at one moment; the order of every part is that of the exposition."""

    taken_at: datetime
    resources: tuple[Resource, ...]
    """Those that the ledger counts, then those that are only observed."""
    administrations: tuple[AdministrationFigures, ...]
    projects: tuple[ProjectFigures, ...]
    cluster: tuple[ClusterFigures, ...]
    requests: Mapping[tuple[str, str, str], int]
    sources: Mapping[str, datetime]
    calls: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)
    discrepancies: Mapping[tuple[str, str], int] = field(default_factory=dict)
    sealed_position: int = 0
    unsealed_since: datetime | None = None
    sealed_at: datetime | None = None
    proof: ProofFact | None = None
    about: Mapping[str, About] = field(default_factory=dict)
    owned: tuple[OwnedProject, ...] = ()
    oldest: Mapping[tuple[str, str, str], datetime] = field(default_factory=dict)
    decisions: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    operations: Mapping[tuple[str, str], int] = field(default_factory=dict)
    idle: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    limit_states: Mapping[str, int] = field(default_factory=dict)
    complete: Mapping[str, bool] = field(default_factory=dict)
    durations: Mapping[str, float] = field(default_factory=dict)
    api_calls: Mapping[tuple[str, int], int] = field(default_factory=dict)
    trail: ChainFact = field(default_factory=ChainFact)
    letters: Mapping[str, int] = field(default_factory=dict)
    letters_since: Mapping[str, datetime] = field(default_factory=dict)


def assemble(facts: Facts) -> Snapshot:
    """Derive every exported figure from the facts."""
    resources = _known_resources(facts)
    regions = sorted({facts.region, *(key[0] for key in _named(facts))})
    owners = _owners(facts)
    observed = (*resources, *_observed_only(facts))
    return Snapshot(
        taken_at=facts.taken_at,
        resources=observed,
        administrations=tuple(_administrations(facts, owners, regions, resources)),
        projects=tuple(_projects(facts, owners, regions, observed)),
        cluster=tuple(_cluster(facts, regions, resources)),
        requests=_requests(facts),
        sources=dict(sorted(facts.sources.items())),
        calls=facts.calls,
        discrepancies={(str(name), "open"): 0 for name in Name} | dict(facts.discrepancies),
        sealed_position=facts.sealed_position,
        unsealed_since=facts.unsealed_since,
        sealed_at=facts.sealed_at,
        proof=facts.proof,
        about=dict(sorted(facts.about.items())),
        owned=tuple(_owned(facts, owners)),
        oldest=facts.oldest,
        decisions={(code, str(kind), verdict): 0 for code in facts.administrations for kind in KINDS for verdict in VERDICTS} | dict(facts.decisions),
        operations={(kind, str(state)): 0 for kind in OPERATIONS for state in OperationState} | dict(facts.operations),
        idle=facts.idle,
        limit_states=dict.fromkeys(LIMIT_STATES, 0) | dict(facts.limit_states),
        complete={name: attempt.complete for name, attempt in facts.attempts.items()},
        durations={name: attempt.seconds for name, attempt in facts.attempts.items() if attempt.seconds is not None},
        api_calls=facts.api_calls,
        trail=facts.trail,
        letters=dict.fromkeys(LETTER_STATES, 0) | dict(facts.letters),
        letters_since={state: facts.letters_since[state] for state in UNSETTLED if state in facts.letters_since},
    )


def _owned(facts: Facts, owners: Mapping[str, str]) -> Iterable[OwnedProject]:
    environments = {e.project_id: e for e in facts.environments}
    for project, code in owners.items():
        environment = environments.get(project)
        yield OwnedProject(
            administration=code,
            project_id=project,
            name=facts.names.get(project, ""),
            environment="" if environment is None else environment.holder.partition("/")[2],
            expires_at=None if environment is None else environment.expires_at,
        )


def _observed_only(facts: Facts) -> list[Resource]:
    """Structural resources that the services counted: without an account, an envelope or a grant."""
    found = (structural(name) for name in sorted({fact.resource for fact in facts.observations}))
    return [resource for resource in found if resource is not None]


def _known_resources(facts: Facts) -> tuple[Resource, ...]:
    """The counted resources, and each volume type's gigabytes that the ledger or the cloud has ever named."""
    named = {resource.name for resource in COUNTED}
    named.update(resource for _, resource in _named(facts))
    found = (find(name) for name in in_order(named))
    return tuple(resource for resource in found if resource is not None)


def _named(facts: Facts) -> set[tuple[str, str]]:
    """Every (region, resource) of which there is a row."""
    return {
        *((fact.region, fact.resource) for fact in facts.holders),
        *((fact.region, fact.resource) for fact in facts.capacity),
        *((fact.region, fact.resource) for fact in facts.observations),
    }


def _owners(facts: Facts) -> dict[str, str]:
    """Project id -> administration: by its environment, else by the domain it is in. Projects of nobody are left out."""
    of_domain = {domain: code for code, domain in facts.administrations.items()}
    owners = {project: of_domain[domain] for project, domain in facts.domains.items() if domain in of_domain}
    owners.update({e.project_id: e.administration for e in facts.environments if e.project_id is not None})
    return dict(sorted(owners.items(), key=lambda pair: (pair[1], pair[0])))


def _administrations(
    facts: Facts, owners: Mapping[str, str], regions: Iterable[str], resources: Iterable[Resource]
) -> Iterable[AdministrationFigures]:
    ledger = {(fact.holder, fact.region, fact.resource): fact for fact in facts.holders}
    usage: Counter[tuple[str, str, str]] = Counter()
    for seen in facts.observations:
        if seen.usage is not None and seen.project_id in owners:
            usage[owners[seen.project_id], seen.region, seen.resource] += seen.usage
    read = _read(facts)
    for code in sorted(facts.administrations):
        for region in regions:
            for resource in resources:
                key = (code, region, resource.name)
                has = ledger.get(key) or _nothing(*key)
                yield AdministrationFigures(
                    administration=code,
                    region=region,
                    resource=resource,
                    granted=has.granted,
                    available=has.available,
                    held=has.held,
                    allocated=has.allocated,
                    usage=usage[key] if (region, resource.service_type) in read else None,
                )


def _read(facts: Facts) -> set[tuple[str, str]]:
    """(region, service) of which use is known: what nothing is said of is 0. None while nobody has said which projects there are."""
    if KEYSTONE not in facts.sources:
        return set()
    return {(seen.region, seen.service_type) for seen in facts.observations} | {(facts.region, name) for name in facts.sources}


def _projects(facts: Facts, owners: Mapping[str, str], regions: Iterable[str], resources: Iterable[Resource]) -> Iterable[ProjectFigures]:
    ledger = {(fact.holder, fact.region, fact.resource): fact.allocated for fact in facts.holders}
    holder_of = {e.project_id: e.holder for e in facts.environments}
    usage = {(seen.project_id, seen.region, seen.resource): seen.usage for seen in facts.observations}
    enforced = _enforced(facts)
    for project, code in owners.items():
        holder = holder_of.get(project)
        for region in regions:
            for resource in resources:
                key = (project, region, resource.name)
                limit_at, limit = enforced.get(key, (None, None))
                counted = holder is not None and find(resource.name) is not None
                figures = ProjectFigures(
                    administration=code,
                    project_id=project,
                    region=region,
                    resource=resource,
                    quota=ledger.get((holder or "", region, resource.name), 0) if counted else None,
                    backend_quota=None if limit is None or limit < 0 else limit,
                    usage=usage.get(key),
                    unlimited=limit is not None and limit < 0,
                    limit_at=limit_at,
                )
                if figures.unlimited or (figures.quota, figures.backend_quota, figures.usage) != (None, None, None):
                    yield figures


def _enforced(facts: Facts) -> dict[tuple[str, str, str], tuple[datetime, int]]:
    """(project, region, resource) -> the limit that was seen last, and when, whether it was observed or read back after it was written."""
    latest: dict[tuple[str, str, str], tuple[datetime, int]] = {}
    for seen in facts.observations:
        if seen.backend_quota is not None and seen.quota_at is not None:
            latest[seen.project_id, seen.region, seen.resource] = (seen.quota_at, seen.backend_quota)
    for limit in facts.limits:
        service = limit.service_type.replace("_", "-")
        resource = LIMIT_KEYS.get((service, limit.key), limit.key)
        key = (limit.project_id, facts.region, resource)
        resource = STRUCTURAL_LIMITS.get((service, limit.key), resource)
        known = find(resource) or structural(resource)
        if limit.value is not None and known is not None and (key not in latest or latest[key][0] <= limit.read_at):
            latest[key] = (limit.read_at, limit.value)
    return latest


def _cluster(facts: Facts, regions: Iterable[str], resources: Iterable[Resource]) -> Iterable[ClusterFigures]:
    declared = {(fact.region, fact.resource): fact for fact in facts.capacity}
    allocated: Counter[tuple[str, str]] = Counter()
    for fact in facts.holders:
        if "/" in fact.holder:
            allocated[fact.region, fact.resource] += fact.allocated
    used: Counter[tuple[str, str]] = Counter()
    for seen in facts.observations:
        used[seen.region, seen.resource] += seen.usage or 0
    read = _read(facts)
    for region in regions:
        for resource in resources:
            key = region, resource.name
            has = declared.get(key) or CapacityFact(region=region, resource=resource.name, capacity=0, granted=0)
            yield ClusterFigures(
                region=region,
                resource=resource,
                capacity=has.capacity,
                available=has.available,
                held=has.held,
                granted=has.granted,
                allocated=allocated[key],
                usage=used[key] if (region, resource.service_type) in read else None,
            )


def _requests(facts: Facts) -> dict[tuple[str, str, str], int]:
    """Every state of the kinds that matter to every administration, and of any other kind of which the administration has a request."""
    kinds = {(code, str(kind)) for code in facts.administrations for kind in KINDS} | {(code, kind) for code, _, kind in facts.requests}
    counts = {(code, str(state), kind): 0 for code, kind in kinds for state in RequestState}
    return dict(sorted((counts | dict(facts.requests)).items()))


def _nothing(holder: str, region: str, resource: str) -> LedgerFact:
    return LedgerFact(holder=holder, region=region, resource=resource, available=0, held=0, allocated=0, granted=0)

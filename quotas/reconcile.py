"""Ledger, limits and use compared: every difference by its name. What to do about one is not decided here.

This module is pure: no clock, no database, no network.

A difference rests on sources. Of a source that failed, or whose answer cannot be the whole truth, nothing is concluded: no difference is found and
none is over. So an empty list never looks like an empty datacenter.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from quotas.resources import BLOCK_STORAGE, COMPUTE, NETWORK, find

KEYSTONE, PLACEMENT = "keystone", "placement"
UNLIMITED = -1

#: Things that are compared one by one, the source that lists each, and the resource that counts it.
KINDS: Mapping[str, tuple[str, str]] = {
    "server": (COMPUTE, "instances"),
    "volume": (BLOCK_STORAGE, "volumes"),
    "network": (NETWORK, "networks"),
    "router": (NETWORK, "routers"),
    "floatingip": (NETWORK, "floatingips"),
}


class Name(StrEnum):
    """Of a difference."""

    LIMIT_MISMATCH = "limit_mismatch"
    INEFFECTIVE_WRITE = "ineffective_write"
    """A service said well, and enforces what it did before."""
    USAGE_OVER_LIMIT = "usage_over_limit"
    ORPHAN_PROJECT = "orphan_project"
    """A project in an administration's domain that is no environment's."""
    UNOWNED_USAGE = "unowned_usage"
    """What such a project uses: nobody was allocated it."""
    FOREIGN_RESOURCE = "foreign_resource"
    """Something in an environment's project that was not made from its plan."""
    MISSING_RESOURCE = "missing_resource"
    """Something of an environment's plan, or its whole project, that is gone."""
    STALE_SOURCE = "stale_source"
    CAPACITY_OVERPROMISED = "capacity_overpromised"
    DEFAULT_QUOTA_NOT_ZERO = "default_quota_not_zero"
    DRIFT = "drift"
    """Something of an environment's stack is otherwise in the cloud; found by comparing the stack, not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the ledger and the plan say of one environment.

    Attributes:
        holder: ``min-sante/dossier-patient``.
        allocated: units by resource; what is not named is 0.
        planned: for each of `KINDS` the names in the cloud, a floating address's being empty.
        settled: nothing is being done to it; otherwise only a limit above what is allocated is a difference.
        wrote: what came of the last write of a limit, by resource, as in dcctl's limits.
        lower: limits that a change would have lowered to this, had use not stood against it; until then the units stay allocated.
    """

    holder: str
    administration: str
    project_id: str | None
    allocated: Mapping[str, int]
    planned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settled: bool = True
    wrote: Mapping[str, str] = field(default_factory=dict)
    lower: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project in the domain of an administration, as Keystone lists it."""

    id: str
    name: str
    administration: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something in a project. `ours`: it carries the environment's mark (what has no name is known by it)."""

    id: str
    kind: str
    name: str
    project_id: str
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    environments: tuple[Environment, ...]
    declared: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What OpenStack says.

    Attributes:
        projects: of all administrations; None: not asked.
        limits, usage: by project and resource; what was not read is missing.
        things: of `KINDS`, in all projects; None: not asked.
        capacity: what there really is of a resource, where that can be told.
        defaults: what a project without own limits may have.
        failed: by source, the words of its failure.
    """

    projects: tuple[Project, ...] | None = None
    limits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    usage: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    things: tuple[Thing, ...] | None = None
    capacity: Mapping[str, int] = field(default_factory=dict)
    defaults: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference; `key` recognises it the next time.

    Attributes:
        subject: a project's id, a source, or empty for the whole site.
        item: the resource, or ``server ID``.
        expected, found: units, where it is about units.
        detail: for people; foreign words in it are data.
        rests_on: the sources without which nothing can be said of it.
    """

    name: Name
    subject: str
    item: str = ""
    holder: str = ""
    administration: str | None = None
    expected: int | None = None
    found: int | None = None
    detail: str = ""
    rests_on: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[str, str, str]:
        return str(self.name), self.subject, self.item


def compare(ledger: Ledger, observed: Observed) -> list[Difference]:
    """Every difference, each once, in a fixed order; of what is not known nothing."""
    failed = untrusted(ledger, observed)
    known = [
        difference
        for found in (
            _environments(ledger, observed),
            _projects(ledger, observed),
            _things(ledger, observed),
            _capacity(ledger, observed),
            _defaults(observed),
        )
        for difference in found
        if not difference.rests_on & failed.keys()
    ]
    stale = [Difference(name=Name.STALE_SOURCE, subject=source, detail=words) for source, words in failed.items()]
    return sorted([*known, *stale], key=lambda difference: difference.key)


def untrusted(ledger: Ledger, observed: Observed) -> dict[str, str]:
    """Sources that failed, and those whose answer contradicts itself or leaves out what must be in it."""
    found = dict(observed.failed)
    with_project = [environment for environment in ledger.environments if environment.project_id is not None]
    if observed.projects is not None and not observed.projects and with_project:
        found.setdefault(KEYSTONE, f"the list of projects is empty, but {len(with_project)} environments have one")
    for kind, (source, resource) in KINDS.items():
        listed = {thing.project_id for thing in observed.things or () if thing.kind == kind}
        counted = [project for project, usage in observed.usage.items() if usage.get(resource, 0) > 0]
        if observed.things is not None and counted and not listed:
            found.setdefault(source, f"the list of {kind}s is empty, but {len(counted)} projects use {resource}")
    for environment in with_project:
        limits = observed.limits.get(environment.project_id or "", {})
        for source in (COMPUTE, BLOCK_STORAGE, NETWORK):
            read = {resource for resource in limits if source_of(resource) == source}
            lacking = sorted(r for r, amount in environment.allocated.items() if amount and source_of(r) == source and r not in limits)
            if read and lacking:
                found.setdefault(source, f"{environment.holder}: no limit of {', '.join(lacking)} in the answer")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a comparison looked at.

    Attributes:
        subjects: projects and sources; None: everything.
        skipped: projects to which something is being done, so that little can be said of them.
        names: of the differences that it could find; None: all.
        failed: sources of which nothing is known.
    """

    subjects: frozenset[str] | None = None
    skipped: frozenset[str] = frozenset()
    names: frozenset[Name] | None = None
    failed: frozenset[str] = frozenset()


#: Differences that can be found by reading limits and use alone.
OF_LIMITS = frozenset({Name.LIMIT_MISMATCH, Name.INEFFECTIVE_WRITE, Name.USAGE_OVER_LIMIT, Name.STALE_SOURCE})


#: Differences that a whole comparison could find.
COMPARED = frozenset(Name) - {Name.DRIFT}


def over(open_: Iterable[Difference], found: Collection[Difference], looked: Looked) -> list[Difference]:
    """Those of `open_` that are no more: looked for and not found, although everything that they rest on answered."""
    keys = {difference.key for difference in found}
    return [
        difference
        for difference in open_
        if difference.key not in keys
        and not difference.rests_on & looked.failed
        and (looked.names is None or difference.name in looked.names)
        and (looked.subjects is None or difference.subject in looked.subjects)
        and difference.subject not in looked.skipped
    ]


def source_of(resource: str) -> str:
    """The service that counts the resource."""
    known = find(resource)
    return known.service_type if known else ""


def _environments(ledger: Ledger, observed: Observed) -> Iterator[Difference]:
    present = None if observed.projects is None else {project.id for project in observed.projects}
    for environment in ledger.environments:
        if environment.project_id is None:
            continue
        if present is not None and environment.project_id not in present:
            if environment.settled:
                yield _of(environment, Name.MISSING_RESOURCE, "project", KEYSTONE, detail=environment.project_id)
            continue
        limits = observed.limits.get(environment.project_id, {})
        for resource, limit in limits.items():
            yield from _limit(environment, resource, limit)
            wanted = environment.lower.get(resource, limit)
            if wanted < limit <= environment.allocated.get(resource, 0):
                blocked = "blocked_by_usage"
                yield _of(environment, Name.LIMIT_MISMATCH, resource, source_of(resource), expected=wanted, found=limit, detail=blocked)
        for resource, used in observed.usage.get(environment.project_id, {}).items():
            limit = limits.get(resource, UNLIMITED)
            if limit != UNLIMITED and used > limit:
                yield _of(environment, Name.USAGE_OVER_LIMIT, resource, source_of(resource), expected=limit, found=used)


def _limit(environment: Environment, resource: str, limit: int) -> Iterator[Difference]:
    expected = environment.allocated.get(resource, 0)
    open_ = limit == UNLIMITED or limit > expected
    if limit == expected or not (open_ or environment.settled):
        return
    wrote = environment.wrote.get(resource, "")
    name = Name.INEFFECTIVE_WRITE if wrote == "ineffective" else Name.LIMIT_MISMATCH
    detail = wrote if wrote in ("ineffective", "refused", "blocked_by_usage", "unsupported") else ""
    yield _of(environment, name, resource, source_of(resource), expected=expected, found=limit, detail=detail)


def _projects(ledger: Ledger, observed: Observed) -> Iterator[Difference]:
    owned = {environment.project_id for environment in ledger.environments}
    for project in observed.projects or ():
        if project.id in owned:
            continue
        orphan = Difference(
            name=Name.ORPHAN_PROJECT, subject=project.id, holder=f"{project.administration}/{project.name}",
            administration=project.administration, detail=project.name, rests_on=frozenset({KEYSTONE}),
        )  # fmt: skip
        yield orphan
        for resource, used in observed.usage.get(project.id, {}).items():
            if used > 0:
                rests_on = frozenset({KEYSTONE, source_of(resource)})
                yield replace(orphan, name=Name.UNOWNED_USAGE, item=resource, expected=0, found=used, rests_on=rests_on)


def _things(ledger: Ledger, observed: Observed) -> Iterator[Difference]:
    if observed.things is None:
        return
    present = None if observed.projects is None else {project.id for project in observed.projects}
    for environment in ledger.environments:
        gone = present is not None and environment.project_id not in present
        if environment.project_id is None or not environment.settled or gone:
            continue
        inside = [thing for thing in observed.things if thing.project_id == environment.project_id]
        for kind, (source, _) in KINDS.items():
            yield from _kind(environment, kind, source, [thing for thing in inside if thing.kind == kind])


def _kind(environment: Environment, kind: str, source: str, inside: list[Thing]) -> Iterator[Difference]:
    """What has a name is known by it; of several with one name the marked ones are ours first."""
    lacking = Counter(environment.planned.get(kind, ()))
    for thing in sorted(inside, key=lambda thing: (not thing.ours, thing.id)):
        if lacking[thing.name] > 0 and (thing.name or thing.ours):
            lacking[thing.name] -= 1
        else:
            yield _of(environment, Name.FOREIGN_RESOURCE, f"{kind} {thing.id}", source, detail=thing.name)
    for name, number in lacking.items():
        for position in range(1, number + 1):
            item = f"{kind} {name}" if name and position == 1 else f"{kind} {name} {position}".replace("  ", " ")
            yield _of(environment, Name.MISSING_RESOURCE, item, source, detail=name)


def _capacity(ledger: Ledger, observed: Observed) -> Iterator[Difference]:
    for resource, real in observed.capacity.items():
        declared = ledger.declared.get(resource, 0)
        if declared > real:
            source = PLACEMENT if source_of(resource) == COMPUTE else source_of(resource)
            yield Difference(name=Name.CAPACITY_OVERPROMISED, subject="", item=resource, expected=real, found=declared, rests_on=frozenset({source}))


def _defaults(observed: Observed) -> Iterator[Difference]:
    for resource, limit in observed.defaults.items():
        if limit != 0:
            yield Difference(
                name=Name.DEFAULT_QUOTA_NOT_ZERO, subject="", item=resource, expected=0, found=limit, rests_on=frozenset({source_of(resource)})
            )


def _of(
    environment: Environment, name: Name, item: str, source: str, *, expected: int | None = None, found: int | None = None, detail: str = ""
) -> Difference:
    return Difference(
        name=name, subject=environment.project_id or "", item=item, holder=environment.holder, administration=environment.administration,
        expected=expected, found=found, detail=detail, rests_on=frozenset({source}),
    )  # fmt: skip

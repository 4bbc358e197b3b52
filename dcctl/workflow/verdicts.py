"""What becomes of each planned thing after a run that did not end well: decided from the plan, the engine's state and what is in the cloud.

This module is pure: no clock, no database, no network.

| in the state | in the cloud | verdict |
|---|---|---|
| yes | yes | keep; a server in ERROR that nobody could have used yet is deleted and made again |
| no | whole | adopt it by its id; others of the same name and ours are spare |
| no | still building | wait; when it has taken too long, as broken |
| no | broken | delete; it is made again |
| begun | no | settled: it may be made |
| no | no | new: it will be made |
| yes | no | forget it, and judge it as if the state never had it; where it is protected, it is missing, and a person must know |

A spare is deleted while the environment has never been anybody's to use, or when nothing can be lost with it; servers and volumes of an environment
that was in use may be somebody's own copy and are only named.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from dcctl.cloud import finders
from dcctl.cloud.finders import Candidate, Condition, Mark, Seen
from dcctl.cloud.listings import Thing
from dcctl.provisioner.state import Recorded
from stacks import tokens
from stacks.plan import PlannedResource


class Verdict(StrEnum):
    """What is done about one planned thing."""

    KEEP = "keep"
    ADOPT = "adopt"
    WAIT = "wait"
    DELETE = "delete"
    SETTLED = "settled"
    NEW = "new"
    MISSING = "missing"


#: What may hold what cannot be made again.
DATA = frozenset({tokens.SERVER, tokens.VOLUME})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """About one planned resource.

    Attributes:
        id: under which the engine knows it or takes it over; None when it is not there.
        forget: the state has it under an id that is no more.
        waiting: what is still being built; `doomed`: what is deleted, because it is broken or spare.
        unclear: spares that only a person may judge.
    """

    resource: PlannedResource
    verdict: Verdict
    id: str | None = None
    forget: bool = False
    waiting: tuple[Thing, ...] = ()
    doomed: tuple[Thing, ...] = ()
    unclear: tuple[Thing, ...] = ()

    @property
    def name(self) -> str:
        return self.resource.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known beside the cloud.

    Attributes:
        recorded: what the engine's state has; `begun`: logical names that a killed run was creating.
        unused: the environment has never been anybody's to use.
        remembered: protected things that the state which was kept last has; they count where the engine's own state is lost.
        impatient: what is still building has had its time.
    """

    mark: Mark
    recorded: Mapping[str, Recorded]
    begun: Collection[str]
    unused: bool
    remembered: Mapping[str, Recorded] = field(default_factory=dict)
    impatient: bool = False

    def impatiently(self) -> "Facts":
        return replace(self, impatient=True)


def decide(planned: Sequence[PlannedResource], seen: Seen, facts: Facts) -> tuple[Decision, ...]:
    """One decision for each planned resource, in the plan's order: what others are bound to comes before them."""
    ends: dict[str, str] = {}
    decisions = []
    for resource in planned:
        decision = _decide(resource, finders.find(resource, seen, ends, facts.mark), seen, facts)
        if decision.id is not None:
            ends[resource.name] = decision.id
        decisions.append(decision)
    return tuple(decisions)


def _decide(resource: PlannedResource, candidates: Sequence[Candidate], seen: Seen, facts: Facts) -> Decision:
    known = facts.recorded.get(resource.name)
    if known is not None and (spoilt := _spoilt(resource, known.id, seen, facts)) is not None:
        return Decision(resource=resource, verdict=Verdict.DELETE, forget=True, doomed=(spoilt,))
    if known is not None and finders.present(resource.type, known.id, seen):
        return _chosen(resource, Verdict.KEEP, known.id, [c for c in candidates if c.id != known.id], facts)
    kept = facts.remembered.get(resource.name)
    if (known is not None and known.protected) or (kept is not None and not finders.present(resource.type, kept.id, seen)):
        return Decision(resource=resource, verdict=Verdict.MISSING)
    forget = known is not None
    fitting = [candidate for candidate in candidates if candidate.fits]
    whole = [candidate for candidate in fitting if _condition(candidate, facts) is Condition.WHOLE]
    if whole:
        best = min(whole, key=lambda candidate: (not candidate.used, candidate.age))
        return _chosen(resource, Verdict.ADOPT, best.id, [c for c in candidates if c is not best], facts, forget=forget)
    building = [candidate for candidate in fitting if _condition(candidate, facts) is Condition.BUILDING]
    if building and not facts.impatient:
        return Decision(resource=resource, verdict=Verdict.WAIT, forget=forget, waiting=tuple(c.thing for c in building))
    if candidates and resource.type in SPARE:
        lost = [candidate.thing for candidate in candidates if _may_go(resource, candidate, facts)]
        unclear = [candidate.thing for candidate in candidates if candidate.thing not in lost]
        return Decision(resource=resource, verdict=Verdict.DELETE, forget=forget, doomed=tuple(lost), unclear=tuple(unclear))
    return Decision(resource=resource, verdict=Verdict.SETTLED if resource.name in facts.begun or forget else Verdict.NEW, forget=forget)


def _chosen(
    resource: PlannedResource, verdict: Verdict, id: str, spares: Sequence[Candidate], facts: Facts, *, forget: bool = False
) -> Decision:  # fmt: skip
    """One of the candidates is the thing; what becomes of the others. Rules, attachments and roles exist once, or are others' own."""
    if resource.type not in SPARE:
        spares = ()
    doomed = [spare.thing for spare in spares if _may_go(resource, spare, facts)]
    unclear = [spare.thing for spare in spares if spare.thing not in doomed]
    return Decision(resource=resource, verdict=verdict, id=id, forget=forget, doomed=tuple(doomed), unclear=tuple(unclear))


#: Types of which several may carry one name: of each other type there is one for its ends.
SPARE = frozenset({
    tokens.NETWORK, tokens.SUBNET, tokens.ROUTER, tokens.SECURITY_GROUP, tokens.PORT, tokens.SERVER, tokens.VOLUME, tokens.FLOATING_IP,
})  # fmt: skip


def _spoilt(resource: PlannedResource, id: str, seen: Seen, facts: Facts) -> Thing | None:
    """A server that the state has and that went to ERROR before anybody could use it."""
    found = seen.get("server", id) if resource.type == tokens.SERVER and facts.unused else None
    return found if found is not None and found.attributes.get("status") == "ERROR" else None


def _condition(candidate: Candidate, facts: Facts) -> Condition:
    """A server in ERROR that ran once may be all there is of somebody's disk; while the environment has never been anybody's, it is only broken."""
    if facts.unused and candidate.thing.type == "server" and candidate.thing.attributes.get("status") == "ERROR":
        return Condition.BROKEN
    return candidate.condition


def _may_go(resource: PlannedResource, candidate: Candidate, facts: Facts) -> bool:
    """Whether nothing can be lost with it."""
    if resource.type not in DATA or facts.unused:
        return not (resource.type == tokens.VOLUME and candidate.used)
    never_ran = _condition(candidate, facts) is not Condition.WHOLE
    return never_ran and (resource.type == tokens.SERVER or resource.name in facts.begun)

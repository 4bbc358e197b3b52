"""Before anything is made after a run that did not end well: look what is there, take it over, and let nothing be made twice.

Only for whoever holds the environment, and has ended what the other run left running and taken away its lock (`dcctl.workflow.succession`).

The pure part is `dcctl.workflow.verdicts`; here are the looks, the waits, the deletions and the engine's state.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dcctl.cloud import finding, servers
from dcctl.cloud.connect import Cloud
from dcctl.cloud.finders import Mark, Seen
from dcctl.cloud.listings import Thing
from dcctl.cloud.wording import clean
from dcctl.errors import CloudError, EngineError
from dcctl.provisioner import state as states
from dcctl.provisioner.engine import Engine, Work
from dcctl.provisioner.errors import EngineStateLost
from dcctl.workflow.verdicts import Decision, Facts, Verdict, decide
from stacks.plan import PlannedResource, plan

#: What OpenStack was told just before the other run ended may show only now: what it had begun is taken for not there after so long, not before.
SETTLE_SECONDS = 5.0
#: A server or volume that is still being built has so long; then it counts as broken.
BUILD_SECONDS = 180.0
END_SECONDS = 60.0
_PAUSE_SECONDS = 1.5


#: Adds to the operation's feed.
Tell = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What `Engine.up` needs to go on: ids to take over, and what was begun and is not there."""

    adopt: Mapping[str, str] = field(default_factory=dict)
    settled: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where a recovery works.

    Attributes:
        project_id: of the workload; None for the tenant's stack, and where there is no project yet.
        unused: the environment has never been anybody's to use, so nothing of anybody's can be in it.
        remembered: the state that was kept last; it says what must not silently be made anew when the engine's own is lost.
        beside: what the stack may have beside the plan of `work`: of a change that is not over.
    """

    cloud: Cloud
    engine: Engine
    work: Work
    project_id: str | None
    unused: bool
    remembered: Mapping[str, Any] | None = None
    beside: tuple[PlannedResource, ...] = ()

    @property
    def planned(self) -> tuple[PlannedResource, ...]:
        return (*plan(self.work.spec, self.work.resolved).of(self.work.layer), *self.beside)

    @property
    def mark(self) -> Mark:
        return Mark(administration=self.work.spec.administration, environment=self.work.spec.name)

    def look(self) -> Seen:
        return finding.look(self.cloud, self.planned, self.work.resolved, self.project_id)


def recover(ground: Ground, tell: Tell) -> Recovered:
    """Make plan, state and cloud agree on what is there; what is missing is left to the next `up`.

    Raises:
        EngineError: DCCTL-420, protected data are gone; DCCTL-421, there is something that only a person may judge.
        CloudError: DCCTL-422, something broken does not go away; or a service does not answer.
    """
    exported, known = state_of(ground)
    decisions = _settled_decisions(ground, known, tell)
    _refuse(ground, decisions)
    forgotten = sorted(decision.name for decision in decisions if decision.forget)
    if exported is None:
        ground.engine.restore(ground.work.stack, states.EMPTY)
    elif forgotten or states.pending(exported):
        ground.engine.restore(ground.work.stack, states.without(exported, forgotten))
    adopt = {decision.name: decision.id for decision in decisions if decision.verdict is Verdict.ADOPT and decision.id}
    settled = tuple(decision.name for decision in decisions if decision.verdict in (Verdict.SETTLED, Verdict.NEW) and decision.id is None)
    tell(
        "recovered", layer=ground.work.layer, stack=ground.work.stack, rebuilt=exported is None,
        kept=sum(decision.verdict is Verdict.KEEP for decision in decisions), adopted=len(adopt), forgotten=len(forgotten),
        adopted_things=adopt, forgotten_things=forgotten, settled_things=sorted(name for name in settled if name in known.begun),
    )  # fmt: skip
    return Recovered(adopt=adopt, settled=settled, decisions=decisions)


def state_of(ground: Ground) -> tuple[Mapping[str, Any] | None, Facts]:
    """The state as exported, None where it is lost or unreadable, and what follows from it for the decisions."""
    try:
        exported = ground.engine.export(ground.work.stack)
    except EngineStateLost:
        exported = None
    remembered = ground.remembered if exported is None or not states.recorded(exported) else None
    facts = Facts(
        mark=ground.mark,
        recorded=states.recorded(exported),
        begun=frozenset(states.pending(exported)),
        unused=ground.unused,
        remembered={name: thing for name, thing in states.recorded(remembered).items() if thing.protected},
    )
    return exported, facts


def _settled_decisions(ground: Ground, known: Facts, tell: Tell) -> tuple[Decision, ...]:
    """Look until nothing is on its way any more: what is being built is waited for, what is broken or spare is deleted."""
    began, waited_for = time.monotonic(), frozenset[str]()
    while True:
        waited = time.monotonic() - began
        facts = known.impatiently() if waited > BUILD_SECONDS else known
        seen = ground.look()
        decisions = decide(ground.planned, seen, facts)
        resizing = [server for server in servers.resizing(seen.things) if ground.mark.on(server)]
        servers.confirm(ground.cloud, resizing)
        doomed = [thing for decision in decisions for thing in decision.doomed]
        waiting = frozenset(thing.id for decision in decisions for thing in decision.waiting)
        if not facts.impatient:
            waiting |= {server.id for server in resizing}
        if any(decision.verdict is Verdict.MISSING or decision.unclear for decision in decisions):
            return decisions
        if doomed:
            _end(ground, decisions, tell)
            continue
        if waiting - waited_for:
            names = sorted(decision.resource.cloud_name or decision.name for decision in decisions if decision.waiting)
            names += sorted(server.name for server in resizing)
            tell("waiting", layer=ground.work.layer, things=names)
            waited_for |= waiting
        unsure = waited < SETTLE_SECONDS and any(decision.verdict is Verdict.SETTLED for decision in decisions)
        if not waiting and not unsure:
            return decisions
        time.sleep(_PAUSE_SECONDS)


def _end(ground: Ground, decisions: Iterable[Decision], tell: Tell) -> None:
    """Delete what is broken or spare, and say so."""
    doomed: list[Thing] = []
    for decision in decisions:
        for thing in decision.doomed:
            doomed.append(thing)
            tell(
                "removed", layer=ground.work.layer, name=decision.name, thing=thing.type, cloud_name=thing.name, id=thing.id, status=thing.status,
                why="broken" if decision.verdict is Verdict.DELETE else "spare", words=fault(thing),
            )  # fmt: skip
    left = finding.end(ground.cloud, doomed, seconds=END_SECONDS)
    if left:
        said = [f"{thing.type} {thing.name or thing.id} ({thing.service}, {thing.id}): {left[thing.id]}" for thing in doomed if thing.id in left]
        raise CloudError("DCCTL-422", environment=_environment(ground), things=said)


def _refuse(ground: Ground, decisions: Iterable[Decision]) -> None:
    missing = [d.resource.cloud_name or d.name for d in decisions if d.verdict is Verdict.MISSING]
    if missing:
        raise EngineError("DCCTL-420", environment=_environment(ground), things=missing)
    unclear = [f"{thing.type} {thing.name} ({thing.id}, {thing.status})" for decision in decisions for thing in decision.unclear]
    if unclear:
        raise EngineError("DCCTL-421", environment=_environment(ground), things=unclear)


def fault(thing: Thing) -> str:
    """Why a server is in ERROR, in Nova's own words; empty where nothing is said."""
    return clean(str((thing.attributes.get("fault") or {}).get("message") or ""))


def _environment(ground: Ground) -> str:
    return f"{ground.work.spec.administration}/{ground.work.spec.name}"

"""A stack's state rebuilt by hand from what is in the cloud, which is only read: for where a recovery stops, because only a person may judge.

    look (the worker finds it out) ──▶ an operator sees it, with a digest ──▶ asks for it by that digest ──▶ written under the lease, if still so

| what becomes of a planned thing | when |
|---|---|
| kept | the state has it, and it is there |
| adopted | it is there, and the state has it under no id or another |
| forgotten | the state has it, and it is not there |
| left | it is being built or broken: the next run waits for it, or makes it anew |
| absent | neither knows it |
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import rfc8785
from sqlmodel import Session, col, select

from dcctl.errors import DcctlError, NotVisible
from dcctl.lifecycle import ALTERING, ENDED, EnvironmentState, OperationState, possible
from dcctl.provisioner import skeleton
from dcctl.provisioner.state import State
from dcctl.schemas import RebuildIn
from dcctl.store import Environment, Event, Operation, Request
from dcctl.workflow import changes, ending, environments, feed, provisioning, recovery, states
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.queue import REBUILD
from dcctl.workflow.run import Run, perform
from dcctl.workflow.verdicts import Decision, Facts, Verdict, decide
from stacks import naming
from stacks.plan import PlannedResource, Resolved, plan
from stacks.specs import parse

KEPT, ADOPTED, FORGOTTEN, LEFT, ABSENT = "kept", "adopted", "forgotten", "left", "absent"
ACTION = "rebuild"
#: States in which an environment has all of its stacks; what is being built or given back has a retry that looks by itself.
BUILT = (EnvironmentState.ACTIVE, EnvironmentState.WARNING, EnvironmentState.STOPPED)
ASKED = "rebuild_asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One stack: what its state is, and what is there."""

    stack: provisioning.Layer
    ground: recovery.Ground
    state: State | None
    facts: Facts
    decisions: tuple[Decision, ...]

    @property
    def things(self) -> list[dict[str, Any]]:
        """What becomes of each planned thing, as JSON."""
        found = []
        for decision in self.decisions:
            known = self.facts.recorded.get(decision.name) or self.facts.remembered.get(decision.name)
            fate = fate_of(decision, known=known is not None)
            beside = [*decision.waiting, *decision.doomed, *decision.unclear]
            found.append(
                {
                    "stack": self.ground.work.layer, "type": decision.resource.type, "name": decision.name,
                    "cloud_name": decision.resource.cloud_name, "fate": fate, "id": decision.id,
                    "was": known.id if known is not None else None, "data": bool(known and known.protected),
                    "beside": [f"{thing.type} {thing.id} {thing.status}".strip() for thing in beside],
                }
            )  # fmt: skip
        return found


def fate_of(decision: Decision, *, known: bool) -> str:
    """The word of the table above; `known`: the state has the thing."""
    if decision.verdict is Verdict.KEEP:
        return KEPT
    if decision.verdict is Verdict.ADOPT:
        return ADOPTED
    if decision.verdict in (Verdict.WAIT, Verdict.DELETE):
        return LEFT
    return FORGOTTEN if known else ABSENT


def look(app: App, environment_id: int) -> dict[str, Any]:
    """What a rebuilt state would know; nothing is changed. The result of a plan that asked for it."""
    with app.reading() as session:
        environment = session.get_one(Environment, environment_id)
        layers = _layers(app, session, environment)
    return _found(layers)


def _found(layers: Iterable[Layer]) -> dict[str, Any]:
    known = list(layers)
    things = [thing for layer in known for thing in layer.things]
    begun = sorted(name for layer in known for name in layer.facts.begun)
    lost = [layer.ground.work.layer for layer in known if layer.state is None]
    # Words of what is beside move by themselves (a server that is being built), and are no part of what is written.
    bound = [[thing[key] for key in ("stack", "name", "fate", "id", "was")] for thing in things]
    digest = hashlib.sha256(rfc8785.dumps([bound, begun, lost])).hexdigest()
    needed = bool(begun or lost or any(thing["fate"] in (ADOPTED, FORGOTTEN) for thing in things))
    return {"things": things, "begun": begun, "lost": lost, "needed": needed, "digest": digest}


def ask(app: App, actor: Actor, administration: str, name: str, body: RebuildIn) -> Operation:
    """Queue the operation.

    Raises:
        DcctlError: 305 the environment is not built, 660 something is being done to it.
    """
    with app.transaction() as session:
        found = environments.find(session, actor, administration, name)
        environment = session.get_one(Environment, found.id, with_for_update=True)
        state = EnvironmentState(environment.state)
        if state not in BUILT:
            raise DcctlError("DCCTL-305", name=environment.name, state=state, action=ACTION, possible=possible(state))
        live = select(Operation.id).where(
            Operation.environment_id == environment.id, col(Operation.state).in_((OperationState.QUEUED, OperationState.RUNNING))
        )
        if (busy := session.exec(live).first()) is not None:
            raise DcctlError("DCCTL-660", name=f"{environment.administration}/{environment.name}", operation=busy)
        made = changes.made_by(session, environment)
        count = len(session.exec(select(Operation.id).where(Operation.request == made.number)).all())
        operation = Operation(
            id=f"O{made.number[1:]}-{count + 1}", kind=REBUILD, state=OperationState.QUEUED, request=made.number,
            administration=environment.administration, environment=environment.name, environment_id=environment.id,
        )  # fmt: skip
        session.add(operation)
        feed.record(session, ASKED, request=made.number, operation=operation.id, user=actor.user, digest=body.digest, reason=body.reason)
        feed.record(session, "queued", request=made.number, operation=operation.id, user=actor.user, attempt=1)
        ending.defer(app, session, operation)
        return operation


def asked(app: App, actor: Actor, administration: str, name: str) -> Operation:
    """The one that was queued last.

    Raises:
        NotVisible: there is none, or not for this actor.
    """
    with app.reading() as session:
        environment = environments.find(session, actor, administration, name)
        query = select(Operation).where(Operation.environment_id == environment.id, Operation.kind == REBUILD)
        found = session.exec(query.order_by(col(Operation.created_at).desc())).first()
    if found is None:
        raise NotVisible("operation", name)
    return found


def rebuild(app: App, identifier: str) -> None:
    """Run the operation."""
    perform(app, identifier, lambda run: _rebuild(app, run))


def _rebuild(app: App, run: Run) -> None:
    with app.reading() as session:
        operation = session.get_one(Operation, run.id)
        environment = session.get_one(Environment, operation.environment_id)
        asked = session.exec(select(Event).where(Event.operation == run.id, Event.kind == ASKED)).one().document
        layers = _layers(app, session, environment, run)
    with run.step("look"):
        found = _found(layers)
        if found["digest"] != asked["digest"]:
            raise DcctlError("DCCTL-661", name=f"{environment.administration}/{environment.name}")
    with run.step("rebuild"):
        for layer in layers:
            _write(app, run, layer)
    with run.transaction() as session:
        fates = {fate: [thing for thing in found["things"] if thing["fate"] == fate] for fate in (ADOPTED, FORGOTTEN, LEFT)}
        feed.record(
            session, "rebuilt", request=run.number, operation=run.id, user=asked.get("user"), reason=asked.get("reason"), digest=found["digest"],
            kept=sum(thing["fate"] == KEPT for thing in found["things"]), taken=len(fates[ADOPTED]), gone=len(fates[FORGOTTEN]),
            begun=found["begun"], lost=found["lost"], **fates,
        )  # fmt: skip
        run.done(session)


def _write(app: App, run: Run, layer: Layer) -> None:
    """One stack's state, if it has to be another than it is."""
    adopt = {thing["name"]: str(thing["id"]) for thing in layer.things if thing["fate"] == ADOPTED}
    forgotten = [thing["name"] for thing in layer.things if thing["was"] is not None and thing["fate"] != KEPT]
    if not (adopt or forgotten or layer.facts.begun or layer.state is None):
        return
    ground = layer.ground
    state, things = skeleton.rebuilt(layer.state, ground.work.stack, ground.planned, adopt, forgotten)
    layer.stack.rebuild(state, things)
    states.keep(app, layer.stack.engine, ground.work.stack, run.id, run.transaction, done=True)


def _layers(app: App, session: Session, environment: Environment, run: Run | None = None) -> tuple[Layer, ...]:
    """Both stacks of an environment as they are now."""
    made, altering = changes.made_by(session, environment), _altering(session, environment)
    spec, resolved = parse(environment.spec), Resolved.from_document(made.resolved)
    found = []
    for layer in naming.LAYERS:
        stack = provisioning.Layer(app, run, layer, spec, resolved, project_id=environment.project_id if layer == "workload" else None)
        own = {resource.name for resource in plan(spec, resolved).of(layer)}
        ground = recovery.Ground(
            cloud=app.cloud(), engine=stack.engine, work=stack.work, project_id=stack.project_id, unused=environment.expires_at is None,
            remembered=states.latest(session, stack.work.stack), beside=tuple(r for r in altering if r.stack == layer and r.name not in own),
        )  # fmt: skip
        # Without a wait: what is on its way is named, and judged by the run that comes next.
        state, facts = stack.known(ground)
        # Data that a lost state remembers and that are gone are what the operator is shown, and no reason to stop.
        found.append(Layer(stack=stack, ground=ground, state=state, facts=facts, decisions=decide(ground.planned, ground.look(), facts)))
    return tuple(found)


def _altering(session: Session, environment: Environment) -> tuple[PlannedResource, ...]:
    """What a change that is not over would make: it may have been made already."""
    open_ = select(Request).where(
        Request.environment_id == environment.id, col(Request.kind).in_(ALTERING), col(Request.state).not_in(ENDED), col(Request.plan) != [],
    )  # fmt: skip
    request = session.exec(open_.order_by(col(Request.number)).limit(1)).first()
    if request is None or not request.resolved:
        return ()
    return plan(parse(request.spec), Resolved.from_document(request.resolved)).resources

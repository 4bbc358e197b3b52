"""What a spec would change in an environment, and what differs between its stack and the cloud: asked through the API, found by the worker.

Nothing is changed by it: the engine works on a copy of the stack's state.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from dcctl import alterations, keeping, sizing, steps
from dcctl.errors import DcctlError, NotVisible, SpecRefused
from dcctl.lifecycle import EnvironmentState, Kind, possible
from dcctl.schemas import API_VERSION, PlanIn
from dcctl.store import Environment, PlanRun, Request, now
from dcctl.workflow import changes, drafting, environments, evidence, holding, sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.fingerprint import fingerprint
from dcctl.workflow.queue import PLAN
from quotas.resources import in_order
from stacks.environment import to_document
from stacks.specs import parse

QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
#: What was found is kept so long.
KEPT_DAYS = 30
#: Of one administration: they are found out one after the other, so that others' requests are examined meanwhile.
MOST_WAITING = 10
#: States in which an environment has all of its stacks.
BUILT = (EnvironmentState.ACTIVE, EnvironmentState.WARNING, EnvironmentState.STOPPED)


def ask(app: App, actor: Actor, administration: str, name: str, body: PlanIn, *, rebuild: bool = False) -> dict[str, Any]:
    """Queue the question; `rebuild`: what the engine's states would know if they were rebuilt.

    Raises:
        SpecRefused: with every fault of the spec.
        DcctlError: 002 it is another environment's, 305 the environment is not built, 431 too many wait already.
    """
    spec = drafting.spec_of(body.spec) if body.spec is not None else None
    with app.transaction() as session:
        environment = environments.find(session, actor, administration, name)
        state = EnvironmentState(environment.state)
        if state not in BUILT:
            raise DcctlError("DCCTL-305", name=environment.name, state=state, action="plan", possible=possible(state))
        if spec is not None:
            if (spec.administration, spec.name) != (environment.administration, environment.name):
                own = f"{environment.administration}/{environment.name}"
                raise DcctlError("DCCTL-002", field="name", value=f"{spec.administration}/{spec.name}", allowed=own)
            _, faults = changes.checked(session, spec, environment)
            if faults:
                raise SpecRefused(map(drafting.fault_json, faults))
            spec = keeping.completed(parse(environment.spec), spec)
        waiting = select(func.count()).where(PlanRun.administration == environment.administration, col(PlanRun.state).in_((QUEUED, RUNNING)))
        if session.exec(waiting).one() >= MOST_WAITING:
            raise DcctlError("DCCTL-431", administration=environment.administration, count=MOST_WAITING)
        assert environment.id is not None
        row = PlanRun(
            environment_id=environment.id, administration=environment.administration, drift=body.drift, rebuild=rebuild,
            spec=to_document(spec) if spec is not None else None, actor=actor.document(),
        )  # fmt: skip
        session.add(row)
        session.flush()
        app.queue.defer(session, PLAN, lock=f"plan:{environment.administration}", number=row.id)
        return as_json(row, environment)


def show(app: App, actor: Actor, number: int) -> dict[str, Any]:
    """How far the worker is, and what it found."""
    with app.reading() as session:
        row = session.get(PlanRun, number)
        if row is None:
            raise NotVisible("plan", str(number))
        try:
            sight.require_visible(session, actor, row.administration)
        except NotVisible:
            raise NotVisible("plan", str(number)) from None
        return as_json(row, session.get_one(Environment, row.environment_id))


def run(app: App, number: int) -> None:
    """Find it out; the row says what it is, or why it could not be."""
    with app.transaction() as session:
        row = session.get_one(PlanRun, number, with_for_update=True)
        if row.state not in (QUEUED, RUNNING):
            return
        row.state = RUNNING
        session.add(row)
    try:
        result = _found(app, row)
    except DcctlError as error:
        _ended(app, number, FAILED, {}, error)
    except Exception:
        _ended(app, number, FAILED, {}, DcctlError("DCCTL-500", reference=f"plan {number}"))
        raise
    else:
        _ended(app, number, DONE, result)


def _found(app: App, row: PlanRun) -> dict[str, Any]:
    from dcctl.workflow import drift, rebuilding  # which ask this module

    if row.rebuild:
        return rebuilding.look(app, row.environment_id)
    if row.drift:
        return {"steps": drift.compare(app, row.environment_id)}
    if row.spec is None:
        return {"steps": differing(app, row.environment_id)}
    return changed(app, row.environment_id, row.spec)


def differing(app: App, environment_id: int) -> list[dict[str, Any]]:
    """Steps that would bring the cloud back to what was built."""
    with app.reading() as session:
        environment = session.get_one(Environment, environment_id)
        wish = wished(app, session, environment, Kind.REPAIR, environment.spec)
    return evidence.altered(app, wish).steps


def changed(app: App, environment_id: int, spec: dict[str, Any]) -> dict[str, Any]:
    """Steps, units and digest of the change that the spec would be: a request for it has the same digest while nothing moves."""
    with app.reading() as session:
        environment = session.get_one(Environment, environment_id)
        wish = wished(app, session, environment, Kind.CHANGE, spec)
        allocated = holding.allocated(app, session, environment.administration, environment.name)
    found = evidence.altered(app, wish)
    wanted = sizing.demand(parse(spec))
    names = in_order({*allocated, *wanted})
    return {
        "steps": found.steps,
        "digest": fingerprint(wish, found.resolved, found.plan, found.steps),
        "demand": wish.demand,
        "quota": {r: [allocated.get(r, 0), wanted.get(r, 0)] for r in names if allocated.get(r, 0) != wanted.get(r, 0)},
    }


def wished(app: App, session: Session, environment: Environment, kind: Kind, document: dict[str, Any]) -> Request:
    """The request that somebody could make: never stored, and without a number."""
    spec = parse(document)
    offer, _ = changes.checked(session, spec, environment)
    demand = alterations.growth(holding.allocated(app, session, environment.administration, environment.name), sizing.demand(spec))
    change = kind == Kind.CHANGE
    return Request(
        number="", kind=kind, state="submitted", administration=environment.administration, environment=environment.name,
        environment_id=environment.id, spec=document, demand=dict(demand) if change else {}, requester_id="",
        offer=offer.name if change else environment.offer, offer_version=offer.version if change else environment.offer_version,
    )  # fmt: skip


def forget(app: App) -> int:
    """Remove what was found out long ago, and by now is not so any more; how many. What was queued and never came to an end goes, too."""
    with app.transaction() as session:
        old = delete(PlanRun).where(col(PlanRun.created_at) < func.now() - timedelta(days=KEPT_DAYS))
        return int(session.connection().execute(old).rowcount)


def _ended(app: App, number: int, state: str, result: dict[str, Any], error: DcctlError | None = None) -> None:
    with app.transaction() as session:
        row = session.get_one(PlanRun, number, with_for_update=True)
        row.state, row.result, row.error, row.finished_at = state, result, error.to_json() if error else None, now()
        session.add(row)


def as_json(row: PlanRun, environment: Environment) -> dict[str, Any]:
    """`schemas.PlanOut`."""
    found = row.result.get("steps") or []
    return {
        "apiVersion": API_VERSION,
        "number": row.id,
        "administration": environment.administration,
        "environment": environment.name,
        "state": row.state,
        "drift": row.drift,
        "rebuild": row.rebuild,
        "things": row.result.get("things") or [],
        "needed": bool(row.result.get("needed")),
        "steps": found,
        "counts": steps.counts(found),
        "quota": row.result.get("quota") or {},
        "demand": row.result.get("demand") or {},
        "digest": row.result.get("digest"),
        "error": row.error,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }

"""Carrying out a change: max(old, new) stays allocated until its end, the limits never exceed it, and a failed one leaves the environment active.

Growing first (allocate, raise the limits, read back), then people and the engine, then shrinking (lower, read back, free). Each step may be repeated.
"""

from collections.abc import Mapping

from sqlmodel import Session

from dcctl import alterations, sizing, steps
from dcctl.cloud import identity, limits
from dcctl.errors import DcctlError, EngineError
from dcctl.lifecycle import EnvironmentState, Kind, possible
from dcctl.store import Environment, Operation, Request
from dcctl.workflow import binding, changes, evidence, feed, fulfilment, granting, holding, provisioning
from dcctl.workflow.app import App
from dcctl.workflow.run import Run, perform
from stacks.environment import EnvironmentSpec
from stacks.plan import Resolved
from stacks.specs import parse


def change(app: App, identifier: str) -> None:
    """Run the operation of an approved change or repair."""
    perform(app, identifier, lambda run: _change(app, run))


def undo(app: App, identifier: str) -> None:
    """Run the operation that gives up a failed change: the environment is again what it was, what was held or allocated for it goes back."""
    perform(app, identifier, lambda run: _undo(app, run))


def _change(app: App, run: Run) -> None:
    with run.transaction() as session:
        request, environment, project_id = _begin(session, run)
        binding.require_approved(session, request)
        run.fulfilling(request)
        session.add(request)
        made = changes.made_by(session, environment)
    spec, resolved = evidence.restored(request)
    if request.kind == Kind.CHANGE:
        with run.step("limits"):
            with run.transaction() as session:
                holding.allocate(session, request)
                allocated = holding.allocated(app, session, request.administration, request.environment)
                before, after = fulfilment.structure(session, made), fulfilment.structure(session, request)
            most = {key: max(before.get(key, 0), after.get(key, 0)) for key in {*before, *after}}
            fulfilment.apply_limits(app, project_id, limits.wanted(allocated, most), transaction=run.transaction)
    with run.step("people"):
        _people(app, environment, spec)
    with run.step("workload"):
        outputs = _build(
            app, run, spec, resolved, project_id, replace=steps.removable(request.steps), change=steps.changeable(request.steps),
            refresh=request.kind == Kind.REPAIR,
        )  # fmt: skip
    _shrink(app, run, request, spec, project_id, always=made.offer != request.offer or made.offer_version != request.offer_version)
    with run.transaction() as session:
        environment = session.get_one(Environment, environment.id, with_for_update=True)
        environment.spec, environment.made_by, environment.outputs = granting.spec_of(request), request.number, dict(outputs)
        environment.offer, environment.offer_version = request.offer or environment.offer, request.offer_version or environment.offer_version
        session.add(environment)
        _free(app, session, request, spec)
        feed.record(session, "changed", request=run.number, operation=run.id, **{"counts": steps.counts(request.steps)})
        run.succeed(session, "succeed", outputs=dict(outputs))


def _undo(app: App, run: Run) -> None:
    with run.transaction() as session:
        request, environment, project_id = _begin(session, run)
        made = changes.made_by(session, environment)
    spec, resolved = parse(environment.spec), Resolved.from_document(made.resolved)
    before = {str(thing["name"]) for thing in made.plan}
    only_new = [str(thing["name"]) for thing in request.plan if str(thing["name"]) not in before]
    with run.step("people"):
        _people(app, environment, spec)
    with run.step("workload"):
        outputs = _build(app, run, spec, resolved, project_id, replace=only_new)
    _shrink(app, run, made, spec, project_id, always=True)
    with run.transaction() as session:
        environment = session.get_one(Environment, environment.id, with_for_update=True)
        environment.outputs = dict(outputs)
        session.add(environment)
        request = session.get_one(Request, run.number, with_for_update=True)
        holding.release(session, holding.ITSELF, request)
        _free(app, session, request, spec)
        feed.record(session, "abandoned", request=run.number, operation=run.id)
        run.succeed(session, "abandon")


def _begin(session: Session, run: Run) -> tuple[Request, Environment, str]:
    """The request and its environment, both rows locked, and the project."""
    request = session.get_one(Request, run.number, with_for_update=True)
    environment = session.get_one(Environment, session.get_one(Operation, run.id).environment_id, with_for_update=True)
    state = EnvironmentState(environment.state)
    if environment.state not in changes.CHANGEABLE or environment.project_id is None:
        raise DcctlError("DCCTL-305", name=environment.name, state=state, action="change", possible=possible(state))
    return request, environment, environment.project_id


def _people(app: App, environment: Environment, spec: EnvironmentSpec) -> None:
    assert environment.project_id is not None
    assert environment.group_id is not None
    identity.fill_group(app.cloud(), environment.group_id, fulfilment.member_ids(app, spec))
    identity.grant_group(app.cloud(), environment.project_id, environment.group_id)


def _build(
    app: App, run: Run, spec: EnvironmentSpec, resolved: Resolved, project_id: str, *, replace: list[str], change: list[str] | None = None,
    refresh: bool = False,
) -> Mapping[str, object]:
    layer = provisioning.Layer(app, run, "workload", spec, resolved, project_id=project_id)
    try:
        # A run that was broken off may have changed what the state does not know: a server that is resized a second time to the flavor that it
        # has is refused by Nova.
        return layer.up(replace=replace, change=change, refresh=refresh or run.unclean)
    except EngineError as error:
        raise fulfilment.in_the_services_words(app, project_id, error) from error


def _shrink(app: App, run: Run, request: Request, spec: EnvironmentSpec, project_id: str, *, always: bool) -> None:
    """Lower the limits to what the spec says, where they are higher: before anything is freed."""
    wanted = sizing.demand(spec)
    with app.reading() as session:
        allocated = holding.allocated(app, session, request.administration, request.environment)
        structural = fulfilment.structure(session, request)
    if always or alterations.shrinkage(allocated, wanted):
        with run.step("lower"):
            fulfilment.apply_limits(app, project_id, limits.wanted(wanted, structural), transaction=run.transaction)


def _free(app: App, session: Session, request: Request, spec: EnvironmentSpec) -> None:
    """Give back what the environment has beyond its spec; its limits were lowered before."""
    allocated = holding.allocated(app, session, request.administration, request.environment)
    holding.give_back(app, session, request, alterations.shrinkage(allocated, sizing.demand(spec)))

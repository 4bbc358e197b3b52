"""Giving an environment back: people lose their role, all is destroyed, the project is empty in every service, the units return.

What somebody made beside dcctl is swept too; what cannot be deleted stays, and is named with its place: the environment is *decommissioning*
until a retry finds it gone.
"""

from sqlmodel import Session

from dcctl.cloud import finders, finding, identity, inventory, limits, sweep
from dcctl.cloud.finders import Mark
from dcctl.errors import CloudError
from dcctl.lifecycle import EnvironmentState, environment_after
from dcctl.store import Environment, Operation, ProjectLimit, Request
from dcctl.workflow import binding, certificate, changes, evidence, feed, holding, provisioning, states
from dcctl.workflow.app import App
from dcctl.workflow.fulfilment import apply_limits
from dcctl.workflow.run import Run, perform
from stacks import tokens
from stacks.environment import EnvironmentSpec
from stacks.plan import Resolved, plan


def decommission(app: App, identifier: str) -> None:
    """Run the operation of a request of that kind."""
    perform(app, identifier, lambda run: _decommission(app, run, "succeed"))


def abandon(app: App, identifier: str) -> None:
    """Run the operation that undoes a failed fulfilment."""
    perform(app, identifier, lambda run: _decommission(app, run, "abandon"))


def _decommission(app: App, run: Run, outcome: str) -> None:
    environment, made = _begin(app, run, outcome)
    spec, resolved = evidence.restored(made)
    project_id = environment.project_id
    # Gone where a former attempt came this far, or somebody deleted it beside dcctl: Keystone does not look what is in a project.
    there = project_id is not None and identity.project(app.cloud(), project_id) is not None
    workload = provisioning.Layer(app, run, "workload", spec, resolved, project_id=project_id)
    tenant = provisioning.Layer(app, run, "tenant", spec, resolved)
    if project_id is not None:
        if there:
            with run.step("people"):
                if environment.group_id is not None:
                    identity.revoke_group(app.cloud(), project_id, environment.group_id)
                    identity.fill_group(app.cloud(), environment.group_id, [])
        with run.step("sweep"):
            own = workload.ids()
            certificate.note(run, inventory.things(app.cloud(), project_id), own)
            _sweep(app, run, project_id, keep=own if there else frozenset())
        with run.step("workload"):
            if there:
                workload.destroy()
            else:  # nobody can sign in to it any more, so the engine cannot destroy anything, and what it knew is swept
                workload.forget()
        with run.step("empty"):
            if left := inventory.things(app.cloud(), project_id):
                certificate.note(run, left, own)
            _sweep(app, run, project_id, keep=frozenset())
            if there:
                known = limits.read(app.cloud(), project_id)
                apply_limits(app, project_id, dict.fromkeys(known, 0), structural=False, transaction=run.transaction)
    with run.step("tenant"):
        tenant.destroy()
        for left_over in _without_its_state(app, run, environment, spec, resolved):
            sweep.last_traces(app.cloud(), left_over)
    with run.transaction() as session:
        states.forget(session, workload.work.stack)
        states.forget(session, tenant.work.stack)
        _end(app, session, run, environment, made, outcome)


def _begin(app: App, run: Run, outcome: str) -> tuple[Environment, Request]:
    """The environment is *decommissioning*; with it the request that it was made of."""
    with run.transaction() as session:
        request = session.get_one(Request, run.number, with_for_update=True)
        operation = session.get_one(Operation, run.id)
        environment = session.get_one(Environment, operation.environment_id, with_for_update=True)
        environment.state = environment_after(environment.name, EnvironmentState(environment.state), "decommission")
        if outcome == "succeed":
            binding.require_approved(session, request)
            run.fulfilling(request)
        session.add_all((request, environment))
        return environment, changes.made_by(session, environment)


def _without_its_state(app: App, run: Run, environment: Environment, spec: EnvironmentSpec, resolved: Resolved) -> set[str]:
    """What the tenant's stack has destroyed, unless its state was lost or never had it: a run may be killed before it records.

    Returns:
        The ids of the environment's projects, all of them deleted.
    """
    cloud, mark = app.cloud(), Mark(administration=environment.administration, environment=environment.name)
    planned = plan(spec, resolved).of("tenant")
    seen = finding.look(cloud, planned, resolved, None)
    found = {type_: {c.id for r in planned if r.type == type_ for c in finders.find(r, seen, {}, mark)} for type_ in (tokens.PROJECT, tokens.GROUP)}
    for project_id in found[tokens.PROJECT]:
        certificate.note(run, inventory.things(cloud, project_id), ())
        _sweep(app, run, project_id, keep=frozenset())
    projects = found[tokens.PROJECT] | ({environment.project_id} if environment.project_id is not None else set())
    for project_id in projects:
        identity.delete_project(cloud, project_id)
    for group_id in found[tokens.GROUP] | ({environment.group_id} if environment.group_id is not None else set()):
        identity.delete_group(cloud, group_id)
    return projects


def _sweep(app: App, run: Run, project_id: str, *, keep: frozenset[str]) -> None:
    """Delete what is in the project but for `keep`; what stays ends the operation, named.

    While something is kept, what only the kept things hold (a security group on a kept port) may stay for the next round.

    Raises:
        CloudError: DCCTL-406 with each thing that cannot be deleted, and where it is.
    """
    foreign = inventory.foreign_ports(app.cloud(), project_id)
    leftovers = sweep.sweep(app.cloud(), project_id, keep=keep, deadline=app.settings.worker.sweep_seconds)
    if keep:
        leftovers = [left for left in leftovers if left.held_by]
    said = [f"{left.thing.type} {left.thing.name or left.thing.id} ({left.thing.service}): {left.reason}" for left in leftovers]
    said += [f"port {port.id} ({port.service}): {port.detail}" for port in foreign]
    if said:
        raise CloudError("DCCTL-406", environment=f"{run.administration}/{run.environment}", things=said, operation=run.id)


def _end(app: App, session: Session, run: Run, environment: Environment, made: Request, outcome: str) -> None:
    """Everything is gone: the ledger gets it back, and the rows say so."""
    gone = session.get_one(Environment, environment.id, with_for_update=True)
    gone.state = environment_after(gone.name, EnvironmentState(gone.state), "end")
    session.add(gone)
    cause = session.get_one(Request, run.number)
    holding.free(app, session, cause)
    holding.release(session, holding.ITSELF, made)
    certificate.issue(app, session, run, gone, made)
    changes.end_with(session, gone, run.number)
    for row in session.query(ProjectLimit).filter_by(project_id=gone.project_id).all():
        session.delete(row)
    feed.record(session, "decommissioned", request=run.number, operation=run.id)
    run.succeed(session, outcome)

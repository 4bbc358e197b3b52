"""Building an environment: project, allocation, limits written and read back, people, workload. Each step may be repeated.

At no instant does the project have more than the ledger allocated to it, nor do its people have a role before its limits: the site's default
quotas are 0, allocation comes before limits, limits before people.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from sqlmodel import Session, select

from dcctl.cloud import identity, limits, servers
from dcctl.errors import CloudError, DcctlError, EngineError
from dcctl.lifecycle import EnvironmentState, environment_after
from dcctl.store import CatalogueItem, Environment, Offer, Operation, ProjectLimit, Request, now
from dcctl.workflow import binding, clock, evidence, granting, holding, members, provisioning
from dcctl.workflow.app import App
from dcctl.workflow.run import Run, perform
from stacks.environment import EnvironmentSpec

Transaction = Callable[[], AbstractContextManager[Session]]


def fulfil(app: App, identifier: str) -> None:
    """Run the operation: what the approved request asks for is there at the end, or the request is *failed* with the reason."""
    perform(app, identifier, lambda run: _fulfil(app, run))


def _fulfil(app: App, run: Run) -> None:
    environment_id = _begin(app, run)
    with app.reading() as session:
        request = session.get_one(Request, run.number)
        binding.require_approved(session, request)
    spec, resolved = evidence.restored(request)
    tenant = provisioning.Layer(app, run, "tenant", spec, resolved)
    with run.step("tenant"):
        outputs = tenant.up()
        project_id, group_id = str(outputs["project_id"]), str(outputs["group_id"])
        with run.transaction() as session:
            environment = session.get_one(Environment, environment_id, with_for_update=True)
            environment.project_id, environment.group_id = project_id, group_id
            session.add(environment)
            holding.allocate(session, request)
    with run.step("limits"):
        write_limits(app, request, project_id, run.transaction)
    with run.step("people"):
        identity.fill_group(app.cloud(), group_id, member_ids(app, spec))
        identity.grant_group(app.cloud(), project_id, group_id)
    with run.step("workload"):
        try:
            built = provisioning.Layer(app, run, "workload", spec, resolved, project_id=project_id).up()
        except EngineError as error:
            raise in_the_services_words(app, project_id, error) from error
    with run.transaction() as session:
        environment = session.get_one(Environment, environment_id, with_for_update=True)
        environment.state = environment_after(environment.name, EnvironmentState(environment.state), "activate")
        environment.outputs = dict(built)
        environment.expires_at = spec.duration.after(clock.moment(session))
        session.add(environment)
        run.succeed(session, "succeed", outputs=dict(built))


def _begin(app: App, run: Run) -> int:
    """The request is *fulfilling* and the environment's row exists; its id."""
    with run.transaction() as session:
        request = session.get_one(Request, run.number, with_for_update=True)
        run.fulfilling(request)
        environment = session.get(Environment, request.environment_id) if request.environment_id is not None else None
        if environment is None:
            environment = Environment(
                administration=request.administration,
                name=request.environment,
                state=EnvironmentState.PROVISIONING,
                offer=request.offer or "",
                offer_version=request.offer_version or 0,
                spec=granting.spec_of(request),
                request=request.number,
            )
            session.add(environment)
            session.flush()
            request.environment_id = environment.id
        elif environment.state != EnvironmentState.PROVISIONING:
            environment.state = environment_after(environment.name, EnvironmentState(environment.state), "provision")
            session.add(environment)
        operation = session.get_one(Operation, run.id)
        operation.environment_id = environment.id
        session.add_all((request, operation))
        assert environment.id is not None
        return environment.id


def write_limits(app: App, request: Request, project_id: str, transaction: Transaction | None = None) -> None:
    """Write every limit of all three services, from what the ledger has allocated and the offer's structure, and read each back.

    Raises:
        CloudError: DCCTL-403, naming each that is not as wanted.
    """
    with app.reading() as session:
        allocated = holding.allocated(app, session, request.administration, request.environment)
        structural = structure(session, request)
    apply_limits(app, project_id, limits.wanted(allocated, structural), transaction=transaction)


def apply_limits(
    app: App, project_id: str, wanted: Mapping[limits.LimitKey, int], *, structural: bool = True, transaction: Transaction | None = None
) -> None:
    """Write limits, keep what was read back, and refuse to go on when one is not as wanted.

    Args:
        structural: False: only what the ledger counts must be as wanted.
        transaction: the run's own, where a run writes.
    """
    results = limits.write(app.cloud(), project_id, wanted)
    with (transaction or app.transaction)() as session:
        for result in results:
            session.merge(
                ProjectLimit(
                    project_id=project_id,
                    service_type=result.service,
                    key=result.key,
                    wanted=result.wanted,
                    value=result.after,
                    state=str(result.state),
                    read_at=now(),
                )
            )
    wrong = [
        result
        for result in results
        if result.state != "in_sync"
        # What the service knows for the whole site only is no project's, and no reason to stop.
        and (limits.counted((result.service, result.key)) or (structural and result.state != "unsupported"))
    ]
    if wrong:
        said = [f"{r.service} {r.key}: {r.state} ({r.before} → {r.wanted}: {r.after}) {r.words}".strip() for r in wrong]
        raise CloudError("DCCTL-403", project=project_id, results=said)


def structure(session: Session, request: Request) -> dict[str, int]:
    """Structural limits that the request's version of its offer gives."""
    offer = session.get_one(Offer, (request.offer, request.offer_version))
    types = session.exec(select(CatalogueItem.name).where(CatalogueItem.kind == "volume_type")).all()
    structure: dict[str, int] = dict(offer.document.get("structural", {}))
    for key in [key for key in structure if key.endswith("_TYPE")]:
        amount = structure.pop(key)
        structure |= {f"{key.removesuffix('TYPE')}{type_}": amount for type_ in types}
    return structure


def member_ids(app: App, spec: EnvironmentSpec) -> list[str]:
    """Ids of the spec's members; DCCTL-107 with those whom Keystone does not know any more."""
    found = members.resolved(app, spec)
    missing = [name for name, user in found.items() if user is None]  # they have gone since the review
    if missing:
        raise DcctlError("DCCTL-107", kind="user", name=", ".join(missing), hint="")
    return [user.id for user in found.values() if user is not None]


def in_the_services_words(app: App, project_id: str, error: EngineError) -> EngineError:
    """The engine says only that a server is in ERROR; the fault that Nova keeps says why."""
    try:
        faults = servers.faults(app.cloud(), project_id)
    except CloudError:
        return error
    if not faults:
        return error
    said = "; ".join(f"{name}: {fault}" for name, fault in sorted(faults.items()))
    words: Any = error.params.get("words", "")
    return EngineError(error.code, **{**error.params, "words": f"{words} [{said}]"})

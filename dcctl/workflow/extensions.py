"""Extensions: a later end for an environment, counted from the present one; no units. One that its end had stopped runs again afterwards."""


from sqlmodel import Session

from dcctl import speccheck
from dcctl.cloud import servers
from dcctl.errors import DcctlError, SpecRefused
from dcctl.lifecycle import EnvironmentState, environment_after, possible
from dcctl.store import Environment, Offer, Operation, Request
from dcctl.workflow import binding, changes, clock, drafting, feed, granting
from dcctl.workflow.app import App
from dcctl.workflow.run import Run, perform
from stacks.faults import SpecFaults
from stacks.specs import duration

EXTENDABLE = (EnvironmentState.ACTIVE, EnvironmentState.WARNING, EnvironmentState.STOPPED)
EXTEND = "extend"


def fill(session: Session, request: Request, environment: Environment, wanted: str | None, reason: str | None) -> None:
    """Make it a request for a later end.

    Raises:
        DcctlError: 305 not in its present state, 311 further than the offer lets an environment reach, 312 something else is asked of it.
    """
    try:
        longer = duration(wanted)
    except SpecFaults as refused:
        raise SpecRefused(map(drafting.fault_json, refused.faults)) from refused
    state = EnvironmentState(environment.state)
    if state not in EXTENDABLE or environment.expires_at is None:
        raise DcctlError("DCCTL-305", name=environment.name, state=state, action=EXTEND, possible=possible(state))
    changes.alone(session, environment, EXTEND, but=request.number)
    moment = clock.moment(session)
    # What its end has stopped is not given the days that have passed since.
    until = longer.after(max(environment.expires_at, moment))
    offer = session.get_one(Offer, (environment.offer, environment.offer_version))
    longest = speccheck.longest(offer.document)
    if longest is not None and until > (most := longest.after(moment)):
        raise DcctlError("DCCTL-311", name=environment.name, until=until.date().isoformat(), offer=offer.name, most=most.date().isoformat())
    request.environment_id, request.offer, request.offer_version = environment.id, offer.name, offer.version
    request.spec, request.justification = {"duration": str(longer)}, reason or ""
    request.steps = [{"op": EXTEND, "from": environment.expires_at.isoformat(), "until": until.isoformat()}]


def extend(app: App, identifier: str) -> None:
    """Run the operation: the environment has its new end, and its servers run."""
    perform(app, identifier, lambda run: _extend(app, run))


def _extend(app: App, run: Run) -> None:
    with run.transaction() as session:
        request = session.get_one(Request, run.number, with_for_update=True)
        environment = session.get_one(Environment, session.get_one(Operation, run.id).environment_id, with_for_update=True)
        state = EnvironmentState(environment.state)
        if state not in EXTENDABLE:
            raise DcctlError("DCCTL-305", name=environment.name, state=state, action=EXTEND, possible=possible(state))
        binding.require_approved(session, request)
        run.fulfilling(request)
        session.add(request)
    if state is EnvironmentState.STOPPED and environment.project_id is not None:
        with run.step("servers"):
            servers.start(app.cloud(), environment.project_id, environment.life.get("stopped") or [])
    with run.transaction() as session:
        environment = session.get_one(Environment, environment.id, with_for_update=True)
        environment.expires_at, environment.life = granting.until(request), {}
        if environment.state != EnvironmentState.ACTIVE:
            environment.state = environment_after(environment.name, EnvironmentState(environment.state), "renew")
        session.add(environment)
        feed.record(session, "extended", request=run.number, operation=run.id, until=granting.until(request).isoformat())
        run.succeed(session, "succeed")

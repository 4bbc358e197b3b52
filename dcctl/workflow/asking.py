"""What a request asks for, of whatever kind: checked, counted, held for. The same for a new one and for one that was returned and is edited."""

from typing import Any

from sqlmodel import Session, col, select

from dcctl import keeping, sizing, speccheck
from dcctl.errors import DcctlError, NotVisible, SpecRefused
from dcctl.lifecycle import ENDED, EnvironmentState, Kind, RequestState, environment_after
from dcctl.schemas import RequestIn
from dcctl.store import Environment, Request
from dcctl.workflow import changes, drafting, enlarging, extensions, holding, needs, sight, waiting
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.fingerprint import note
from stacks.environment import EnvironmentSpec, notices, to_document


def new(app: App, session: Session, actor: Actor, body: RequestIn, spec: EnvironmentSpec | None, unknown: list[dict[str, Any]]) -> Request:
    """The new request, checked; it is in the session, and nothing is held for it yet.

    A spec of an environment that exists is a change of it.
    """
    if spec is not None:
        environment = changes.target(session, actor, spec)
        if environment is None and body.kind == Kind.CHANGE:
            raise NotVisible("environment", spec.name)
        kind = Kind.CHANGE if environment is not None else Kind.ENVIRONMENT
        return _filled(app, session, actor, drafting.new(actor, kind, spec.administration, spec.name), body, spec, unknown)
    if body.kind == Kind.ENVELOPE:
        return _filled(app, session, actor, drafting.new(actor, Kind.ENVELOPE, enlarging.of_own(actor, body), ""), body, None, [])
    code, name = body.administration or sight.own(actor), body.environment or ""
    if code is None or code != sight.own(actor):
        raise NotVisible("environment", name)
    return _filled(app, session, actor, drafting.new(actor, Kind(body.kind), code, name), body, None, [])


def anew(
    app: App, session: Session, actor: Actor, request: Request, body: RequestIn, spec: EnvironmentSpec | None, unknown: list[dict[str, Any]]
) -> None:
    """What an edited request asks for now, in the place of what it asked before; `hold` follows in the same transaction.

    Raises:
        DcctlError: 604, it would be about something else.
    """
    named = (spec.administration, spec.name) if spec is not None else (request.administration, request.environment)
    if named != (request.administration, request.environment):
        raise DcctlError("DCCTL-604", number=request.number, was="/".join(filter(None, (request.administration, request.environment))))
    request.round += 1
    if actor.user_id not in (request.requester_id, *request.authors):
        request.authors = [*request.authors, actor.user_id]
    request.digest, request.plan, request.steps, request.error, request.granted = None, [], [], None, None
    note(request, {})
    _filled(app, session, actor, request, body, spec, unknown)


def _filled(
    app: App, session: Session, actor: Actor, request: Request, body: RequestIn, spec: EnvironmentSpec | None, unknown: list[dict[str, Any]]
) -> Request:
    kind = Kind(request.kind)
    if kind is Kind.ENVIRONMENT and spec is not None:
        _environment(app, session, request, spec, unknown)
    elif kind is Kind.CHANGE and spec is not None:
        changes.fill(app, session, request, spec, _changeable(session, actor, spec), unknown, confirm=body.confirm)
    elif kind is Kind.EXTENSION:
        extensions.fill(session, request, _existing(session, request), body.duration, body.reason)
    elif kind is Kind.REPAIR:
        changes.fill_repair(session, request, _existing(session, request), body.reason)
    elif kind is Kind.ENVELOPE:
        enlarging.fill(session, request, body)
    elif kind is Kind.DECOMMISSION:
        _decommission(session, request, body)
    else:
        raise DcctlError("DCCTL-605", number=request.number or "–", kind=request.kind)
    needs.settle(app, session, request)
    drafting.number(session, request)
    request.state = RequestState.SUBMITTED
    waiting.begin(app, session, request, RequestState.SUBMITTED)
    session.add(request)
    return request


def hold(app: App, session: Session, actor: Actor, request: Request) -> None:
    """Set aside what it asks for, if it is something that is set aside.

    The last thing that a transaction does: from here to its commit, whoever else posts for the administration waits.
    """
    session.flush()
    if request.kind in (Kind.ENVIRONMENT, Kind.CHANGE):
        holding.hold(app, session, actor, request)


def _existing(session: Session, request: Request) -> Environment:
    found = changes.in_use(session, request.administration, request.environment)
    if found is None:
        raise NotVisible("environment", request.environment)
    return found


def _changeable(session: Session, actor: Actor, spec: EnvironmentSpec) -> Environment:
    found = changes.target(session, actor, spec)
    if found is None:
        raise NotVisible("environment", spec.name)
    return found


def _environment(app: App, session: Session, request: Request, spec: EnvironmentSpec, unknown: list[dict[str, Any]]) -> None:
    standing = app.standing.read(session)
    if not standing.items:
        raise DcctlError("DCCTL-408")
    faults = [*speccheck.check(spec, standing.offers, standing.items), *keeping.faults_of_new(spec)]
    if faults or unknown:
        raise SpecRefused([*map(drafting.fault_json, faults), *unknown])
    offer = next(offer for offer in standing.offers if offer["name"] == spec.offer)
    demand = sizing.demand(spec)
    holding.foresee(app, session, request, demand)
    request.offer, request.offer_version = offer["name"], offer["version"]
    request.spec, request.demand, request.justification = to_document(spec), dict(demand), spec.justification
    request.notices = [drafting.fault_json(notice) for notice in notices(spec)]


def _decommission(session: Session, request: Request, body: RequestIn) -> None:
    found, name = _existing(session, request), request.environment
    if body.confirm != name:
        raise DcctlError("DCCTL-304", given=body.confirm or "–", name=name)
    environment_after(name, EnvironmentState(found.state), "decommission")
    query = select(Request).where(Request.environment_id == found.id, Request.kind == Kind.DECOMMISSION, col(Request.state).not_in(ENDED))
    open_ = session.exec(query.where(Request.number != (request.number or ""))).first()
    if open_ is not None:
        raise DcctlError("DCCTL-301", number=open_.number, state=open_.state, action="decommission", possible=["watch", "retry"])
    request.environment_id, request.offer, request.offer_version = found.id, found.offer, found.offer_version
    request.spec, request.justification = found.spec, body.reason or ""

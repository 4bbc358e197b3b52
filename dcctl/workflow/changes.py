"""Asking for a change of an environment that exists: the difference upward is held, the worker finds out what the engine would do.

A repair is the change that changes nothing: what was built beside dcctl is undone. What destroys nothing of it needs no decision.
"""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from dcctl import alterations, keeping, sizing, speccheck, steps
from dcctl.errors import DcctlError, NotVisible, SpecRefused
from dcctl.lifecycle import ALTERING, ENDED, EnvironmentState, Kind, RequestState, possible, request_after
from dcctl.store import CatalogueItem, Environment, Offer, Request, now
from dcctl.workflow import drafting, feed, holding, offers, sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from stacks.environment import EnvironmentSpec, notices, to_document
from stacks.faults import Fault
from stacks.specs import parse

#: States in which an environment can be changed; in the others its servers are not running or something else is being done to it.
CHANGEABLE = (EnvironmentState.ACTIVE, EnvironmentState.WARNING)


def target(session: Session, actor: Actor, spec: EnvironmentSpec) -> Environment | None:
    """The environment that the spec names, its row locked, if the actor asks for it and it is one that a spec can change; None: there is none.

    Raises:
        NotVisible: another administration's. DcctlError: 305, it is stopped; 302, it is being built, or given back.
    """
    if spec.administration != sight.own(actor):
        raise NotVisible("administration", spec.administration)
    found = in_use(session, spec.administration, spec.name)
    if found is not None and found.state == EnvironmentState.STOPPED:
        raise DcctlError("DCCTL-305", name=found.name, state=found.state, action="change", possible=possible(EnvironmentState.STOPPED))
    if found is not None and found.state not in CHANGEABLE:
        raise DcctlError("DCCTL-302", administration=spec.administration, name=spec.name)
    return found


def in_use(session: Session, administration: str, name: str) -> Environment | None:
    """The environment of that name that is not decommissioned; its row is locked, so that two that ask for something queue here."""
    query = select(Environment).where(
        Environment.administration == administration, Environment.name == name, Environment.state != EnvironmentState.DECOMMISSIONED
    )
    return session.exec(query.with_for_update()).first()


def fill(
    app: App, session: Session, request: Request, spec: EnvironmentSpec, environment: Environment, unknown: list[dict[str, Any]],
    *, confirm: str | None,
) -> None:  # fmt: skip
    """Make it a request to make of the environment what the spec says.

    Raises:
        SpecRefused: with every fault. QuotaShort: for what is wanted beyond what the environment has.
        DcctlError: 310 it changes nothing, 312 another change is open, 313 data would be destroyed and nobody said so.
    """
    alone(session, environment, "change", but=request.number)
    old, asked = parse(environment.spec), spec
    spec = keeping.completed(old, asked)
    offer, faults = checked(session, asked, environment)
    if faults or unknown:
        raise SpecRefused([*map(drafting.fault_json, faults), *unknown])
    wanted, allocated = sizing.demand(spec), holding.allocated(app, session, environment.administration, environment.name)
    demand = alterations.growth(allocated, wanted)
    if to_document(spec) | {"justification": ""} == to_document(keeping.completed(old, old)) | {"justification": ""}:
        raise DcctlError("DCCTL-310", name=environment.name)
    lost = keeping.lost(old, spec)
    if lost and confirm != environment.name:
        raise DcctlError("DCCTL-313", name=environment.name, volumes=lost)
    holding.foresee(app, session, request, demand)
    request.environment_id = environment.id
    request.offer, request.offer_version = offer.name, offer.version
    request.spec, request.demand, request.justification = to_document(spec), dict(demand), spec.justification
    request.notices = [drafting.fault_json(notice) for notice in (*notices(spec), *alterations.notices(old, spec))]


def fill_repair(session: Session, request: Request, environment: Environment, reason: str | None) -> None:
    """Make it a request to bring back what was built and is there otherwise, or not at all."""
    if environment.state not in CHANGEABLE:
        state = EnvironmentState(environment.state)
        raise DcctlError("DCCTL-305", name=environment.name, state=state, action="repair", possible=possible(state))
    alone(session, environment, "repair", but=request.number)
    request.environment_id, request.offer, request.offer_version = environment.id, environment.offer, environment.offer_version
    request.spec, request.justification = environment.spec, reason or ""


def checked(session: Session, spec: EnvironmentSpec, environment: Environment) -> tuple[Offer, list[Fault]]:
    """The offer that the change is of (the environment's own one holds even when it is retired), and what is wrong with the spec, as it was asked."""
    offered = {offer.name: offer for offer in offers.current(session)}
    if environment.offer not in offered and (own := session.get(Offer, (environment.offer, environment.offer_version))) is not None:
        offered[own.name] = own
    items = [{"kind": i.kind, "name": i.name, "document": i.document} for i in session.exec(select(CatalogueItem)).all()]
    if not items:
        raise DcctlError("DCCTL-408")
    old, asked = parse(environment.spec), spec
    spec = keeping.completed(old, asked)
    faults = [
        fault
        for fault in speccheck.check(spec, [{"name": o.name, "document": o.document} for o in offered.values()], items)
        if not _stays(fault, old, spec)
    ]
    faults += [*alterations.faults(old, spec), *keeping.counted(old, asked, faults)]
    return offered.get(spec.offer) or next(iter(offered.values())), faults


def _stays(fault: Fault, old: EnvironmentSpec, new: EnvironmentSpec) -> bool:
    """An image that is gone is no fault of servers that were made of it and stay as many."""
    if fault.code != "spec.unknown_image" or not isinstance(fault.path[1], int):
        return False
    server = new.servers[fault.path[1]]
    return any(was.name == server.name and was.image == server.image and was.count >= server.count for was in old.servers)


def alone(session: Session, environment: Environment, action: str, but: str | None = None) -> None:
    """Refuse while another request works on the environment, or will; its row is locked, so none can come meanwhile.

    Raises:
        DcctlError: 312 with the one that is open, and is not `but`.
    """
    of_it = Request.environment_id == environment.id
    query = select(Request).where(of_it, Request.kind != Kind.ENVIRONMENT, col(Request.state).not_in(ENDED), Request.number != (but or ""))
    found = session.exec(query.order_by(col(Request.number))).first()
    if found is not None:
        raise DcctlError("DCCTL-312", number=found.number, state=found.state, kind=found.kind, name=environment.name, action=action)


def made_by(session: Session, environment: Environment) -> Request:
    """The request whose spec, ids and plan the environment has now."""
    return session.get_one(Request, environment.made_by or environment.request)


def shrinks(request: Request) -> dict[str, list[int]]:
    """Resources of which the environment has less afterwards: what it has and what it will have."""
    quota: dict[str, list[int]] = (request.evidence.get("change") or {}).get("quota") or {}
    return {resource: moved for resource, moved in quota.items() if moved[1] < moved[0]}


def require_confirmed(request: Request, verdict: str, confirm: str | None) -> None:
    """Refuse an approval of what destroys, replaces or shrinks, unless it names the environment.

    Raises:
        DcctlError: 314 with what is destroyed, replaced and lessened; 304, another name.
    """
    if verdict != "approve" or request.kind not in ALTERING:
        return
    things = [f"{step['op']} {step['cloud_name'] or step['name']}" for step in steps.severe(request.steps)]
    things += [f"{resource} {was} → {will}" for resource, (was, will) in shrinks(request).items()]
    if not things or confirm == request.environment:
        return
    if confirm is not None:
        raise DcctlError("DCCTL-304", given=confirm, name=request.environment)
    raise DcctlError("DCCTL-314", number=request.number, name=request.environment, things=things)


def end_with(session: Session, environment: Environment, but: str) -> Sequence[str]:
    """The environment is no more: what was still asked of it ends, and gives back what it held; the numbers."""
    query = select(Request).where(Request.environment_id == environment.id, Request.number != but, col(Request.state).not_in(ENDED))
    ended = []
    for request in session.exec(query.with_for_update()).all():
        if request.kind not in (*ALTERING, Kind.EXTENSION):
            continue
        state = RequestState(request.state)
        if state is RequestState.FULFILLING:  # its run was lost; whoever takes it up finds no environment to change
            continue
        request.state = request_after(request.number, state, "abandon" if state is RequestState.FAILED else "withdraw")
        request.updated_at = now()
        session.add(request)
        holding.release(session, holding.ITSELF, request)
        feed.record(session, "withdrawn", request=request.number, user="dcctl", reason=f"{environment.name} {EnvironmentState.DECOMMISSIONED}")
        ended.append(request.number)
    return ended

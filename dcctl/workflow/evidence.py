"""After submit: names become ids, the plan and its digest are computed, and the facts for whoever decides are noted.

The digest covers spec, demand, offer version, resolved ids and plan; facts that move by the minute (envelope, pool) are evidence and not
part of it.
"""

import hashlib
from typing import Any

import rfc8785
from sqlmodel import Session, select

from dcctl import speccheck
from dcctl.approval import needed
from dcctl.errors import DcctlError, SpecRefused
from dcctl.lifecycle import Kind, RequestState, request_after
from dcctl.store import Administration, CatalogueItem, Environment, Request, now
from dcctl.workflow import decisions, feed, holding, members
from dcctl.workflow.app import App
from quotas import store as ledger
from stacks.environment import EnvironmentSpec
from stacks.plan import Plan, Resolved, plan
from stacks.specs import parse

MEMBER = "member"


def review(app: App, number: str) -> None:
    """Bring a submitted request to *in_review*, or on to *approved* where no decision is needed; repeating it changes nothing."""
    with app.reading() as session:
        request = session.get_one(Request, number)
        if request.state != RequestState.SUBMITTED:
            return
        administration = session.get_one(Administration, request.administration)
        ids = _ids(session)
    resolved = _resolve(app, request, administration.domain_id, ids)
    planned = described(plan(parse(request.spec), resolved)) if request.kind == Kind.ENVIRONMENT else _unplan(app, request)
    digest = fingerprint(request, resolved, planned)
    with app.transaction() as session:
        request = session.get_one(Request, number, with_for_update=True)
        if request.state != RequestState.SUBMITTED:
            return
        request.resolved, request.plan, request.digest = resolved.to_document(), planned, digest
        request.evidence, request.error = _facts(app, session, request), None
        request.state, request.updated_at = request_after(number, RequestState.SUBMITTED, "review"), now()
        session.add(request)
        feed.record(session, "reviewed", request=number, digest=digest, things=len(planned))
        if not needed(request.kind, request.administration, request.requester, []):
            request.state = request_after(number, RequestState.IN_REVIEW, "approve")
            decisions.approve(app, session, request)


def put_off(app: App, number: str, error: DcctlError) -> None:
    """The review could not be done now, and will be tried again: the request stays *submitted*, and says why to whoever looks."""
    with app.transaction() as session:
        request = session.get_one(Request, number, with_for_update=True)
        if request.state == RequestState.SUBMITTED:
            request.error = error.to_json()
            session.add(request)


def fail(app: App, number: str, error: DcctlError) -> None:
    """The review cannot be done: the request is *failed* with the reason, and gives back what it held. It can be withdrawn, which frees its name."""
    with app.transaction() as session:
        request = session.get_one(Request, number, with_for_update=True)
        if request.state != RequestState.SUBMITTED:
            return
        request.state, request.updated_at, request.error = request_after(number, RequestState.SUBMITTED, "fail"), now(), error.to_json()
        session.add(request)
        holding.release(session, holding.ITSELF, request)
        feed.record(session, "failed", request=number, error=error.to_json())


def fingerprint(request: Request, resolved: Resolved, planned: list[dict[str, Any]]) -> str:
    """The digest: SHA-256 over the canonical JSON (RFC 8785) of what an approval binds."""
    document: Any = {
        "kind": request.kind,
        "administration": request.administration,
        "environment": request.environment,
        "spec": request.spec,
        "demand": request.demand,
        "offer": [request.offer, request.offer_version],
        "resolved": resolved.to_document(),
        "plan": planned,
    }
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def described(planned: Plan) -> list[dict[str, Any]]:
    """What will be made, as JSON."""
    resources: Any = planned.to_document()["resources"]
    return list(resources)


def restored(request: Request) -> tuple[EnvironmentSpec, Resolved]:
    """Spec and ids of a request as they were approved; refuses when the plan that follows from them is not what the digest names."""
    spec, resolved = parse(request.spec), Resolved.from_document(request.resolved)
    planned = plan(spec, resolved)
    if request.kind == Kind.ENVIRONMENT and fingerprint(request, resolved, described(planned)) != request.digest:
        raise DcctlError("DCCTL-203", number=request.number, given=request.digest, digest="–")
    return spec, resolved


def _ids(session: Session) -> dict[str, dict[str, CatalogueItem]]:
    found: dict[str, dict[str, CatalogueItem]] = {}
    for item in session.exec(select(CatalogueItem)).all():
        found.setdefault(item.kind, {})[item.name] = item
    return found


def _resolve(app: App, request: Request, domain_id: str, ids: dict[str, dict[str, CatalogueItem]]) -> Resolved:
    spec = parse(request.spec)
    default = speccheck.default_volume_type({name: item.document for name, item in ids.get("volume_type", {}).items()})
    names: dict[str, set[str]] = {
        "flavor": {s.flavor for s in spec.servers},
        "image": {s.image for s in spec.servers},
        "volume_type": {v.type or default for s in spec.servers for v in s.volumes},
        "network": {spec.network.external} if spec.network is not None and spec.network.external is not None else set(),
    }
    if request.kind == Kind.ENVIRONMENT:
        missing = [
            {"path": [kind], "code": f"spec.unknown_{kind}", "params": {kind: name, "nearest": [], "allowed": sorted(ids.get(kind, {}))}}
            for kind, wanted in names.items()
            for name in sorted(wanted)
            if name not in ids.get(kind, {})
        ]
        # Keystone is asked only where the copy of the catalogue has no fault to tell: a fault that stays must not wait for it.
        if missing or (missing := members.unknown(app, spec)):
            raise SpecRefused(missing, number=request.number)
    cloud, settings = app.cloud(), app.settings.cloud
    build = app.directory.user(cloud, settings.build, ["Default"])
    member = app.directory.role(cloud, MEMBER)
    if build is None or member is None:
        raise DcctlError("DCCTL-401", service="Keystone", action="GET /users, /roles", status=404, words=f"{settings.build}, {MEMBER}")
    found = {kind: {name: ids[kind][name].cloud_id for name in wanted if name in ids.get(kind, {})} for kind, wanted in names.items()}
    return Resolved(
        region=app.region,
        administration=request.administration,
        environment=request.environment,
        request=request.number,
        domain_id=domain_id,
        member_role_id=member,
        build_user_id=build.id,
        default_volume_type=default,
        external_network_id=next(iter(found["network"].values()), None),
        flavor_ids=found["flavor"],
        image_ids=found["image"],
        volume_types=found["volume_type"],
    )


def _unplan(app: App, request: Request) -> list[dict[str, Any]]:
    """What a decommission destroys: the plan that the environment was made of, and whatever else its project holds by then."""
    with app.reading() as session:
        environment = session.get_one(Environment, request.environment_id)
        made = session.get_one(Request, environment.request)
        return [{**planned, "destroyed": True} for planned in made.plan]


def _facts(app: App, session: Session, request: Request) -> dict[str, Any]:
    """What a decider sees beside the plan: the envelope now, with this request already held, and the pool."""
    own = holding.holder(session, request.administration)
    envelope = ledger.balances(session, own, app.region)
    pool = ledger.capacity(session, app.region)
    return {
        "at": now().isoformat(),
        "envelope": {
            resource: {"granted": b.granted, "available": b.available, "held": b.held, "allocated": b.allocated}
            for resource, b in envelope.items()
            if resource in request.demand
        },
        "pool": {resource: {"declared": c.declared, "available": c.available} for resource, c in pool.items() if resource in request.demand},
        "notices": request.notices,
    }

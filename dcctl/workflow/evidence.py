"""After submit: names become ids, the plan and its digest are computed, and the facts for whoever decides are noted.

The digest covers spec, demand, offer version, resolved ids and plan, and of a change what the engine would do; facts that move by the minute
(envelope, pool) are evidence and not part of it.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session, select

from dcctl import speccheck, steps
from dcctl.errors import DcctlError, SpecRefused
from dcctl.lifecycle import ALTERING, Kind, RequestState, possible, request_after
from dcctl.store import Administration, CatalogueItem, Environment, Request, now
from dcctl.workflow import changes, clock, decisions, enlarging, facts, feed, granting, holding, letters, members, needs, provisioning, requests
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.fingerprint import fingerprint, note
from dcctl.workflow.queue import EVIDENCE
from stacks.environment import EnvironmentSpec
from stacks.plan import Plan, Resolved, plan
from stacks.specs import parse

MEMBER = "member"


def review(app: App, number: str) -> None:
    """Bring a submitted request to *in_review*, or on to *approved* where the policy itself decides; repeating it changes nothing."""
    with app.reading() as session:
        request = session.get_one(Request, number)
        if request.state != RequestState.SUBMITTED:
            return
        administration = session.get_one(Administration, request.administration)
    found = _examined(app, request, administration.domain_id)
    examined = request.round
    with app.transaction() as session:
        request = session.get_one(Request, number, with_for_update=True)
        if request.state != RequestState.SUBMITTED or request.round != examined:
            return
        _into_review(app, session, request, found)


def _into_review(app: App, session: Session, request: Request, found: "Examined") -> None:
    """What was found stands with the submitted request, and whoever must decides on it."""
    request.resolved, request.plan, request.steps = found.resolved, found.plan, found.steps
    request.digest = fingerprint(request, found.resolved, found.plan, found.steps)
    missing = needs.settle(app, session, request, examined=True)
    note(request, facts.of(app, session, request, previewed_at=_previewed(session, request)))
    request.error = None
    request.state, request.updated_at = request_after(request.number, RequestState.SUBMITTED, "review"), now()
    session.add(request)
    feed.record(session, "reviewed", request=request.number, digest=request.digest, things=len(found.steps or found.plan))
    if not missing:
        decisions.by_policy(app, session, request)


def _previewed(session: Session, request: Request) -> str | None:
    """This moment, where the engine was asked what it would do."""
    return clock.moment(session).isoformat() if request.kind in ALTERING else None


def look_again(app: App, actor: Actor, number: str) -> dict[str, Any]:
    """Note the facts for whoever decides as they are now; for a change the worker has the engine preview it anew, too (`preview_again`).

    Raises:
        NotVisible: there is none, or not for this actor. DcctlError: 301, nobody decides on it now.
    """
    with app.transaction() as session:
        request = requests.locked(session, actor, number)
        if request.state not in (RequestState.IN_REVIEW, RequestState.PROPOSED):
            state = RequestState(request.state)
            raise DcctlError("DCCTL-301", number=number, state=request.state, action="evidence", possible=possible(state))
        note(request, facts.of(app, session, request, previewed_at=(request.evidence.get("change") or {}).get("previewed_at")))
        session.add(request)
        if request.kind in ALTERING:
            # As plans: one administration has one preview at a time, so that others' requests are examined meanwhile.
            app.queue.defer(session, EVIDENCE, lock=f"plan:{request.administration}", once=f"evidence:{number}", number=number)
        session.flush()
        return requests.as_json(session, request)


def preview_again(app: App, number: str) -> None:
    """Ask the engine anew what a change would do; `found_again` says what comes of it."""
    with app.reading() as session:
        request = session.get_one(Request, number)
        if request.state != RequestState.IN_REVIEW or request.kind not in ALTERING:
            return
    try:
        found = altered(app, request)
    except DcctlError as error:
        with app.transaction() as session:
            feed.record(session, "not_previewed", request=number, error=error.to_json())
        return
    found_again(app, request, found)


def found_again(app: App, seen: Request, found: "Examined") -> None:
    """The same as before: the facts are of this moment. Something else: nobody has approved that, so another round begins, and whoever decided
    already decides on what is shown now.

    Args:
        seen: the request as it was when the engine was asked.
    """
    number, before = seen.number, seen.digest
    with app.transaction() as session:
        request = session.get_one(Request, number, with_for_update=True)
        if request.state != RequestState.IN_REVIEW or request.round != seen.round or request.digest != before:
            return
        if fingerprint(request, found.resolved, found.plan, found.steps) == before:
            note(request, facts.of(app, session, request, previewed_at=_previewed(session, request)))
            session.add(request)
            feed.record(session, "previewed", request=number, digest=before)
            return
        request.state, request.round = request_after(number, RequestState.IN_REVIEW, "evidence"), request.round + 1
        session.add(request)
        session.flush()  # the database lets nothing else change while it is in review
        _into_review(app, session, request, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What an approval binds beside what was asked: ids, the plan's things, and of a change its steps."""

    resolved: dict[str, Any]
    plan: list[dict[str, Any]]
    steps: list[dict[str, Any]]


def _examined(app: App, request: Request, domain_id: str) -> Examined:
    if request.kind == Kind.ENVELOPE:
        with app.reading() as session:
            return Examined(resolved=enlarging.resolved(session, request), plan=[], steps=[])
    if request.kind == Kind.EXTENSION:
        with app.reading() as session:
            made = changes.made_by(session, session.get_one(Environment, request.environment_id))
        return Examined(resolved=made.resolved, plan=[], steps=request.steps)
    if request.kind in ALTERING:
        return altered(app, request)
    with app.reading() as session:
        ids = _ids(session)
    resolved = _resolve(app, request, domain_id, ids)
    planned = described(plan(parse(request.spec), resolved)) if request.kind == Kind.ENVIRONMENT else _unplan(app, request)
    return Examined(resolved=resolved.to_document(), plan=planned, steps=[])


def altered(app: App, request: Request) -> Examined:
    """What the engine would do to make the environment what the request's spec says; a repair looks at the cloud first. Nothing is changed.

    `request` may be one that was never submitted.

    Raises:
        SpecRefused: a name of the spec is nobody's and nothing's any more. EngineError, CloudError: it could not be found out now.
    """
    with app.reading() as session:
        environment = session.get_one(Environment, request.environment_id)
        made = changes.made_by(session, environment)
        administration = session.get_one(Administration, request.administration)
        ids = _ids(session)
    spec, before = parse(request.spec), Resolved.from_document(made.resolved)
    resolved = before if request.kind == Kind.REPAIR else _resolve(app, request, administration.domain_id, ids, before)
    # What carries the number of the first request would otherwise all be marked anew.
    resolved = replace(resolved, request=environment.request)
    planned = described(plan(spec, resolved))
    layer = provisioning.Layer(app, None, "workload", spec, resolved, project_id=environment.project_id)
    found = layer.forecast(refresh=request.kind == Kind.REPAIR)
    taken = steps.in_order([*steps.of_engine(found, made.plan, planned), *steps.left(made.plan, planned)])
    return Examined(resolved=resolved.to_document(), plan=planned, steps=taken)


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
        letters.write(session, "failed", request, error=error.to_json())


def described(planned: Plan) -> list[dict[str, Any]]:
    """What will be made, as JSON."""
    resources: Any = planned.to_document()["resources"]
    return list(resources)


def restored(request: Request) -> tuple[EnvironmentSpec, Resolved]:
    """Spec (with the quota that was granted) and ids of a request as they were approved; refused when the plan that follows from them is not what
    the digest names."""
    spec, resolved = parse(request.spec), Resolved.from_document(request.resolved)
    planned = plan(spec, resolved)
    found = fingerprint(request, resolved.to_document(), described(planned), request.steps)
    if request.kind in (Kind.ENVIRONMENT, *ALTERING) and found != request.digest:
        raise DcctlError("DCCTL-203", number=request.number, given=request.digest, digest="–")
    return parse(granting.spec_of(request)), resolved


def _ids(session: Session) -> dict[str, dict[str, CatalogueItem]]:
    found: dict[str, dict[str, CatalogueItem]] = {}
    for item in session.exec(select(CatalogueItem)).all():
        found.setdefault(item.kind, {})[item.name] = item
    return found


def _resolve(app: App, request: Request, domain_id: str, ids: dict[str, dict[str, CatalogueItem]], before: Resolved | None = None) -> Resolved:
    """Ids for every name of the spec; what has gone since keeps the id that it had `before`."""
    spec = parse(request.spec)
    default = speccheck.default_volume_type({name: item.document for name, item in ids.get("volume_type", {}).items()})
    names: dict[str, set[str]] = {
        "flavor": {s.flavor for s in spec.servers},
        "image": {s.image for s in spec.servers},
        "volume_type": {*(v.type or default for s in spec.servers for v in s.all_volumes), *(v.type or default for v in spec.kept_volumes or ())},
        "network": {spec.network.external} if spec.network is not None and spec.network.external is not None else set(),
    }
    had = {"flavor": before.flavor_ids, "image": before.image_ids, "volume_type": before.volume_types} if before is not None else {}
    if request.kind in (Kind.ENVIRONMENT, Kind.CHANGE):
        missing = [
            {"path": [kind], "code": f"spec.unknown_{kind}", "params": {kind: name, "nearest": [], "allowed": sorted(ids.get(kind, {}))}}
            for kind, wanted in names.items()
            for name in sorted(wanted)
            if name not in ids.get(kind, {}) and name not in had.get(kind, {})
        ]
        # Keystone is asked only where the copy of the catalogue has no fault to tell: a fault that stays must not wait for it.
        if missing or (missing := members.unknown(app, spec)):
            raise SpecRefused(missing, number=request.number)
    cloud, settings = app.cloud(), app.settings.cloud
    build = app.directory.user(cloud, settings.build, ["Default"])
    member = app.directory.role(cloud, MEMBER)
    if build is None or member is None:
        raise DcctlError("DCCTL-401", service="Keystone", action="GET /users, /roles", status=404, words=f"{settings.build}, {MEMBER}")
    now_there = {kind: {name: item.cloud_id for name, item in items.items()} for kind, items in ids.items()}
    known = {kind: {**had.get(kind, {}), **now_there.get(kind, {})} for kind in names}
    found = {kind: {name: known[kind][name] for name in wanted if name in known[kind]} for kind, wanted in names.items()}
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
        made = changes.made_by(session, environment)
        return [{**planned, "destroyed": True} for planned in made.plan]

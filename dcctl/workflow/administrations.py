"""Administrations and their people: a Keystone domain, a row and a holder of the ledger each; roles of people stay in Keystone alone.

A creation that was cut off between Keystone and the database is finished by repeating it: the domain that is there already is adopted.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from dcctl.cloud import identity
from dcctl.errors import DcctlError, NotVisible
from dcctl.lifecycle import EnvironmentState
from dcctl.schemas import API_VERSION, AdministrationIn, PersonIn
from dcctl.store import Administration, Environment
from dcctl.words import N_
from dcctl.workflow import sight, witness
from dcctl.workflow.actor import MINISTRY_ROLES, Actor
from dcctl.workflow.app import App
from dcctl.workflow.quota import require_past
from quotas import store as ledger
from quotas import tree
from quotas.ledger import HolderKind

POOL = "pool"
RESERVED_DOMAIN = N_("the name of a domain that is not an administration's")


def create(app: App, actor: Actor, body: AdministrationIn) -> dict[str, Any]:
    """Make an administration below its parent, or at the top; its domain is made, or adopted when nobody has it.

    Raises:
        DcctlError: 306 it exists, 002 the code is not free for one. NotVisible: there is no such parent. CloudError.
    """
    if body.code in {app.settings.cloud.people_domain, "default", "pool", "world"}:
        raise DcctlError("DCCTL-002", field="code", value=body.code, allowed=RESERVED_DOMAIN)
    with app.reading() as session:
        _require_new(session, body)
    witness.announce(app)
    domain_id = identity.ensure_domain(app.cloud(), body.code, body.name)  # before the transaction, which then waits for nobody
    try:
        with app.transaction() as session:
            _require_new(session, body)
            made = Administration(code=body.code, name=body.name, parent=body.parent, domain_id=domain_id, created_by=actor.document())
            session.add(made)
            session.flush()
            parent = ledger.find_holder(session, body.parent or POOL)
            if parent is None:
                raise NotVisible("administration", body.parent or POOL)
            ledger.open_holder(session, HolderKind.ADMINISTRATION, body.code, parent)
            return as_json(made, environments=0)
    except IntegrityError as error:
        raise DcctlError("DCCTL-306", administration=body.code) from error


def _require_new(session: Session, body: AdministrationIn) -> None:
    if session.get(Administration, body.code) is not None:
        raise DcctlError("DCCTL-306", administration=body.code)
    if body.parent is not None and session.get(Administration, body.parent) is None:
        raise NotVisible("administration", body.parent)


def listing(app: App, actor: Actor, after: str | None = None, limit: int = 1000, as_of: datetime | None = None) -> dict[str, Any]:
    """The administrations that the actor may see, by code, each with the number of its environments; with `as_of` those of then, below whom then.

    Raises:
        DcctlError: 002, the moment lies ahead.
    """
    if as_of is not None:
        require_past(as_of=as_of)
    environments = (
        select(col(Environment.administration).label("code"), func.count().label("count"))
        .where(Environment.state != EnvironmentState.DECOMMISSIONED)
        .group_by(col(Environment.administration))
        .subquery()
    )
    query = (
        select(Administration, func.coalesce(environments.c.count, 0))
        .outerjoin(environments, environments.c.code == Administration.code)
        .where(sight.visible(actor, col(Administration.code)))
        .order_by(col(Administration.code))
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(col(Administration.code) > after)
    if as_of is not None:
        query = query.where(col(Administration.created_at) <= as_of)
    with app.reading() as session:
        found = session.exec(query).all()
        then = tree.parents(session, as_of) if as_of is not None else {}
    items = [as_json(administration, environments=count) for administration, count in found[:limit]]
    for item in items:
        if item["code"] in then:
            item["parent"] = _shown(then[item["code"]])
    return {"apiVersion": API_VERSION, "items": items, "cursor": items[-1]["code"] if len(found) > limit else None}


def show(app: App, actor: Actor, code: str) -> dict[str, Any]:
    """One administration."""
    with app.reading() as session:
        return shown(session, sight.require_visible(session, actor, code))


def shown(session: Session, administration: Administration) -> dict[str, Any]:
    """One administration with the number of its environments."""
    living = Environment.state != EnvironmentState.DECOMMISSIONED
    count = select(func.count()).select_from(Environment).where(Environment.administration == administration.code, living)
    holder = ledger.find_holder(session, administration.code)
    edges = tree.edges(session, holder) if holder is not None else []
    parents = [{"parent": _shown(edge.parent), "since": edge.effective_from, "recorded_at": edge.recorded_at} for edge in edges]
    return as_json(administration, environments=session.exec(count).one()) | {"parents": parents}


def _shown(parent: str) -> str | None:
    """An administration's parent as it is shown: none, where it is the datacenter itself."""
    return None if parent == POOL else parent


def as_json(administration: Administration, *, environments: int) -> dict[str, Any]:
    """As it travels: `schemas.Administration`."""
    return {
        "apiVersion": API_VERSION,
        "code": administration.code,
        "name": administration.name,
        "parent": administration.parent,
        "domain_id": administration.domain_id,
        "created_at": administration.created_at,
        "environments": environments,
    }


def people(app: App, actor: Actor, code: str) -> dict[str, Any]:
    """Who asks and who decides for an administration, as Keystone has it now."""
    domain_id = _domain(app, actor, code)
    found = identity.assignments(app.cloud(), MINISTRY_ROLES, domain_id=domain_id)
    items = [_person(a.user_name, a.user_id, a.user_domain, a.role) for a in found]
    return {"apiVersion": API_VERSION, "items": items}


def add_person(app: App, actor: Actor, code: str, body: PersonIn) -> dict[str, Any]:
    """Give a user the role on the administration's domain; having it already is as good.

    Raises:
        NotVisible: no such administration or user. DcctlError: 002, the account lives in a domain that a ministry manages.
    """
    domain_id = _domain(app, actor, code)
    user = _user(app, code, body.user)
    witness.announce(app)
    identity.assign(app.cloud(), user.id, body.role, domain_id=domain_id)
    return _person(user.name, user.id, user.domain, body.role)


def remove_person(app: App, actor: Actor, code: str, user: str, role: str) -> dict[str, Any]:
    """Take the role from the user; not having it is as good. Tokens that are out stop counting within half a minute."""
    domain_id = _domain(app, actor, code)
    if role not in MINISTRY_ROLES:
        raise DcctlError("DCCTL-002", field="role", value=role, allowed=", ".join(sorted(MINISTRY_ROLES)))
    found = identity.find_user(app.cloud(), user, [app.settings.cloud.people_domain, code])
    if found is None:
        raise NotVisible("user", user)
    witness.announce(app)
    identity.unassign(app.cloud(), found.id, role, domain_id=domain_id)
    return _person(found.name, found.id, found.domain, role)


def _user(app: App, code: str, name: str) -> identity.User:
    people_domain = app.settings.cloud.people_domain
    found = identity.find_user(app.cloud(), name, [people_domain, code])
    if found is None:
        raise NotVisible("user", name)
    if found.domain != people_domain:
        # Whoever manages a ministry's domain could set this user's password, and decide in their name.
        raise DcctlError("DCCTL-002", field="user", value=f"{name}@{found.domain}", allowed=f"{name}@{people_domain}")
    return found


def _domain(app: App, actor: Actor, code: str) -> str:
    with app.reading() as session:
        return sight.require_visible(session, actor, code).domain_id


def _person(user: str, user_id: str, domain: str, role: str) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "user": user, "user_id": user_id, "domain": domain, "role": role}

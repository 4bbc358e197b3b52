"""Environments as people see them: list, one of them, and the entry of a clouds.yaml by which its members reach it."""

from datetime import timedelta
from typing import Any

from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import Session, col, select

from dcctl.errors import DcctlError, NotVisible
from dcctl.lifecycle import EnvironmentState, possible
from dcctl.schemas import API_VERSION
from dcctl.store import Environment, Operation, ProjectLimit, now
from dcctl.workflow import sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App

#: In a path: the administration that the actor acts for.
OWN = "-"


def listing(
    app: App, actor: Actor, administration: str | None = None, state: str | None = None, after: int | None = None, limit: int = 100
) -> dict[str, Any]:
    """Environments that the actor may see, newest first; those that are no more only when their state is asked for."""
    query = select(Environment).where(sight.visible(actor, col(Environment.administration)))
    query = query.where(Environment.state == state) if state else query.where(Environment.state != EnvironmentState.DECOMMISSIONED)
    if administration is not None:
        query = query.where(Environment.administration == administration)
    if after is not None:
        query = query.where(col(Environment.id) < after)
    with app.reading() as session:
        if administration is not None:
            sight.require_visible(session, actor, administration)
        found = session.exec(query.order_by(col(Environment.id).desc()).limit(limit + 1)).all()
        operations = _latest(session, [environment.id for environment in found[:limit]])
    items = [as_json(environment, operations.get(environment.id)) for environment in found[:limit]]
    return {"apiVersion": API_VERSION, "items": items, "cursor": found[limit - 1].id if len(found) > limit else None}


def show(app: App, actor: Actor, administration: str, name: str) -> dict[str, Any]:
    """One environment, with the limits of its project as they were read back."""
    with app.reading() as session:
        found = find(session, actor, administration, name)
        operation = _latest(session, [found.id]).get(found.id)
        limits: list[ProjectLimit] = []
        if found.project_id is not None:
            of_project = select(ProjectLimit).where(ProjectLimit.project_id == found.project_id)
            limits = list(session.exec(of_project.order_by(col(ProjectLimit.service_type), col(ProjectLimit.key))).all())
    shown = as_json(found, operation)
    shown["limits"] = [
        {
            "service_type": limit.service_type,
            "key": limit.key,
            "wanted": limit.wanted,
            "value": limit.value,
            "state": limit.state,
            "read_at": limit.read_at.isoformat(),
        }
        for limit in limits
    ]
    return shown


def cloud(app: App, actor: Actor, administration: str, name: str) -> dict[str, Any]:
    """The entry of a clouds.yaml for the environment's project; who signs in, and how, is the reader's to add: no secret is in it.

    Raises:
        DcctlError: 305, it has no project yet or no more.
    """
    with app.reading() as session:
        found = find(session, actor, administration, name)
    if found.project_id is None or found.state == EnvironmentState.DECOMMISSIONED:
        state = EnvironmentState(found.state)
        raise DcctlError("DCCTL-305", name=name, state=found.state, action="cloud", possible=possible(state))
    entry = {
        "auth": {"auth_url": app.cloud().auth_url, "project_id": found.project_id},
        "region_name": app.region,
        "identity_api_version": 3,
    }
    return {"apiVersion": API_VERSION, "cloud": f"{found.administration}-{found.name}", "entry": entry}


def find(session: Session, actor: Actor, administration: str, name: str) -> Environment:
    """The environment of that name that is in use, or else the last one that was.

    Raises:
        NotVisible: there is none, or not for this actor.
    """
    code = sight.own(actor) if administration == OWN else administration
    query = select(Environment).where(
        Environment.administration == code, Environment.name == name, sight.visible(actor, col(Environment.administration))
    )
    found = session.exec(query.order_by(col(Environment.id).desc())).first()
    if found is None:
        raise NotVisible("environment", name if administration == OWN else f"{administration}/{name}")
    return found


def _latest(session: Session, environments: list[int | None]) -> dict[int | None, Operation]:
    """The newest operation of each environment."""
    query = (
        select(Operation)
        .where(col(Operation.environment_id).in_(environments))
        .ext(distinct_on(col(Operation.environment_id)))
        .order_by(col(Operation.environment_id), col(Operation.created_at).desc())
    )
    return {operation.environment_id: operation for operation in session.exec(query).all()}


def _days_left(environment: Environment) -> int | None:
    """Whole days until its end, where that is near; None while it is not."""
    if environment.state not in (EnvironmentState.WARNING, EnvironmentState.STOPPED) or environment.expires_at is None:
        return None
    return max(0, -(-(environment.expires_at - now()) // timedelta(days=1)))


def as_json(environment: Environment, operation: Operation | None) -> dict[str, Any]:
    """As it travels: `schemas.EnvironmentOut`; limits are only shown one at a time."""
    return {
        "apiVersion": API_VERSION,
        "name": environment.name,
        "administration": environment.administration,
        "state": environment.state,
        "project_id": environment.project_id,
        "offer": f"{environment.offer}@{environment.offer_version}",
        "request": environment.request,
        "created_at": environment.created_at,
        "expires_at": environment.expires_at,
        "spec": environment.spec,
        "kept_volumes": [volume["name"] for volume in environment.spec.get("kept_volumes") or ()],
        "outputs": environment.outputs,
        "limits": [],
        "days_left": _days_left(environment),
        "operation": operation.id if operation else None,
        "error": operation.error if operation else None,
    }

"""Drift: what is otherwise in the cloud than it was built. Looked for every night and on demand, kept as discrepancies, changed by nobody's silence.

The engine reads everything that the stack has, on a copy of its state; who is in the group is read from Keystone. What was made beside dcctl is
reconciliation's to find: it is in no stack.
"""

from typing import Any

import structlog
from sqlmodel import col, select

from dcctl.cloud import identity
from dcctl.errors import DcctlError
from dcctl.lifecycle import EnvironmentState, OperationState
from dcctl.schemas import API_VERSION, AcceptIn
from dcctl.store import Discrepancy, DiscrepancyNote, Environment, Operation, now
from dcctl.workflow import discrepancies, environments, members, previews, sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from quotas.reconcile import Difference, Looked, Name
from stacks.specs import parse

MEMBERS = "members"
log = structlog.get_logger("dcctl.workflow.drift")


def compare_all(app: App) -> dict[str, int]:
    """Compare every environment that is built and to which nothing is being done; how many, how many differ, how many could not be looked at."""
    live = select(Operation.environment_id).where(col(Operation.state).in_((OperationState.QUEUED, OperationState.RUNNING)))
    built = (EnvironmentState.ACTIVE, EnvironmentState.WARNING)
    with app.reading() as session:
        busy = live.where(col(Operation.environment_id).is_not(None))
        query = select(Environment.id).where(col(Environment.state).in_(built), col(Environment.id).not_in(busy))
        found = session.exec(query.order_by(col(Environment.id))).all()
    differing = failed = 0
    for identifier in found:
        assert identifier is not None
        try:
            differing += bool(compare(app, identifier))
        except DcctlError as error:
            failed += 1
            log.warning("drift_not_compared", environment_id=identifier, code=error.code, error=str(error))
        except Exception:  # whatever befell one of them, an engine that was killed among it, is no reason to look at none of the others
            failed += 1
            log.exception("drift_not_compared", environment_id=identifier)
    return {"environments": len(found), "differing": differing, "failed": failed}


def compare(app: App, environment_id: int) -> list[dict[str, Any]]:
    """What differs, as steps that would bring it back; each is kept as a discrepancy, and those that are over are resolved."""
    began = now()
    with app.reading() as session:
        environment = session.get_one(Environment, environment_id)
    assert environment.project_id is not None
    found = [*previews.differing(app, environment_id), *_people(app, environment)]
    holder = f"{environment.administration}/{environment.name}"
    differences = [
        Difference(
            name=Name.DRIFT, subject=environment.project_id, item=str(step["name"]), holder=holder, administration=environment.administration,
            detail=described(step),
        )
        for step in found
    ]  # fmt: skip
    looked = Looked(subjects=frozenset({environment.project_id}), names=frozenset({Name.DRIFT}))
    with app.transaction() as session:
        after = session.get_one(Environment, environment_id)
        live = select(Operation.id).where(Operation.environment_id == environment_id, col(Operation.state).in_(("queued", "running")))
        # To what something was done meanwhile nothing is concluded.
        if (after.state, after.made_by) == (environment.state, environment.made_by) and session.exec(live).first() is None:
            discrepancies.keep(session, app.region, began, differences, looked)
    return found


def described(step: dict[str, Any]) -> str:
    """A step for whoever reads the discrepancy: what it is, and what of it differs."""
    type_ = str(step["type"]).rpartition(":")[2]
    name = step.get("cloud_name") or step["name"]
    what = {"make": "missing", "change": "different", "replace": "different, to be replaced", "destroy": "to be destroyed"}[step["op"]]
    differs = ", ".join(step.get("differs") or ())
    return f"{type_} {name}: {what}" + (f" ({differs})" if differs else "")


def _people(app: App, environment: Environment) -> list[dict[str, Any]]:
    """Whether the group has other people than the spec's members."""
    if environment.group_id is None:
        return []
    wanted = {user.id: name for name, user in members.resolved(app, parse(environment.spec)).items() if user is not None}
    present = identity.group_members(app.cloud(), environment.group_id)
    missing = [name for identifier, name in wanted.items() if identifier not in present]
    foreign = [name for identifier, name in present.items() if identifier not in wanted]
    if not missing and not foreign:
        return []
    return [
        {
            "op": "change", "stack": "tenant", "type": "openstack:identity/groupV3:GroupV3", "name": MEMBERS, "cloud_name": None, "data": False,
            "properties": {MEMBERS: [sorted(present.values()), sorted(wanted.values())]},
            "differs": [*(f"-{name}" for name in sorted(missing)), *(f"+{name}" for name in sorted(foreign))],
        }
    ]  # fmt: skip


def listing(app: App, actor: Actor, administration: str | None = None, name: str | None = None) -> dict[str, Any]:
    """Differences that are not over, of environments that the actor may see."""
    with app.reading() as session:
        query = select(Discrepancy).where(
            Discrepancy.region == app.region, Discrepancy.name == Name.DRIFT, Discrepancy.state != discrepancies.RESOLVED,
            sight.visible(actor, col(Discrepancy.administration)),  # type: ignore[arg-type]
        )  # fmt: skip
        if name is not None:
            found = environments.find(session, actor, administration or environments.OWN, name)
            query = query.where(Discrepancy.holder == f"{found.administration}/{found.name}")
        rows = session.exec(query.order_by(col(Discrepancy.id)).limit(1000)).all()
        numbers = [row.id for row in rows]
        notes = session.exec(select(DiscrepancyNote).where(col(DiscrepancyNote.discrepancy).in_(numbers)).order_by(col(DiscrepancyNote.id))).all()
    said = {note.discrepancy: note.reason for note in notes}
    return {"apiVersion": API_VERSION, "items": [_item(row, said.get(row.id or 0)) for row in rows]}


def accept(app: App, actor: Actor, administration: str, name: str, body: AcceptIn) -> dict[str, Any]:
    """Say of every difference of an environment that it is known; it is open again when it becomes another one.

    Raises:
        DcctlError: 430, there is none that is open.
    """
    with app.transaction() as session:  # one for all of them: the deed is one, and so is its event
        found = environments.find(session, actor, administration, name)
        holder = f"{found.administration}/{found.name}"
        query = select(Discrepancy).where(
            Discrepancy.region == app.region, Discrepancy.name == Name.DRIFT, Discrepancy.holder == holder, Discrepancy.state == discrepancies.OPEN
        )
        rows = session.exec(query.order_by(col(Discrepancy.id)).with_for_update()).all()
        if not rows:
            raise DcctlError("DCCTL-430", name=holder)
        for row in rows:
            discrepancies.become(session, row, discrepancies.EXPLAINED, body.reason, actor.document())
    return listing(app, actor, found.administration, name)


def _item(row: Discrepancy, reason: str | None) -> dict[str, Any]:
    return {
        "number": f"{discrepancies.PREFIX}{row.id}",
        "environment": row.holder,
        "item": row.item,
        "detail": row.detail,
        "state": row.state,
        "first_seen": row.first_seen,
        "last_seen": row.last_seen,
        "reason": reason,
    }

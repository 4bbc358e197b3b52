"""Another parent for an administration: a dated edge of the ledger, an act with its document, and whom the administration is seen by from then on."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from dcctl.errors import DcctlError
from dcctl.schemas import ParentIn
from dcctl.store import Administration
from dcctl.words import N_
from dcctl.workflow import acts, administrations, deeds, holding, idempotency, sight
from dcctl.workflow.actor import Actor
from dcctl.workflow.acts import Wish
from dcctl.workflow.app import App
from quotas import tree
from quotas.ledger import MovesRefused

#: What is allowed, by the ledger's word for what is not.
ALLOWED = {
    "same_parent": ("parent", N_("another parent than it has")),
    "below_itself": ("parent", N_("an administration that is not below it")),
    "effective_in_future": ("since", N_("a moment that has passed")),
    "moved_since": ("since", N_("a moment after the last transfer or move here")),
}


def move(app: App, actor: Actor, code: str, body: ParentIn, key: str | None = None) -> dict[str, Any]:
    """Put an administration below another parent, or directly below the datacenter; no balance moves.

    Raises:
        NotVisible: one of the two is not there. DcctlError: 559 something is still out, with whom and how much; 002 parent or date cannot be.
    """
    with app.transaction() as session:
        # Moves come one after the other, before any of them looks at the tree.
        session.connection().exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended('dcctl.tree', 0))")
        moved = sight.require_visible(session, actor, code)
        if body.parent is not None:
            sight.require_visible(session, actor, body.parent)
        since = body.since.isoformat() if body.since else None
        wish = Wish(kind=deeds.MOVE, administration=code, reason=body.reason, document=body.document, details={"parent": body.parent, "since": since})
        if key is not None and idempotency.claim(session, actor, key, acts.fingerprint(wish)) is not None:
            return administrations.shown(session, moved)
        _move(session, moved, body.parent, body.since)
        acts.keep(session, actor, acts.new(session, actor, wish), key)
        moved.parent = body.parent
        session.add(moved)
        session.flush()
        return administrations.shown(session, moved)


def _move(session: Session, moved: Administration, parent: str | None, since: datetime | None) -> None:
    try:
        tree.move(session, holding.holder(session, moved.code), holding.holder(session, parent or deeds.POOL), since)
    except tree.StillOut as error:
        children = [{"holder": part.holder, "resource": part.resource, "amount": part.amount} for part in error.parts]
        raise DcctlError("DCCTL-559", administration=moved.code, parent=moved.parent or deeds.POOL, children=children) from error
    except MovesRefused as error:
        fault = error.faults[0]
        if fault.code not in ALLOWED:
            raise
        field, allowed = ALLOWED[fault.code]
        value = since.isoformat() if field == "since" and since else parent or deeds.POOL
        raise DcctlError("DCCTL-002", field=field, value=value, allowed=allowed, latest=fault.detail) from error

"""Maintenance: while it is on, no operation begins; requests are taken, reviewed and decided as ever, and what runs is finished.

What waits stays *queued* in our own table, and `stalled` gives it its job when the maintenance ends.
"""

from typing import Any

from sqlmodel import Session, col, select

from dcctl.schemas import API_VERSION, MaintenanceIn
from dcctl.store import Maintenance, now
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App


def show(app: App) -> dict[str, Any]:
    """Whether it is on, since when and why: `schemas.MaintenanceOut`."""
    with app.reading() as session:
        return _document(app, session.get(Maintenance, app.region))


def put(app: App, actor: Actor, body: MaintenanceIn) -> dict[str, Any]:
    """Begin or end it; the same word again keeps the first one's time."""
    with app.transaction() as session:
        found = session.get(Maintenance, app.region, with_for_update=True)
        since = found.since if found is not None and found.on == body.on else now()
        merged = session.merge(Maintenance(region=app.region, on=body.on, reason=body.reason, actor=actor.document(), since=since))
        return _document(app, merged)


def is_on(session: Session) -> bool:
    """Whether it is on in any region of this database."""
    return session.exec(select(Maintenance.region).where(col(Maintenance.on)).limit(1)).first() is not None


def told(app: App, session: Session) -> dict[str, Any] | None:
    """What people are told while it is on: `{"reason", "since"}`."""
    found = session.get(Maintenance, app.region)
    return {"reason": found.reason, "since": found.since} if found is not None and found.on else None


def _document(app: App, found: Maintenance | None) -> dict[str, Any]:
    if found is None:
        return {"apiVersion": API_VERSION, "region": app.region, "on": False, "reason": None, "actor": None, "since": None}
    return {
        "apiVersion": API_VERSION,
        "region": found.region,
        "on": found.on,
        "reason": found.reason,
        "actor": found.actor.get("user"),
        "since": found.since,
    }

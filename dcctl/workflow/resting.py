"""Why no operation begins now: maintenance, or a region that only observes. What is to be done stays *queued* and begins by itself afterwards.

Whoever waits is told. Why a region observes is for operators, who have something to look at (`regions`); everybody else is told that it does.
"""

from typing import Any

from sqlmodel import Session, select

from dcctl.lifecycle import OperationState
from dcctl.store import Operation
from dcctl.workflow import maintenance, regions
from dcctl.workflow.app import App

MAINTENANCE, OBSERVE = "maintenance", "observe"


def rests(app: App, session: Session) -> bool:
    """Whether no operation may begin: maintenance in any region of this database, or the region observes."""
    return maintenance.is_on(session) or regions.observes(app, session)


def told(app: App, session: Session) -> dict[str, Any] | None:
    """What people are told while nothing begins: `{"why": "maintenance" | "observe", "since", "reason"}`; a reason there is of maintenance only."""
    if (during := maintenance.told(app, session)) is not None:
        return {"why": MAINTENANCE, **during}
    if (since := regions.observes_since(app, session)) is not None:
        return {"why": OBSERVE, "since": since, "reason": None}
    return None


def of_operation(app: App, session: Session, operation: Operation) -> dict[str, Any] | None:
    """Why it does not begin, while it is queued."""
    return told(app, session) if operation.state == OperationState.QUEUED else None


def of_request(app: App, session: Session, number: str) -> dict[str, Any] | None:
    """Why what was approved does not begin, while an operation of it is queued."""
    found = told(app, session)
    queued = select(Operation.id).where(Operation.request == number, Operation.state == OperationState.QUEUED).limit(1)
    return found if found is not None and session.exec(queued).first() is not None else None

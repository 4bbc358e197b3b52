"""What happened to a request or an operation, in order: written with what it tells of, read by cursor."""

from collections.abc import Callable
from datetime import UTC
from time import monotonic, sleep
from typing import Any

from sqlmodel import Session, col, select

from dcctl.store import Event
from dcctl.workflow.app import App

#: Longest time that a reader may wait for something new, and how often the database is asked meanwhile.
LONGEST_WAIT_SECONDS, POLL_SECONDS = 10.0, 0.25
PAGE = 500


def record(session: Session, kind: str, *, request: str | None = None, operation: str | None = None, **document: Any) -> Event:
    """Add what happened."""
    event = Event(kind=kind, request=request, operation=operation, document=document)
    session.add(event)
    return event


def as_json(event: Event) -> dict[str, Any]:
    """An event as it travels: `id`, `at`, `kind`, `operation`, and what its kind has."""
    return {"id": event.id, "at": event.at.astimezone(UTC).isoformat(), "kind": event.kind, "operation": event.operation, **event.document}


def page(
    app: App, *, after: int, wait: float, state: Callable[[Session], tuple[str, bool]],
    resting: Callable[[Session], dict[str, Any] | None], request: str | None = None, operation: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Events after the cursor, oldest first; waits up to `wait` seconds while there is none and more may come.

    Args:
        state: reads the present state and whether it is final; read before the events, so that a final state misses none.
        resting: reads why nothing begins, where it is waited for.
    """
    until = monotonic() + min(max(wait, 0.0), LONGEST_WAIT_SECONDS)
    while True:
        with app.reading() as session:
            current, ended = state(session)
            query = select(Event).where(col(Event.id) > after).order_by(col(Event.id)).limit(PAGE)
            query = query.where(Event.request == request) if request is not None else query.where(Event.operation == operation)
            found = session.exec(query).all()
            over = found or ended or monotonic() >= until
            rests = resting(session) if over else None
        if over:
            return {
                "items": [as_json(event) for event in found],
                "cursor": found[-1].id if found else after,
                "state": current,
                "ended": ended and len(found) < PAGE,
                "resting": rests,
            }
        sleep(POLL_SECONDS)

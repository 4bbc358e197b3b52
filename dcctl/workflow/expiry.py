"""Holds whose time has passed: their requests lapse, the units return. Only while a request is submitted, in review or returned."""

from dcctl.lifecycle import EXPIRING, RequestState, request_after
from dcctl.store import Request, now
from dcctl.workflow import feed, holding
from dcctl.workflow.app import App
from quotas import store as ledger
from quotas.ledger import Kind


def expire(app: App) -> int:
    """End every hold that is due by the database's clock; return how many requests lapsed."""
    with app.reading() as session:
        due = sorted({hold.reference for hold in ledger.due_holds(session)})
    return sum(_lapse(app, number) for number in due)


def _lapse(app: App, number: str) -> bool:
    with app.transaction() as session:
        request = session.get(Request, number, with_for_update=True)
        if request is None or request.state not in EXPIRING:
            return False
        request.state, request.updated_at = request_after(number, RequestState(request.state), "lapse"), now()
        session.add(request)
        holding.release(session, holding.ITSELF, request, Kind.EXPIRE)
        feed.record(session, "lapsed", request=number)
        return True

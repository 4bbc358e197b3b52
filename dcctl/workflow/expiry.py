"""Requests that nobody has decided or answered in time lapse, and what they held returns. Only while a request waits for somebody."""

from sqlalchemy import func
from sqlmodel import col, select

from dcctl.lifecycle import EXPIRING, RequestState, request_after
from dcctl.store import Request, now
from dcctl.workflow import feed, holding, letters
from dcctl.workflow.app import App
from quotas import store as ledger
from quotas.ledger import Kind


def expire(app: App) -> int:
    """End every request that has waited too long by the database's clock; return how many lapsed."""
    with app.reading() as session:
        late = select(Request.number).where(col(Request.state).in_(EXPIRING), col(Request.lapses_at) <= func.clock_timestamp())
        due = {hold.reference for hold in ledger.due_holds(session)} | set(session.exec(late.limit(500)).all())
    return sum(_lapse(app, number) for number in sorted(due))


def _lapse(app: App, number: str) -> bool:
    with app.transaction() as session:
        request = session.get(Request, number, with_for_update=True)
        if request is None or request.state not in EXPIRING:
            return False
        # It may have been returned or submitted anew since it was found, and waits anew then.
        at = session.exec(select(func.clock_timestamp())).one()
        held = ledger.open_holds(session, reference=number)
        run_out = bool(held) and all(hold.expires_at is not None and hold.expires_at <= at for hold in held)
        if not run_out and (request.lapses_at is None or request.lapses_at > at):
            return False
        request.state, request.updated_at = request_after(number, RequestState(request.state), "lapse"), now()
        session.add(request)
        holding.release(session, holding.ITSELF, request, Kind.EXPIRE if run_out else Kind.RELEASE)
        feed.record(session, "lapsed", request=number)
        letters.write(session, "lapsed", request)
        return True

"""Waiting has an age: since when a request waits for somebody, when they are reminded of it, when it lapses; all by the policy in force."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from dcctl.lifecycle import EXPIRING, RequestState
from dcctl.rulebook import OPERATOR, Wait
from dcctl.store import Decision, Request
from dcctl.workflow import clock, feed, letters, needs
from dcctl.workflow.app import App
from quotas import store as ledger


def deadline(app: App, session: Session, state: RequestState, since: datetime) -> datetime:
    """When a request lapses that begins to wait in `state` at that moment."""
    return since + timedelta(days=app.standing.read(session).policy.wait(state).lapse)


def begin(app: App, session: Session, request: Request, state: RequestState) -> None:
    """From now on it waits in `state`."""
    since = clock.moment(session)
    request.waits_since, request.lapses_at, request.reminded = since, deadline(app, session, state, since), 0


def hold_as_long(session: Session, request: Request) -> None:
    """What it holds runs as long as it may wait now."""
    if ledger.open_holds(session, reference=request.number):
        ledger.keep_holds(session, request.number, request.lapses_at)


def due(wait: Wait, since: datetime, at: datetime, reminded: int) -> int | None:
    """The reminder that is to be given now: the latest whose day has come, where it was not given yet."""
    come = [days for days in wait.remind if since + timedelta(days=days) <= at and days > reminded]
    return max(come, default=None)


def remind(app: App) -> Iterator[tuple[str, int]]:
    """Remind whoever is waited for, once for each of the policy's days; yields each request with the days that it has waited."""
    with app.reading() as session:
        policy = app.standing.read(session).policy
        at = session.exec(select(func.clock_timestamp())).one()
        query = select(Request.number, Request.state, Request.waits_since, Request.reminded)
        waiting = session.exec(query.where(col(Request.state).in_(EXPIRING))).all()
    for number, state, since, reminded in waiting:
        if due(policy.wait(state), since, at, reminded) is not None and (days := _remind(app, number)) is not None:
            yield number, days


def _remind(app: App, number: str) -> int | None:
    with app.transaction() as session:
        query = select(Request, func.clock_timestamp()).where(Request.number == number, col(Request.state).in_(EXPIRING))
        found = session.exec(query.with_for_update(skip_locked=True, of=Request)).first()
        if found is None:
            return None
        request, at = found
        days = due(app.standing.read(session).policy.wait(request.state), request.waits_since, at, request.reminded)
        if days is None:
            return None
        request.reminded = days
        session.add(request)
        tell(session, request, days, app.settings.letters.operators)
        return days


def tell(session: Session, request: Request, days: int, operators: Sequence[str] = ()) -> None:
    """Say who is waited for since how many days: an event, and a letter to them."""
    until = letters.day(request.lapses_at) if request.lapses_at is not None else "–"
    if request.state in (RequestState.RETURNED, RequestState.PROPOSED):
        waited = [{"user": str(request.requester.get("user"))}]
        letters.write(session, "unanswered", request, days=days, until=until)
    else:
        decisions = session.exec(select(Decision).where(Decision.request == request.number)).all()
        missing = needs.missing(request, decisions)
        waited = [need.to_json() for need in missing]
        leads = {need.administration for need in missing if need.role != OPERATOR}
        among = operators if any(need.role == OPERATOR for need in missing) else ()
        said = ", ".join(need.role if need.role == OPERATOR else f"{need.role} ({need.administration})" for need in missing) or "–"
        letters.write(session, "reminder", request, to=leads, operators=among, days=days, until=until, waited=said)
    lapses = request.lapses_at.isoformat() if request.lapses_at is not None else None
    feed.record(session, "reminder", request=request.number, days=days, state=request.state, waited_for=waited, lapses_at=lapses)

"""The end of an environment's time, by the database's clock: warnings 30, 14, 7 and 1 days before it, then its servers are stopped.

Nothing is destroyed by the clock, and an extension leads back. In a region that observes nobody is warned and nothing stopped: a restored database
does not know of later extensions. Each step is done once, and may be repeated after whatever ended it: what was done is
written down in the transaction that does it, or in one before.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func
from sqlmodel import Session, col, select

from dcctl.cloud import servers
from dcctl.errors import CloudError
from dcctl.lifecycle import EnvironmentState, OperationState, environment_after
from dcctl.store import Environment, Operation, Request
from dcctl.workflow import feed, letters, regions
from dcctl.workflow.app import App

WARNINGS = (30, 14, 7, 1)
LIVING = (EnvironmentState.ACTIVE, EnvironmentState.WARNING)
_LIVE = (OperationState.QUEUED, OperationState.RUNNING)

log = structlog.get_logger("dcctl.workflow.life")


def tend(app: App) -> Iterator[tuple[str, str]]:
    """Warn of every end that is near, stop what has ended; yields each environment with what happened to it."""
    with app.reading() as session:
        if regions.observes(app, session):
            return
        soon = func.now() + timedelta(days=WARNINGS[0])
        due = session.exec(select(Environment.id).where(col(Environment.state).in_(LIVING), col(Environment.expires_at) <= soon)).all()
    for identifier in due:
        assert identifier is not None
        try:
            happened = _tend(app, identifier)
        except CloudError as error:  # the next minute tries again; the others' time goes on
            log.warning("environment_not_stopped", environment_id=identifier, code=error.code, error=str(error))
            continue
        if happened is not None:
            yield happened


def warning_due(begun: datetime, expires_at: datetime, at: datetime, warned: int | None) -> int | None:
    """Which of the warnings is to be given now, if it was not yet: the nearest that has come, and only one shorter than the whole time was."""
    due = [days for days in WARNINGS if at >= expires_at - timedelta(days=days) and expires_at - begun > timedelta(days=days)]
    nearest = min(due, default=None)
    return nearest if nearest is not None and (warned is None or nearest < warned) else None


def _tend(app: App, identifier: int) -> tuple[str, str] | None:
    with app.transaction() as session:
        environment, at = _locked(session, identifier)
        if environment is None or environment.expires_at is None or regions.observes(app, session):
            return None
        name, project_id = f"{environment.administration}/{environment.name}", environment.project_id
        ended = environment.expires_at <= at
        if environment.state == EnvironmentState.ACTIVE and (ended or warning_due(environment.created_at, environment.expires_at, at, None)):
            environment.state = environment_after(environment.name, EnvironmentState.ACTIVE, "warn")
        if not ended:
            days = warning_due(environment.created_at, environment.expires_at, at, environment.life.get("warned"))
            if days is None:
                return None
            environment.life = {**environment.life, "warned": days}
            session.add(environment)
            until = environment.expires_at.isoformat()
            feed.record(session, "expiring", request=environment.request, environment=name, days=days, until=until)
            day = letters.day(environment.expires_at)
            letters.write(session, "expiring", session.get_one(Request, environment.request), days=days, until=day)
            return name, f"warned {days}"
        if project_id is None or _busy(session, identifier):
            return None
        # Which were running is written down before the first is stopped: a later extension starts these again, and no other.
        stopped = {*(environment.life.get("stopped") or []), *servers.running(app.cloud(), project_id)}
        environment.life = {**environment.life, "stopped": sorted(stopped)}
        session.add(environment)
    return _stop(app, identifier, name, project_id)


def _stop(app: App, identifier: int, name: str, project_id: str) -> tuple[str, str] | None:
    """Stop the servers; once none runs any more, the environment is *stopped*. An operation waits for the row before it begins."""
    with app.transaction() as session:
        environment, at = _locked(session, identifier)
        if environment is None or environment.expires_at is None or environment.expires_at > at or _busy(session, identifier):
            return None
        if regions.observes(app, session):
            return None
        servers.stop(app.cloud(), project_id)
        if servers.running(app.cloud(), project_id):
            return None  # Nova is at it; the next minute looks again
        environment.state = environment_after(environment.name, EnvironmentState(environment.state), "stop")
        session.add(environment)
        feed.record(session, "stopped", request=environment.request, environment=name, until=environment.expires_at.isoformat())
        return name, "stopped"


def _locked(session: Session, identifier: int) -> tuple[Environment | None, datetime]:
    """The environment, unless another worker has it or it is no longer living; and the database's time."""
    query = select(Environment, func.now()).where(Environment.id == identifier, col(Environment.state).in_(LIVING))
    found = session.exec(query.with_for_update(skip_locked=True, of=Environment)).first()
    return (found[0], found[1]) if found is not None else (None, datetime.max)


def _busy(session: Session, identifier: int) -> bool:
    query = select(Operation.id).where(Operation.environment_id == identifier, col(Operation.state).in_(_LIVE))
    return session.exec(query).first() is not None

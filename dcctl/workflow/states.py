"""The last states of each stack, kept outside of the engine: what it knew, and when, for whoever must say what is gone.

A kept state is what the engine exports; secrets in it are encrypted by the engine. It is read from the engine's own table where the backend is
PostgreSQL, which costs no start of the engine; the form of its rows is the engine's (backend/diy of pulumi 3.253).
"""

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import structlog
from sqlalchemy import create_engine, delete, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlmodel import Session, col, select

from dcctl.migrations import fence
from dcctl.provisioner.engine import Engine
from dcctl.provisioner.state import readable, recorded
from dcctl.store import KeptState
from dcctl.workflow.app import App
from dcctl.workflow.leases import Lost
from stacks.naming import ENGINE_PROJECT

Transaction = Callable[[], AbstractContextManager[Session]]

log = structlog.get_logger("dcctl.workflow.states")

#: Keys begin with the name of the database.
_ROW = text("SELECT data FROM pulumi_state WHERE key = current_database() || '/.pulumi/stacks/' || :project || '/' || :stack || '.json'")


def keep(app: App, engine: Engine, stack: str, operation: str, transaction: Transaction, *, done: bool) -> None:
    """Add the stack's present state to those that are kept, and let the oldest go. That it could not be is logged, and stops nothing.

    Args:
        transaction: the run's own: whoever has lost the environment keeps nothing that its successor would take for the newest.
        done: all went well, so a state without things is what was wanted. After a failure it may be a lost one, which must not pass for the newest:
            what is kept says which volumes there were.
    """
    try:
        state = read(engine, stack)
        if state is None or not readable(state):
            log.warning("state_not_kept", stack=stack)
            return
        with transaction() as session:
            if not done and not recorded(state) and expected(session, stack):
                log.warning("state_not_kept", stack=stack, why="it has nothing")
                return
            session.add(KeptState(stack=stack, operation=operation, state=dict(state)))
            session.flush()
            _prune(session, stack, app.settings.engine.kept_states)
    except Lost as lost:
        log.warning("state_not_kept", stack=stack, why=str(lost))
    except Exception:
        log.exception("state_not_kept", stack=stack)


def latest(session: Session, stack: str) -> Mapping[str, Any] | None:
    """The state that was kept last; None when none was."""
    found = session.exec(select(KeptState).where(KeptState.stack == stack).order_by(col(KeptState.id).desc()).limit(1)).first()
    return found.state if found is not None else None


def expected(session: Session, stack: str) -> bool:
    """Whether the stack had something when it was looked at last: then an empty state of the engine is a lost one."""
    return bool(recorded(latest(session, stack)))


def forget(session: Session, stack: str) -> None:
    """The stack has been destroyed: nothing of it must be expected by whoever makes one of the same name."""
    session.execute(delete(KeptState).where(col(KeptState.stack) == stack))


def _prune(session: Session, stack: str, keeping: int) -> None:
    last = select(KeptState.id).where(KeptState.stack == stack).order_by(col(KeptState.id).desc()).limit(keeping)
    session.execute(delete(KeptState).where(col(KeptState.stack) == stack, col(KeptState.id).not_in(last)))


def read(engine: Engine, stack: str) -> Mapping[str, Any] | None:
    """The state as `Engine.export` gives it, as a rule without a start of the engine; None where there is none, or none that can be read."""
    address = fence.address(engine.backend)
    if address is None:
        return engine.export(stack)
    database = create_engine(address, poolclass=NullPool, connect_args={"connect_timeout": 5})
    try:
        with database.connect() as connection:
            row = connection.execute(_ROW, {"project": ENGINE_PROJECT, "stack": stack}).first()
    except SQLAlchemyError:
        return engine.export(stack)
    finally:
        database.dispose()
    return None if row is None else _exported(row[0])


def _exported(row: Any) -> Mapping[str, Any] | None:
    """What the engine would export of a row, which has its file as `{"data": BASE64}`; None when it has another form."""
    try:
        file = json.loads(base64.b64decode(row["data"], validate=True))
        return {"version": file["version"], "deployment": file["checkpoint"]["latest"]}
    except (KeyError, TypeError, ValueError):
        return None

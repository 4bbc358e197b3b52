"""One run of an operation: begun with its environment's lease, taken step by step with what each took, ended in exactly one way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from dcctl.errors import DcctlError
from dcctl.lifecycle import OperationState, RequestState, operation_after, request_after
from dcctl.provisioner.engine import Guard
from dcctl.provisioner.errors import EngineBroken, EngineFenced
from dcctl.provisioner.processes import boottime
from dcctl.store import Operation, Request, now
from dcctl.workflow import ending, feed, leases, letters, resting, succession
from dcctl.workflow.app import App
from dcctl.workflow.credentials import Credentials
from dcctl.workflow.heartbeat import Heartbeat
from dcctl.workflow.leases import Lease, Lost

#: What PostgreSQL says of a transaction in which nothing happened for too long.
_IDLE_TOO_LONG = "25P03"

#: What was under way when the database went away is known to nobody; that is nobody's failure.
DATABASE_AWAY = "DCCTL-501"

log = structlog.get_logger("dcctl.workflow.run")


class Cancelled(Exception):
    """Somebody asked for the end; what was done stays, and a retry continues from there."""


class Run:
    """What a running operation writes; each method is a transaction of its own, and none is committed without the lease."""

    def __init__(self, app: App, operation: Operation, lease: Lease, since: float) -> None:
        self.app = app
        self.lease = lease
        self.heartbeat = Heartbeat(app, lease, since=since)
        self.credentials = self._credentials()
        self.id = operation.id
        self.number = operation.request
        self.administration = operation.administration
        self.environment = operation.environment

    def _credentials(self) -> Credentials:
        lease = self.lease
        return Credentials(
            self.app.settings, lease.administration, lease.environment, lease.token, check=self.heartbeat.check, confirm=self.confirm
        )  # fmt: skip

    def confirm(self) -> None:
        """Return while the lease is this run's by the database's word.

        Raises:
            Lost: it is not.
        """
        with self.transaction():
            pass

    @property
    def token(self) -> int:
        """The lease's, which every write of this run names."""
        return self.lease.token

    @property
    def unclean(self) -> bool:
        """Whether an earlier run of this environment did not end by its own word, or ended badly: then look before anything is made."""
        return self.lease.unclean

    @property
    def guard(self) -> Guard:
        """What runs of the engine have of the lease."""
        return Guard(token=self.token, until=lambda: self.heartbeat.until)

    @classmethod
    def begin(cls, app: App, identifier: str) -> "Run | None":
        """Take a queued operation with its environment's lease.

        None when it is not queued any more (cancelled, or the job came twice), while another run has the environment, while as many run as the
        cloud is to bear, during maintenance, and while the region observes: what stays queued gets its job again (`stalled`).
        """
        since = boottime()
        with app.transaction() as session:
            known = session.get_one(Operation, identifier)
            seconds = app.settings.worker.lease_seconds
            lease = leases.take(session, known.administration, known.environment, operation=identifier, seconds=seconds)
            operation = session.get_one(Operation, identifier, with_for_update=True, populate_existing=True)
            queued = lease is not None and operation.state == OperationState.QUEUED and not resting.rests(app, session)
            if lease is None or not queued or leases.room(session, app.settings.cloud.operations_at_once) < 0:
                session.rollback()
                return None
            operation.state = operation_after(identifier, OperationState.QUEUED, "run")
            operation.started_at = now()
            waited = (operation.started_at - operation.created_at).total_seconds()
            operation.seconds = {"queue": round(waited, 3)}
            session.add(operation)
            feed.record(session, "running", request=operation.request, operation=identifier, attempt=operation.attempt)
            return cls(app, operation, lease, since)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A transaction that only the holder of the lease commits.

        A worker that is frozen in the middle of it does not keep its successor waiting: the database ends a transaction in which nothing
        happens for longer than the lease.

        Raises:
            Lost: the lease lapsed or was taken; nothing is written.
        """
        try:
            with self.app.transaction() as session:
                session.connection().execute(_IMPATIENT, {"ms": str(round(1000 * self.app.settings.worker.lease_seconds))})
                leases.require(session, self.lease)
                yield session
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == _IDLE_TOO_LONG:
                raise Lost(f"token {self.token} was idle in a transaction for longer than the lease") from error
            raise

    def overtake(self, token: int) -> None:
        """Go on with a token younger than `token`, and with credentials of its name (`leases.overtake`).

        Raises:
            Lost: the lease is not this run's any more.
        """
        with self.heartbeat.renewing:
            with self.app.transaction() as session:
                younger = leases.overtake(session, self.lease, token)
            self.lease = self.heartbeat.lease = younger
            self.credentials = self._credentials()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Name what is being done now, and note how long it took.

        Raises:
            Cancelled: somebody asked for the end before this step began.
        """
        with self.transaction() as session:
            operation = session.get_one(Operation, self.id, with_for_update=True)
            if operation.cancel_requested:
                raise Cancelled(name)
            operation.step = name
            session.add(operation)
            feed.record(session, "step", request=self.number, operation=self.id, step=name)
        began = monotonic()
        yield
        with self.transaction() as session:
            operation = session.get_one(Operation, self.id, with_for_update=True)
            operation.seconds = {**operation.seconds, name: round(monotonic() - began, 3)}
            session.add(operation)

    def tell(self, kind: str, **document: Any) -> None:
        """Add to the feed what whoever watches sees."""
        with self.transaction() as session:
            feed.record(session, kind, request=self.number, operation=self.id, **document)

    def fulfilling(self, request: Request) -> None:
        """Its request is being fulfilled, in the caller's transaction; it is after a retry, or where an earlier run was lost in the middle."""
        if request.state != RequestState.FULFILLING:
            request.state = request_after(self.number, RequestState(request.state), "fulfil")
        request.updated_at, request.error = now(), None

    def succeed(self, session: Session, request: str, **outputs: Any) -> None:
        """End well, in the caller's transaction (`transaction`): `request` is the action on the request's state."""
        self._succeed(session)
        made = session.get_one(Request, self.number, with_for_update=True)
        made.state, made.updated_at, made.error = request_after(self.number, RequestState(made.state), request), now(), None
        session.add(made)
        feed.record(session, "succeeded", request=self.number, operation=self.id, **outputs)
        if made.state == RequestState.FULFILLED:
            letters.write(session, "ready", made)
        leases.give_back(session, self.lease, unclean=False)

    def done(self, session: Session) -> None:
        """End well what was nobody's request; whoever has the environment next looks before anything is made."""
        self._succeed(session)
        feed.record(session, "succeeded", request=self.number, operation=self.id)
        leases.give_back(session, self.lease, unclean=True)

    def _succeed(self, session: Session) -> None:
        operation = session.get_one(Operation, self.id, with_for_update=True)
        operation.state = operation_after(self.id, OperationState(operation.state), "succeed")
        operation.step, operation.finished_at = None, now()
        session.add(operation)

    def end(self, error: DcctlError | None) -> None:
        """End badly, or as it was asked to (`error` None)."""
        with self.transaction() as session:
            operation = session.get_one(Operation, self.id, with_for_update=True)
            ending.end(session, operation, error)
            leases.give_back(session, self.lease, unclean=self.unclean or operation.step is not None)
        if error is not None:
            log.warning("operation_failed", operation=self.id, request=self.number, token=self.token, code=error.code, params=error.params)

    def break_off(self, why: str = "killed") -> None:
        """Something that the run needs was killed: whoever takes the lease next looks, and goes on from what there is."""
        with self.transaction() as session:
            operation = session.get_one(Operation, self.id, with_for_update=True)
            ending.requeue(self.app, session, operation, why)
            leases.give_back(session, self.lease, unclean=True)


_IMPATIENT = text("SELECT set_config('idle_in_transaction_session_timeout', :ms, true)")


def perform(app: App, identifier: str, work: Callable[[Run], None]) -> None:
    """Run `work` for a queued operation, and end the operation whatever happens in it.

    A run that lost its lease ends without a word: the operation is its successor's.
    """
    run = Run.begin(app, identifier)
    if run is None:
        return
    with run.heartbeat, app.cloud().only_while(run.heartbeat.check):
        try:
            _worked(run, work)
        except (Lost, EngineFenced) as lost:
            log.warning("lease_lost", operation=identifier, token=run.token, why=str(lost))
        except DcctlError as error:  # not even its end could be written
            log.warning("left_to_its_lapse", operation=identifier, token=run.token, code=error.code)
        finally:
            run.credentials.remove()


def _worked(run: Run, work: Callable[[Run], None]) -> None:
    try:
        succession.succeed(run.app, run)
        work(run)
    except Cancelled:
        run.end(None)
    except DcctlError as error:
        if error.code == DATABASE_AWAY:
            run.break_off("database")
        else:
            run.end(error)
    except EngineBroken as broken:
        log.warning("run_broken_off", operation=run.id, token=run.token, why=str(broken))
        run.break_off()
    except (Lost, EngineFenced):
        raise
    except Exception:
        run.end(DcctlError("DCCTL-500", reference=run.id))
        raise

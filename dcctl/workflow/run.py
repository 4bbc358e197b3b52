"""One run of an operation: begun, taken step by step with what each took, ended in exactly one way; what happens is told as it happens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import structlog
from sqlmodel import Session

from dcctl.errors import DcctlError
from dcctl.lifecycle import EnvironmentState, OperationState, RequestState, environment_after, operation_after, request_after
from dcctl.store import Environment, Operation, Request, now
from dcctl.workflow import feed, leases
from dcctl.workflow.app import App
from dcctl.workflow.leases import Lease, Lost

log = structlog.get_logger("dcctl.workflow.run")


class Cancelled(Exception):
    """Somebody asked for the end; what was done stays, and a retry continues from there."""


class Run:
    """What a running operation writes; each method is a transaction of its own."""

    def __init__(self, app: App, operation: Operation, lease: Lease) -> None:
        self.app = app
        self.lease = lease
        self.id = operation.id
        self.number = operation.request
        self.administration = operation.administration
        self.environment = operation.environment

    @property
    def token(self) -> int:
        """The lease's, which every write of this run names."""
        return self.lease.token

    @property
    def unclean(self) -> bool:
        """Whether an earlier run of this environment did not end by its own word, or ended badly: then look before anything is made."""
        return self.lease.unclean

    @classmethod
    def begin(cls, app: App, identifier: str) -> "Run | None":
        """Take a queued operation with its environment's lease.

        None when it is not queued any more (cancelled, or the job came twice), or while another run has the environment.
        """
        with app.transaction() as session:
            known = session.get_one(Operation, identifier)
            seconds = app.settings.worker.lease_seconds
            lease = leases.take(session, known.administration, known.environment, operation=identifier, seconds=seconds)
            operation = session.get_one(Operation, identifier, with_for_update=True, populate_existing=True)
            if lease is None or operation.state != OperationState.QUEUED:
                session.rollback()
                return None
            operation.state = operation_after(identifier, OperationState.QUEUED, "run")
            operation.started_at = now()
            waited = (operation.started_at - operation.created_at).total_seconds()
            operation.seconds = {"queue": round(waited, 3)}
            session.add(operation)
            feed.record(session, "running", request=operation.request, operation=identifier, attempt=operation.attempt)
            return cls(app, operation, lease)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A transaction that only the holder of the lease commits.

        Raises:
            Lost: the lease lapsed or was taken; nothing is written.
        """
        with self.app.transaction() as session:
            leases.require(session, self.lease)
            yield session

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

    def succeed(self, session: Session, request: str, **outputs: Any) -> None:
        """End well, in the caller's transaction: `request` is the action on the request's state."""
        operation = session.get_one(Operation, self.id, with_for_update=True)
        operation.state = operation_after(self.id, OperationState(operation.state), "succeed")
        operation.step, operation.finished_at = None, now()
        session.add(operation)
        made = session.get_one(Request, self.number, with_for_update=True)
        made.state, made.updated_at, made.error = request_after(self.number, RequestState(made.state), request), now(), None
        session.add(made)
        feed.record(session, "succeeded", request=self.number, operation=self.id, **outputs)
        leases.give_back(session, self.lease, unclean=False)

    def end(self, error: DcctlError | None) -> None:
        """End badly, or as it was asked to (`error` None): the request is *failed*, a new environment too; all of it may be retried."""
        action = "cancel" if error is None else "fail"
        with self.transaction() as session:
            operation = session.get_one(Operation, self.id, with_for_update=True)
            operation.state = operation_after(self.id, OperationState(operation.state), action)
            operation.finished_at, operation.error = now(), error.to_json() if error else None
            session.add(operation)
            request = session.get_one(Request, self.number, with_for_update=True)
            request.error, request.updated_at = operation.error, now()
            if request.state == RequestState.FULFILLING:
                request.state = request_after(self.number, RequestState.FULFILLING, "fail")
            session.add(request)
            environment = session.get(Environment, operation.environment_id) if operation.environment_id is not None else None
            if environment is not None and environment.state == EnvironmentState.PROVISIONING:
                environment.state = environment_after(environment.name, EnvironmentState.PROVISIONING, "fail")
                session.add(environment)
            kind = "cancelled" if error is None else "failed"
            feed.record(session, kind, request=self.number, operation=self.id, step=operation.step, error=operation.error)
            leases.give_back(session, self.lease, unclean=self.unclean or operation.step is not None)


def perform(app: App, identifier: str, work: Callable[[Run], None]) -> None:
    """Run `work` for a queued operation, and end the operation whatever happens in it."""
    run = Run.begin(app, identifier)
    if run is None:
        return
    try:
        try:
            work(run)
        except Cancelled:
            run.end(None)
        except DcctlError as error:
            run.end(error)
        except Lost:
            raise
        except Exception:
            run.end(DcctlError("DCCTL-500", reference=identifier))
            raise
    except Lost:
        log.warning("lease_lost", operation=identifier, token=run.token)

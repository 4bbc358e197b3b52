"""What every use case is given: the settings, transactions, the queue, and OpenStack through the administrator's entry."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from time import monotonic
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlmodel import Session, create_engine

from dcctl.cloud.connect import Cloud
from dcctl.cloud.directory import Directory
from dcctl.config import Settings
from dcctl.errors import DcctlError
from dcctl.workflow import idempotency, witness
from dcctl.workflow.queue import Queue
from dcctl.workflow.standing import Keeper

#: Longest time that one call of OpenStack may take while somebody waits for the answer.
HURRIED_SECONDS = 3.0
#: A connection that has rested longer is asked whether it lives before it is used; one that was used a moment ago need not say so again.
RESTED_SECONDS = 1.0


class App:
    """One for each process; threads may share it."""

    def __init__(self, settings: Settings, *, pool_size: int = 10) -> None:
        self.settings = settings
        self.region = settings.cloud.region
        self._pool_size = pool_size

    @cached_property
    def engine(self) -> Engine:
        return self._engine()

    @cached_property
    def reading_engine(self) -> Engine:
        """Connections that cannot write. Each statement is its own transaction, which at READ COMMITTED reads the same and asks half as often."""
        made = self._engine(isolation_level="AUTOCOMMIT")
        event.listen(made, "connect", _forbid_writing)
        return made

    def _engine(self, **options: Any) -> Engine:
        made = create_engine(
            self.settings.database.application,
            pool_size=self._pool_size,
            max_overflow=self._pool_size,
            connect_args={"connect_timeout": 5, "application_name": "dcctl"},
            **options,
        )
        _look_after(made)
        return made

    @cached_property
    def queue(self) -> Queue:
        return Queue(self.settings.database.application)

    @cached_property
    def standing(self) -> Keeper:
        """Offers and catalogue."""
        return Keeper()

    @cached_property
    def admin_cloud(self) -> Cloud:
        """OpenStack with the rights of dcctl-admin."""
        cloud = self.settings.cloud
        return Cloud(cloud.clouds_yaml, cloud.admin, cloud.region, at_once=cloud.calls_at_once)

    @cached_property
    def hurried_cloud(self) -> Cloud:
        """The same for what somebody waits for: asked once, and not for long."""
        cloud = self.settings.cloud
        return Cloud(cloud.clouds_yaml, cloud.admin, cloud.region, timeout_seconds=HURRIED_SECONDS, attempts=1)

    @cached_property
    def directory(self) -> Directory:
        """Who and what Keystone's names are, as of a moment ago."""
        return Directory()

    def cloud(self) -> Cloud:
        """The same; a call, since a connection belongs to the thread that asks."""
        return self.admin_cloud

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose work is committed at the end, or rolled back whole; DCCTL-501 when the database does not answer.

        With it are committed what the audit trail says of it, if a deed is under way (`witness`), and the key under which that was asked for
        (`idempotency`).
        """
        with self.bare_transaction() as session:
            idempotency.begin(session)
            witness.watch(session)
            yield session
            witness.write(session)

    @contextmanager
    def bare_transaction(self) -> Iterator[Session]:
        """The same without a word in the audit trail: for what keeps dcctl going, and for the trail itself."""
        try:
            with Session(self.engine, expire_on_commit=False) as session:
                yield session
                session.commit()
        except (OperationalError, InterfaceError, PoolExhausted) as error:
            raise DcctlError("DCCTL-501") from error

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that cannot write."""
        try:
            with Session(self.reading_engine, expire_on_commit=False) as session:
                # Closing rolls back; rollback() itself would expire what was read, and it is used after the session's end.
                yield session
        except (OperationalError, InterfaceError, PoolExhausted) as error:
            raise DcctlError("DCCTL-501") from error

    def close(self) -> None:
        """Give the database's connections back."""
        for engine in ("engine", "reading_engine"):
            if engine in self.__dict__:
                self.__dict__[engine].dispose()


def _forbid_writing(connection: Any, record: Any) -> None:
    connection.execute("SET default_transaction_read_only = on")


def _look_after(engine: Engine) -> None:
    """Ask connections that have rested whether they live; when one does not, none of its age is believed."""

    def rests(connection: Any, record: Any) -> None:
        record.info["rests since"] = monotonic()

    def is_wanted(connection: Any, record: Any, proxy: Any) -> None:
        if monotonic() - record.info.get("rests since", monotonic()) < RESTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", rests)
    event.listen(engine, "checkout", is_wanted)

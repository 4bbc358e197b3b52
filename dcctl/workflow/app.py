"""What every use case is given: the settings, transactions, the queue, and OpenStack through the administrator's entry."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from sqlalchemy import Engine, text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlmodel import Session, create_engine

from dcctl.cloud.connect import Cloud
from dcctl.config import Settings
from dcctl.errors import DcctlError
from dcctl.workflow.queue import Queue

#: Longest time that one call of OpenStack may take while somebody waits for the answer.
HURRIED_SECONDS = 3.0


class App:
    """One for each process; threads may share it."""

    def __init__(self, settings: Settings, *, pool_size: int = 10) -> None:
        self.settings = settings
        self.region = settings.cloud.region
        self._pool_size = pool_size

    @cached_property
    def engine(self) -> Engine:
        return create_engine(
            self.settings.database.application,
            pool_size=self._pool_size,
            max_overflow=self._pool_size,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 5, "application_name": "dcctl"},
        )

    @cached_property
    def queue(self) -> Queue:
        return Queue(self.settings.database.application)

    @cached_property
    def admin_cloud(self) -> Cloud:
        """OpenStack with the rights of dcctl-admin."""
        cloud = self.settings.cloud
        return Cloud(cloud.clouds_yaml, cloud.admin, cloud.region)

    @cached_property
    def hurried_cloud(self) -> Cloud:
        """The same for what somebody waits for: asked once, and not for long."""
        cloud = self.settings.cloud
        return Cloud(cloud.clouds_yaml, cloud.admin, cloud.region, timeout_seconds=HURRIED_SECONDS, attempts=1)

    def cloud(self) -> Cloud:
        """The same; a call, since a connection belongs to the thread that asks."""
        return self.admin_cloud

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose work is committed at the end, or rolled back whole; DCCTL-501 when the database does not answer."""
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
            with Session(self.engine, expire_on_commit=False) as session:
                session.execute(text("SET TRANSACTION READ ONLY"))
                # Closing rolls back; rollback() itself would expire what was read, and it is used after the session's end.
                yield session
        except (OperationalError, InterfaceError, PoolExhausted) as error:
            raise DcctlError("DCCTL-501") from error

    def close(self) -> None:
        """Give the database's connections back."""
        if "engine" in self.__dict__:
            self.engine.dispose()

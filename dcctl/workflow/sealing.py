"""The sealer: chains the ledger's entries and the audit trail's events once they are committed, within a second, over a connection of its own.

Its role can do nothing else.
"""

import threading

import structlog
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from dcctl.config import Settings
from dcctl.workflow import witness
from quotas import proof
from quotas.schema.sealing import BATCH

#: Pause after a failure, so that a database that is away is not asked twice a second.
AFTER_FAILURE_SECONDS = 3.0

log = structlog.get_logger("dcctl.sealer")


class Sealer(threading.Thread):
    """Seals until `ending` is set. Any number may run: the database lets one work at a time, and each continues where the last one stopped."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="sealer", daemon=True)
        self.settings = settings
        self.ending = threading.Event()

    def stop(self) -> None:
        """Seal nothing more."""
        self.ending.set()

    def run(self) -> None:
        if not self.settings.database.sealer:
            log.warning("not_sealing", reason="database.sealer is not set")
            return
        options = "-c statement_timeout=60s -c lock_timeout=20s"
        engine = create_engine(
            self.settings.database.sealer,
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 5, "application_name": "dcctl-sealer", "options": options},
        )
        failed = False
        while not self.ending.is_set():
            try:
                while seal_once(engine) >= BATCH and not self.ending.is_set():
                    pass
            except SQLAlchemyError as error:
                if not failed:
                    log.warning("not_sealed", error=str(error))
                failed = True
                self.ending.wait(AFTER_FAILURE_SECONDS)
            else:
                if failed:
                    log.info("sealing_again")
                failed = False
                self.ending.wait(self.settings.worker.seal_seconds)
        engine.dispose()


def seal_once(engine: Engine) -> int:
    """Chain one batch of each chain, committed; return how many rows the larger one was."""
    sealed = []
    for chain in (proof.LEDGER, witness.CHAIN):
        with engine.begin() as connection:
            sealed.append(chain.seal(connection))
    return max(sealed)

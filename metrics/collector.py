"""`dcctl-collector`: reads the use of the whole cloud every now and then, and writes it to the observations.

Each source stands alone: its values are written in one transaction when it answered in full, and when it did not they stay as they were, with
the time of the last success and the words of the failure beside them. Keystone comes first, since it says which projects have a figure at all.
The process only reads from OpenStack, and its database role may write observations only.
"""

import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import structlog
from sqlalchemy import Engine

from dcctl import logs
from dcctl.cloud.connect import Cloud
from dcctl.cloud.wording import clean
from dcctl.commandline import COLLECTOR, ONCE, begun, told_of
from dcctl.config import Settings
from dcctl.errors import CloudError, DcctlError
from dcctl.store import add_requests
from metrics import collect, store

#: Longer words of a failure are cut: they are for a person, and the service's own log has the rest.
LONGEST_WORDS = 300
CALL_SECONDS = 30.0
EXIT_FAILED = 4


class Collector:
    """One pass after the other over every source.

    Args:
        page_size: how many items a page has at most; None leaves it to the service, as a site should.
    """

    def __init__(self, engine: Engine, cloud: Cloud, logger: Any, page_size: int | None = None) -> None:
        self._engine = engine
        self._cloud = cloud
        self._log = logger
        self._page_size = page_size

    def once(self) -> list[str]:
        """Read every source once; return the names of those that failed."""
        failed = [] if self._source(collect.KEYSTONE, self._projects) else [collect.KEYSTONE]
        for name, read in collect.SERVICES.items():
            if not self._source(name, lambda read=read, name=name: self._reading(name, read)):  # type: ignore[misc]
                failed.append(name)
        self._count_calls()
        return failed

    def _count_calls(self) -> None:
        """Note how many calls this pass has made; what could not be noted is counted with the next."""
        made = self._cloud.requests()
        try:
            with self._engine.begin() as database:
                add_requests(database, "collector", made)
        except store.DatabaseError as error:
            self._cloud.count_again(made)
            self._log.error("database failed", source="openstack_requests", error=clean(str(error), LONGEST_WORDS))

    def _projects(self) -> int:
        found = collect.projects(self._cloud, self._page_size)
        with self._engine.begin() as database:
            store.write_projects(database, collect.KEYSTONE, found)
        return len(found.projects)

    def _reading(self, name: str, read: collect.Read) -> int:
        reading = read(self._cloud, self._page_size)
        if reading.empty:
            with self._engine.connect() as database:
                fallen = store.fallen(database, self._cloud.region, reading)
            collect.confirm(self._cloud, reading, fallen)
        with self._engine.begin() as database:
            store.write_reading(database, name, self._cloud.region, reading)
        return len(reading.usage)

    def _source(self, name: str, work: Callable[[], int]) -> bool:
        """Do the work of one source; tell whether it succeeded, and remember why when it did not."""
        began_at, started = datetime.now(UTC), time.monotonic()
        try:
            figures = work()
        except CloudError as error:
            # The parameters rather than the sentence: people of both languages read `last_error`, and the service's words are its own.
            words = " ".join(str(error.params[key]) for key in ("service", "action", "status", "words") if error.params.get(key) is not None)
        except Exception as error:  # one source's trouble, foreseen or not, must not keep the others from being read
            words = f"{type(error).__name__}: {error}"
        else:
            self._log.info("source read", source=name, figures=figures, seconds=round(time.monotonic() - started, 3))
            return True
        words = clean(words, LONGEST_WORDS)
        self._log.warning("source failed", source=name, error=words, seconds=round(time.monotonic() - started, 3))
        try:
            with self._engine.begin() as database:
                store.write_failure(database, name, began_at, words)
        except store.DatabaseError as error:
            self._log.error("database failed", source=name, error=clean(str(error), LONGEST_WORDS))
        return False


def main(arguments: Sequence[str] | None = None) -> None:
    """Collect until SIGTERM, or once."""
    options, chosen = begun("dcctl-collector", COLLECTOR, arguments, example="DCCTL_COLLECTOR__INTERVAL_SECONDS=60", switches={"--once": ONCE})
    logs.configure(json=chosen.log_json)
    logger = structlog.get_logger("metrics")
    signal.signal(signal.SIGTERM, _end)
    collector = _collector(chosen, logger)
    try:
        if options.once:
            sys.exit(EXIT_FAILED if collector.once() else 0)
        while True:
            started = time.monotonic()
            collector.once()
            time.sleep(max(0.0, chosen.collector.interval_seconds - (time.monotonic() - started)))
    except KeyboardInterrupt:
        logger.info("ended")


def _collector(chosen: Settings, logger: Any) -> Collector:
    if not chosen.database.collector:
        sys.exit("\n".join(told_of("dcctl-collector", DcctlError("DCCTL-442", setting="database.collector"))))
    engine = store.engine(chosen.database.collector, "dcctl-collector")
    cloud = Cloud(chosen.cloud.clouds_yaml, chosen.collector.cloud, chosen.cloud.region, timeout_seconds=CALL_SECONDS)
    return Collector(engine, cloud, logger)


def _end(_number: int, _frame: object) -> NoReturn:
    """SIGTERM: what is under way is rolled back; nothing half done is ever committed."""
    raise SystemExit(0)


if __name__ == "__main__":
    main()

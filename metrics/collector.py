"""`dcctl-collector`: reads the use of the whole cloud every now and then, and writes it to the observations.

Each source stands alone: its values are written in one transaction when it answered in full, and when it did not they stay as they were, with
the time of the last success and the words of the failure beside them. Keystone comes first, since it says which projects have a figure at all.
Between two full passes Nova is asked for what has changed, and so is Cinder as far as it tells (`metrics.volumes`); what takes few calls, as Neutron
does whatever its size, is listed again. What could not be brought up to date waits for the next full pass, and its figures' time says so.
The process only reads from OpenStack, and its database role may write observations only.
"""

import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
from metrics import collect, hours, store
from metrics.confirming import confirm, confirm_limits, confirm_projects
from metrics.counting import KEYSTONE
from metrics.readings import Reading
from metrics.records import Records
from metrics.servers import Servers
from metrics.spans import HOUR, hour_of
from metrics.volumes import Volumes
from quotas.resources import BLOCK_STORAGE, COMPUTE, NETWORK

#: Longer words of a failure are cut: they are for a person, and the service's own log has the rest.
LONGEST_WORDS = 300
CALL_SECONDS = 30.0
EXIT_FAILED = 4
#: A source whose listing took such a share of the last full pass's calls is listed in every pass.
SHARE_OF_CALLS = 0.02
#: Looking for deleted volumes may cost such a share.
SEARCH_SHARE = 0.04
#: Records of an hour are read so long after its end (Nova writes them as servers end), and for so many hours back when the collector was away.
RECORDS_AFTER = timedelta(minutes=5)
RECORDED_HOURS = 24
#: A pass that brings up to date makes such a share of a full pass's calls at most, with the pages of records that it reads.
LIGHT_SHARE = 0.1
#: So many pages of records are read in a full pass where all are full; and in any, once there are hours that wait for theirs for so long.
RECORD_PAGES = 4
LATE_SECONDS = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often everything is listed, and what is believed and kept; see `dcctl.config.Collector`.

    Attributes:
        few_calls: a source that is listed with no more is listed in every pass, whatever its share; and so many any pass may make in all.
        search_calls: so many may be spent on looking for deleted volumes, whatever their share.
    """

    full_seconds: float = 0.0
    shrink_share: float = 0.5
    keep_usage_months: int = 36
    few_calls: int = 20
    search_calls: int = 4


class Collector:
    """One pass after the other over every source.

    Args:
        page_size: how many items a page has at most; None leaves it to the service, as a site should.
        policy: by default every pass lists everything.
    """

    def __init__(self, engine: Engine, cloud: Cloud, logger: Any, page_size: int | None = None, policy: Policy | None = None) -> None:
        self._engine = engine
        self._cloud = cloud
        self._log = logger
        self._page_size = page_size
        self._policy = policy or Policy()
        self._full_before = self._policy.full_seconds == 0
        self._servers = Servers()
        self._volumes = Volumes()
        self._records = Records()
        self._missing_since: float | None = None
        """Since when there are hours without records; None: there are none."""
        self._domains: dict[str, str] = {}
        self._nova: Reading | None = None
        self._cinder: Reading | None = None
        self._neutron: Reading | None = None
        self._full_at: float | None = None
        self._failed: frozenset[str] = frozenset()
        """Sources that failed in the last pass are read again in the next, whatever that costs."""
        self._calls_of_last: dict[str, int] = {}
        """By source, what its listing in the last full pass cost."""

    def once(self) -> list[str]:
        """Read every source once; return the names of those that failed."""
        full = self._full_at is None or time.monotonic() - self._full_at >= self._policy.full_seconds
        began, calls = time.monotonic(), self._cloud.calls()
        if full:
            self._calls_of_last = {}
        failed = [] if self._source(KEYSTONE, lambda: self._projects(full)) else [KEYSTONE]
        if not self._source(COMPUTE, lambda: self._compute(full)):
            failed.append(COMPUTE)
        if not self._source(BLOCK_STORAGE, lambda: self._block_storage(full)):
            failed.append(BLOCK_STORAGE)
        if (full or NETWORK in self._failed or self._is_cheap(NETWORK)) and not self._source(NETWORK, lambda: self._network(full)):
            failed.append(NETWORK)
        if full:
            self._full_at = began
        self._failed = frozenset(failed)
        if COMPUTE not in failed:  # else Nova is asked for no records either
            self.keep_hours(datetime.now(UTC), self._record_pages(full, self._cloud.calls() - calls))
        self._full_before = full
        self._count_calls()
        return failed

    def _is_cheap(self, name: str) -> bool:
        """Whether a whole listing of the source is a small part of a full pass."""
        calls = self._calls_of_last.get(name)
        return calls is not None and calls <= max(self._policy.few_calls, SHARE_OF_CALLS * sum(self._calls_of_last.values()))

    def _record_pages(self, full: bool, spent: int) -> int:
        """How many pages of records this pass reads besides: none in a full one where there are lighter ones."""
        late = self._missing_since is not None and time.monotonic() - self._missing_since > LATE_SECONDS
        least = RECORD_PAGES if late or (full and self._full_before) else 0
        most = max(self._policy.few_calls, int(LIGHT_SHARE * sum(self._calls_of_last.values())))
        return max(least, 0 if full else most - spent)

    def _count_calls(self) -> None:
        """Note how many calls this pass has made; what could not be noted is counted with the next."""
        made, codes = self._cloud.requests(), self._cloud.codes()
        try:
            with self._engine.begin() as database:
                add_requests(database, "collector", made)
                store.add_calls(database, codes)
        except store.DatabaseError as error:
            self._cloud.count_again(made, codes)
            self._log.error("database failed", source="openstack_requests", error=clean(str(error), LONGEST_WORDS))

    def _projects(self, full: bool) -> int:
        found = collect.projects(self._cloud, self._page_size, None if full else self._domains)
        with self._engine.connect() as database:
            vanished = store.vanished(database, found, self._policy.shrink_share)
        confirm_projects(self._cloud, found, vanished)
        with self._engine.begin() as database:
            store.write_projects(database, KEYSTONE, found)
        self._domains = {project.domain_id: project.domain_name for project in found.projects}
        return len(found.projects)

    def _compute(self, full: bool) -> int:
        if full or self._servers.as_of is None or self._nova is None:
            reading = collect.compute(self._cloud, self._servers, self._page_size)
        else:
            reading = collect.changed_servers(self._cloud, self._servers, self._nova, self._page_size)
        try:
            figures = self._write(COMPUTE, reading)
        except Exception:
            self._servers.forget()
            raise
        self._nova = reading
        return figures

    def _block_storage(self, full: bool) -> int | None:
        if full or BLOCK_STORAGE in self._failed or self._is_cheap(BLOCK_STORAGE) or self._volumes.as_of is None or self._cinder is None:
            reading: Reading | None = collect.block_storage(self._cloud, self._volumes, self._page_size)
        else:
            most = max(self._policy.search_calls, int(SEARCH_SHARE * sum(self._calls_of_last.values())))
            reading = collect.changed_volumes(self._cloud, self._volumes, self._cinder, most, self._page_size)
        if reading is None:
            return None
        try:
            figures = self._write(BLOCK_STORAGE, reading)
        except Exception:
            self._volumes.forget()
            raise
        self._cinder = reading
        return figures

    def _network(self, full: bool) -> int:
        reading = collect.network(self._cloud, self._page_size, None if full or NETWORK in self._failed else self._neutron)
        figures = self._write(NETWORK, reading)
        self._neutron = reading
        return figures

    def _write(self, name: str, reading: Reading) -> int:
        with self._engine.connect() as database:
            fallen = store.fallen(database, self._cloud.region, reading, self._policy.shrink_share)
            unlisted = store.unlisted(database, self._cloud.region, reading)
        confirm(self._cloud, reading, fallen)
        confirm_limits(self._cloud, reading, unlisted)
        with self._engine.begin() as database:
            store.write_reading(database, name, self._cloud.region, reading)
        return len(reading.usage)

    def keep_hours(self, now: datetime, most_pages: int) -> None:
        """Go on with Nova's records of an hour that has ended, the newest first, and put them down once all are read; with an hour, months that are
        too old are dropped. What fails is done with a later pass."""
        ended = hour_of(now - RECORDS_AFTER)
        try:
            with self._engine.connect() as database:
                region = self._cloud.region
                missing = hours.unrecorded(database, region, COMPUTE, [ended - number * HOUR for number in range(1, RECORDED_HOURS + 1)])
            self._missing_since = (self._missing_since or time.monotonic()) if missing else None
            if not missing or most_pages <= 0:
                return
            hour = self._records.hour if self._records.hour in missing else missing[-1]
            used = self._records.read(self._cloud, hour, most_pages, self._page_size)
            if used is None:
                return
            with self._engine.begin() as database:
                hours.record(database, region, COMPUTE, hour, used)
            with self._engine.begin() as database:
                hours.forget(database, months_before(ended, self._policy.keep_usage_months))
        except (CloudError, store.DatabaseError) as error:
            self._log.warning("hours not recorded", error=clean(str(error), LONGEST_WORDS))

    def _source(self, name: str, work: Callable[[], int | None]) -> bool:
        """Do the work of one source; tell whether it succeeded, and remember why when it did not.

        Work that returns None left the source as it was: that is no failure, and the time of its figures stands still.
        """
        began_at, started, calls = datetime.now(UTC), time.monotonic(), self._cloud.calls()
        try:
            figures = work()
        except CloudError as error:
            # The parameters rather than the sentence: people of both languages read `last_error`, and the service's words are its own.
            words = " ".join(str(error.params[key]) for key in ("service", "action", "status", "words") if error.params.get(key) is not None)
        except Exception as error:  # one source's trouble, foreseen or not, must not keep the others from being read
            words = f"{type(error).__name__}: {error}"
        else:
            if figures is None:
                self._log.info("source left for a full pass", source=name)
                return True
            seconds = round(time.monotonic() - started, 3)
            self._calls_of_last[name] = max(self._calls_of_last.get(name, 0), self._cloud.calls() - calls)
            self._log.info("source read", source=name, figures=figures, seconds=seconds)
            self._took(name, seconds)
            return True
        words = clean(words, LONGEST_WORDS)
        self._log.warning("source failed", source=name, error=words, seconds=round(time.monotonic() - started, 3))
        try:
            with self._engine.begin() as database:
                store.write_failure(database, name, began_at, words)
                store.write_duration(database, name, time.monotonic() - started)
        except store.DatabaseError as error:
            self._log.error("database failed", source=name, error=clean(str(error), LONGEST_WORDS))
        return False

    def _took(self, name: str, seconds: float) -> None:
        try:
            with self._engine.begin() as database:
                store.write_duration(database, name, seconds)
        except store.DatabaseError as error:
            self._log.error("database failed", source=name, error=clean(str(error), LONGEST_WORDS))


def months_before(moment: datetime, months: int) -> datetime:
    """The beginning of the month that lies so many whole months before."""
    counted = moment.year * 12 + moment.month - 1 - months
    return datetime(counted // 12, counted % 12 + 1, 1, tzinfo=UTC)


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
    own = chosen.collector
    policy = Policy(full_seconds=own.full_seconds, shrink_share=own.shrink_share, keep_usage_months=own.keep_usage_months)
    return Collector(engine, cloud, logger, policy=policy)


def _end(_number: int, _frame: object) -> NoReturn:
    """SIGTERM: what is under way is rolled back; nothing half done is ever committed."""
    raise SystemExit(0)


if __name__ == "__main__":
    main()

"""`dcctl-worker`: takes jobs from the queue and calls the use cases behind them; keeps the copy of OpenStack's catalogue and the clock of holds.

Any number of workers may run, on any number of machines; one run at a time for an environment (the queue's lock, and the lease). SIGTERM: no new
job is begun, running ones are finished. What a worker that was killed or frozen leaves is taken up by any other (`workflow.stalled`). While the
database is away, the worker waits for it.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import procrastinate
import structlog
from procrastinate.jobs import Job

from dcctl import heap, logs
from dcctl.commandline import WORKER, begun
from dcctl.errors import DcctlError
from dcctl.provisioner import processes
from dcctl.workflow import (
    altering,
    auditing,
    calls,
    catalogue,
    decommission,
    drift,
    evidence,
    expiry,
    extensions,
    fulfilment,
    leftovers,
    life,
    post,
    previews,
    rebuilding,
    reconciling,
    regions,
    stalled,
    verifying,
    waiting,
    witness,
)  # fmt: skip
from dcctl.workflow.app import App
from dcctl.workflow.loops import Loop, Thread, running
from dcctl.workflow.queue import BUILDING, COMPARING, EVIDENCE, PLAN, RECONCILE, REVIEW, SHORT, conninfo
from dcctl.workflow.sealing import Sealer
from dcctl.workflow.timetable import Timetable

#: Reviews at once; each is some calls of Keystone and two transactions.
REVIEWERS = 2
WATCH_SECONDS = 15.0
#: Between two looks at OpenStack's catalogue while it could not be read.
UNKNOWN_SECONDS = 3.0
#: Between two attempts to reach the database.
AWAY_SECONDS = 1.0
#: Exit status of errors that may pass by themselves: OpenStack or the database are away.
MAY_PASS = 4
#: Between two attempts of a review while that lasts: doubled each time, up to this.
LONGEST_WAIT_SECONDS = 60

#: The use case of each kind of operation.
OPERATIONS: Mapping[str, Callable[[App, str], None]] = {
    "fulfil": fulfilment.fulfil,
    "decommission": decommission.decommission,
    "abandon": decommission.abandon,
    "change": altering.change,
    "undo": altering.undo,
    "extension": extensions.extend,
    "rebuild": rebuilding.rebuild,
}

log = structlog.get_logger("dcctl.worker")


class Growing(procrastinate.BaseRetryStrategy):
    """Tries again for as long as what went wrong may pass: after 2, 4, 8 … seconds, then every minute. Anything else ends the job."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> procrastinate.RetryDecision | None:
        if not isinstance(exception, DcctlError) or exception.entry.exit != MAY_PASS:
            return None
        # The exponent is bounded first: after a week of attempts the power itself would be a number of a thousand digits.
        return procrastinate.RetryDecision(retry_in={"seconds": min(LONGEST_WAIT_SECONDS, 2 ** min(job.attempts + 1, 6))})


def _operating(app: App, kind: str, perform: Callable[[App, str], None]) -> Callable[[str], None]:
    def operate(operation: str) -> None:
        regions.watch(app)  # a database may have been restored since the last look; then the operation stays queued
        with witness.by_itself("worker", kind, operation):
            perform(app, operation)

    return operate


def _review(app: App, number: str) -> None:
    try:
        evidence.review(app, number)
    except DcctlError as error:
        passing = error.entry.exit == MAY_PASS
        log.warning("review_failed", request=number, code=error.code, final=not passing)
        if passing:
            evidence.put_off(app, number, error)
            raise
        evidence.fail(app, number, error)
    except Exception:
        evidence.fail(app, number, DcctlError("DCCTL-500", reference=number))
        raise


def tasks(app: App) -> procrastinate.App:
    """The queue's application with every task that a job may name."""
    connector = procrastinate.PsycopgConnector(conninfo=conninfo(app.settings.database.application))
    queue = procrastinate.App(connector=connector)

    @queue.task(name=REVIEW, queue=SHORT, retry=Growing())
    def review(number: str) -> None:
        with witness.by_itself("worker", REVIEW, number):
            _review(app, number)

    @queue.task(name=EVIDENCE, queue=SHORT)
    def look_again(number: str) -> None:
        with witness.by_itself("worker", EVIDENCE, number):
            evidence.preview_again(app, number)

    for kind, perform in OPERATIONS.items():
        queue.task(name=kind, queue=BUILDING)(_operating(app, kind, perform))

    @queue.task(name=PLAN, queue=SHORT)
    def plan(number: int) -> None:
        previews.run(app, number)

    # When these begin, and beside what they do not run, is in `dcctl.workflow.timetable`.

    @queue.task(name="every_night", queue=COMPARING)
    def every_night(timestamp: int) -> None:
        log.info("plans_forgotten", plans=previews.forget(app))
        log.info("drift_compared", **drift.compare_all(app))

    @queue.task(name=RECONCILE, queue=COMPARING)
    def reconcile(number: int) -> None:
        reconciling.run(app, number)

    @queue.task(name="every_hour", queue=COMPARING)
    def every_hour(timestamp: int) -> None:
        log.info("limits_audited", projects=auditing.audit(app))

    @queue.task(name="follow_chain", queue=COMPARING)
    def follow_chain(timestamp: int) -> None:
        verifying.follow(app)

    @queue.task(name="every_five_minutes", queue=COMPARING)
    def every_five_minutes(timestamp: int) -> None:
        if written := auditing.shrink_again(app):
            log.info("limits_written_again", projects=written)

    @queue.task(name="every_minute", queue=SHORT)
    def every_minute(timestamp: int) -> None:
        with witness.by_itself("worker", "clock", ""):
            lapsed = expiry.expire(app)
            if lapsed:
                log.info("holds_lapsed", requests=lapsed)
            for number, days in waiting.remind(app):
                log.info("reminded", request=number, days=days)
            for name, happened in life.tend(app):
                log.info("environment_expiring", environment=name, happened=happened)

    return queue


class Ledger:
    """This worker's look at how far the ledger has come: `regions.begin` the first time that it succeeds, from then on `regions.watch`.

    Its thread and whoever is about to take jobs look by the same object, so that whichever comes first begins.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.loop = Loop("ledger-watch", self.watch, pause=WATCH_SECONDS, failed="ledger_not_watched")
        self._looking = threading.Lock()
        self._look: Callable[[App], bool] = regions.begin
        self._followed = False

    def look(self) -> None:
        """Compare the ledger with what this worker has seen of it.

        Raises:
            DcctlError: it could not be compared: then no job is taken.
        """
        with self._looking:
            self._look(self.app)
            self._look = regions.watch

    def looked(self) -> bool:
        """Whether it could be compared now; if not, that is told as the loop tells it."""
        return self.loop.once(self.look)

    def watch(self) -> None:
        """The same as `look`, and once, at the start, follow the chain; later the queue does, every hour."""
        self.look()
        if not self._followed:
            verifying.follow(self.app)
            self._followed = True


async def _work(app: App, ledger: Ledger) -> None:
    """Work until SIGTERM or SIGINT; then what runs is finished. A database that went away is waited for.

    Until the ledger was compared with what this worker has seen of it, no job is taken, and whoever started the worker is told.
    """
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    loop.set_default_executor(ThreadPoolExecutor(app.settings.worker.concurrency + REVIEWERS + 3, thread_name_prefix="job"))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    while not stopping.is_set():
        try:
            if await asyncio.to_thread(ledger.looked):
                await _take_jobs(app, stopping)
        except procrastinate.exceptions.ConnectorException as error:
            log.warning("queue_away", why=str(error.__cause__ or error))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), AWAY_SECONDS)


async def _take_jobs(app: App, stopping: asyncio.Event) -> None:
    """All queues, until one of them ends by itself or `stopping` is set."""
    queue, lease = tasks(app), app.settings.worker.lease_seconds
    async with queue.open_async():
        working = [
            asyncio.create_task(
                queue.run_worker_async(
                    name=name,
                    queues=[name],
                    concurrency=concurrency,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=2.0,
                    delete_jobs="successful",
                    update_heartbeat_interval=lease / 3,
                    stalled_worker_timeout=stalled.silence(app),
                )
            )
            for name, concurrency in ((SHORT, REVIEWERS), (BUILDING, app.settings.worker.concurrency), (COMPARING, 1))
        ]
        told = asyncio.create_task(stopping.wait())
        await asyncio.wait([told, *working], return_when=asyncio.FIRST_COMPLETED)
        for task in (told, *working):
            task.cancel()
        ended = await asyncio.gather(*working, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, Exception):
            raise outcome


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `dcctl-worker`."""
    _, chosen = begun("dcctl-worker", WORKER, arguments, example="DCCTL_WORKER__CONCURRENCY=4")
    logs.configure(json=chosen.log_json)
    processes.become_subreaper()  # what a killed guardian leaves comes here, and not to a parent who does not know it
    app = App(chosen)
    ledger, counting, postman = Ledger(app), calls.counting(app, "worker"), post.delivering(app)
    pause: float = app.settings.worker.catalogue_seconds
    refresh = partial(catalogue.refresh, app)
    heap.settle()
    threads: list[Thread] = [
        Loop("catalogue", refresh, pause=pause, after_failure=min(pause, UNKNOWN_SECONDS), failed="catalogue_not_refreshed"),
        ledger.loop,
        counting,
        Sealer(app.settings),
        stalled.keeping(app),
        leftovers.cleaning(app),
        Timetable(app).loop(),
        *([postman] if postman is not None else []),
    ]
    try:
        with running(threads):
            log.info("started", concurrency=app.settings.worker.concurrency)
            asyncio.run(_work(app, ledger))
    finally:
        counting.once()
        app.close()
        log.info("ended")


if __name__ == "__main__":
    main()

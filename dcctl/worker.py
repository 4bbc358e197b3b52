"""`dcctl-worker`: takes jobs from the queue and calls the use cases behind them; keeps the copy of OpenStack's catalogue and the clock of holds.

Any number of workers may run; one job at a time for an environment (the queue's lock). SIGTERM: no new job is begun, running ones are finished.
"""

import asyncio
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import procrastinate
import structlog

from dcctl import logs
from dcctl.config import settings
from dcctl.errors import DcctlError
from dcctl.workflow import auditing, calls, catalogue, decommission, evidence, expiry, fulfilment, reconciling, regions
from dcctl.workflow.app import App
from dcctl.workflow.queue import ABANDON, BUILDING, COMPARING, DECOMMISSION, FULFIL, RECONCILE, REVIEW, SHORT, conninfo
from dcctl.workflow.sealing import Sealer

#: Reviews at once; each is some calls of Keystone and two transactions.
REVIEWERS = 2
WATCH_SECONDS = 15.0

log = structlog.get_logger("dcctl.worker")


def tasks(app: App) -> procrastinate.App:
    """The queue's application with every task that a job may name."""
    connector = procrastinate.PsycopgConnector(conninfo=conninfo(app.settings.database.application))
    queue = procrastinate.App(connector=connector)

    @queue.task(name=REVIEW, queue=SHORT, retry=procrastinate.RetryStrategy(max_attempts=5, wait=2, retry_exceptions={DcctlError}), pass_context=True)
    def review(context: procrastinate.JobContext, number: str) -> None:
        try:
            evidence.review(app, number)
        except DcctlError as error:
            final = error.entry.exit != 4 or (context.job is not None and context.job.attempts >= 4)
            log.warning("review_failed", request=number, code=error.code, final=final)
            if not final:
                raise
            evidence.fail(app, number, error)

    @queue.task(name=FULFIL, queue=BUILDING)
    def fulfil(operation: str) -> None:
        fulfilment.fulfil(app, operation)

    @queue.task(name=DECOMMISSION, queue=BUILDING)
    def decommission_(operation: str) -> None:
        decommission.decommission(app, operation)

    @queue.task(name=ABANDON, queue=BUILDING)
    def abandon(operation: str) -> None:
        decommission.abandon(app, operation)

    @queue.task(name=RECONCILE, queue=COMPARING)
    def reconcile(number: int) -> None:
        reconciling.run(app, number)

    @queue.periodic(cron="17 * * * *")
    @queue.task(name="every_hour", queue=COMPARING, lock="reconcile", queueing_lock="every_hour")
    def every_hour(timestamp: int) -> None:
        log.info("limits_audited", projects=auditing.audit(app))

    @queue.periodic(cron="*/5 * * * *")
    @queue.task(name="every_five_minutes", queue=COMPARING, lock="reconcile", queueing_lock="every_five_minutes")
    def every_five_minutes(timestamp: int) -> None:
        if written := auditing.shrink_again(app):
            log.info("limits_written_again", projects=written)

    @queue.periodic(cron="* * * * *")
    @queue.task(name="every_minute", queue=SHORT, lock="every_minute", queueing_lock="every_minute")
    def every_minute(timestamp: int) -> None:
        lapsed = expiry.expire(app)
        if lapsed:
            log.info("holds_lapsed", requests=lapsed)

    return queue


class CatalogueKeeper(threading.Thread):
    """Refreshes the copy of OpenStack's catalogue now and then, and says when it could not."""

    def __init__(self, app: App) -> None:
        super().__init__(name="catalogue", daemon=True)
        self.app = app
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            pause: float = self.app.settings.worker.catalogue_seconds
            try:
                catalogue.refresh(self.app)
            except DcctlError as error:
                log.warning("catalogue_not_refreshed", code=error.code, **{key: str(value) for key, value in error.params.items()})
                pause = min(pause, 3.0)
            except Exception:
                log.exception("catalogue_not_refreshed")
            self.ending.wait(pause)


class LedgerWatch(threading.Thread):
    """Remembers how far the ledger has come, in this worker's own directory, and notices when it is behind that."""

    def __init__(self, app: App) -> None:
        super().__init__(name="ledger-watch", daemon=True)
        self.app = app
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                regions.watch(self.app)
            except DcctlError as error:
                log.warning("ledger_not_watched", code=error.code, **{key: str(value) for key, value in error.params.items()})
            except Exception:
                log.exception("ledger_not_watched")
            self.ending.wait(WATCH_SECONDS)


async def _work(app: App) -> None:
    """Both queues until SIGTERM or SIGINT; then what runs is finished."""
    queue, building = tasks(app), app.settings.worker.concurrency
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(building + REVIEWERS + 3, thread_name_prefix="job"))
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
                )
            )
            for name, concurrency in ((SHORT, REVIEWERS), (BUILDING, building), (COMPARING, 1))
        ]
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: [task.cancel() for task in working])
        await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
        for task in working:
            task.cancel()
        ended = await asyncio.gather(*working, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, Exception):
            raise outcome


def main() -> None:
    """Entry point of `dcctl-worker`."""
    logs.configure(json=settings().log_json)
    app = App(settings())
    keeper = CatalogueKeeper(app)
    keeper.start()
    watch, counter = LedgerWatch(app), calls.Counter(app, "worker")
    watch.start()
    counter.start()
    sealer = Sealer(app.settings)
    sealer.start()
    log.info("started", concurrency=app.settings.worker.concurrency)
    try:
        asyncio.run(_work(app))
    finally:
        keeper.ending.set()
        watch.ending.set()
        sealer.ending.set()
        counter.end()
        app.close()
        log.info("ended")


if __name__ == "__main__":
    main()

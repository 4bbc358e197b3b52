"""What is done by the clock: by the database's, so that a worker whose own clock jumps does nothing early, and leaves nothing out.

The queue has periodic tasks of its own, which go by the clock of the worker's machine: one that was a day ahead for a moment, and put right, would
wait for that day to come before it looks again what has ended.
"""

import threading
from dataclasses import dataclass

import structlog
from sqlalchemy import text

from dcctl.errors import DcctlError
from dcctl.workflow.app import App
from dcctl.workflow.queue import COMPARING, SHORT

#: Between two looks at the database's clock.
LOOK_SECONDS = 10.0
#: What should have begun longer ago is left out: the next time comes.
LATE_SECONDS = 600
MINUTE, HOUR, DAY = 60, 3600, 86400
_CLOCK = text("SELECT extract(epoch FROM clock_timestamp())::bigint")

log = structlog.get_logger("dcctl.workflow.timetable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A task, begun `after` so many seconds of each `period`, in UTC. `lock`: what it does not run beside."""

    task: str
    period: int
    after: int = 0
    queue: str
    lock: str

    def due(self, at: int) -> int | None:
        """The last time at which it was to begin; None where that is long ago. Seconds since 1970."""
        last = (at - self.after) // self.period * self.period + self.after
        return last if at - last <= LATE_SECONDS else None


TIMETABLE = (
    Entry(task="every_minute", period=MINUTE, queue=SHORT, lock="every_minute"),
    Entry(task="every_five_minutes", period=5 * MINUTE, queue=COMPARING, lock="reconcile"),
    Entry(task="every_hour", period=HOUR, after=17 * MINUTE, queue=COMPARING, lock="reconcile"),
    Entry(task="follow_chain", period=HOUR, after=41 * MINUTE, queue=COMPARING, lock="follow_chain"),
    Entry(task="every_night", period=DAY, after=2 * HOUR + 43 * MINUTE, queue=COMPARING, lock="drift"),
)


class Timetable(threading.Thread):
    """A worker's own thread for this. Of any number of workers one begins each task at each time: the database knows of which it was begun."""

    def __init__(self, app: App) -> None:
        super().__init__(name="timetable", daemon=True)
        self.app = app
        self.ending = threading.Event()
        self._begun: dict[str, int] = {}

    def run(self) -> None:
        while not self.ending.is_set():
            try:
                self.look()
            except DcctlError as error:
                log.warning("timetable_not_kept", code=error.code)
            except Exception:
                log.exception("timetable_not_kept")
            self.ending.wait(LOOK_SECONDS)

    def look(self) -> list[str]:
        """Queue what is due now and was not before; the tasks."""
        with self.app.reading() as session:
            at = int(session.connection().execute(_CLOCK).scalar_one())
        found = []
        for entry in TIMETABLE:
            due = entry.due(at)
            if due is None or self._begun.get(entry.task) == due:
                continue
            with self.app.bare_transaction() as session:
                if self.app.queue.defer_once(session, entry.task, queue=entry.queue, lock=entry.lock, at=due):
                    found.append(entry.task)
            self._begun[entry.task] = due
        return found

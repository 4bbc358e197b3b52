"""What is done by the clock: by the database's, so that a worker whose own clock jumps does nothing early, and leaves nothing out.

The queue has periodic tasks of its own, which go by the clock of the worker's machine: one that was a day ahead for a moment, and put right, would
wait for that day to come before it looks again what has ended.
"""

from dataclasses import dataclass

from sqlalchemy import text

from dcctl.workflow.app import App
from dcctl.workflow.loops import Loop
from dcctl.workflow.queue import COMPARING, SHORT

#: Between two looks at the database's clock.
LOOK_SECONDS = 10.0
#: What should have begun longer ago is left out: the next time comes.
LATE_SECONDS = 600
MINUTE, HOUR, DAY = 60, 3600, 86400
_CLOCK = text("SELECT extract(epoch FROM clock_timestamp())::bigint")


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


class Timetable:
    """One worker's look at it. Of any number of workers one begins each task at each time: the database knows of which it was begun."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._begun: dict[str, int] = {}

    def loop(self) -> Loop:
        """A worker's loop for this."""
        return Loop("timetable", self.look, pause=LOOK_SECONDS, failed="timetable_not_kept")

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

"""What is done by the clock is begun by the database's, once at each time, by whichever worker comes first. On a real database, with the queue."""

import pytest
from sqlalchemy import text

from dcctl.worker import tasks
from dcctl.workflow import timetable
from dcctl.workflow.app import App
from dcctl.workflow.timetable import DAY, HOUR, LATE_SECONDS, MINUTE, TIMETABLE, Entry, Timetable
from tests.integration.workflow.test_stalled import fetched

NIGHT = Entry(task="every_night", period=DAY, after=2 * HOUR + 43 * MINUTE, queue="q", lock="drift")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    return Clock(monkeypatch)


class Clock:
    """The database's, as a test sets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._set = lambda at: monkeypatch.setattr(timetable, "_CLOCK", text(f"SELECT {at}::bigint"))

    def set(self, at: int) -> None:
        self._set(at)


def test_a_time_is_due_for_some_minutes_and_then_left_out():
    night = 20000 * DAY + 2 * HOUR + 43 * MINUTE

    assert [NIGHT.due(night + seconds) for seconds in (0, LATE_SECONDS)] == [night, night]
    assert [NIGHT.due(night + seconds) for seconds in (-1, LATE_SECONDS + 1)] == [None, None]


def test_each_task_of_the_timetable_is_one_that_the_worker_knows(app: App) -> None:
    assert {entry.task for entry in TIMETABLE} <= set(tasks(app).tasks)


def test_of_two_workers_one_begins_what_is_due_and_again_when_it_is_due_again(app: App, clock: Clock) -> None:
    one, other = Timetable(app), Timetable(app)
    clock.set(20000 * DAY + 12 * HOUR + 17 * MINUTE + 5)

    assert one.look() == ["every_minute", "every_five_minutes", "every_hour"]
    assert (one.look(), other.look()) == ([], [])
    job = fetched(app, "dcctl-short")
    assert job is not None
    assert (job["task"], job["args"]) == ("every_minute", {"timestamp": 20000 * DAY + 12 * HOUR + 17 * MINUTE})

    clock.set(20000 * DAY + 12 * HOUR + 18 * MINUTE + 5)
    assert other.look() == ["every_minute"]
    clock.set(20000 * DAY + 12 * HOUR + 19 * MINUTE + 5)
    assert other.look() == []  # the last one still waits


def test_a_clock_that_was_a_day_ahead_for_a_moment_leaves_nothing_out_afterwards(app: App, clock: Clock) -> None:
    mine, noon = Timetable(app), 20000 * DAY + 12 * HOUR
    clock.set(noon + DAY)
    assert "every_minute" in mine.look()
    assert fetched(app, "dcctl-short") is not None

    clock.set(noon)
    with app.transaction() as session:
        session.execute(text("DELETE FROM procrastinate_jobs"))
    assert "every_minute" in mine.look()

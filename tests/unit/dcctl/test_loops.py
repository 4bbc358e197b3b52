"""What a server does by itself goes on whatever goes wrong, says so once, and ends at once when it is told to."""

import threading
import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from dcctl.errors import DcctlError
from dcctl.workflow import loops
from dcctl.workflow.loops import Loop, running

AWAY, REFUSED = DcctlError("DCCTL-501"), DcctlError("DCCTL-402", service="Keystone", words="connection refused")
#: Longer than any test waits.
LONG = 600.0


def answering(*outcomes: Exception | None) -> tuple[Callable[[], None], threading.Event]:
    """Something that goes wrong as it is told, and then well; and when it has come to the end of that."""
    left, over = list(outcomes), threading.Event()

    def each() -> None:
        if not left:
            over.set()
            return
        outcome = left.pop(0)
        if outcome is not None:
            raise outcome

    return each, over


def told(*outcomes: Exception | None) -> list[tuple[str, str | None]]:
    """Event and code of every line of the log, of a loop without pauses that meets these one after the other, and then goes well."""
    each, over = answering(*outcomes)
    with capture_logs() as lines, running([Loop("timetable", each, pause=0.001, failed="timetable_not_kept")]):
        assert over.wait(30)
    return [(line["event"], line.get("code")) for line in lines]


def test_what_goes_wrong_is_told_when_it_begins_changes_and_is_over_and_the_loop_goes_on() -> None:
    again = ("well_again", None)

    assert told(None, None) == []
    assert told(AWAY, AWAY, AWAY) == [("timetable_not_kept", "DCCTL-501"), again]
    assert told(AWAY, REFUSED, REFUSED) == [("timetable_not_kept", "DCCTL-501"), ("timetable_not_kept", "DCCTL-402"), again]
    assert told(AWAY, None, AWAY) == [("timetable_not_kept", "DCCTL-501"), again] * 2


def test_what_nobody_foresaw_ends_no_loop_and_is_told_with_where_it_came_from() -> None:
    each, over = answering(ValueError("impossible"), ValueError("impossible"))
    with capture_logs() as lines, running([Loop("stalled", each, pause=0.001, failed="not_looked_for_stalled")]):
        assert over.wait(30)

    assert [(line["event"], line["log_level"], bool(line.get("exc_info"))) for line in lines] == [
        ("not_looked_for_stalled", "error", True), ("well_again", "info", False)
    ]  # fmt: skip


def test_after_a_failure_it_may_come_again_sooner() -> None:
    each, over = answering(AWAY, AWAY)

    with running([Loop("catalogue", each, pause=LONG, after_failure=0.001, failed="catalogue_not_refreshed")]):
        assert over.wait(30)


def test_one_that_begins_with_its_pause_does_nothing_before() -> None:
    each, over = answering()

    with running([Loop("postman", each, pause=LONG, at_once=False, failed="letters_not_sent")]):
        assert not over.wait(0.05)


def test_one_that_pauses_ends_at_once_and_one_that_works_is_waited_for() -> None:
    working, let_go, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        working.set()
        let_go.wait(30)
        done.set()

    rests = Loop("leftovers", lambda: None, pause=LONG, failed="leftovers_not_looked_for")
    works = Loop("postman", work, pause=LONG, failed="letters_not_sent")
    with running([rests, works]):
        assert working.wait(30)
        threading.Timer(0.05, let_go.set).start()

    assert done.is_set()
    assert not rests.is_alive()
    assert not works.is_alive()


def test_one_that_hangs_keeps_nobody_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "LAST_SECONDS", 0.05)
    working, let_go = threading.Event(), threading.Event()

    def hang() -> None:
        working.set()
        let_go.wait(60)

    began = time.monotonic()
    with capture_logs() as lines, running([Loop("catalogue", hang, pause=LONG, failed="catalogue_not_refreshed")]):
        assert working.wait(30)
    took = time.monotonic() - began
    let_go.set()

    assert took < 30
    assert [line["threads"] for line in lines] == [["catalogue"]]


def test_who_asks_in_between_hears_how_it_went_and_the_log_says_it_once() -> None:
    loop = Loop("ledger-watch", lambda: None, pause=LONG, failed="ledger_not_watched")

    def away() -> None:
        raise AWAY

    with capture_logs() as lines:
        assert [loop.once(away), loop.once(away), loop.once()] == [False, False, True]

    assert [line["event"] for line in lines] == ["ledger_not_watched", "well_again"]

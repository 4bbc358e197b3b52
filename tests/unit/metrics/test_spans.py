from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.collector import months_before
from metrics.spans import hours_between, recorded, seconds_within

NINE = datetime(2026, 3, 22, 9, 0, tzinfo=UTC)


def record(started: str, ended: str | None, vcpus: int = 4) -> dict[str, object]:
    return {"tenant_id": "0f", "vcpus": vcpus, "memory_mb": 8192, "started_at": started, "ended_at": ended}


def test_a_server_that_lived_thirty_seconds_is_counted_for_thirty_seconds():
    assert recorded(NINE, [record("2026-03-22T09:10:00.000000", "2026-03-22T09:10:30.000000")]) == {
        ("0f", "instances"): 30, ("0f", "cores"): 120, ("0f", "ram"): 30 * 8192,
    }  # fmt: skip


def test_what_goes_on_counts_until_the_end_of_the_hour_and_what_began_before_from_its_beginning():
    used = recorded(NINE, [record("2026-03-22T08:10:00.000000", None, 1), record("2026-03-22T09:45:00.000000", "2026-03-22T11:00:00.000000", 2)])

    assert used["0f", "cores"] == 3600 + 2 * 900


@pytest.mark.parametrize(("started", "ended"), [("2026-03-22T08:00:00", "2026-03-22T09:00:00"), ("2026-03-22T10:00:00", None)])
def test_what_lived_in_other_hours_is_not_in_this_one(started: str, ended: str | None):
    assert recorded(NINE, [record(started, ended)]) == {}


def test_what_was_there_at_all_lasted_a_second():
    assert seconds_within(NINE, NINE, NINE + timedelta(milliseconds=20)) == 1


@given(st.lists(st.floats(0, 90_000), min_size=2, max_size=20))
def test_spans_that_follow_each_other_add_up_to_what_lies_between_and_fill_no_hour_twice(offsets: list[float]):
    moments = [NINE + timedelta(seconds=offset) for offset in sorted(offsets)]
    seconds: dict[datetime, int] = {}
    for since, until in pairwise(moments):
        for hour, lasted in hours_between(since, until):
            seconds[hour] = seconds.get(hour, 0) + lasted

    assert sum(seconds.values()) == int(moments[-1].timestamp()) - int(moments[0].timestamp())
    assert all(0 < lasted <= 3600 for lasted in seconds.values())


@pytest.mark.parametrize(("months", "then"), [(1, "2026-02-01"), (3, "2025-12-01"), (36, "2023-03-01")])
def test_months_are_counted_back_to_the_first_of_one(months: int, then: str):
    assert months_before(NINE, months) == datetime.fromisoformat(then).replace(tzinfo=UTC)

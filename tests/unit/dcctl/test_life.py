"""When which warning of an environment's end is due."""

from datetime import UTC, datetime, timedelta

import pytest

from dcctl.workflow.life import warning_due

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = BEGUN + timedelta(days=365)


@pytest.mark.parametrize(
    ("days_before", "warned", "due"),
    [(31, None, None), (30, None, 30), (29, 30, None), (14, 30, 14), (10, 14, None), (7, 14, 7), (1, 7, 1), (0.5, 1, None), (0.5, None, 1)],
)
def test_each_warning_is_due_once_and_what_was_slept_through_is_said_by_the_nearest(days_before, warned, due):
    assert warning_due(BEGUN, YEAR, YEAR - timedelta(days=days_before), warned) == due


def test_an_environment_of_thirty_days_is_not_warned_of_when_it_begins():
    end = BEGUN + timedelta(days=30)

    assert warning_due(BEGUN, end, BEGUN, None) is None
    assert warning_due(BEGUN, end, end - timedelta(days=14), None) == 14

"""The tables of states: what leads where, and that everything else is refused with what is possible."""

import itertools

import pytest

from dcctl.errors import DcctlError
from dcctl.lifecycle import (
    ENDED,
    ENVIRONMENT,
    EXPIRING,
    OPERATION,
    REQUEST,
    EnvironmentState,
    OperationState,
    RequestState,
    environment_after,
    operation_after,
    possible,
    request_after,
)


def test_a_request_goes_from_submit_to_fulfilled():
    state = RequestState.SUBMITTED
    for action in ("review", "approve", "fulfil", "succeed"):
        state = request_after("R-2026-0042", state, action)

    assert state is RequestState.FULFILLED


def test_a_failed_request_can_be_continued_abandoned_or_taken_back():
    assert possible(RequestState.FAILED) == ["fulfil", "abandon", "withdraw"]


@pytest.mark.parametrize("state", sorted(ENDED - {RequestState.FULFILLED}))
def test_nothing_leads_out_of_an_ended_request(state):
    assert possible(state) == []


@pytest.mark.parametrize(
    ("table", "after", "states"),
    [(REQUEST, request_after, RequestState), (ENVIRONMENT, environment_after, EnvironmentState), (OPERATION, operation_after, OperationState)],
)
def test_every_pair_is_either_in_its_table_or_refused_with_what_is_possible(table, after, states):
    actions = sorted({action for _, action in table})
    for state, action in itertools.product(states, actions):
        if (state, action) in table:
            assert after("R-2026-0042", state, action) is table[state, action]
            continue
        with pytest.raises(DcctlError) as refused:
            after("R-2026-0042", state, action)
        assert refused.value.params["possible"] == possible(state)


def test_the_clock_ends_holds_only_before_a_decision():
    assert {RequestState.SUBMITTED, RequestState.IN_REVIEW, RequestState.RETURNED, RequestState.PROPOSED} == EXPIRING
    assert {state for (state, action) in REQUEST if action == "lapse"} == EXPIRING


def test_data_are_destroyed_only_by_a_decommission():
    leading_to_the_end = {(state, action) for (state, action), after in ENVIRONMENT.items() if after is EnvironmentState.DECOMMISSIONED}

    assert leading_to_the_end == {(EnvironmentState.DECOMMISSIONING, "end")}

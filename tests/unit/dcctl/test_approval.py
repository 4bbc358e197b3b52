"""Who must decide, and when a decision is refused."""

import pytest

from dcctl.approval import Needed, check, may_fill
from dcctl.errors import DcctlError
from dcctl.lifecycle import RequestState

FACTS = {
    "number": "R-2026-0042", "state": RequestState.IN_REVIEW, "verdict": "approve", "requester_id": "agent", "decider_id": "lead",
    "deciders": [], "given_digest": "d1", "digest": "d1",
}  # fmt: skip


def test_an_operator_may_decide_wherever_one_is_needed_and_a_lead_only_for_their_own():
    lead, operator = Needed(role="dc_lead", administration="min-sante"), Needed(role="dc_operator", administration="min-sante")

    assert may_fill({"dc_lead"}, "min-sante", [operator, lead]) == lead
    assert may_fill({"dc_lead"}, "min-justice", [lead, operator]) is None
    assert may_fill({"dc_operator"}, None, [lead, operator]) == operator
    assert may_fill({"dc_agent"}, "min-sante", [lead, operator]) is None


def test_an_approval_of_the_current_digest_by_somebody_else_counts():
    assert check(**FACTS) is RequestState.APPROVED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"decider_id": "agent"}, "DCCTL-204"),
        ({"authors": ["lead"]}, "DCCTL-204"),
        ({"deciders": ["lead"]}, "DCCTL-205"),
        ({"given_digest": "d0"}, "DCCTL-203"),
        ({"given_digest": None}, "DCCTL-203"),
        ({"verdict": "refuse", "given_digest": "d0"}, "DCCTL-203"),
        ({"state": RequestState.SUBMITTED}, "DCCTL-301"),
        ({"state": RequestState.FULFILLED}, "DCCTL-301"),
    ],
)
def test_a_decision_is_refused_for_its_reason(change, code):
    with pytest.raises(DcctlError) as refused:
        check(**FACTS | change)

    assert refused.value.code == code


def test_a_refusal_may_leave_the_digest_out():
    assert check(**FACTS | {"verdict": "refuse", "given_digest": None}) is RequestState.REFUSED

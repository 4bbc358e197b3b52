"""Who must decide, and when a decision is refused."""

import pytest

from dcctl.approval import Needed, check, needed
from dcctl.errors import DcctlError
from dcctl.lifecycle import RequestState

AGENT = {"user": "sante-agent", "roles": ["dc_agent"]}
LEAD = {"user": "sante-lead", "roles": ["dc_lead"]}
FACTS = {
    "number": "R-2026-0042", "state": RequestState.IN_REVIEW, "verdict": "approve", "requester_id": "agent", "decider_id": "lead",
    "deciders": [], "given_digest": "d1", "digest": "d1",
}  # fmt: skip


def test_a_new_environment_needs_its_administrations_lead():
    assert needed("environment", "min-sante", AGENT, []) == [Needed(role="dc_lead", administration="min-sante")]
    assert needed("environment", "min-sante", AGENT, [LEAD]) == []


def test_a_lead_who_asks_still_needs_another_lead():
    assert needed("environment", "min-sante", LEAD, []) == [Needed(role="dc_lead", administration="min-sante")]


def test_a_leads_own_typed_word_is_enough_to_give_an_environment_back_but_not_an_agents():
    assert needed("decommission", "min-sante", LEAD, []) == []
    assert needed("decommission", "min-sante", AGENT, []) == [Needed(role="dc_lead", administration="min-sante")]


def test_an_approval_of_the_current_digest_by_somebody_else_counts():
    assert check(**FACTS) is RequestState.APPROVED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"decider_id": "agent"}, "DCCTL-204"),
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

"""What one operator may do alone, and who may decide on the rest."""

import pytest
from pydantic import ValidationError

from dcctl.approval import ActState, beyond, check_act
from dcctl.config import ENVELOPE_ALONE, Acts
from dcctl.errors import DcctlError

DIGEST = "d" * 64
ALONE = {"cores": 500, "gigabytes": 20_000, "gigabytes_ssd": 100}


def test_what_is_at_the_threshold_is_done_alone_and_one_unit_more_is_not() -> None:
    assert beyond({"cores": 500}, ALONE) == {}
    assert beyond({"cores": 501, "gigabytes": 5}, ALONE) == {"cores": {"asked": 501, "allowed": 500}}


def test_a_volume_type_without_a_threshold_is_measured_by_gigabytes_and_an_unknown_resource_always_waits() -> None:
    assert beyond({"gigabytes_ssd": 101, "gigabytes_hdd": 20_001, "gpus": 1}, ALONE) == {
        "gigabytes_ssd": {"asked": 101, "allowed": 100}, "gigabytes_hdd": {"asked": 20_001, "allowed": 20_000}, "gpus": {"asked": 1, "allowed": 0},
    }  # fmt: skip


def test_a_site_names_only_what_differs_and_cannot_name_what_is_not_counted() -> None:
    assert Acts(envelopes={"cores": 0}).envelopes == ENVELOPE_ALONE | {"cores": 0}
    for wrong in ({"core": 5}, {"cores": -1}, {"cores": 2**53 + 1}):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            Acts(envelopes=wrong)


@pytest.mark.parametrize(
    ("state", "verdict", "decider", "given", "code"),
    [
        (ActState.WAITING, "approve", "b", DIGEST, None),
        (ActState.WAITING, "refuse", "b", None, None),
        (ActState.WAITING, "refuse", "a", None, None),
        (ActState.WAITING, "approve", "a", DIGEST, "DCCTL-204"),
        (ActState.WAITING, "approve", "b", None, "DCCTL-551"),
        (ActState.WAITING, "refuse", "b", "0" * 64, "DCCTL-551"),
        (ActState.POSTED, "approve", "b", DIGEST, "DCCTL-301"),
        (ActState.REFUSED, "refuse", "b", DIGEST, "DCCTL-301"),
    ],
)
def test_a_second_operator_decides_once_on_what_the_digest_names(state: ActState, verdict: str, decider: str, given: str, code: str | None) -> None:
    def decide() -> None:
        check_act(number="A-2026-0007", state=state, verdict=verdict, asker_id="a", decider_id=decider, given_digest=given, digest=DIGEST)

    if code is None:
        decide()
        return
    with pytest.raises(DcctlError) as refused:
        decide()
    assert refused.value.code == code

"""How much one person may ask: counted by user, given back with time, and never at another's cost."""

import pytest

from dcctl.api.pace import NOBODY, PEOPLE, REMEMBERED, Pace, Share
from dcctl.errors import DcctlError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def asked(pace: Share, user: str) -> bool:
    try:
        with pace.admitted(user):
            return True
    except DcctlError:
        return False


def test_a_minutes_calls_pass_and_the_next_is_told_when_to_come_again() -> None:
    clock = Clock()
    pace = Share(a_minute=60, at_once=4, clock=clock)

    assert sum(asked(pace, "sante-agent") for _ in range(100)) == 60
    with pytest.raises(DcctlError) as refused, pace.admitted("sante-agent"):
        pass
    assert refused.value.params["seconds"] == 1
    assert asked(pace, "justice-agent"), "one person's flood is nobody else's"

    clock.now = 10.0
    assert sum(asked(pace, "sante-agent") for _ in range(100)) == 10


def test_one_person_has_a_share_of_the_threads_and_gives_it_back() -> None:
    pace = Share(a_minute=600, at_once=2, clock=Clock())
    with pace.admitted("a"), pace.admitted("a"):
        assert asked(pace, "a"), "a burst is no flood"
    assert all(asked(pace, "a") for _ in range(300))

    with pace.admitted("a"), pace.admitted("a"):
        assert not asked(pace, "a")
        assert asked(pace, "b")
    assert asked(pace, "a")


def test_what_fails_gives_its_place_back() -> None:
    pace = Share(a_minute=600, at_once=1, clock=Clock())
    for _ in range(3):
        with pytest.raises(ValueError), pace.admitted("a"):
            raise ValueError
    assert asked(pace, "a")


def test_no_number_of_users_fills_the_memory() -> None:
    pace = Share(a_minute=600, at_once=1, clock=Clock())
    for number in range(REMEMBERED + 50):
        assert asked(pace, str(number))
    assert len(pace._left) == REMEMBERED
    assert not pace._under_way


def test_zero_is_any_number() -> None:
    pace = Share(a_minute=0, at_once=1, clock=Clock())
    assert all(asked(pace, "a") for _ in range(5000))


def test_many_people_of_one_administration_are_one_flood_and_nobody_elses() -> None:
    paces = Pace(a_minute=60, at_once=2)

    def passes(user: str, administration: str | None) -> str:
        try:
            with paces.admitted(user, administration):
                return "passes"
        except DcctlError as error:
            return error.code

    said = [passes(f"sante-{number}", "min-sante") for number in range(400)]
    assert (said[: 60 * PEOPLE], said[60 * PEOPLE]) == (["passes"] * 60 * PEOPLE, "DCCTL-614")
    assert passes("justice-agent", "min-justice") == "passes"
    puppets = [passes(f"puppet-{number}", NOBODY) for number in range(400)]
    assert puppets.count("passes") == 60 * PEOPLE, "who has no role spends nothing of a ministry's"
    assert [passes("operator", None) for _ in range(61)][-2:] == ["passes", "DCCTL-640"]
    assert not paces._people._under_way
    assert not paces._administrations._under_way

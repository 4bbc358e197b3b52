"""Which credentials outlived their runs, by their names and the leases that there are."""

import pytest

from dcctl.workflow.leftovers import over, parsed

HELD = {("min-sante", "dossier-patient"): (7, True)}
GIVEN_BACK = {("min-sante", "dossier-patient"): (7, False)}


def named(token: int, environment: str = "dossier-patient", number: int = 1) -> str:
    return f"dcctl.run.min-sante.{environment}.{token}.{number}"


def test_a_name_says_of_which_run_it_is():
    assert parsed(named(7, number=2)) == (("min-sante", "dossier-patient"), 7)


OTHERS = ["terraform", "dcctl.run.essai.1", "dcctl.run.a.b.c.1", "dcctl.run.a.b.1.x", "dcctl.run.a.b.².1", "dcctl.run.a.b.1.1.1"]


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_runs_is_left_alone(name: str):
    assert parsed(name) is None
    assert over([name], HELD) == []


def test_whoever_holds_the_environment_keeps_its_own_and_no_earlier_one_stays():
    assert over([named(6), named(7), named(7, number=2)], HELD) == [named(6)]


def test_once_it_is_given_back_or_has_lapsed_none_stays():
    assert over([named(6), named(7)], GIVEN_BACK) == [named(6), named(7)]


def test_of_environments_that_are_not_known_here_and_of_tokens_that_were_never_given_nothing_is_taken():
    assert over([named(3, "portail"), named(8)], GIVEN_BACK) == []

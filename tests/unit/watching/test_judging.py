"""The watcher finds each kind of breach, and takes nothing that is in order for one."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.site.layout import Site
from tests.watching import by_hand
from tests.watching.judging import Entry, Exemption, People, Reading, counted, exempt, most, too_early, too_much

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NAME = "min-sante/dossier-patient"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def entry(seconds: float, amount: int, resource: str = "cores") -> Entry:
    return Entry(at=at(seconds), resource=resource, amount=amount)


def reading(begun: float, ended: float, **limits: int) -> Reading:
    return Reading(begun=at(begun), ended=at(ended), limits=limits)


#: 8 cores at second 10, 4 more at 20, all of them back at 30.
LIFE = [entry(10, 8), entry(20, 4), entry(30, -12)]


@pytest.mark.parametrize(
    ("begun", "ended", "highest"),
    [(1, 2, 0), (9, 11, 8), (11, 19, 8), (19, 21, 12), (21, 29, 12), (29, 31, 12), (31, 40, 0), (1, 40, 12)],
)
def test_the_most_that_was_allocated_while_a_limit_was_read_is_what_the_limit_may_be(begun, ended, highest):
    assert most(LIFE, at(begun), at(ended)).get("cores", 0) == highest
    assert too_much(NAME, reading(begun, ended, cores=highest), LIFE) == []
    (said,) = too_much(NAME, reading(begun, ended, cores=highest + 1), LIFE)
    assert said.startswith(f"{NAME} cores: limit {highest + 1}, allocated {highest} at ")


def test_a_limit_that_was_not_lowered_before_its_units_went_back_is_found():
    assert too_much(NAME, reading(30.1, 30.2, cores=12), LIFE) != []


def test_no_limit_at_all_is_more_than_anything_that_was_allocated():
    assert len(too_much(NAME, reading(21, 22, cores=-1, ram=-1), LIFE)) == 2


def test_a_volume_type_that_the_ledger_does_not_know_must_be_limited_to_nothing():
    found = counted("block-storage", {"id": "7", "volumes": 4, "gigabytes": 100, "gigabytes_ssd": 20, "snapshots": 10, "volumes_ssd": 9})

    assert found == {"volumes": 4, "gigabytes": 100, "gigabytes_ssd": 20}
    ledger = [entry(1, 4, "volumes"), entry(1, 100, "gigabytes")]
    assert [said.split(":")[0] for said in too_much(NAME, Reading(begun=at(2), ended=at(3), limits=found), ledger)] == [f"{NAME} gigabytes_ssd"]


def test_neutrons_keys_are_told_under_the_ledgers_names():
    assert counted("network", {"network": 1, "router": 1, "floatingip": 2, "port": 50}) == {"networks": 1, "routers": 1, "floatingips": 2}


PEOPLE = People(begun=at(12), ended=at(12.1), names=["sante-agent"])


def test_people_who_have_a_role_before_the_limits_are_found():
    early = too_early(NAME, PEOPLE, [reading(12.2, 12.3, cores=0)], LIFE)

    assert len(early) == 1
    assert "sante-agent had a role" in early[0]
    assert too_early(NAME, PEOPLE, [reading(12.2, 12.3, cores=8)], LIFE) == []


def test_people_who_have_a_role_before_anything_was_allocated_are_found():
    (early,) = too_early(NAME, People(begun=at(5), ended=at(6), names=["sante-agent"]), [reading(7, 8, cores=0)], LIFE)

    assert "before anything was allocated" in early


def test_nobody_with_a_role_is_nobody_too_early():
    assert too_early(NAME, People(begun=at(5), ended=at(6), names=[]), [reading(7, 8, cores=0)], LIFE) == []


def test_a_limit_that_was_read_before_people_were_seen_says_nothing_of_them():
    assert too_early(NAME, PEOPLE, [reading(11, 11.5, cores=0)], LIFE) == []


def test_what_a_test_changes_by_hand_is_not_judged_while_it_lasts_and_is_again_afterwards(tmp_path):
    site = Site(state=tmp_path, ports=25000)
    with by_hand.changing(site, "7d1c"):
        (open_,) = by_hand.told(site)
        assert (open_.project_id, open_.ended) == ("7d1c", None)
        assert exempt("7d1c", open_.begun, open_.begun, by_hand.told(site))
    (closed,) = by_hand.told(site)
    assert closed.ended is not None
    assert not exempt("7d1c", closed.ended + timedelta(seconds=1), closed.ended + timedelta(seconds=2), [closed])
    assert not exempt("9f00", closed.begun, closed.ended, [closed])


def test_a_look_that_only_touches_the_time_of_a_change_by_hand_is_not_judged():
    (span,) = [Exemption(project_id="7d1c", begun=at(10), ended=at(20))]

    assert [exempt("7d1c", at(begun), at(ended), [span]) for begun, ended in ((5, 9), (5, 11), (12, 13), (19, 25), (21, 25))] == [
        False, True, True, True, False,
    ]  # fmt: skip

"""Volumes whose servers go: kept unless a spec says otherwise, attached again, or given back by a written word."""

import copy
from typing import Any

import pytest

from dcctl import alterations, keeping, sizing
from dcctl.faults import SENTENCES
from stacks.environment import EnvironmentSpec, KeptVolume
from stacks.faults import CHANGES, FAULTS, NOTICES
from stacks.specs import parse, to_document
from tests.unit.dcctl.test_speccheck import DOSSIER

WEB, BASE = DOSSIER["servers"]
OLD = parse(DOSSIER)
KEPT = KeptVolume(name="base-1-data-1", size=20, type="ssd")


def spec(servers: list[dict[str, Any]], **more: Any) -> EnvironmentSpec:
    return parse(copy.deepcopy(DOSSIER) | {"servers": servers} | more)


def completed(servers: list[dict[str, Any]], old: EnvironmentSpec = OLD, **more: Any) -> EnvironmentSpec:
    return keeping.completed(old, spec(servers, **more))


def codes(old: EnvironmentSpec, new: EnvironmentSpec) -> list[tuple[tuple[str | int, ...], str]]:
    return [(fault.path, fault.code) for fault in keeping.faults(old, keeping.completed(old, new))]


BARE = completed([WEB])
OF_DISK = spec([WEB, BASE | {"boot_volume": {"size": 9}, "count": 2}])


def test_a_server_that_goes_leaves_its_volumes_and_whoever_asks_is_told():
    assert BARE.kept_volumes == (KEPT,)
    assert keeping.lost(OLD, BARE) == []
    assert [(notice.code, dict(notice.params)) for notice in alterations.notices(OLD, BARE)] == [("spec.volume_kept", {"volume": "base-1-data-1"})]
    assert completed([WEB, BASE | {"volumes": []}]).kept_volumes == (KEPT,)
    assert completed([WEB | {"count": 1}, BASE]).kept_volumes == ()


def test_fewer_equal_servers_leave_the_volumes_of_the_last_those_that_they_start_from_too():
    fewer = completed([WEB, BASE | {"boot_volume": {"size": 9}, "count": 1}], OF_DISK)

    assert fewer.kept_volumes == (KeptVolume(name="base-2-boot", size=9), KeptVolume(name="base-2-data-1", size=20, type="ssd"))


def test_what_is_kept_stays_kept_without_another_word_and_is_pointed_out_once():
    later = completed([WEB | {"count": 1}], BARE)

    assert later.kept_volumes == (KEPT,)
    assert alterations.notices(BARE, later) == ()
    assert parse(to_document(later)) == later


def test_a_volume_goes_only_when_the_spec_says_what_stays_without_it():
    assert keeping.lost(OLD, completed([WEB], kept_volumes=[])) == ["min-sante-dossier-patient-base-1-data-1"]
    assert keeping.lost(BARE, completed([WEB], BARE, kept_volumes=[])) == ["min-sante-dossier-patient-base-1-data-1"]
    assert completed([WEB], kept_volumes=["base-1-data-1"]) == BARE


def test_what_is_kept_counts_as_before():
    flavors: dict[str, dict[str, int]] = {}

    assert sizing.needs(BARE, flavors, "standard") == sizing.needs(OLD, flavors, "standard") | {"instances": 2}
    small = spec([WEB], quota=DOSSIER["quota"] | {"volumes": 0})
    short = [fault for fault in _misfits(keeping.completed(OLD, small)) if fault.path[-1] == "volumes"]
    assert [dict(fault.params) for fault in keeping.counted(OLD, small, short)] == [{"volumes": ("base-1-data-1",)}]
    assert keeping.counted(OLD, spec([WEB], kept_volumes=["base-1-data-1"]), short) == []


def _misfits(found: EnvironmentSpec) -> list[Any]:
    from dcctl import speccheck

    return speccheck.check(found, [], [])


def test_a_server_of_the_old_name_has_its_volume_again_and_another_one_by_naming_it():
    again = completed([WEB, BASE], BARE)
    assert [(notice.code, dict(notice.params)) for notice in alterations.notices(BARE, again)] == [
        ("spec.volume_returns", {"volume": "base-1-data-1", "server": "base-1"})
    ]
    assert (again.kept_volumes, keeping.lost(BARE, again), codes(BARE, spec([WEB, BASE]))) == ((), [], [])

    other = {"name": "sauvegarde", "flavor": "m1.small", "image": "cirros", "volumes": [{"size": 30, "name": "base-1-data-1"}]}
    found = completed([WEB, other], BARE)
    assert (found.servers[1].volumes[0].type, found.kept_volumes, keeping.lost(BARE, found)) == ("ssd", (), [])
    assert list(keeping.faults(BARE, found)) == []
    # It goes on as that server's, and is kept again under the same name when it goes.
    assert codes(found, spec([WEB, other])) == []
    assert completed([WEB], found).kept_volumes == (KeptVolume(name="base-1-data-1", size=30, type="ssd"),)


@pytest.mark.parametrize(
    ("old", "new", "path", "code"),
    [
        (BARE, spec([WEB, BASE | {"volumes": [{"size": 10, "type": "ssd"}]}]), ("servers", 1, "volumes", 0, "size"), "spec.volume_shrinks"),
        (BARE, spec([WEB, BASE | {"volumes": [{"size": 20}]}]), ("servers", 1, "volumes", 0, "type"), "spec.volume_of_other_type"),
        (BARE, spec([WEB], kept_volumes=["base-2-data-1", "base-1-data-1"]), ("kept_volumes", 0), "spec.not_kept"),
        (BARE, spec([WEB], kept_volumes=[{"name": "base-1-data-1", "size": 5}]), ("kept_volumes", 0, "size"), "spec.volume_shrinks"),
        (
            BARE,
            spec([WEB, BASE | {"name": "autre", "volumes": [{"size": 20, "name": "web-9-data-1"}]}]),
            ("servers", 1, "volumes", 0),
            "spec.not_kept",
        ),
        (
            OLD,
            spec([WEB, BASE | {"name": "autre", "volumes": [{"size": 20, "name": "base-1-data-1"}]}]),
            ("servers", 1, "volumes", 0),
            "spec.volume_at_another",
        ),
    ],
)
def test_what_cannot_be_done_with_volumes_is_a_fault_at_its_place(old, new, path, code):
    assert codes(old, new) == [(path, code)]


def test_a_new_environment_has_nothing_to_keep():
    named = spec([WEB, BASE | {"volumes": [{"size": 20, "name": "base-1-data-1"}]}], kept_volumes=["base-2-data-1"])

    assert [(fault.path, fault.code) for fault in keeping.faults_of_new(named)] == [
        (("servers", 1, "volumes", 0), "spec.nothing_to_keep"), (("kept_volumes", 0), "spec.nothing_to_keep"),
    ]  # fmt: skip
    assert keeping.faults_of_new(OLD) == []


def test_every_word_about_volumes_has_a_sentence():
    assert {code for code in (*FAULTS, *CHANGES, *NOTICES) if code.startswith("spec.")} <= SENTENCES.keys()

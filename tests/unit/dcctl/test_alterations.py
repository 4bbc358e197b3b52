"""What a spec may change of an environment that exists, as the two specs alone tell."""

import copy

import pytest

from dcctl import alterations
from dcctl.faults import SENTENCES
from stacks.faults import CHANGES
from stacks.specs import parse
from tests.unit.dcctl.test_speccheck import DOSSIER

OLD = parse(DOSSIER)


def changed(**changes):
    return parse(copy.deepcopy(DOSSIER) | changes)


def server(position, **changes):
    """The example with one server otherwise."""
    servers = copy.deepcopy(DOSSIER["servers"])
    servers[position] |= changes
    return changed(servers=servers)


@pytest.mark.parametrize(
    ("new", "path", "code"),
    [
        (changed(network={"cidr": "10.21.0.0/24", "external": "public"}), ("network", "cidr"), "spec.change_of_network"),
        (changed(duration="24 months"), ("duration",), "spec.change_of_duration"),
        (server(0, image="debian-12"), ("servers", 0, "image"), "spec.change_of_image"),
        (server(1, volumes=[{"size": 10, "type": "ssd"}]), ("servers", 1, "volumes", 0, "size"), "spec.volume_shrinks"),
        (server(1, volumes=[{"size": 20}]), ("servers", 1, "volumes", 0, "type"), "spec.volume_of_other_type"),
        (server(0, placement="strict"), ("servers", 0, "placement"), "spec.change_of_placement"),
        (server(1, boot_volume={"size": 10}), ("servers", 1, "boot_volume"), "spec.change_of_start"),
    ],
)
def test_what_cannot_be_done_to_what_exists_is_a_fault_at_its_place(new, path, code):
    assert [(fault.path, fault.code) for fault in alterations.faults(OLD, new)] == [(path, code)]


@pytest.mark.parametrize(
    "new",
    [
        server(0, count=3),
        server(0, flavor="m1.medium"),
        server(0, floating_ip=False),
        server(0, ports=[443, 80]),
        server(1, volumes=[{"size": 40, "type": "ssd"}, {"size": 5}]),
        changed(members=[]),
        changed(servers=DOSSIER["servers"][:1]),
        changed(servers=[*DOSSIER["servers"], {"name": "file", "flavor": "m1.small", "image": "debian-12"}]),
    ],
)
def test_what_openstack_can_do_to_what_exists_is_no_fault(new):
    assert alterations.faults(OLD, new) == []


def test_every_fault_of_a_change_has_a_sentence():
    assert CHANGES.keys() <= SENTENCES.keys()


def test_a_server_keeps_what_it_starts_from_which_may_grow():
    of_disk, larger, smaller = (server(1, boot_volume={"size": size}) for size in (10, 20, 5))

    assert [fault.code for fault in alterations.faults(of_disk, OLD)] == ["spec.change_of_start"]
    assert [(f.path[2:], f.code) for f in alterations.faults(of_disk, smaller)] == [(("boot_volume", "size"), "spec.volume_shrinks")]
    assert alterations.faults(of_disk, larger) == []


def test_whoever_makes_several_of_one_server_hears_that_the_first_is_in_no_group():
    one, two = server(1, count=1), server(1, count=2)

    assert [(notice.code, dict(notice.params)) for notice in alterations.notices(one, two)] == [("spec.placed_alone", {"server": "base-1"})]
    assert alterations.notices(server(1, placement="strict"), server(1, placement="strict", count=2)) == ()


def test_growth_is_held_and_shrinkage_freed_resource_by_resource():
    allocated, wanted = {"cores": 8, "ram": 4096, "routers": 1}, {"cores": 4, "ram": 8192, "volumes": 2}

    assert alterations.growth(allocated, wanted) == {"ram": 4096, "volumes": 2}
    assert alterations.shrinkage(allocated, wanted) == {"cores": 4, "routers": 1}


def test_keys_that_servers_will_not_have_are_pointed_out():
    keyed = changed(ssh_keys=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKoIBnM1rD9ausHkMr2+ItFkjcnQEmdBWTJNl+WVG5zs exploitation@sante"])

    assert [notice.code for notice in alterations.notices(OLD, keyed)] == ["spec.keys_for_new_servers"]
    assert alterations.notices(OLD, OLD) == ()

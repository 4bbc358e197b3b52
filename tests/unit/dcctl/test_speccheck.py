"""Sizing and the faults of a spec that only offers and OpenStack's catalogue can show."""

import copy

import pytest

from dcctl import sizing, speccheck
from stacks.specs import parse

DOSSIER = {
    "apiVersion": "dcctl/v1", "kind": "Environment", "administration": "min-sante", "name": "dossier-patient", "offer": "standard",
    "quota": {"instances": 4, "cores": 8, "ram": 16384, "volumes": 4, "gigabytes": 100, "gigabytes_ssd": 20,
              "networks": 1, "routers": 1, "floatingips": 2},
    "network": {"cidr": "10.20.0.0/24", "external": "public"},
    "members": ["sante-agent"],
    "servers": [
        {"name": "web", "count": 2, "flavor": "m1.small", "image": "cirros", "floating_ip": True, "ports": [443]},
        {"name": "base", "flavor": "m1.medium", "image": "cirros", "volumes": [{"size": 20, "type": "ssd"}]},
    ],
    "duration": "12 months",
    "justification": "Dossier patient partagé, phase 1",
}  # fmt: skip
CATALOGUE = [
    {"kind": "flavor", "name": "m1.small", "document": {"vcpus": 1, "ram_mib": 2048}},
    {"kind": "flavor", "name": "m1.medium", "document": {"vcpus": 2, "ram_mib": 4096}},
    {"kind": "image", "name": "cirros", "document": {}},
    {"kind": "network", "name": "public", "document": {}},
    {"kind": "volume_type", "name": "standard", "document": {"default": True}},
    {"kind": "volume_type", "name": "ssd", "document": {}},
]
OFFERS = [{"name": "standard", "document": {"quota": {"cores": 64}, "duration_months": 36}}]


def faults(**changes):
    document = copy.deepcopy(DOSSIER) | changes
    return {(".".join(map(str, f.path)), f.code) for f in speccheck.check(parse(document), OFFERS, CATALOGUE)}


def test_what_the_example_needs_is_counted_as_openstack_counts():
    flavors = {"m1.small": {"vcpus": 1, "ram_mib": 2048}, "m1.medium": {"vcpus": 2, "ram_mib": 4096}}

    assert sizing.needs(parse(DOSSIER), flavors, "standard") == {
        "instances": 3, "cores": 4, "ram": 8192, "volumes": 1, "gigabytes": 20, "gigabytes_ssd": 20, "networks": 1, "routers": 1,
        "floatingips": 2,
    }  # fmt: skip


def test_the_demand_is_the_quota_without_zeros():
    assert sizing.demand(parse(DOSSIER | {"servers": [], "network": None, "quota": {"cores": 8, "ram": 0}})) == {"cores": 8}


def test_the_example_has_no_fault():
    assert faults() == set()


def test_a_volume_without_a_type_needs_a_quota_of_the_default_type():
    servers = [{"name": "base", "flavor": "m1.medium", "image": "cirros", "volumes": [{"size": 20}]}]

    assert faults(servers=servers) == {("quota.gigabytes_standard", "spec.quota_missing")}


def test_all_faults_are_found_at_once_with_the_nearest_names():
    document = copy.deepcopy(DOSSIER)
    document["offer"] = "standart"
    document["servers"][0] |= {"flavor": "m1.smal", "image": "ciros", "count": 9}
    document["servers"][1]["volumes"][0]["type"] = "sdd"
    document["network"]["external"] = "publik"

    found = speccheck.check(parse(document), OFFERS, CATALOGUE)

    assert {(f.code, next(iter(f.params.get("nearest", ())), None)) for f in found} >= {
        ("spec.unknown_offer", "standard"),
        ("spec.unknown_flavor", "m1.small"),
        ("spec.unknown_image", "cirros"),
        ("spec.unknown_volume_type", "ssd"),
        ("spec.unknown_network", "public"),
        ("spec.does_not_fit", None),
        ("spec.quota_missing", None),
    }


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"quota": DOSSIER["quota"] | {"cores": 65}}, ("quota.cores", "spec.beyond_offer")),
        ({"quota": DOSSIER["quota"] | {"gpus": 1}}, ("quota.gpus", "spec.unknown_resource")),
        ({"quota": DOSSIER["quota"] | {"gigabytes_tape": 1}}, ("quota.gigabytes_tape", "spec.unknown_resource")),
        ({"quota": DOSSIER["quota"] | {"ram": 8191}}, ("quota.ram", "spec.does_not_fit")),
        ({"duration": "37 months"}, ("duration", "spec.duration_too_long")),
    ],
)
def test_one_fault_at_a_time(changes, fault):
    assert faults(**changes) == {fault}

"""A spec file becomes plain values, or every fault in it is named at once."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacks import specs
from stacks.access import ssh_key_fault
from stacks.environment import Duration, KeptVolume, PortSpec, ServerSpec, VolumeSpec
from stacks.specs import FAULTS, NOTICES, Fault, SpecFaults, notices, parse, to_document


def faults(document: object, **more: Any) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(SpecFaults) as caught:
        parse(document, **more)
    for fault in caught.value.faults:
        assert tuple(fault.params) == FAULTS[fault.code], fault
        assert json.dumps(dict(fault.params)), fault
    return [(fault.path, fault.code) for fault in caught.value.faults]


def changed(document: dict[str, Any], *path: str | int, to: object) -> dict[str, Any]:
    """A copy of the document with one value replaced."""
    copied: Any = copy.deepcopy(document)
    inner = copied
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return copied  # type: ignore[no-any-return]


def test_the_example_spec_is_read_with_its_defaults(document):
    spec = parse(document)

    assert spec.servers == (
        ServerSpec(
            name="web", count=2, flavor="m1.small", image="cirros", floating_ip=True,
            ports=(PortSpec(port=443, source="0.0.0.0/0"), PortSpec(port=22, source="10.0.0.0/8")),
        ),
        ServerSpec(name="base", count=1, flavor="m1.medium", image="cirros", volumes=(VolumeSpec(size=20, type="ssd"),)),
    )  # fmt: skip
    assert spec.duration == Duration(amount=12, unit="months")
    assert notices(spec) == ()


def test_the_canonical_document_gives_the_same_spec_again_through_json(document):
    spec = parse(document)

    assert parse(json.loads(json.dumps(to_document(spec)))) == spec
    assert to_document(parse(to_document(spec))) == to_document(spec)


def test_what_may_be_left_out_may_be_left_out(document):
    bare = {key: value for key, value in document.items() if key not in {"network", "ssh_keys", "members", "servers"}}

    spec = parse(bare)

    assert (spec.network, spec.ssh_keys, spec.members, spec.servers) == (None, (), (), ())
    assert parse(to_document(spec)) == spec


def test_all_faults_come_at_once_with_their_places(document):
    document["servrs"] = []
    document["name"] = "Dossier Patient"
    document["quota"]["cores"] = True
    document["servers"][0]["ports"] = [22, {"port": 70000, "from": "10.0.0.1/8"}]
    document["servers"][1]["flavour"] = document["servers"][1].pop("flavor")
    document["duration"] = "toujours"
    del document["offer"]

    assert faults(document) == [
        (("servrs",), "spec.unknown_key"),
        (("offer",), "spec.missing"),
        (("name",), "spec.bad_name"),
        (("quota", "cores"), "spec.not_an_integer"),
        (("servers", 0, "ports", 0), "spec.port_22_open"),
        (("servers", 0, "ports", 1, "port"), "spec.out_of_range"),
        (("servers", 0, "ports", 1, "from"), "spec.cidr_has_host_bits"),
        (("servers", 1, "flavour"), "spec.unknown_key"),
        (("servers", 1, "flavor"), "spec.missing"),
        (("duration",), "spec.bad_duration"),
    ]


def test_how_servers_are_placed_and_what_they_start_from_is_the_specs_to_say(document):
    document["servers"][0] |= {"placement": "strict", "boot_volume": {"size": 20, "type": "ssd"}}
    web, base = parse(document).servers

    assert (web.placement, web.boot_volume, web.all_volumes) == ("strict", VolumeSpec(size=20, type="ssd"), (VolumeSpec(size=20, type="ssd"),))
    assert (base.placement, base.boot_volume) == ("spread", None)
    assert parse(to_document(parse(document))) == parse(document)
    document["servers"][0] |= {"placement": "loin", "boot_volume": {"size": 0, "tipe": "ssd"}}
    assert faults(document) == [
        (("servers", 0, "placement"), "spec.bad_placement"),
        (("servers", 0, "boot_volume", "tipe"), "spec.unknown_key"),
        (("servers", 0, "boot_volume", "size"), "spec.out_of_range"),
    ]


def test_volumes_that_stay_are_named_and_each_is_in_one_place(document):
    document["kept_volumes"] = ["base-2-data-1", {"name": "base-2-boot", "size": 8, "type": "ssd"}]
    found = parse(document)
    assert found.kept_volumes == (KeptVolume(name="base-2-data-1"), KeptVolume(name="base-2-boot", size=8, type="ssd"))
    assert parse(to_document(found)) == found
    assert parse({**document, "kept_volumes": None}).kept_volumes is None
    assert parse({**document, "kept_volumes": []}).kept_volumes == ()

    document["kept_volumes"] = ["base-1-data-1", "disque", {"size": 3}, {"name": "base-0-data-1", "sise": 1}, 7]
    document["servers"][0]["volumes"] = [{"size": 5, "name": "base-2-data-1"}]
    assert faults(document) == [
        (("kept_volumes", 1), "spec.bad_volume_name"),
        (("kept_volumes", 2, "name"), "spec.missing"),
        (("kept_volumes", 3, "sise"), "spec.unknown_key"),
        (("kept_volumes", 3, "name"), "spec.bad_volume_name"),
        (("kept_volumes", 4), "spec.not_a_mapping"),
        (("servers", 0, "volumes", 0, "name"), "spec.named_volume_of_many"),
    ]
    document["servers"][0] |= {"count": 1, "volumes": [{"size": 5, "name": "base-1-data-1"}]}
    document["kept_volumes"] = ["base-1-data-1", "base-2-data-1", "base-2-data-1"]
    assert faults(document) == [
        (("servers", 1, "volumes", 0), "spec.volume_twice"), (("kept_volumes", 0), "spec.volume_twice"), (("kept_volumes", 2), "spec.volume_twice"),
    ]  # fmt: skip


def test_an_unknown_key_is_met_with_the_nearest_one(document):
    document["servers"][1]["flavour"] = "m1.small"

    with pytest.raises(SpecFaults) as caught:
        parse(document)

    assert caught.value.faults[0].params["nearest"] == ("flavor",)


@pytest.mark.parametrize("document", [None, [], "dcctl", 3, {}, {1: 2}, {"servers": {"name": "web"}}])
def test_what_is_no_spec_at_all_is_refused_without_a_crash(document):
    assert faults(document)


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("apiVersion",), "dcctl/v2", "spec.unsupported_version"),
        (("kind",), "Cluster", "spec.unsupported_kind"),
        (("administration",), "min_sante", "spec.bad_name"),
        (("administration",), "a", "spec.bad_name"),
        (("name",), "dossier--patient", "spec.bad_name"),
        (("name",), "9dossier", "spec.bad_name"),
        (("name",), "x" * 33, "spec.bad_name"),
        (("offer",), ["standard"], "spec.not_text"),
        (("quota",), [], "spec.not_a_mapping"),
        (("quota",), {}, "spec.too_few"),
        (("quota", "cores"), -1, "spec.out_of_range"),
        (("quota", "cores"), 2**53 + 1, "spec.out_of_range"),
        (("quota", "cores"), 1.5, "spec.not_an_integer"),
        (("quota",), {"les coeurs": 1}, "spec.bad_quota_key"),
        (("network",), "10.20.0.0/24", "spec.not_a_mapping"),
        (("network", "cidr"), "8.8.8.0/24", "spec.cidr_not_private"),
        (("network", "cidr"), "10.0.0.0/8", "spec.cidr_size"),
        (("network", "cidr"), "10.20.0.0/29", "spec.cidr_size"),
        (("network", "cidr"), "10.20.0.7/24", "spec.cidr_has_host_bits"),
        (("network", "cidr"), "fd00::/64", "spec.not_a_cidr"),
        (("network", "cidr"), "10.20.0.0/255.255.255.0", "spec.not_a_cidr"),
        (("ssh_keys",), "ssh-ed25519 AAAA", "spec.not_a_list"),
        (("ssh_keys", 0), "ssh-dss AAAAB3NzaC1kc3M= vieux@sante", "spec.bad_ssh_key"),
        (("ssh_keys", 0), "ssh-ed25519 pas-du-base64! sante", "spec.bad_ssh_key"),
        (("ssh_keys", 0), "-----BEGIN OPENSSH PRIVATE KEY-----", "spec.secret"),
        (("members", 0), "sante agent", "spec.bad_member"),
        (("members",), ["sante-agent", "sante-agent"], "spec.duplicate"),
        (("servers", 1, "name"), "web", "spec.duplicate"),
        (("servers", 0, "count"), 0, "spec.out_of_range"),
        (("servers", 0, "count"), 100, "spec.out_of_range"),
        (("servers", 0, "floating_ip"), "oui", "spec.not_a_boolean"),
        (("servers", 0, "ports"), [443, 443], "spec.duplicate"),
        (("servers", 0, "ports", 0), 0, "spec.out_of_range"),
        (("servers", 0, "ports", 0), "https", "spec.not_an_integer"),
        (("servers", 0, "ports", 0), {"port": 53, "protocol": "icmp"}, "spec.bad_protocol"),
        (("servers", 0, "ports", 0), {"port": 22}, "spec.port_22_open"),
        (("servers", 0, "ports", 0), {"port": 443, "from": "partout"}, "spec.not_a_cidr"),
        (("servers", 1, "volumes", 0, "size"), 0, "spec.out_of_range"),
        (("servers", 1, "volumes", 0), {"type": "ssd"}, "spec.missing"),
        (("servers", 1, "volumes"), [{"size": 1}] * 17, "spec.too_many"),
        (("duration",), "0 months", "spec.out_of_range"),
        (("duration",), 12, "spec.not_text"),
        (("justification",), "  ", "spec.too_short"),
        (("justification",), "x" * 2001, "spec.too_long"),
        (("justification",), "phase\x07 1", "spec.control_character"),
        (("justification",), "phase \u202e1", "spec.control_character"),
        (("justification",), "mot de passe : Cotonou2026", "spec.secret"),
        (("justification",), "voir https://sante:Cotonou2026@depot.example.bj", "spec.secret"),
    ],
)
def test_each_rule_has_its_code_at_its_place(document, path, value, code):
    found = faults(changed(document, *path, to=value))

    assert [given for _, given in found] == [code]
    assert found[0][0][: len(path)] == path or found[0][0] == path[: len(found[0][0])]


def test_rules_that_need_several_fields(document):
    assert faults({**document, "network": None}) == [
        (("servers", 0), "spec.server_without_network"),
        (("servers", 1), "spec.server_without_network"),
    ]
    assert faults(changed(document, "network", to={"cidr": "10.20.0.0/24"})) == [(("servers", 0, "floating_ip"), "spec.floating_ip_without_external")]
    crowded = changed(changed(document, "network", "cidr", to="10.20.0.0/28"), "servers", 0, "count", to=12)
    assert faults(crowded) == [(("network", "cidr"), "spec.network_too_small")]
    long = {**document, "administration": "a" * 32, "name": "e" * 32}
    assert faults(long) == [(("servers", 0, "name"), "spec.names_too_long"), (("servers", 1, "name"), "spec.names_too_long")]


def test_quota_keys_are_those_of_the_region_when_they_are_given(document):
    keys = set(document["quota"]) - {"gigabytes_ssd"}

    assert faults(document, resources=keys) == [(("quota", "gigabytes_ssd"), "spec.unknown_key")]


def test_ssh_from_everywhere_written_out_is_accepted_and_pointed_out(document):
    spec = parse(changed(document, "servers", 0, "ports", to=[{"port": 22, "from": "0.0.0.0/0"}]))

    assert notices(spec) == (
        Fault(path=("servers", 0, "ports", 0), code="spec.ssh_open_to_everyone", params={"server": "web", "source": "0.0.0.0/0"}),
    )


def test_servers_that_nobody_can_log_into_are_pointed_out(document):
    found = notices(parse({**document, "ssh_keys": []}))

    assert [(notice.path, notice.code) for notice in found] == [
        (("servers", 0), "spec.server_without_key"),
        (("servers", 1), "spec.server_without_key"),
    ]
    assert all(tuple(notice.params) == NOTICES[notice.code] for notice in found)


def test_a_secret_is_not_repeated_in_the_fault(document):
    secret = "gAAAAABm" + "x" * 90

    with pytest.raises(SpecFaults) as caught:
        parse({**document, "apiVersion": secret, "name": secret, "justification": f"jeton {secret}"})

    assert secret not in repr(caught.value.faults)
    assert secret not in str(caught.value)


def test_a_short_rsa_key_is_weak():
    import base64

    def rsa(bits: int) -> str:
        number = (1 << (bits - 1)) | 1
        parts = (b"ssh-rsa", b"\x01\x00\x01", b"\x00" + number.to_bytes((bits + 7) // 8, "big"))
        return "ssh-rsa " + base64.b64encode(b"".join(len(p).to_bytes(4, "big") + p for p in parts)).decode()

    assert ssh_key_fault(rsa(1024)) == "weak"
    assert ssh_key_fault(rsa(3072)) is None


@pytest.mark.parametrize("written", ["30 days", "1 day", "30 jours", "12 mois", "1 month"])
def test_a_duration_may_be_written_in_both_languages(document, written):
    duration = parse({**document, "duration": written}).duration

    assert parse({**document, "duration": str(duration)}).duration == duration


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12) | st.sampled_from(["name", "port", "size", "cidr"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first run makes hypothesis' tables
@given(st.fixed_dictionaries({}, optional=dict.fromkeys((*specs.REQUIRED, *specs.OPTIONAL), values)))
def test_no_document_makes_the_reader_crash(document):
    try:
        spec = parse(document)
    except SpecFaults as refused:
        for fault in refused.faults:
            assert tuple(fault.params) == FAULTS[fault.code]
            json.dumps(dict(fault.params))
    else:
        assert parse(to_document(spec)) == spec

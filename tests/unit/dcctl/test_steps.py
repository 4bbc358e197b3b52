"""The engine's steps as people and digests see them."""

from dcctl import steps
from dcctl.provisioner.errors import Step
from stacks import tokens


def thing(name, type_=tokens.SERVER, **properties):
    return {"stack": "workload", "type": type_, "name": name, "cloud_name": f"min-sante-dossier-patient-{name}", "properties": properties}


def engine(op, name, type_=tokens.SERVER, *diffs):
    return Step(op=op, type=type_, name=name, diffs=diffs)


def test_a_replacement_that_the_engine_tells_of_three_times_is_one_step_with_what_was_and_what_will_be():
    found = steps.of_engine(
        [engine("create-replacement", "server-web-1", tokens.SERVER, "availabilityZone"), engine("replace", "server-web-1"),
         engine("delete-replaced", "server-web-1"), engine("same", "server-base-1")],
        [thing("server-web-1", zone="zone-1"), thing("server-base-1")],
        [thing("server-web-1", zone="zone-2"), thing("server-base-1")],
    )  # fmt: skip

    assert found == [
        {
            "op": "replace", "stack": "workload", "type": tokens.SERVER, "name": "server-web-1",
            "cloud_name": "min-sante-dossier-patient-server-web-1", "properties": {"zone": ["zone-1", "zone-2"]},
            "differs": ["availabilityZone"], "data": True,
        }
    ]  # fmt: skip
    assert steps.removable(found) == ["server-web-1"]


def test_steps_come_in_the_order_made_changed_replaced_destroyed_whatever_the_engines_order():
    before = [thing("server-web-1", size=1), thing("volume-web-1-1", tokens.VOLUME)]
    found = [
        engine("delete", "volume-web-1-1", tokens.VOLUME),
        engine("update", "server-web-1"),
        engine("create", "server-web-2"),
        engine("refresh", "server-web-1"),
    ]

    ordered = steps.of_engine(found, before, [thing("server-web-1", size=2), thing("server-web-2")])

    assert [(step["op"], step["name"]) for step in ordered] == [
        ("make", "server-web-2"), ("change", "server-web-1"), ("destroy", "volume-web-1-1"),
    ]  # fmt: skip
    assert steps.of_engine(reversed(found), before, [thing("server-web-1", size=2), thing("server-web-2")]) == ordered
    assert steps.counts(ordered) == {"make": 1, "change": 1, "destroy": 1}


def test_a_rule_that_goes_is_not_severe_and_an_address_that_goes_is():
    gone = [engine("delete", "rule-web-tcp-443-0.0.0.0_0", tokens.SECURITY_GROUP_RULE), engine("delete", "address-web-1", tokens.FLOATING_IP)]

    assert [step["name"] for step in steps.severe(steps.of_engine(gone, [], []))] == ["address-web-1"]


def test_a_volume_whose_server_goes_is_a_step_though_the_engine_leaves_it_as_it_is():
    disk, other = thing("volume-base-1-1", tokens.VOLUME), thing("boot-base-1", tokens.VOLUME)
    server = thing("server-base-1", boot_volume="boot-base-1")
    attached = thing("attachment-base-1-1", tokens.VOLUME_ATTACHMENT, server="server-base-1", volume="volume-base-1-1")

    found = steps.left([server, other, disk, attached], [other, disk])

    assert [(step["op"], step["name"], step["data"]) for step in found] == [("keep", "boot-base-1", False), ("keep", "volume-base-1-1", False)]
    assert steps.left([other, disk], [other, disk]) == steps.left([server, other, disk, attached], [server, other, disk, attached]) == []
    assert steps.removable(found) == steps.changeable(found) == steps.severe(found) == []


def test_a_server_that_started_from_a_volume_takes_no_data_along():
    [gone] = steps.of_engine([engine("delete", "server-base-1")], [thing("server-base-1", boot_volume="boot-base-1")], [])
    [lost] = steps.of_engine([engine("delete", "server-web-1")], [thing("server-web-1", image_id="0a01")], [])

    assert (gone["data"], lost["data"]) == (False, True)
    assert len(steps.severe([gone])) == 1

"""Whoever judges cloud against state sees each thing that is wrong, and nothing where all is well."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from stacks import tokens
from stacks.plan import PlannedResource
from tests.chaos.judging import EXPECTED, Item, differences


def planned(type_: str, name: str, cloud_name: str | None = None, **properties: str | int) -> PlannedResource:
    return PlannedResource(stack="workload", type=type_, name=name, cloud_name=cloud_name, properties=properties)


PLAN = (
    planned(tokens.NETWORK, "network", "min-sante-portail-network"),
    planned(tokens.SUBNET, "subnet", "min-sante-portail-subnet", network="network", cidr="10.30.0.0/24"),
    planned(tokens.PORT, "port-web-1", "min-sante-portail-web-1", network="network", subnet="subnet", group="group-web"),
    planned(tokens.SECURITY_GROUP, "group-web", "min-sante-portail-web"),
    planned(tokens.SERVER, "server-web-1", "min-sante-portail-web-1", port="port-web-1", flavor_id="m1", boot_volume="boot-web-1"),
    planned(tokens.VOLUME, "boot-web-1", "min-sante-portail-web-1-boot", size=2, type="ssd"),
)
STATE = {"network": "n1", "subnet": "s1", "port-web-1": "p1", "group-web": "g1", "server-web-1": "v1", "boot-web-1": "b1"}
CLOUD = [
    Item(type=tokens.NETWORK, id="n1", name="min-sante-portail-network"),
    Item(type=tokens.SUBNET, id="s1", name="min-sante-portail-subnet", facts={"network": "n1", "cidr": "10.30.0.0/24"}),
    Item(type=tokens.PORT, id="p1", name="min-sante-portail-web-1", facts={"network": "n1", "groups": ("g1",)}),
    Item(type=tokens.SECURITY_GROUP, id="g1", name="min-sante-portail-web"),
    Item(type=tokens.SERVER, id="v1", name="min-sante-portail-web-1", facts={"port": "p1", "flavor_id": "m1", "boot_volume": "b1"}),
    Item(type=tokens.VOLUME, id="b1", name="min-sante-portail-web-1-boot", facts={"size": 2, "type": "ssd"}),
]


def test_where_each_planned_thing_is_there_once_nothing_is_wrong() -> None:
    assert differences(PLAN, STATE, CLOUD) == []


def without(id: str) -> list[Item]:
    return [item for item in CLOUD if item.id != id]


def other(id: str, **facts: object) -> list[Item]:
    return [replace(item, facts={**item.facts, **facts}) if item.id == id else item for item in CLOUD]


@pytest.mark.parametrize(
    ("state", "cloud", "said"),
    [
        (STATE, without("b1"), ["not in the cloud: boot-web-1 (b1)"]),
        ({**STATE, "server-web-2": "v2"}, CLOUD, ["in the state and not planned: server-web-2"]),
        (STATE, [*CLOUD, Item(type="", id="i1", name="copie")], ["unknown: thing copie i1"]),
        (STATE, other("b1", size=1), ["Volume min-sante-portail-web-1-boot b1: size is 1, planned 2"]),
        (STATE, other("v1", boot_volume=None), ["Instance min-sante-portail-web-1 v1: boot_volume is None, planned b1"]),
        (STATE, other("p1", groups=("g1", "g2")), ["Port min-sante-portail-web-1 p1: groups is ('g1', 'g2'), planned ('g1',)"]),
        (STATE, [replace(i, busy="RESIZE") if i.id == "v1" else i for i in CLOUD], ["stuck: Instance min-sante-portail-web-1 v1: RESIZE"]),
        (STATE, [replace(i, name="web") if i.id == "n1" else i for i in CLOUD], ["Network web n1: the plan calls it min-sante-portail-network"]),
    ],
    ids=lambda value: value[0].partition(":")[0] if isinstance(value, list) and isinstance(value[0], str) else "",
)
def test_each_difference_is_named(state: dict[str, str], cloud: list[Item], said: list[str]) -> None:
    assert differences(PLAN, state, cloud) == said


def test_a_second_one_is_twice_and_unknown() -> None:
    spare = replace(CLOUD[4], id="v9")

    assert differences(PLAN, STATE, [*CLOUD, spare]) == ["twice: Instance min-sante-portail-web-1", "unknown: Instance min-sante-portail-web-1 v9"]


def test_what_the_state_does_not_know_is_missing_there_and_unknown_in_the_cloud() -> None:
    state = {name: id for name, id in STATE.items() if name != "group-web"}

    found = differences(PLAN, state, CLOUD)

    assert found[0] == "Port min-sante-portail-web-1 p1: groups is ('g1',), planned (None,)"
    assert found[1:] == ["not in the state: group-web", "unknown: SecGroup min-sante-portail-web g1"]


@pytest.mark.parametrize("type_", sorted(tokens.ALL))
def test_every_type_is_judged_by_its_id_at_least(type_: str) -> None:
    keys = ("network", "cidr", "group", "router", "subnet", "protocol", "port", "source", "flavor_id", "size", "type")
    properties = dict.fromkeys(keys, "x")
    thing = PlannedResource(stack="workload", type=type_, name="chose", cloud_name=None, properties=properties)
    facts: Callable[..., object] = EXPECTED.get(type_, lambda p, ids: {})

    item = Item(type=type_, id="c1", facts=dict(facts(thing, {"chose": "c1"})))  # type: ignore[call-overload]

    assert differences([thing], {"chose": "c1"}, [item]) == []
    assert differences([thing], {"chose": "c1"}, []) == ["not in the cloud: chose (c1)"]

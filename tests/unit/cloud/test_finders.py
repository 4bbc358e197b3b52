"""Each type that the stacks use is found by its name or ends and by the environment's mark, and never by a name alone."""

import ast
import importlib
import inspect
import pkgutil

import pulumi
import pytest

import stacks
from dcctl.cloud import finders
from dcctl.cloud.finders import Condition, Seen
from stacks import tokens
from stacks.plan import PlannedResource
from tests.unit.dcctl import ruins

WORKLOAD = {resource.name: resource for resource in ruins.planned().of("workload")}
TENANT = {resource.name: resource for resource in ruins.planned().of("tenant")}
#: Under what id the provider takes over what has no listing of its own.
INSIDE = {"rule-web-tcp-443-0.0.0.0_0": "rule-1", "attachment-web-1-1": "srv-1/v-1", "association-web-1": "f-1"}


def found(things, wanted=WORKLOAD):
    """Ids found for each planned resource, ends known as they are found."""
    ends: dict[str, str] = {}
    every: dict[str, list[str]] = {}
    for name, resource in wanted.items():
        candidates = finders.find(resource, Seen(things), ends, ruins.MARK)
        every[name] = [candidate.id for candidate in candidates if candidate.fits]
        if every[name]:
            ends[name] = every[name][0]
    return every


def test_every_type_that_a_stack_may_use_has_a_finder_and_no_other_has() -> None:
    assert set(finders.FINDERS) == tokens.ALL


def test_every_type_that_a_program_registers_is_among_those_that_a_stack_may_use() -> None:
    """What a program names in its code has a token, so that the test above sees it."""
    written = set()
    for module in (importlib.import_module(f"stacks.{found.name}") for found in pkgutil.iter_modules(stacks.__path__)):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                source = getattr(module, node.func.value.id, None)
                kind = getattr(source, node.func.attr, None) if getattr(source, "__name__", "").startswith("pulumi_openstack.") else None
                if isinstance(kind, type) and issubclass(kind, pulumi.Resource):  # and not a value that one is given
                    written.add(kind.pulumi_type)  # type: ignore[attr-defined]
    assert written == tokens.ALL


def test_everything_of_a_whole_environment_is_found_by_the_id_that_the_provider_takes_over() -> None:
    whole = ruins.whole()

    assert found(whole.values()) == {name: [INSIDE[name] if name in INSIDE else whole[name].id] for name in WORKLOAD}
    assert found(ruins.tenant(), TENANT) == {
        "project": ["p-1"], "members": ["g-1"], "build-role": ["/p-1//u-build/r-member"],
    }  # fmt: skip


def test_of_nothing_nothing_is_found() -> None:
    assert set(map(tuple, found([]).values())) == {()}
    assert set(map(tuple, found([], TENANT).values())) == {()}


@pytest.mark.parametrize("name", [name for name in ruins.whole() if name != "router-interface"])
def test_what_has_the_name_and_not_the_mark_is_somebody_elses(name: str) -> None:
    whole = ruins.whole()
    one = whole[name]
    bare = {**one.attributes, "tags": ["portail"], "metadata": {}, "description": one.attributes.get("description", "")}
    if name == "address-web-1":
        bare["description"] = "min-sante-dossier-patient-web-10"
    whole[name] = ruins.thing(one.type, one.id, one.service, **{key: value for key, value in bare.items() if key != "id"})

    assert found(whole.values())[name] == []


def test_what_was_killed_before_it_was_tagged_is_known_by_its_description() -> None:
    network = ruins.thing("network", "n-1", name=f"{ruins.PREFIX}-network", description=ruins.DESCRIPTION, tags=[])
    address = ruins.thing("floatingip", "f-1", description=f"{ruins.PREFIX}-web-1", tags=[], floating_network_id=ruins.EXTERNAL)

    assert found([network])["network"] == ["n-1"]
    assert found([address])["address-web-1"] == ["f-1"]


def test_an_environment_whose_name_begins_like_ours_is_another() -> None:
    other = "dcctl min-sante/dossier-patient-2 R-2026-0043"

    assert not ruins.MARK.on(ruins.thing("network", "n-9", name="x", description=other, tags=["dcctl:environment=min-sante.dossier-patient-2"]))


def test_a_subnet_of_the_name_on_another_network_is_ours_and_not_the_one() -> None:
    whole = ruins.whole()
    stray = ruins.thing("subnet", "s-9", name=f"{ruins.PREFIX}-subnet", network_id="n-9", tags=ruins.TAGS)

    candidates = finders.find(WORKLOAD["subnet"], Seen([*whole.values(), stray]), {"network": "n-1"}, ruins.MARK)

    assert [(candidate.id, candidate.fits) for candidate in candidates] == [("s-1", True), ("s-9", False)]


@pytest.mark.parametrize(
    ("thing", "condition"),
    [
        (ruins.server("a", "ACTIVE"), Condition.WHOLE),
        (ruins.server("a", "SHUTOFF"), Condition.WHOLE),
        (ruins.server("a", "BUILD", None), Condition.BUILDING),
        (ruins.server("a", "ERROR", None), Condition.BROKEN),
        (ruins.server("a", "ERROR"), Condition.WHOLE),  # it ran once: its disk may be all there is
        (ruins.volume("a", "creating"), Condition.BUILDING),
        (ruins.volume("a", "error"), Condition.BROKEN),
        (ruins.volume("a", "error", [{"server_id": "srv-1"}]), Condition.WHOLE),
        (ruins.volume("a", "error_extending"), Condition.WHOLE),
    ],
)
def test_how_far_a_thing_is_follows_from_its_state(thing, condition) -> None:
    [candidate] = finders.find(WORKLOAD["server-web-1" if thing.type == "server" else "volume-web-1-1"], Seen([thing]), {}, ruins.MARK)

    assert candidate.condition is condition


def test_a_group_of_servers_is_known_by_its_name_and_policy_for_it_carries_no_mark() -> None:
    name = f"{ruins.PREFIX}-web"
    strict = {"policy": "anti-affinity"}
    wanted = PlannedResource(stack="workload", type=tokens.SERVER_GROUP, name="placement-web", cloud_name=name, properties=strict)
    groups = [
        ruins.thing("server_group", "sg-new", "compute", name=name, policies=["anti-affinity"], members=["srv-1"]),
        ruins.thing("server_group", "sg-other", "compute", name=name, policies=["soft-anti-affinity"], members=[]),
        ruins.thing("server_group", "sg-another", "compute", name=f"{name}-2", policies=["anti-affinity"], members=[]),
    ]

    candidates = finders.find(wanted, Seen(groups), {}, ruins.MARK)

    assert [(candidate.id, candidate.fits, candidate.used) for candidate in candidates] == [("sg-new", True, True), ("sg-other", False, False)]


def test_a_volume_on_its_way_to_a_server_is_waited_for() -> None:
    whole = ruins.whole() | {"volume-web-1-1": ruins.volume("v-1", "attaching")}

    [candidate] = finders.find(
        WORKLOAD["attachment-web-1-1"], Seen(whole.values()), {"server-web-1": "srv-1", "volume-web-1-1": "v-1"}, ruins.MARK
    )

    assert (candidate.id, candidate.condition) == ("srv-1/v-1", Condition.BUILDING)

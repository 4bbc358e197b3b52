"""A state made of a plan and of ids alone has the form of the engine's own, and everything in it can be found by what needs it."""

from dcctl.provisioner import state
from dcctl.provisioner.skeleton import PROVIDER, rebuilt, urn
from dcctl.provisioner.words import urn_parts
from stacks import tokens
from tests.unit.dcctl import ruins

STACK = "cotonou.min-sante.dossier-patient.workload"
WORKLOAD = ruins.planned().of("workload")
EVERYTHING = {resource.name: f"id-{resource.name}" for resource in WORKLOAD}


def of(made: state.State) -> dict[str, dict]:
    return {resource["urn"].rpartition("::")[2]: resource for resource in made["deployment"]["resources"]}


def test_of_a_lost_state_everything_is_there_under_its_id_below_what_groups_it() -> None:
    made, things = rebuilt(None, STACK, WORKLOAD, EVERYTHING, ())

    known = state.recorded(made)
    assert {name: thing.id for name, thing in known.items()} == EVERYTHING
    assert {thing.urn: thing.id for thing in known.values()} == things
    assert [name for name, thing in known.items() if thing.protected] == ["volume-web-1-1"]
    server = of(made)["server-web-1"]
    assert server["urn"] == f"urn:pulumi:{STACK}::dcctl::dcctl:stacks:Servers${tokens.SERVER}::server-web-1"
    assert server["parent"] == urn(STACK, tokens.COMPONENT_SERVERS, "web")
    assert of(made)["subnet"]["parent"] == urn(STACK, tokens.COMPONENT_NETWORK, "network")
    assert (server["inputs"], server["outputs"]) == ({}, {})


def test_whatever_a_thing_is_bound_to_stands_before_it() -> None:
    made, _ = rebuilt(None, STACK, WORKLOAD, EVERYTHING, ())
    seen: list[str] = []
    for resource in made["deployment"]["resources"]:
        needed = [*resource.get("dependencies", ()), *filter(None, [resource.get("parent"), resource.get("provider", "").rpartition("::")[0]])]
        assert set(needed) <= set(seen), resource["urn"]
        seen.append(resource["urn"])

    attachment = of(made)["attachment-web-1-1"]
    assert [urn_parts(found)[1] for found in attachment["dependencies"]] == ["server-web-1", "volume-web-1-1"]


def test_what_the_state_has_stays_as_it_is_but_for_what_is_forgotten() -> None:
    whole, _ = rebuilt(None, STACK, WORKLOAD, EVERYTHING, ())
    for resource in whole["deployment"]["resources"]:
        resource["outputs"] = {"read": True}

    again, things = rebuilt(whole, STACK, WORKLOAD, {"port-web-1": "another"}, ["port-web-1", "server-web-1"])

    found = of(again)
    assert things == {found["port-web-1"]["urn"]: "another"}
    assert "server-web-1" not in found
    assert [urn_parts(needed)[1] for needed in found["attachment-web-1-1"]["dependencies"]] == ["volume-web-1-1"]
    assert {name for name, resource in found.items() if resource["outputs"] != {"read": True}} == {"port-web-1"}
    assert sum(resource["type"] == PROVIDER for resource in found.values()) == 1

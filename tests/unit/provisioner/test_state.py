"""What a stack's state says, and the same state without some of it."""

from dcctl.provisioner import state
from stacks import tokens

URN = "urn:pulumi:cotonou.min-sante.essai.workload::dcctl::{}::{}"
STACK = URN.format("pulumi:pulumi:Stack", "dcctl-x")
NETWORK, SUBNET = URN.format(f"dcctl:stacks:TenantNetwork${tokens.NETWORK}", "network"), URN.format(tokens.SUBNET, "subnet")
COMPONENT = URN.format("dcctl:stacks:TenantNetwork", "network")
EXPORTED = {
    "version": 3,
    "deployment": {
        "manifest": {"magic": "m"},
        "resources": [
            {"urn": STACK, "type": "pulumi:pulumi:Stack"},
            {"urn": COMPONENT, "type": "dcctl:stacks:TenantNetwork", "parent": STACK},
            {"urn": NETWORK, "type": tokens.NETWORK, "id": "n-1", "parent": COMPONENT},
            {
                "urn": SUBNET, "type": tokens.SUBNET, "id": "s-1", "protect": True, "dependencies": [NETWORK],
                "propertyDependencies": {"networkId": [NETWORK]},
            },
            {"urn": SUBNET, "type": tokens.SUBNET, "id": "s-0", "delete": True},
        ],
        "pending_operations": [{"resource": {"urn": URN.format(tokens.ROUTER, "router")}, "type": "creating"}],
    },
}  # fmt: skip


def test_what_a_state_has_is_read_by_logical_name() -> None:
    known = state.recorded(EXPORTED)

    assert {name: (thing.id, thing.protected) for name, thing in known.items()} == {"network": ("n-1", False), "subnet": ("s-1", True)}
    assert state.pending(EXPORTED) == {"router": "creating"}


def test_of_no_state_and_of_an_empty_one_nothing_is_read() -> None:
    for nothing in (None, state.EMPTY, {"version": 3, "deployment": None}, {"version": 3, "deployment": {"resources": None}}):
        assert state.recorded(nothing) == {}
        assert state.pending(nothing) == {}


def test_what_is_taken_out_leaves_no_word_of_itself_and_the_components_of_its_name_stay() -> None:
    less = state.without(EXPORTED, {"network"})

    urns = [resource["urn"] for resource in less["deployment"]["resources"]]
    assert NETWORK not in urns
    assert COMPONENT in urns
    assert NETWORK not in str(less)
    assert less["deployment"]["manifest"] == {"magic": "m"}
    assert state.pending(less) == {}
    assert EXPORTED["deployment"]["resources"][3]["dependencies"] == [NETWORK]  # type: ignore[index]


def test_what_cannot_be_a_state_is_seen_before_it_is_read() -> None:
    assert state.readable(EXPORTED)
    assert state.readable({"version": 3, "deployment": None})
    for garbled in (None, [], "texte", {"deployment": []}, {"deployment": {"resources": "rien"}}, {"deployment": {"resources": [{"urn": 5}]}}):
        assert not state.readable(garbled)

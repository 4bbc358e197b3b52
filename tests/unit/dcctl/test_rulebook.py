"""The policy as data: which rule fits, what a document must be, and every fault at once."""

import copy
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dcctl import rulebook
from dcctl.approval import Needed, missing, needed
from dcctl.rulebook import Facts, PolicyFaults, parse

SHIPPED = YAML(typ="safe", pure=True).load((Path(rulebook.__file__).parent / "policies" / "standard.yaml").read_text())
WAITING = SHIPPED["waiting"]
LEAD = Needed(role="dc_lead", administration="min-sante")
OPERATOR = Needed(role="dc_operator", administration="min-sante")


def policy(*rules, waiting=WAITING):
    return {"apiVersion": "dcctl/v1", "kind": "DecisionPolicy", "rules": list(rules), "waiting": waiting}


def facts(**changes):
    return Facts(**{"kind": "environment", "lineage": ("min-sante",), "asked_by": frozenset({"dc_agent"}), "offer": "standard"} | changes)


def decided_by(document, **changes):
    return needed(parse(document), facts(**changes))


LAST = {"name": "otherwise", "needs": ["dc_lead"]}


def test_the_shipped_policy_asks_those_whom_the_offer_names():
    assert decided_by(SHIPPED) == ("otherwise", [LEAD])
    assert decided_by(SHIPPED, kind="change", offer="production", approval=("dc_lead", "dc_operator"))[1] == [LEAD, OPERATOR]
    assert decided_by(SHIPPED, approval=("dc_lead", "dc_operator", "dc_operator"))[1] == [LEAD, OPERATOR, OPERATOR]


def test_a_leads_own_typed_word_is_enough_to_give_an_environment_back_but_not_an_agents():
    assert decided_by(SHIPPED, kind="decommission", asked_by=frozenset({"dc_lead"}))[1] == []
    assert decided_by(SHIPPED, kind="decommission")[1] == [LEAD]


@pytest.mark.parametrize(("destroys", "needs"), [(False, []), (True, [LEAD]), (None, [LEAD])])
def test_a_repair_needs_a_lead_unless_it_is_known_to_destroy_nothing(destroys, needs):
    assert decided_by(SHIPPED, kind="repair", destroys=destroys)[1] == needs


def test_an_envelope_is_given_by_whoever_pays_and_a_large_one_by_two_of_them():
    small, large = {"cores": 64}, {"cores": 501}
    parent = Needed(role="dc_lead", administration="pres")

    assert decided_by(SHIPPED, kind="envelope", demand=small)[1] == [LEAD, OPERATOR]
    assert decided_by(SHIPPED, kind="envelope", demand=large)[1] == [LEAD, OPERATOR, OPERATOR]
    assert decided_by(SHIPPED, kind="envelope", demand=small, asked_by=frozenset({"dc_lead"}))[1] == [OPERATOR]
    assert decided_by(SHIPPED, kind="envelope", demand=small, payer="pres")[1] == [LEAD, parent]


def test_no_rule_lets_an_envelope_grow_without_the_word_of_somebody_who_gives():
    assert decided_by(policy(LAST), kind="envelope")[1] == [LEAD, OPERATOR]
    assert decided_by(policy(LAST), kind="envelope", payer="pres")[1] == [LEAD, Needed(role="dc_lead", administration="pres")]
    operators = {"name": "operators", "needs": ["dc_operator"]}
    assert decided_by(policy(operators), kind="envelope", payer="pres")[1] == [OPERATOR, Needed(role="dc_lead", administration="pres")]


AUTOMATIC = {"name": "small", "needs": [], "when": {"kinds": ["environment"], "at_most": {"cores": 4, "ram": 8192}, "used_at_least": 60}}


@pytest.mark.parametrize(
    ("demand", "use", "automatic"),
    [
        ({"cores": 4, "ram": 8192}, {"cores": (10, 6)}, True),
        ({"cores": 4}, {}, True),  # who has nothing leaves nothing unused
        ({"cores": 5}, {"cores": (10, 6)}, False),
        ({"cores": 4, "instances": 1}, {"cores": (10, 6)}, False),  # what is not named is bounded by nothing
        ({"cores": 4}, {"cores": (10, 5)}, False),
        ({"cores": 4}, {"cores": (10, 6), "ram": (4096, 0)}, False),
        ({"cores": 4}, {"cores": (10, None)}, False),
        ({"cores": 4}, None, False),
    ],
)
def test_the_policy_decides_itself_only_within_its_bounds_of_size_and_measured_use(demand, use, automatic):
    assert (decided_by(policy(AUTOMATIC, LAST), demand=demand, use=use)[1] == []) is automatic


def test_conditions_of_offer_administration_and_size_are_all_met_or_the_next_rule_counts():
    when = {"offers": ["production"], "administrations": ["pres"], "above": {"cores": 200}}
    rule = {"name": "large", "needs": ["dc_lead", "dc_operator"], "when": when}
    document = policy(rule, LAST)
    fits = {"offer": "production", "lineage": ("min-sante", "pres"), "demand": {"cores": 201}}

    assert decided_by(document, **fits) == ("large", [LEAD, OPERATOR])
    for change in ({"offer": "standard"}, {"lineage": ("min-sante",)}, {"demand": {"cores": 200}}):
        assert decided_by(document, **fits | change)[0] == "otherwise"


def test_each_approval_counts_for_one_of_those_that_are_needed():
    assert missing([LEAD, OPERATOR, OPERATOR], [OPERATOR]) == [LEAD, OPERATOR]
    assert missing([LEAD, OPERATOR], [OPERATOR, OPERATOR]) == [LEAD]
    assert missing([LEAD], [LEAD]) == []


def test_every_fault_is_named_with_its_place_and_no_policy_comes_of_it():
    document = policy(
        {"name": "a", "needs": ["dc_leed"], "when": {"kind": ["environment"], "at_most": {"coeurs": 1, "cores": -1}, "used_at_least": 0}},
        {"name": "a", "needs": []},
        {"name": "b", "needs": ["dc_lead"], "when": {"kinds": ["envelope", "extend"], "destroys": "no"}},
        waiting={"in_review": {"remind": [7, 3], "lapse": 30}, "returned": {"lapse": 0}},
    )
    document["titel"] = "Qui décide"
    before = copy.deepcopy(document)

    with pytest.raises(PolicyFaults) as refused:
        parse(document)

    assert document == before
    assert {(".".join(map(str, fault.path)), fault.code) for fault in refused.value.faults} == {
        ("titel", "spec.unknown_key"),
        ("rules.0.when.kind", "spec.unknown_key"),
        ("rules.0.when.at_most.coeurs", "spec.bad_quota_key"),
        ("rules.0.when.at_most.cores", "spec.out_of_range"),
        ("rules.0.when.used_at_least", "spec.out_of_range"),
        ("rules.0.needs.0", "policy.unknown_value"),
        ("rules.1.name", "spec.duplicate"),
        ("rules.1.name", "policy.never_reached"),
        ("rules.1.needs", "policy.unbounded"),
        ("rules.2.when.kinds.1", "policy.unknown_value"),
        ("rules.2.when.destroys", "spec.not_a_boolean"),
        ("rules.2", "policy.no_last_rule"),
        ("waiting.in_review.remind", "policy.not_rising"),
        ("waiting.returned.lapse", "spec.out_of_range"),
        ("waiting", "spec.missing"),
    }


@pytest.mark.parametrize("document", [None, [], "policy", 7, {}, {"rules": {}}, {"rules": [None, 3]}, {"rules": [{"when": []}], "waiting": []}])
def test_whatever_is_no_policy_has_faults_and_never_another_error(document):
    with pytest.raises(PolicyFaults) as refused:
        parse(document)
    assert refused.value.faults


@pytest.mark.parametrize(
    ("when", "lacking"),
    [
        ({"kinds": ["environment"]}, ("at_most",)),
        ({"kinds": ["change"], "at_most": {"cores": 1}}, ("destroys: false",)),
        ({"kinds": ["decommission"]}, ("asked_by: [dc_lead]",)),
        ({"kinds": ["envelope"], "at_most": {"cores": 1}}, ("kinds (envelope)",)),
    ],
)
def test_what_needs_nobody_must_be_bounded(when, lacking):
    with pytest.raises(PolicyFaults) as refused:
        parse(policy({"name": "free", "needs": [], "when": when}, LAST))

    assert [(fault.code, fault.params["missing"]) for fault in refused.value.faults] == [("policy.unbounded", lacking)]

"""The policy: what the defaults allow, that nothing else is allowed, and that a file cannot weaken it by mistake."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dcctl.api.policy import BY_NAME, RULES, Policy, sample
from dcctl.errors import DcctlError
from dcctl.workflow.actor import Actor


def actor(*roles: str, administration: str | None = None) -> Actor:
    return Actor(
        user_id="u", user="u", domain_id="asin", domain="asin", roles=frozenset(roles), scope_kind="domain",
        expires_at=datetime(2026, 12, 1, tzinfo=UTC), administration=administration,
    )  # fmt: skip


def test_who_has_no_role_may_only_ask_who_they_are() -> None:
    policy = Policy()

    assert [rule.name for rule in RULES if policy.allows(actor(administration="min-sante"), rule.name, "min-sante")] == ["whoami:show"]


def test_an_action_that_no_rule_names_is_denied_to_everybody() -> None:
    everything = actor("dc_agent", "dc_lead", "dc_operator", "dc_auditor", administration="min-sante")

    assert not Policy().allows(everything, "datacenter:burn", "min-sante")
    assert not Policy().allows(everything, "default", "min-sante")


def test_a_lead_decides_for_their_own_administration_only() -> None:
    lead = actor("dc_lead", administration="min-sante")

    assert Policy().allows(lead, "request:decide", "min-sante")
    assert not Policy().allows(lead, "request:decide", "min-justice")
    assert not Policy().allows(lead, "request:decide")


def test_a_lead_without_an_administration_decides_for_none() -> None:
    lead = actor("dc_lead")

    assert not any(Policy().allows(lead, "request:decide", code) for code in (None, "None", "", "min-sante"))


def test_keystones_own_roles_and_other_spellings_give_nothing() -> None:
    assert not any(Policy().allows(actor("admin", "manager", "member", "service"), rule.name) for rule in RULES if rule.name != "whoami:show")


def test_a_refusal_says_which_roles_would_do() -> None:
    with pytest.raises(DcctlError) as refused:
        Policy().require(actor("dc_agent", administration="min-sante"), "operation:abandon", "min-sante")

    assert refused.value.code == "DCCTL-106"
    assert refused.value.params == {"roles": ["dc_agent"], "action": "operation:abandon", "needed": ["dc_lead", "dc_operator"]}


def test_a_file_changes_the_rule_that_it_names_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text('"capacity:show": "role:dc_lead"\n')
    policy = Policy(file)

    assert policy.allows(actor("dc_lead", administration="min-sante"), "capacity:show")
    assert not policy.allows(actor("dc_operator"), "capacity:show")
    assert policy.allows(actor("dc_operator"), "capacity:declare")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"capacity:shwo": "@"\n', "capacity:shwo"),
        ('"capacity:show": "role:dc_lead or or"\n', "capacity:show"),
        ('"capacity:show": ["dc_lead"\n', "line"),
        ("- capacity\n", "policy.yaml"),
    ],
)
def test_a_faulty_file_is_refused_whole(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text)

    with pytest.raises(DcctlError) as refused:
        Policy(file)

    assert refused.value.code == "DCCTL-003"
    assert said in str(refused.value.params)


def test_the_sample_names_every_rule_and_every_address() -> None:
    text = sample()

    assert all(f'#"{rule.name}": "{rule.check_str}"' in text for rule in RULES)
    assert all(f"# {method}  {path}" in text for rule in RULES for method, path in rule.operations)
    assert len(BY_NAME) == len(RULES)

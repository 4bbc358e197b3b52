"""Who may do what, as oslo.policy rules: what is not named is denied, and an override file may change what is.

A rule sees dcctl's own roles only (`dcctl.workflow.actor` drops every other, and those that do not count in the token's scope), and two facts:
`administration` of the one who asks, and of what is asked about. What may be *seen* is not decided here but in `dcctl.workflow.sight`, before.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oslo_config import cfg
from oslo_policy import policy
from oslo_policy.generator import _format_rule_default_yaml as as_yaml

from dcctl.errors import DcctlError
from dcctl.workflow.actor import Actor

AGENT, LEAD, OPERATOR, AUDITOR = "dc_agent", "dc_lead", "dc_operator", "dc_auditor"
READERS = (AGENT, LEAD, OPERATOR, AUDITOR)
NOBODY, ANYBODY = "!", "@"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule's default: roles that may everywhere, roles that may for their own administration only."""

    name: str
    does: str
    anywhere: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    operations: tuple[tuple[str, str], ...]
    check: str = ""

    @property
    def check_str(self) -> str:
        """In oslo.policy's language."""
        if self.check:
            return self.check
        own = " or ".join(f"role:{role}" for role in self.own)
        parts = [*(f"role:{role}" for role in self.anywhere), *([f"(({own}) and administration:%(administration)s)"] if own else [])]
        return " or ".join(parts) or NOBODY

    @property
    def needed(self) -> list[str]:
        """The roles that may, for the sentence of a refusal."""
        return [*self.own, *self.anywhere]


def _rule(name: str, does: str, *operations: str, anywhere: tuple[str, ...] = (), own: tuple[str, ...] = (), check: str = "") -> Rule:
    pairs = tuple((method, path) for method, _, path in (operation.partition(" ") for operation in operations))
    return Rule(name=name, does=does, anywhere=anywhere, own=own, operations=pairs, check=check)


RULES: tuple[Rule, ...] = (
    _rule("whoami:show", "See who one is to dcctl.", "GET /v1/whoami", check=ANYBODY),
    _rule("status:show", "See how things stand.", "GET /v1/status", anywhere=READERS),
    _rule("administration:list", "List administrations.", "GET /v1/administrations", anywhere=READERS),
    _rule("administration:show", "See an administration.", "GET /v1/administrations/{code}", anywhere=READERS),
    _rule("administration:create", "Make an administration and its domain.", "POST /v1/administrations", anywhere=(OPERATOR,)),
    _rule("administration:move", "Put an administration below another.", "POST /v1/administrations/{code}/parent", anywhere=(OPERATOR,)),
    _rule("person:list", "See who asks and decides for an administration.", "GET /v1/administrations/{code}/people", anywhere=READERS),
    _rule("person:add", "Give a person a role.", "POST /v1/administrations/{code}/people", anywhere=(OPERATOR,)),
    _rule("person:remove", "Take a role from a person.", "DELETE /v1/administrations/{code}/people/{user}", anywhere=(OPERATOR,)),
    _rule("contact:list", "See to whom letters go.", "GET /v1/administrations/{code}/contacts", anywhere=READERS),
    _rule("contact:add", "Have letters written to an address.", "POST /v1/administrations/{code}/contacts", own=(LEAD,), anywhere=(OPERATOR,)),
    _rule("contact:remove", "Have no more letters written to an address.", "DELETE /v1/administrations/{code}/contacts/{address}",
          own=(LEAD,), anywhere=(OPERATOR,)),
    _rule("capacity:show", "See what the datacenter has.", "GET /v1/capacity", anywhere=(OPERATOR, AUDITOR)),
    _rule("capacity:declare", "Say what the datacenter has.", "PUT /v1/capacity", anywhere=(OPERATOR,)),
    _rule("catalogue:list", "See what a spec may name.", "GET /v1/catalogue", anywhere=READERS),
    _rule("offer:list", "List offers.", "GET /v1/offers", anywhere=READERS),
    _rule("offer:show", "See an offer.", "GET /v1/offers/{name}", anywhere=READERS),
    _rule("offer:publish", "Publish or retire an offer.", "POST /v1/offers", "POST /v1/offers/{name}/retire", anywhere=(OPERATOR,)),
    _rule("policy:show", "See who decides what.", "GET /v1/policy", "GET /v1/policies/{version}", anywhere=READERS),
    _rule("policy:check", "Have a policy examined.", "POST /v1/policies/check", anywhere=READERS),
    _rule("policy:publish", "Put a policy in force.", "POST /v1/policies", anywhere=(OPERATOR,)),
    _rule("quota:show", "See envelopes and quotas.", "GET /v1/quota", anywhere=READERS),
    _rule("quota:history", "See the transfers of an envelope.", "GET /v1/history", anywhere=READERS),
    _rule("quota:verify", "Read the whole ledger, to prove it.", "GET /v1/ledger", anywhere=(OPERATOR, AUDITOR)),
    _rule("usage:show", "See what is used, now and hour by hour.", "GET /v1/usage", "GET /v1/usage/hours", anywhere=READERS),
    _rule("usage:top", "See who uses most.", "GET /v1/usage/top", "GET /v1/usage/ranking", anywhere=READERS),
    _rule("quota:grant", "Enlarge an envelope.", "POST /v1/grants", anywhere=(OPERATOR,)),
    _rule("quota:revoke", "Lower an envelope.", "POST /v1/revocations", anywhere=(OPERATOR,)),
    _rule("quota:import", "Grant a file of envelopes.", "POST /v1/imports", anywhere=(OPERATOR,)),
    _rule("quota:correct", "Correct an entry.", "POST /v1/corrections", anywhere=(OPERATOR,)),
    _rule("act:list", "List operators' acts.", "GET /v1/acts", anywhere=(OPERATOR, AUDITOR)),
    _rule("act:show", "See an operator's act.", "GET /v1/acts/{number}", anywhere=(OPERATOR, AUDITOR)),
    _rule("act:decide", "Approve or refuse another operator's act.", "POST /v1/acts/{number}/decisions", anywhere=(OPERATOR,)),
    _rule("request:submit", "Ask, or try what would be asked.", "POST /v1/requests", "POST /v1/requests/trials", own=(AGENT, LEAD)),
    _rule("request:list", "List requests.", "GET /v1/requests", anywhere=READERS),
    _rule("request:show", "See and follow a request.", "GET /v1/requests/{number}", "GET /v1/requests/{number}/events", anywhere=READERS),
    _rule("request:decide", "Approve, refuse or return a request.", "POST /v1/requests/{number}/decisions", own=(LEAD,), anywhere=(OPERATOR,)),
    _rule("request:withdraw", "Take a request back.", "POST /v1/requests/{number}/withdraw", own=(AGENT, LEAD)),
    _rule("request:edit", "Submit a returned request again; answer to less than was asked.", "POST /v1/requests/{number}/edit",
          "POST /v1/requests/{number}/answer", own=(AGENT, LEAD)),
    _rule("request:comment", "Say something of a request; look at its facts anew.", "POST /v1/requests/{number}/comments",
          "POST /v1/requests/{number}/evidence", own=(AGENT, LEAD), anywhere=(OPERATOR,)),
    _rule("request:review", "Review a decision that was made in an emergency.", "POST /v1/requests/{number}/review", own=(LEAD,),
          anywhere=(OPERATOR, AUDITOR)),
    _rule("environment:list", "List environments, and what drifted in them.", "GET /v1/environments", "GET /v1/drift", anywhere=READERS),
    _rule("environment:show", "See an environment, what drifted in it, and plans of it.", "GET /v1/environments/{administration}/{name}",
          "GET /v1/environments/{administration}/{name}/drift", "GET /v1/plans/{number}", anywhere=READERS),
    _rule("environment:plan", "Have it found out what would change in an environment, or differs.",
          "POST /v1/environments/{administration}/{name}/plans", own=(AGENT, LEAD), anywhere=(OPERATOR,)),
    _rule("environment:accept", "Say that what drifted in an environment is known.",
          "POST /v1/environments/{administration}/{name}/drift/accept", own=(LEAD,), anywhere=(OPERATOR,)),
    _rule("environment:cloud", "See how to reach an environment.", "GET /v1/environments/{administration}/{name}/cloud", anywhere=READERS),
    _rule("environment:certificate", "See the certificate of an environment's end.", "GET /v1/environments/{administration}/{name}/certificate",
          anywhere=READERS),
    _rule("operation:list", "List operations.", "GET /v1/operations", anywhere=READERS),
    _rule("operation:show", "See and follow an operation.", "GET /v1/operations/{id}", "GET /v1/operations/{id}/events", anywhere=READERS),
    _rule("operation:retry", "Continue a failed operation.", "POST /v1/operations/{id}/retry", own=(AGENT, LEAD), anywhere=(OPERATOR,)),
    _rule("operation:cancel", "Stop an operation.", "POST /v1/operations/{id}/cancel", own=(AGENT, LEAD), anywhere=(OPERATOR,)),
    _rule("operation:repair", "See what the engine's states would know if they were rebuilt from the cloud, and rebuild them.",
          "POST /v1/environments/{administration}/{name}/state/looks", "POST /v1/environments/{administration}/{name}/state", anywhere=(OPERATOR,)),
    _rule("reconciliation:run", "Compare ledger, limits and use.", "POST /v1/reconciliations", anywhere=(OPERATOR, AUDITOR)),
    _rule("reconciliation:apply", "Write the limits that differ.", "POST /v1/reconciliations", anywhere=(OPERATOR,)),
    _rule("reconciliation:show", "See what came of a comparison.", "GET /v1/reconciliations/{number}", anywhere=(OPERATOR, AUDITOR)),
    _rule("discrepancy:list", "List differences.", "GET /v1/discrepancies", anywhere=(OPERATOR, AUDITOR)),
    _rule("discrepancy:show", "See a difference.", "GET /v1/discrepancies/{number}", anywhere=(OPERATOR, AUDITOR)),
    _rule("discrepancy:say", "Explain, waive or resolve a difference.", "POST /v1/discrepancies/{number}/{verb}", anywhere=(OPERATOR,)),
    _rule("region:show", "See the mode of the region.", "GET /v1/region", anywhere=(OPERATOR, AUDITOR)),
    _rule("region:mode", "Set the mode of the region.", "PUT /v1/region", anywhere=(OPERATOR,)),
    _rule("audit:list", "Read the audit trail.", "GET /v1/audit", "GET /v1/audit/events/{number}", anywhere=(OPERATOR, AUDITOR)),
    _rule("audit:export", "Read the whole audit trail, to prove it.", "GET /v1/audit/export", anywhere=(OPERATOR, AUDITOR)),
    _rule("maintenance:show", "See whether operations may begin.", "GET /v1/maintenance", anywhere=(OPERATOR, AUDITOR)),
    _rule("maintenance:set", "Begin or end maintenance.", "PUT /v1/maintenance", anywhere=(OPERATOR,)),
    _rule("operation:abandon", "Give up a failed operation.", "POST /v1/operations/{id}/abandon", own=(LEAD,), anywhere=(OPERATOR,)),
)  # fmt: skip
BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in RULES}


_MEANT = [
    (method, re.compile("".join("([^/]+)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", path))), rule.name)
    for rule in RULES
    for method, path in rule.operations
]


def meant(method: str, path: str) -> tuple[str, str | None]:
    """What a call asks for and on what, by its address alone: for calls that get no further. "unknown" where no rule has it."""
    for of, pattern, name in _MEANT:
        if of == method and (found := pattern.fullmatch(path)) is not None:
            return name, "/".join(found.groups()) or None
    return "unknown", None


def defaults() -> list[policy.DocumentedRuleDefault]:
    """The rules as oslo.policy documents them."""
    return [
        policy.DocumentedRuleDefault(
            name=rule.name,
            check_str=rule.check_str,
            description=rule.does,
            operations=[{"method": method, "path": path} for method, path in rule.operations],
        )
        for rule in RULES
    ]


def sample() -> str:
    """A policy file with every default, commented out."""
    return "\n".join(as_yaml(default) for default in defaults())


class Policy:
    """The rules in force: the defaults, and over them a file's. Read once; a faulty file is refused, it never weakens a rule."""

    def __init__(self, file: Path | None = None, overrides: Mapping[str, str] | None = None) -> None:
        """`overrides` are rules by name, as a file would have them; raises DCCTL-003 for a file that cannot be used."""
        rules = {default.name: default.check_str for default in defaults()}
        rules |= _read(file) if file is not None else {}
        rules |= overrides or {}
        conf = cfg.ConfigOpts()
        conf([], project="dcctl", default_config_files=[], default_config_dirs=[])
        self._enforcer = policy.Enforcer(conf, use_conf=False)
        self._enforcer.set_rules(policy.Rules.from_dict({"default": NOBODY, **rules}, "default"), use_conf=False)

    def require(self, actor: Actor, action: str, administration: str | None = None) -> None:
        """Return when the actor may; `administration` is the one that what is asked about belongs to.

        Raises:
            DcctlError: DCCTL-106.
        """
        if not self.allows(actor, action, administration):
            rule = BY_NAME.get(action)
            raise DcctlError("DCCTL-106", roles=sorted(actor.roles), action=action, needed=rule.needed if rule else [])

    def allows(self, actor: Actor, action: str, administration: str | None = None) -> bool:
        """Whether the actor may."""
        # A fact that is not there must not be equal to another that is not there.
        target = {} if administration is None else {"administration": administration}
        facts: dict[str, Any] = {"roles": sorted(actor.roles)}
        if actor.administration is not None:
            facts["administration"] = actor.administration
        return bool(self._enforcer.enforce(action, target, facts))


def _read(file: Path) -> dict[str, str]:
    try:
        found = policy.parse_file_contents(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise DcctlError("DCCTL-003", path=str(file), reason=" ".join(str(error).split())) from error
    if not isinstance(found, dict):
        raise DcctlError("DCCTL-003", path=str(file), reason="capacity:show: role:dc_operator")
    faults = [f"{name}?" for name in found if name not in BY_NAME]
    faults += [f"{name}: {text!r}" for name, text in found.items() if not _understood(text)]
    if faults:
        raise DcctlError("DCCTL-003", path=str(file), reason="; ".join(faults))
    return {name: str(check) for name, check in found.items()}


def _understood(text: object) -> bool:
    """False for what oslo.policy cannot read: it would deny that, and nobody would know why."""
    if not isinstance(text, str):
        return False
    never = type(policy.RuleDefault("never", NOBODY).check)
    return text.strip() == NOBODY or not isinstance(policy.RuleDefault("rule", text).check, never)

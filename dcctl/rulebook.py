"""The policy of decisions as data: whose word a request needs, and how long it may wait. A document becomes a `Rulebook`, or all of its faults.

The first rule that fits a request is the one that counts; the last one fits everything. What is not known of a request (measured use that nobody
measured, what a change destroys before the worker has looked) fits no condition about it, so that ignorance never makes a decision easier.

This module is pure: no clock, no database, no network. Amounts are in the resources' own units, times in whole days.
Codes of faults: those of `stacks.faults` for what is malformed, and policy.unknown_value, policy.no_last_rule, policy.never_reached,
policy.unbounded, policy.not_rising.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from dcctl.lifecycle import Kind, RequestState
from quotas.resources import find
from stacks.faults import Fault

VERSION, DOCUMENT_KIND = "dcctl/v1", "DecisionPolicy"
LEAD, OPERATOR = "dc_lead", "dc_operator"
#: Who gives what an envelope is enlarged by: the parent's lead, or an operator where the pool pays.
GRANTOR = "grantor"
#: Those whom the offer's version names.
OFFER = "offer"
NEEDS = (LEAD, OPERATOR, GRANTOR, OFFER)
#: What an offer may name.
OFFER_NEEDS = (LEAD, OPERATOR)
ROLES = ("dc_agent", LEAD)
CONDITIONS = ("kinds", "offers", "administrations", "asked_by", "at_most", "above", "used_at_least", "destroys")
#: States in which a request waits for somebody; the examination of a submitted one counts as review.
WAITING = (RequestState.IN_REVIEW, RequestState.RETURNED, RequestState.PROPOSED)
#: Kinds that make or change something in the cloud, and so may not go without a bound of size.
_SIZED = (Kind.ENVIRONMENT, Kind.CHANGE)
_DESTROYING = (Kind.CHANGE, Kind.REPAIR)
LONGEST_WAIT_DAYS, MOST_NEEDED, MOST_RULES, LARGEST = 365, 5, 200, 2**63 - 1

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a policy may ask of a request.

    Attributes:
        lineage: the administration's code and those above it.
        asked_by: the requester's roles.
        approval: whom the offer's version names.
        payer: of an envelope: ``pool`` or the code of the parent.
        destroys: whether something is destroyed or replaced; None: not known (yet).
        use: by resource what the administration's environments have allocated, and what of it is in use (None: not measured); None: not known.
    """

    kind: str
    lineage: tuple[str, ...]
    asked_by: frozenset[str]
    offer: str | None = None
    approval: tuple[str, ...] = (LEAD,)
    demand: Mapping[str, int] = field(default_factory=dict)
    payer: str = "pool"
    destroys: bool | None = None
    use: Mapping[str, tuple[int, int | None]] | None = None

    @property
    def administration(self) -> str:
        return self.lineage[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule: the words of `NEEDS` for requests that meet every condition."""

    name: str
    needs: tuple[str, ...]
    when: Mapping[str, Any]

    def fits(self, facts: Facts) -> bool:
        """Whether the request meets each condition; an unknown fact meets none."""
        return all(_meets(name, wanted, facts) for name, wanted in self.when.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """After how many days those who are waited for are reminded, and after how many the request lapses."""

    remind: tuple[int, ...]
    lapse: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """A version of the policy."""

    rules: tuple[Rule, ...]
    waiting: Mapping[str, Wait]

    def rule_for(self, facts: Facts) -> Rule:
        """The first rule that fits; the last one always does."""
        return next(rule for rule in self.rules if rule.fits(facts))

    def wait(self, state: str) -> Wait:
        """How long a request may stay in a state; a submitted one waits as one in review does."""
        return self.waiting.get(state) or self.waiting[RequestState.IN_REVIEW]


class PolicyFaults(Exception):
    """A document that is no policy; `faults` names everything that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = tuple(faults)


def _meets(name: str, wanted: Any, facts: Facts) -> bool:
    if name == "kinds":
        return facts.kind in wanted
    if name == "offers":
        return facts.offer in wanted
    if name == "administrations":
        return not set(wanted).isdisjoint(facts.lineage)
    if name == "asked_by":
        return not facts.asked_by.isdisjoint(wanted)
    if name == "at_most":
        return all(amount <= wanted.get(resource, 0) for resource, amount in facts.demand.items())
    if name == "above":
        return any(facts.demand.get(resource, 0) > amount for resource, amount in wanted.items())
    if name == "used_at_least":
        return facts.use is not None and all(
            used is not None and used * 100 >= allocated * wanted for allocated, used in facts.use.values() if allocated
        )
    return facts.destroys is not None and facts.destroys == wanted


def parse(document: Any) -> Rulebook:
    """The policy that a document is.

    Raises:
        PolicyFaults: with every fault.
    """
    faults: list[Fault] = []
    found = _mapping(document, (), ("apiVersion", "kind", "title", "rules", "waiting"), faults) or {}
    for key, wanted, code in (("apiVersion", VERSION, "spec.unsupported_version"), ("kind", DOCUMENT_KIND, "spec.unsupported_kind")):
        if key not in found:
            faults.append(_missing((), key, wanted))
        elif found[key] != wanted:
            faults.append(Fault(path=(key,), code=code, params={"found": _shown(found[key]), "allowed": wanted}))
    rules = _rules(found, faults)
    waiting = _waiting(found, faults)
    if faults:
        raise PolicyFaults(faults)
    return Rulebook(rules=tuple(rules), waiting=waiting)


def _rules(found: Mapping[str, Any], faults: list[Fault]) -> list[Rule]:
    listed = found.get("rules")
    if not isinstance(listed, list) or not listed:
        faults.append(_missing((), "rules", "[{name: otherwise, needs: [offer]}]"))
        return []
    if len(listed) > MOST_RULES:
        faults.append(Fault(path=("rules",), code="spec.too_many", params={"count": len(listed), "minimum": 1, "maximum": MOST_RULES}))
        return []
    rules: list[Rule] = []
    names: dict[str, int] = {}
    for index, item in enumerate(listed):
        path: Path = ("rules", index)
        fields = _mapping(item, path, ("name", "why", "when", "needs"), faults)
        if fields is None:
            continue
        name = fields.get("name")
        if not isinstance(name, str) or not name.strip() or len(name) > 80:
            faults.append(_missing(path, "name", "production-large"))
            name = ""
        elif name in names:
            faults.append(Fault(path=(*path, "name"), code="spec.duplicate", params={"found": name, "first": names[name], "allowed": "rules"}))
        names.setdefault(name, index)
        when = _conditions(fields.get("when"), (*path, "when"), faults) if fields.get("when") is not None else {}
        needs = _needs(fields, path, faults)
        rule = Rule(name=name, needs=needs or (), when=when)
        if needs == ():
            faults += _unbounded(rule, path)
        if not when and index < len(listed) - 1:
            faults.append(Fault(path=(*path, "name"), code="policy.never_reached", params={"name": name, "count": len(listed) - 1 - index}))
        rules.append(rule)
    if rules and len(rules) == len(listed) and rules[-1].when:
        faults.append(Fault(path=("rules", len(listed) - 1), code="policy.no_last_rule", params={"name": rules[-1].name}))
    return rules


def _needs(fields: Mapping[str, Any], path: Path, faults: list[Fault]) -> tuple[str, ...] | None:
    needs = fields.get("needs")
    if not isinstance(needs, list):
        faults.append(_missing(path, "needs", "[dc_lead, dc_operator]"))
        return None
    if len(needs) > MOST_NEEDED:
        faults.append(Fault(path=(*path, "needs"), code="spec.too_many", params={"count": len(needs), "minimum": 0, "maximum": MOST_NEEDED}))
    faults += [unknown((*path, "needs", at), word, NEEDS) for at, word in enumerate(needs) if word not in NEEDS]
    return tuple(word for word in needs if isinstance(word, str))


def _conditions(found: Any, path: Path, faults: list[Fault]) -> dict[str, Any]:
    conditions = _mapping(found, path, CONDITIONS, faults) or {}
    known: dict[str, Any] = {}
    for name, value in conditions.items():
        place = (*path, name)
        if name in ("at_most", "above"):
            amounts = _mapping(value, place, None, faults) or {}
            for resource, amount in amounts.items():
                if find(str(resource)) is None:
                    params = {"found": _shown(resource), "allowed": "cores, ram"}
                    faults.append(Fault(path=(*place, str(resource)), code="spec.bad_quota_key", params=params))
                elif not _whole(amount, 0, LARGEST):
                    faults.append(_out_of_range((*place, str(resource)), amount, 0, LARGEST))
            known[name] = amounts
        elif name == "used_at_least":
            if not _whole(value, 1, 100):
                faults.append(_out_of_range(place, value, 1, 100))
            known[name] = value
        elif name == "destroys":
            if not isinstance(value, bool):
                faults.append(Fault(path=place, code="spec.not_a_boolean", params={"found": _shown(value)}))
            known[name] = value
        elif name in CONDITIONS:
            known[name] = _names(name, value, place, faults)
    return known


def _names(name: str, value: Any, path: Path, faults: list[Fault]) -> tuple[str, ...]:
    allowed: Collection[str] = {"kinds": [str(kind) for kind in Kind], "asked_by": ROLES}.get(name, ())
    if not isinstance(value, list) or not value:
        faults.append(Fault(path=path, code="spec.not_a_list", params={"found": _shown(value), "allowed": "text"}))
        return ()
    for at, one in enumerate(value):
        if not isinstance(one, str) or (allowed and one not in allowed):
            faults.append(unknown((*path, at), one, allowed or ("standard",)))
    return tuple(str(one) for one in value)


def _unbounded(rule: Rule, path: Path) -> Iterator[Fault]:
    """What is missing so that nobody's word may be enough: it is said of which kinds, how large, and that it takes from nobody."""
    kinds = rule.when.get("kinds") or tuple(str(kind) for kind in Kind)
    missing = []
    if "kinds" not in rule.when:
        missing.append("kinds")
    if Kind.ENVELOPE in kinds:
        missing.append("kinds (envelope)")
    if {*kinds} & {*_SIZED} and "at_most" not in rule.when:
        missing.append("at_most")
    if {*kinds} & {*_DESTROYING} and rule.when.get("destroys") is not False:
        missing.append("destroys: false")
    if Kind.DECOMMISSION in kinds and rule.when.get("asked_by") != (LEAD,):
        missing.append("asked_by: [dc_lead]")
    if missing:
        yield Fault(path=(*path, "needs"), code="policy.unbounded", params={"name": rule.name, "missing": tuple(missing)})


def _waiting(found: Mapping[str, Any], faults: list[Fault]) -> dict[str, Wait]:
    waits: dict[str, Wait] = {}
    if "waiting" not in found:
        faults.append(_missing((), "waiting", "{in_review: {remind: [7, 14], lapse: 30}, …}"))
        return waits
    states = [str(state) for state in WAITING]
    of_each = _mapping(found["waiting"], ("waiting",), states, faults)
    if of_each is None:
        return waits
    for state in states:
        path: Path = ("waiting", state)
        if state not in of_each:
            faults.append(_missing(("waiting",), state, "{remind: [7, 14], lapse: 30}"))
            continue
        fields = _mapping(of_each[state], path, ("remind", "lapse"), faults)
        if fields is None:
            continue
        lapse, remind = fields.get("lapse"), fields.get("remind", [])
        if not isinstance(lapse, int) or not _whole(lapse, 1, LONGEST_WAIT_DAYS):
            faults.append(_out_of_range((*path, "lapse"), lapse, 1, LONGEST_WAIT_DAYS))
            continue
        if not isinstance(remind, list) or not all(_whole(day, 1, LONGEST_WAIT_DAYS) for day in remind):
            faults.append(Fault(path=(*path, "remind"), code="spec.not_a_list", params={"found": _shown(remind), "allowed": "7"}))
        elif sorted({*remind}) != remind or (remind and remind[-1] >= lapse):
            faults.append(Fault(path=(*path, "remind"), code="policy.not_rising", params={"found": _shown(remind), "lapse": lapse}))
        else:
            waits[state] = Wait(remind=tuple(remind), lapse=lapse)
    return waits


def _mapping(found: Any, path: Path, keys: Sequence[str] | None, faults: list[Fault]) -> dict[str, Any] | None:
    if not isinstance(found, dict):
        allowed = tuple(keys) if keys is not None else ("cores", "ram")
        faults.append(Fault(path=path, code="spec.not_a_mapping", params={"found": _shown(found), "allowed": allowed}))
        return None
    for key in found if keys is not None else ():
        if keys is not None and key not in keys:
            params = {"key": _shown(key), "nearest": tuple(get_close_matches(str(key), keys)), "allowed": tuple(keys)}
            faults.append(Fault(path=(*path, str(key)), code="spec.unknown_key", params=params))
    return found


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _missing(path: Path, key: str, example: str) -> Fault:
    return Fault(path=path, code="spec.missing", params={"key": key, "allowed": example})


def _out_of_range(path: Path, found: Any, least: int, most: int) -> Fault:
    return Fault(path=path, code="spec.out_of_range", params={"found": _shown(found), "minimum": least, "maximum": most})


def unknown(path: Path, found: Any, allowed: Collection[str]) -> Fault:
    """A fault for a value that is none of those that are known."""
    near = tuple(get_close_matches(str(found), list(allowed)))
    return Fault(path=path, code="policy.unknown_value", params={"found": _shown(found), "nearest": near, "allowed": tuple(allowed)})


def _shown(value: Any) -> str:
    return str(value)[:80]

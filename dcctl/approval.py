"""Which decisions a request or an act needs, and whether one may be made: the policy's word, four eyes, thresholds, the digest.

This module is pure. What a policy says is `dcctl.rulebook`'s; here it becomes people, whose decisions are counted.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from dcctl.errors import DcctlError
from dcctl.lifecycle import Kind, RequestState, request_after
from dcctl.rulebook import GRANTOR, LEAD, OFFER, OPERATOR, Facts, Rulebook

#: Who gives from the pool.
POOL = "pool"
#: Decides where a version of the policy says that nobody needs to: ``policy:3``.
AUTHOR = "policy"
GIGABYTES = "gigabytes"


class ActState(StrEnum):
    """Of an operator's act."""

    WAITING = "waiting"
    POSTED = "posted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Needed:
    """A decision that is needed: somebody with `role` in `administration`; of an operator it is the administration that asks."""

    role: str
    administration: str

    def to_json(self) -> dict[str, str]:
        """As it is stored with the request."""
        return {"role": self.role, "administration": self.administration}


def needed(policy: Rulebook, facts: Facts) -> tuple[str, list[Needed]]:
    """The name of the rule that fits, and every decision that it asks for; none: the policy itself decides.

    Nobody's envelope grows without the word of somebody who gives: where a rule forgets it, it is added.
    """
    rule = policy.rule_for(facts)
    words = [word for said in rule.needs for word in (facts.approval if said == OFFER else (said,))]
    if facts.kind == Kind.ENVELOPE and GRANTOR not in words and not (facts.payer == POOL and OPERATOR in words):
        words.append(GRANTOR)
    return rule.name, [_who(word, facts) for word in words]


def _who(word: str, facts: Facts) -> Needed:
    if word == GRANTOR and facts.payer != POOL:
        return Needed(role=LEAD, administration=facts.payer)
    return Needed(role=OPERATOR if word in (GRANTOR, OPERATOR) else LEAD, administration=facts.administration)


def missing(needs: Iterable[Needed], given: Iterable[Needed]) -> list[Needed]:
    """Which of the decisions are still missing; each one given counts for one."""
    left = Counter(given)
    still = []
    for need in needs:
        if left[need]:
            left[need] -= 1
        else:
            still.append(need)
    return still


def may_fill(roles: Collection[str], administration: str | None, needs: Iterable[Needed]) -> Needed | None:
    """The first of the decisions that somebody with these roles, acting for `administration`, may make; None: none of them."""
    for need in needs:
        if need.role in roles and (need.role == OPERATOR or need.administration == administration):
            return need
    return None


def check(
    *,
    number: str,
    state: RequestState,
    verdict: str,
    requester_id: str,
    decider_id: str,
    deciders: Collection[str],
    given_digest: str | None,
    digest: str | None,
    authors: Collection[str] = (),
) -> RequestState:
    """The state that `verdict` leads to when nothing more is missing.

    Args:
        authors: others who had a hand in what is asked: they edited it.

    Raises:
        DcctlError: 301 not now, 204 the requester's own, 205 decided already, 203 another digest than the current one.
    """
    after = request_after(number, state, verdict)
    if decider_id == requester_id or decider_id in authors:
        raise DcctlError("DCCTL-204", noun="request", number=number)
    if decider_id in deciders:
        raise DcctlError("DCCTL-205", number=number)
    if given_digest != digest and (verdict == "approve" or given_digest is not None):
        raise DcctlError("DCCTL-203", number=number, given=given_digest or "–", digest=digest)
    return after


def beyond(moved: Mapping[str, int], alone: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """By resource what an act moves beyond what one operator may move alone: ``{"cores": {"asked": 600, "allowed": 500}}``.

    A volume type's gigabytes that have no threshold of their own are measured by that of `gigabytes`.
    """
    allowed = {name: alone.get(name, alone[GIGABYTES] if name.startswith(f"{GIGABYTES}_") else 0) for name in moved}
    return {name: {"asked": amount, "allowed": allowed[name]} for name, amount in moved.items() if amount > allowed[name]}


def check_act(*, number: str, state: ActState, verdict: str, asker_id: str, decider_id: str, given_digest: str | None, digest: str) -> None:
    """Whether a second operator may decide on an act so. Whoever asked for it may take it back, never approve it.

    Raises:
        DcctlError: 301 it does not wait, 204 the asker's own, 551 another digest than the act's.
    """
    if state is not ActState.WAITING:
        raise DcctlError("DCCTL-301", number=number, state=str(state), action=verdict, possible=["show"])
    if verdict == "approve" and decider_id == asker_id:
        raise DcctlError("DCCTL-204", noun="act", number=number)
    if given_digest != digest and (verdict == "approve" or given_digest is not None):
        raise DcctlError("DCCTL-551", number=number, given=given_digest or "–", digest=digest)

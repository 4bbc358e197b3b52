"""Which decisions a request or an act needs, and whether one may be made: the lead's approval, four eyes, thresholds, the digest.

This module is pure. Richer policies replace `needed`; whoever asks it need not change.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dcctl.errors import DcctlError
from dcctl.lifecycle import Kind, RequestState, request_after

LEAD = "dc_lead"
GIGABYTES = "gigabytes"


class ActState(StrEnum):
    """Of an operator's act."""

    WAITING = "waiting"
    POSTED = "posted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """A decision that is still missing: somebody with `role` in `administration`."""

    role: str
    administration: str


def needed(kind: str, administration: str, requester: Mapping[str, Any], approvals: Collection[Mapping[str, Any]]) -> list[Needed]:
    """What is still missing: one lead's approval, and for a lead's own decommission none, since it takes from nobody."""
    if kind == Kind.DECOMMISSION and LEAD in requester.get("roles", ()):
        return []
    return [] if approvals else [Needed(role=LEAD, administration=administration)]


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
) -> RequestState:
    """The state that `verdict` leads to when nothing more is missing.

    Raises:
        DcctlError: 301 not now, 204 the requester's own, 205 decided already, 203 another digest than the current one.
    """
    after = request_after(number, state, verdict)
    if decider_id == requester_id:
        raise DcctlError("DCCTL-204", number=number)
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
        raise DcctlError("DCCTL-204", number=number)
    if given_digest != digest and (verdict == "approve" or given_digest is not None):
        raise DcctlError("DCCTL-551", number=number, given=given_digest or "–", digest=digest)

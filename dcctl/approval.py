"""Which decisions a request needs, and whether one may be made: the lead's approval, four eyes, the digest.

This module is pure. Richer policies (operators, thresholds) replace `needed`; whoever asks it need not change.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dcctl.errors import DcctlError
from dcctl.lifecycle import Kind, RequestState, request_after

LEAD = "dc_lead"


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

"""The digest that an approval names."""

import hashlib
from typing import Any

import rfc8785

from dcctl.store import Request


def fingerprint(
    request: Request, resolved: dict[str, Any], planned: list[dict[str, Any]], taken: list[dict[str, Any]] | None = None, **instead: Any
) -> str:
    """The digest: SHA-256 over the canonical JSON (RFC 8785) of what an approval binds; `granted` as another one than the request's."""
    document: Any = {
        "kind": request.kind,
        "administration": request.administration,
        "environment": request.environment,
        "spec": request.spec,
        "demand": request.demand,
        "offer": [request.offer, request.offer_version],
        "resolved": resolved,
        "plan": planned,
    }
    if taken:
        document["steps"] = taken
    granted = instead.get("granted", request.granted)
    if granted is not None:
        document["granted"] = granted
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def note(request: Request, evidence: dict[str, Any]) -> None:
    """Keep the facts that a decider is shown, with their digest: SHA-256 over the same canonical JSON that is kept with the decision."""
    request.evidence = evidence
    request.evidence_digest = hashlib.sha256(canonical(evidence).encode()).hexdigest() if evidence else None


def canonical(document: Any) -> str:
    """Canonical JSON (RFC 8785) of what somebody saw, to be kept as it is."""
    return rfc8785.dumps(document).decode()

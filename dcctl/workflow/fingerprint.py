"""The digest that an approval names."""

import hashlib
from typing import Any

import rfc8785

from dcctl.store import Request


def fingerprint(
    request: Request, resolved: dict[str, Any], planned: list[dict[str, Any]], taken: list[dict[str, Any]] | None = None
) -> str:
    """The digest: SHA-256 over the canonical JSON (RFC 8785) of what an approval binds."""
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
    if request.granted is not None:
        document["granted"] = request.granted
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def canonical(document: Any) -> str:
    """Canonical JSON (RFC 8785) of what somebody saw, to be kept as it is."""
    return rfc8785.dumps(document).decode()

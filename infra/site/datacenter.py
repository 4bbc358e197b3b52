"""What operators do once so that administrations can ask: capacity, administrations, their people, their envelopes. All by `dcctl`.

Each function looks first and does nothing twice. `ask` puts the questions.
"""

import time
from collections.abc import Mapping
from typing import Any

from dcctl.errors import DcctlError
from dcctl.words import N_, sentence
from infra.site.layout import Site, SiteError
from infra.site.person import Ask, answer

#: What the trial cloud's three hypervisors and two storage backends have; a third is kept back for maintenance where it is finite.
CAPACITY = {
    "instances": 500,
    "cores": 512,
    "ram": 2 * 1024 * 1024,
    "volumes": 1000,
    "gigabytes": 100_000,
    "gigabytes_standard": 70_000,
    "gigabytes_ssd": 30_000,
    "networks": 100,
    "routers": 100,
    "floatingips": 500,
}
OPERATOR = "operator"
REVIEW_SECONDS = 120.0


def declare_capacity(site: Site, capacity: Mapping[str, int] = CAPACITY, *, ask: Ask = answer) -> bool:
    """Declare what the datacenter has; False where that much, or more, is declared already."""
    declared = {item["resource"]: item["declared"] for item in ask(site, OPERATOR, "capacity", "show")["items"]}
    if all(declared.get(resource, 0) >= amount for resource, amount in capacity.items()):
        return False
    ask(site, OPERATOR, "capacity", "declare", *_amounts(capacity), "--reason", "mise en service", "--document", "PV de recette 2022-06")
    return True


def administration(site: Site, code: str, name: str, *, parent: str | None = None, ask: Ask = answer) -> bool:
    """Create an administration; its Keystone domain is made or adopted. False where it is there."""
    if any(item["code"] == code for item in ask(site, OPERATOR, "administration", "list")["items"]):
        return False
    ask(site, OPERATOR, "administration", "create", code, name, *(["--parent", parent] if parent else []))
    return True


def person(site: Site, code: str, user: str, role: str, *, ask: Ask = answer) -> bool:
    """Let a user act for an administration; False where they do."""
    there = ask(site, OPERATOR, "administration", "person", "list", code)["items"]
    if any(item["user"] == user and item["role"] == role for item in there):
        return False
    ask(site, OPERATOR, "administration", "person", "add", code, user, "--role", role)
    return True


def envelope(site: Site, code: str, wanted: Mapping[str, int], *, reason: str, document: str = "registre du site d'essai", ask: Ask = answer) -> bool:
    """Grant what is missing until the administration was granted `wanted`; False where it was."""
    granted = {item["resource"]: item["granted"] for item in ask(site, OPERATOR, "quota", "show", code)["items"]}
    missing = {resource: amount - granted.get(resource, 0) for resource, amount in wanted.items() if amount > granted.get(resource, 0)}
    if not missing:
        return False
    ask(site, OPERATOR, "quota", "grant", code, *_amounts(missing), "--reason", reason, "--document", document)
    return True


def provide(site: Site, agent: str, lead: str, spec: str, *, reason: str, ask: Ask = answer) -> dict[str, Any]:
    """Submit a spec as the agent, approve it as the lead by its digest, follow it to its end; return the request as it then is.

    Raises:
        SiteError: when any of it does not succeed, with what was said.
    """
    return build(site, agent, approve(site, lead, submit(site, agent, spec, ask=ask), reason=reason, ask=ask), ask=ask)


def submit(site: Site, agent: str, spec: str, *, ask: Ask = answer) -> str:
    """Ask for what the spec says; the request's number."""
    return str(ask(site, agent, "request", "submit", spec)["number"])


def approve(site: Site, lead: str, number: str, *, reason: str, ask: Ask = answer) -> str:
    """Approve the request by its digest, unless it is beyond that; its number."""
    end = time.monotonic() + REVIEW_SECONDS
    while (shown := ask(site, lead, "request", "show", number))["state"] == "submitted" and time.monotonic() < end:
        time.sleep(1)  # on a busy machine the review takes longer than `submit` waits
    if shown["state"] in ("submitted", "in_review"):
        ask(site, lead, "request", "approve", number, "--digest", str(shown["digest"]), "--reason", reason)
    return number


def build(site: Site, agent: str, number: str, *, ask: Ask = answer) -> dict[str, Any]:
    """Follow the approved request to its end, one that failed before by another try; the request as it then is."""
    shown = ask(site, agent, "request", "show", number)
    if shown["state"] == "failed" and shown["operation"]:
        ask(site, agent, "operation", "retry", str(shown["operation"]))
    told = ""
    try:
        ask(site, agent, "request", "watch", number)
    except SiteError as failed:
        told = str(failed)
    found: dict[str, Any] = ask(site, agent, "request", "show", number)
    if found["state"] != "fulfilled":
        ended = sentence(N_("{number} is {state}, not fulfilled:"), {"number": number, "state": found["state"]})
        raise SiteError(f"{ended} {DcctlError.from_json(found['error']) if found['error'] else ''}\n{told}")
    return found


def _amounts(amounts: Mapping[str, int]) -> list[str]:
    return [f"{resource}={amount}" for resource, amount in amounts.items()]

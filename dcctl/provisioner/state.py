"""A stack's state as the engine exports it: what it knows, what a killed run was making, and the same state without some of it.

This module is pure: no clock, no database, no network. The form is the engine's deployment of version 3:
`{"version": 3, "deployment": {"resources": […], "pending_operations": […], …}}`; secrets in it are encrypted and not looked at.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dcctl.provisioner import words
from stacks.tokens import STRUCTURE

State = Mapping[str, Any]
#: What the engine imports to forget everything of a stack but the stack itself.
EMPTY: State = {"version": 3, "deployment": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A thing that the state has; `protected`: the engine refuses to delete it, and it was made (what failed when it was made holds nothing)."""

    name: str
    type: str
    urn: str
    id: str
    protected: bool


def recorded(state: State | None) -> dict[str, Recorded]:
    """By logical name every thing in the cloud that the state has; what the engine was about to delete after a replacement is not among them."""
    found = {}
    for resource in _deployment(state).get("resources") or ():
        type_, name = words.urn_parts(resource["urn"])
        if type_ not in STRUCTURE and resource.get("id") and not resource.get("delete"):
            made = not any(map(words.never_made, resource.get("initErrors") or ()))
            found[name] = Recorded(
                name=name, type=type_, urn=resource["urn"], id=str(resource["id"]), protected=made and bool(resource.get("protect"))
            )
    return found


def pending(state: State | None) -> dict[str, str]:
    """By logical name what a killed run had begun and not recorded the end of: creating, updating, deleting, …"""
    operations = _deployment(state).get("pending_operations") or ()
    return {words.urn_parts(operation["resource"]["urn"])[1]: str(operation.get("type")) for operation in operations}


def creating(state: State | None) -> list[str]:
    """Logical names of what may exist though the state does not have it."""
    return [name for name, type_ in pending(state).items() if type_ == "creating"]


def without(state: State, names: Collection[str] = ()) -> State:
    """The state without the things of these logical names, without others' words of them, and without what was begun.

    It is whole in the engine's eyes. What was begun has been looked for by then; the engine itself would carry it along for ever.
    """
    deployment = dict(_deployment(state))
    gone = {resource["urn"] for resource in deployment.get("resources") or () if _thing_named(resource["urn"], names)}
    deployment["resources"] = [_without(resource, gone) for resource in deployment.get("resources") or () if resource["urn"] not in gone]
    deployment.pop("pending_operations", None)
    return {**state, "deployment": deployment}


def readable(state: object) -> bool:
    """Whether this can be a state at all, before anything is read out of it."""
    if not isinstance(state, Mapping) or not isinstance(state.get("deployment"), Mapping | None):
        return False
    resources = _deployment(state).get("resources") or ()
    return isinstance(resources, list | tuple) and all(isinstance(r, Mapping) and isinstance(r.get("urn"), str) for r in resources)


def _thing_named(urn: str, names: Collection[str]) -> bool:
    type_, name = words.urn_parts(urn)
    return type_ not in STRUCTURE and name in names


def _without(resource: Mapping[str, Any], gone: Collection[str]) -> dict[str, Any]:
    kept = dict(resource)
    if kept.get("dependencies"):
        kept["dependencies"] = [urn for urn in kept["dependencies"] if urn not in gone]
    if kept.get("propertyDependencies"):
        kept["propertyDependencies"] = {
            key: [urn for urn in urns or () if urn not in gone] for key, urns in kept["propertyDependencies"].items()
        }  # fmt: skip
    for key in ("deletedWith", "parent"):
        if kept.get(key) in gone:
            del kept[key]
    return kept


def _deployment(state: State | None) -> Mapping[str, Any]:
    return (state or {}).get("deployment") or {}

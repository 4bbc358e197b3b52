"""A stack's state made of what is known without it: which things are planned, what groups them, what they are bound to, and their ids.

This module is pure: no clock, no database, no network. What a thing is beyond that the engine reads from the cloud (`Engine.rebuild`); to it, a thing
with an id and nothing else is one to be imported.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from dcctl.provisioner import words
from dcctl.provisioner.state import State, without
from stacks import tokens
from stacks.naming import CLOUD, ENGINE_PROJECT
from stacks.plan import PlannedResource

PROVIDER, PROVIDER_VERSION = "pulumi:providers:openstack", "5.5.3"
_STACK = "pulumi:pulumi:Stack"
#: What the programs protect.
PROTECTED = frozenset({tokens.VOLUME})


def urn(stack: str, type_: str, name: str, component: tuple[str, str] | None = None) -> str:
    """Under what the engine knows a thing of a stack, alone or in a component."""
    inside = f"{component[0]}$" if component is not None else ""
    return f"urn:pulumi:{stack}::{ENGINE_PROJECT}::{inside}{type_}::{name}"


def rebuilt(
    state: State | None, stack: str, planned: Iterable[PlannedResource], adopt: Mapping[str, str], forgotten: Collection[str]
) -> tuple[State, dict[str, str]]:
    """The state with the adopted things and without the forgotten ones, and the adopted ids by URN.

    Args:
        state: what the engine exports; None where it is lost.
        adopt: ids by logical name; `forgotten`: logical names.
    """
    base: dict[str, Any] = dict(without(state or {"version": 3, "deployment": {}}, forgotten))
    deployment = dict(base["deployment"])
    resources = {str(resource["urn"]): resource for resource in deployment.get("resources") or ()}
    root = urn(stack, _STACK, f"{ENGINE_PROJECT}-{stack}")
    resources.setdefault(root, {"urn": root, "custom": False, "type": _STACK})
    provider = next((found for found in resources.values() if found["type"] == PROVIDER), None)
    if provider is None:
        settings = {"cloud": CLOUD, "version": PROVIDER_VERSION}
        provider = {
            "urn": urn(stack, PROVIDER, "openstack"), "custom": True, "id": str(uuid.uuid5(uuid.NAMESPACE_URL, stack)), "type": PROVIDER,
            "inputs": settings, "outputs": settings, "parent": root,
        }  # fmt: skip
        resources[provider["urn"]] = provider
    known = {words.urn_parts(found)[1]: found for found in resources}
    things = {}
    for resource in planned:
        if resource.name not in adopt:
            continue
        parent = root
        if resource.component is not None:
            parent = urn(stack, *resource.component)
            resources.setdefault(parent, {"urn": parent, "custom": False, "type": resource.component[0], "parent": root})
        own = urn(stack, resource.type, resource.name, resource.component)
        resources[own] = {
            "urn": own, "custom": True, "id": adopt[resource.name], "type": resource.type, "inputs": {}, "outputs": {}, "parent": parent,
            "dependencies": [known[name] for name in resource.needs if name in known], "provider": f"{provider['urn']}::{provider['id']}",
            "protect": resource.type in PROTECTED,
        }  # fmt: skip
        known[resource.name] = own
        things[own] = adopt[resource.name]
    deployment["resources"] = list(resources.values())
    return {**base, "deployment": deployment}, things

"""What a change does to an environment, thing by thing: the engine's steps put into plain values, and which of them are severe.

This module is pure: no clock, no database, no network. A step is JSON, so that it can be stored, shown and fingerprinted:
``{"op": "replace", "stack": "workload", "type": "openstack:compute/instance:Instance", "name": "server-web-1", "cloud_name": "…-web-1",
"properties": {"zone": ["zone-1", "zone-2"]}, "data": true}``; `properties` are what was and what will be, by the plan's names.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from stacks import tokens

Step = dict[str, Any]
Planned = Mapping[str, Any]

MAKE, CHANGE, KEEP, REPLACE, DESTROY = "make", "change", "keep", "replace", "destroy"
#: In the order in which they are shown. Kept: a volume stays, and its server does not.
OPS = (MAKE, CHANGE, KEEP, REPLACE, DESTROY)
#: The engine's operations; all others leave a thing as it is.
_OF_ENGINE = {
    "create": MAKE, "import": MAKE, "update": CHANGE, "delete": DESTROY,
    "replace": REPLACE, "create-replacement": REPLACE, "delete-replaced": REPLACE,
}  # fmt: skip
#: What holds data, and what cannot be had again once it is given back.
DATA = frozenset({tokens.VOLUME, tokens.SERVER})
PRECIOUS = DATA | {tokens.NETWORK, tokens.SUBNET, tokens.ROUTER, tokens.FLOATING_IP, tokens.PROJECT}


class EngineStep(Protocol):
    """As the engine tells of one."""

    @property
    def op(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def diffs(self) -> tuple[str, ...]: ...


def of_engine(found: Iterable[EngineStep], before: Sequence[Planned], after: Sequence[Planned], stack: str = "workload") -> list[Step]:
    """The engine's steps, one a thing, in the order of the plans; what stays as it is is left out.

    Args:
        before, after: the plans' things as documents; names in the cloud and properties are theirs.
    """
    old = {str(thing["name"]): thing for thing in before if thing["stack"] == stack}
    new = {str(thing["name"]): thing for thing in after if thing["stack"] == stack}
    steps: dict[str, Step] = {}
    for one in found:
        op = _OF_ENGINE.get(one.op)
        if op is None:
            continue
        known = steps.get(one.name)
        if known is not None:  # a replacement is told of three times
            known["op"] = REPLACE if REPLACE in (known["op"], op) else op
            known["differs"] = sorted({*known["differs"], *one.diffs})
            continue
        was, will = old.get(one.name), new.get(one.name)
        steps[one.name] = {
            "op": op,
            "stack": stack,
            "type": one.type,
            "name": one.name,
            "cloud_name": (will or was or {}).get("cloud_name"),
            "properties": _properties(was, will),
            "differs": sorted(one.diffs),
        }
    for name, step in steps.items():
        # What a server that started from a volume had is on that volume, which has a step of its own where it goes.
        elsewhere = step["type"] == tokens.SERVER and "boot_volume" in (old.get(name) or {}).get("properties", {})
        step["data"] = step["op"] in (REPLACE, DESTROY) and step["type"] in DATA and not elsewhere
    order = {name: position for position, name in enumerate((*new, *old))}
    return sorted(steps.values(), key=lambda step: (OPS.index(step["op"]), order.get(step["name"], len(order)), step["name"]))


def left(before: Sequence[Planned], after: Sequence[Planned]) -> list[Step]:
    """Volumes that are at a server before and at none afterwards, in the plan's order: the engine leaves them as they are and tells nothing."""
    was, will = _at_servers(before), _at_servers(after)
    return [
        {
            "op": KEEP, "stack": thing["stack"], "type": thing["type"], "name": thing["name"], "cloud_name": thing["cloud_name"], "properties": {},
            "differs": [], "data": False,
        }
        for thing in after
        if thing["type"] == tokens.VOLUME and thing["name"] in was - will
    ]  # fmt: skip


def _at_servers(things: Sequence[Planned]) -> frozenset[str]:
    """Logical names of the volumes that are attached, or that a server starts from."""
    ends = {tokens.VOLUME_ATTACHMENT: "volume", tokens.SERVER: "boot_volume"}
    found = (thing["properties"].get(ends[thing["type"]]) for thing in things if thing["type"] in ends)
    return frozenset(str(name) for name in found if name)


def in_order(steps: Iterable[Step]) -> list[Step]:
    """As they are shown, those of one sort as they come."""
    return sorted(steps, key=lambda step: OPS.index(step["op"]))


def _properties(was: Planned | None, will: Planned | None) -> dict[str, list[Any]]:
    """What differs between two plans of one thing: ``{"size": [20, 40]}``."""
    if was is None or will is None:
        return {}
    before, after = was["properties"], will["properties"]
    return {key: [before.get(key), after.get(key)] for key in sorted({*before, *after}) if before.get(key) != after.get(key)}


def removable(steps: Iterable[Step]) -> list[str]:
    """Logical names of what the steps destroy or replace: the only things that a run for them may."""
    return sorted(step["name"] for step in steps if step["op"] in (REPLACE, DESTROY))


def changeable(steps: Iterable[Step]) -> list[str]:
    """Logical names of what the steps change in place: the only things that a run for them may."""
    return sorted(step["name"] for step in steps if step["op"] == CHANGE)


def severe(steps: Iterable[Step]) -> list[Step]:
    """Those that destroy or replace what holds data or cannot be had again."""
    return [step for step in steps if step["op"] in (REPLACE, DESTROY) and step["type"] in PRECIOUS]


def counts(steps: Iterable[Step]) -> dict[str, int]:
    """How many of each sort, those of which there are any."""
    ops = [step["op"] for step in steps]
    return {op: ops.count(op) for op in OPS if op in ops}

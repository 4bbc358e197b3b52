"""Cloud against state, thing by thing: what of a plan is there once, what twice, what unknown to the engine. This module is pure.

It knows nothing of how dcctl looks for things (`dcctl.cloud.finders`), which is what it judges.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stacks import tokens
from stacks.plan import PlannedResource


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing as OpenStack's own client sees it. `type`: the engine's word for such things, empty for what no stack makes; `id`: as the engine
    names it; `facts`: what can be compared with a plan; `busy`: why it is not at rest, empty when it is."""

    type: str
    id: str
    name: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    busy: str = ""

    @property
    def said(self) -> str:
        return f"{self.type.rpartition(':')[2] or 'thing'} {self.name or '-'} {self.id}"


Ids = Mapping[str, str]


def _end(planned: PlannedResource, key: str, ids: Ids) -> str | None:
    return ids.get(str(planned.properties[key]))


def _server(planned: PlannedResource, ids: Ids) -> dict[str, Any]:
    boot = {"boot_volume": _end(planned, "boot_volume", ids)} if "boot_volume" in planned.properties else {}
    return {"flavor_id": planned.properties["flavor_id"], "port": _end(planned, "port", ids), **boot}


#: Of each type the facts that its plan fixes. What is bound to others by its id alone (attachments, associations, roles) has none.
EXPECTED: Mapping[str, Callable[[PlannedResource, Ids], Mapping[str, Any]]] = {
    tokens.SUBNET: lambda p, ids: {"cidr": p.properties["cidr"], "network": _end(p, "network", ids)},
    tokens.PORT: lambda p, ids: {"network": _end(p, "network", ids), "groups": (_end(p, "group", ids),)},
    tokens.ROUTER_INTERFACE: lambda p, ids: {"router": _end(p, "router", ids), "subnet": _end(p, "subnet", ids)},
    tokens.SECURITY_GROUP_RULE: lambda p, ids: {
        "group": _end(p, "group", ids), "protocol": p.properties["protocol"], "port": p.properties["port"], "source": p.properties["source"],
    },
    tokens.SERVER: _server,
    tokens.VOLUME: lambda p, ids: {"size": p.properties["size"], "type": p.properties["type"]},
    tokens.FLOATING_IP_ASSOCIATION: lambda p, ids: {"port": _end(p, "port", ids)},
}  # fmt: skip


def differences(planned: Collection[PlannedResource], recorded: Ids, items: Iterable[Item]) -> list[str]:
    """Everything in which plan, state and cloud are not the same; empty when each planned thing is there once, known and at rest.

    Args:
        recorded: ids in the engine's state, by logical name.
    """
    there = {(item.type, item.id): item for item in items}
    wrong = [f"in the state and not planned: {name}" for name in sorted(set(recorded) - {resource.name for resource in planned})]
    known = set()
    for resource in planned:
        id = recorded.get(resource.name)
        if id is None:
            wrong.append(f"not in the state: {resource.name}")
            continue
        known.add((resource.type, id))
        item = there.get((resource.type, id))
        if item is None:
            wrong.append(f"not in the cloud: {resource.name} ({id})")
            continue
        if resource.cloud_name is not None and item.name != resource.cloud_name:
            wrong.append(f"{item.said}: the plan calls it {resource.cloud_name}")
        wanted = EXPECTED.get(resource.type, lambda p, ids: {})(resource, recorded)
        wrong += [f"{item.said}: {key} is {item.facts.get(key)}, planned {value}" for key, value in wanted.items() if item.facts.get(key) != value]
    names = Counter((item.type, item.name) for item in there.values() if item.name)
    wrong += [f"twice: {type_.rpartition(':')[2]} {name}" for (type_, name), n in sorted(names.items()) if n > 1]
    wrong += [f"unknown: {item.said}" for key, item in sorted(there.items()) if key not in known]
    return wrong + [f"stuck: {item.said}: {item.busy}" for item in there.values() if item.busy]

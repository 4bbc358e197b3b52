"""Which thing in a project is the one that a plan means: by its fixed name or its ends, and by the environment's mark. This module is pure.

Every type that the stacks use has a finder. What it finds carries the id under which the engine's provider takes a thing over (read in the import
functions of terraform-provider-openstack 3.4): for most the thing's own; `SERVER/VOLUME` for an attachment, the port's for a router's interface,
the address's for an association, `DOMAIN/PROJECT/GROUP/USER/ROLE` for a role.

Names alone prove nothing: whoever works in the project may give any name. A thing is ours when it carries the environment's tag or metadata, or,
because the provider tags in a second call that a kill may prevent, the description that it had from its first moment.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from dcctl.cloud.listings import Thing
from stacks import naming, tokens
from stacks.plan import PlannedResource

#: Ids of what other things are bound to, by logical name, as far as they are known.
Ends = Mapping[str, str]


class Condition(StrEnum):
    """How far a thing is."""

    WHOLE = "whole"
    BUILDING = "building"
    BROKEN = "broken"
    """Never became what was asked for: a server in ERROR that never ran, a volume whose creation failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A thing that a planned resource may be.

    Attributes:
        id: as the engine takes it over.
        fits: has the ends that the plan names; one of the right name elsewhere is ours too, and never the one that is meant.
        used: something is attached to it.
    """

    id: str
    thing: Thing
    condition: Condition = Condition.WHOLE
    fits: bool = True
    used: bool = False

    @property
    def age(self) -> tuple[str, str]:
        """Sorts the oldest first."""
        return (str(self.thing.attributes.get("created_at") or self.thing.attributes.get("created") or ""), self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """By what an environment's things are known."""

    administration: str
    environment: str

    @property
    def prefix(self) -> str:
        return naming.prefix(self.administration, self.environment)

    def on(self, thing: Thing) -> bool:
        """Whether the thing carries the environment's tag, metadata or description."""
        value = f"{self.administration}.{self.environment}"
        attributes = thing.attributes
        return (
            f"{naming.TAG_ENVIRONMENT}={value}" in (attributes.get("tags") or ())
            or (attributes.get("metadata") or {}).get(naming.TAG_ENVIRONMENT) == value
            or str(attributes.get("description") or "").startswith(f"dcctl {self.administration}/{self.environment} ")
        )


class Seen:
    """What was there when somebody looked."""

    def __init__(self, things: Iterable[Thing]) -> None:
        self.things = tuple(things)
        self._ids = {(thing.type, thing.id): thing for thing in self.things}

    def of(self, type: str) -> tuple[Thing, ...]:
        return tuple(thing for thing in self.things if thing.type == type)

    def get(self, type: str, id: str | None) -> Thing | None:
        return self._ids.get((type, id)) if id else None


Find = Callable[[PlannedResource, Seen, Ends, Mark], list[Candidate]]
Present = Callable[[str, Seen], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finder:
    """How things of one type are found.

    Attributes:
        looks_at: kinds of `Thing` that must have been listed.
        find: every candidate for a planned resource.
        present: whether a thing that the engine's state names by this id is still there, whatever its name is by now.
    """

    looks_at: tuple[str, ...]
    find: Find
    present: Present


def find(resource: PlannedResource, seen: Seen, ends: Ends, mark: Mark) -> list[Candidate]:
    """Everything there that may be `resource`, the oldest first."""
    return sorted(FINDERS[resource.type].find(resource, seen, ends, mark), key=lambda candidate: candidate.age)


def present(type_: str, id: str, seen: Seen) -> bool:
    """Whether the thing of that type and id (as the engine has it) is there."""
    return FINDERS[type_].present(id, seen)


def looks_at(types: Iterable[str]) -> frozenset[str]:
    """The kinds of things to list for resources of these types."""
    return frozenset(kind for type_ in types for kind in FINDERS[type_].looks_at)


# -- what has a name -----------------------------------------------------------------------------------------------------------------------------


def _named(kind: str, condition: Callable[[Thing], Condition] = lambda _: Condition.WHOLE, bound: Mapping[str, str] | None = None) -> Finder:
    """Of `kind`, with the resource's name in the cloud and ours; `bound`: attributes that are the id of an end that the plan names."""

    def candidates(resource: PlannedResource, seen: Seen, ends: Ends, mark: Mark) -> list[Candidate]:
        wanted = {attribute: ends.get(str(resource.properties[key])) for attribute, key in (bound or {}).items()}
        return [
            Candidate(
                id=thing.id, thing=thing, condition=condition(thing), used=bool(thing.attributes.get("attachments")),
                fits=all(id is not None and thing.attributes.get(attribute) == id for attribute, id in wanted.items()),
            )
            for thing in seen.of(kind)
            if thing.attributes.get("name") == resource.cloud_name and mark.on(thing)
        ]  # fmt: skip

    return Finder(looks_at=(kind,), find=candidates, present=lambda id, seen: seen.get(kind, id) is not None)


def _server_condition(server: Thing) -> Condition:
    """A server that ran once is whole even in ERROR: what is on its disk may be all there is of it."""
    status, launched = server.attributes.get("status"), server.attributes.get("OS-SRV-USG:launched_at")
    if status == "BUILD":
        return Condition.BUILDING
    return Condition.BROKEN if status == "ERROR" and not launched else Condition.WHOLE


#: States of a volume that end by themselves.
_VOLUME_MOVES = frozenset({"creating", "downloading", "attaching", "detaching", "reserved", "extending", "retyping"})


def _volume_condition(volume: Thing) -> Condition:
    status = volume.attributes.get("status")
    if status in _VOLUME_MOVES:
        return Condition.BUILDING
    return Condition.BROKEN if status == "error" and not volume.attributes.get("attachments") else Condition.WHOLE


# -- what has ends -------------------------------------------------------------------------------------------------------------------------------

_ROUTER_INTERFACES = ("network:router_interface", "network:ha_router_replicated_interface")


def _interface(resource: PlannedResource, seen: Seen, ends: Ends, mark: Mark) -> list[Candidate]:
    router, subnet = ends.get(str(resource.properties["router"])), ends.get(str(resource.properties["subnet"]))
    return [
        Candidate(id=port.id, thing=port)
        for port in seen.of("port")
        if router is not None
        and port.attributes.get("device_id") == router
        and port.attributes.get("device_owner") in _ROUTER_INTERFACES
        and subnet in {address.get("subnet_id") for address in port.attributes.get("fixed_ips") or ()}
    ]


def _rule(resource: PlannedResource, seen: Seen, ends: Ends, mark: Mark) -> list[Candidate]:
    group = seen.get("security_group", ends.get(str(resource.properties["group"])))
    wanted = (resource.properties["protocol"], resource.properties["port"], resource.properties["port"], resource.properties["source"])
    found = []
    for rule in group.attributes.get("security_group_rules") or () if group is not None else ():
        # Neutron may keep "from everywhere" as no prefix at all.
        ends_of_rule = (rule.get("protocol"), rule.get("port_range_min"), rule.get("port_range_max"), rule.get("remote_ip_prefix") or "0.0.0.0/0")
        if ends_of_rule == wanted and (rule.get("direction"), rule.get("ethertype")) == ("ingress", "IPv4") and not rule.get("remote_group_id"):
            assert group is not None
            found.append(Candidate(id=str(rule["id"]), thing=_part(group, "security_group_rule", str(rule["id"]), rule)))
    return found


def _rule_present(id: str, seen: Seen) -> bool:
    return any(rule.get("id") == id for group in seen.of("security_group") for rule in group.attributes.get("security_group_rules") or ())


def _attachment(resource: PlannedResource, seen: Seen, ends: Ends, mark: Mark) -> list[Candidate]:
    server, volume = ends.get(str(resource.properties["server"])), seen.get("volume", ends.get(str(resource.properties["volume"])))
    if server is None or volume is None:
        return []
    attached = any(item.get("server_id") == server for item in volume.attributes.get("attachments") or ())
    moves = volume.attributes.get("status") in _VOLUME_MOVES  # on its way to a server: whose, Cinder says only at the end
    if not attached and not moves:
        return []
    thing = _part(volume, "attachment", f"{server}/{volume.id}", volume.attributes)
    return [Candidate(id=thing.id, thing=thing, condition=Condition.BUILDING if moves else Condition.WHOLE)]


def _attachment_present(id: str, seen: Seen) -> bool:
    server, _, volume_id = id.partition("/")
    volume = seen.get("volume", volume_id)
    return volume is not None and any(item.get("server_id") == server for item in volume.attributes.get("attachments") or ())


def _address(resource: PlannedResource, seen: Seen, ends: Ends, mark: Mark) -> list[Candidate]:
    """An address has no name: its description is its server's. One without any tag was made by a run that was killed before it could tag it."""
    described = f"{mark.prefix}-{resource.name.removeprefix(naming.address(''))}"
    return [
        Candidate(id=address.id, thing=address, used=bool(address.attributes.get("port_id")))
        for address in seen.of("floatingip")
        if address.attributes.get("description") == described
        and address.attributes.get("floating_network_id") == resource.properties["external_network_id"]
        and (mark.on(address) or not address.attributes.get("tags"))
    ]


def _association(resource: PlannedResource, seen: Seen, ends: Ends, mark: Mark) -> list[Candidate]:
    address, port = seen.get("floatingip", ends.get(str(resource.properties["address"]))), ends.get(str(resource.properties["port"]))
    if address is None or port is None or address.attributes.get("port_id") != port:
        return []
    return [Candidate(id=address.id, thing=_part(address, "association", address.id, address.attributes))]


def _associated(id: str, seen: Seen) -> bool:
    address = seen.get("floatingip", id)
    return address is not None and bool(address.attributes.get("port_id"))


def _server_group(resource: PlannedResource, seen: Seen, ends: Ends, mark: Mark) -> list[Candidate]:
    """Nova's groups carry no mark and hold nothing: the name has to do, and the policy, which never changes. One with servers in it comes first."""
    return [
        Candidate(
            id=group.id, thing=group, used=bool(group.attributes.get("members")),
            fits=resource.properties["policy"] in (group.attributes.get("policies") or [group.attributes.get("policy")]),
        )
        for group in seen.of("server_group")
        if group.attributes.get("name") == resource.cloud_name
    ]  # fmt: skip


def _role(resource: PlannedResource, seen: Seen, ends: Ends, mark: Mark) -> list[Candidate]:
    project = ends.get(str(resource.properties["project"]))
    id = f"/{project}//{resource.properties['user_id']}/{resource.properties['role_id']}"
    found = seen.get("role_assignment", id)
    return [] if project is None or found is None else [Candidate(id=id, thing=found)]


def _part(whole: Thing, type_: str, id: str, attributes: Mapping[str, object]) -> Thing:
    """A thing that is listed inside another."""
    return Thing(
        service=whole.service, type=type_, id=id, name=whole.name, status=whole.status, detail="", project_id=whole.project_id, attributes=attributes
    )


FINDERS: Mapping[str, Finder] = {
    tokens.PROJECT: _named("project"),
    tokens.GROUP: _named("group"),
    tokens.ROLE_ASSIGNMENT: Finder(
        looks_at=("role_assignment",), find=_role, present=lambda id, seen: seen.get("role_assignment", id) is not None
    ),
    tokens.NETWORK: _named("network"),
    tokens.SUBNET: _named("subnet", bound={"network_id": "network"}),
    tokens.ROUTER: _named("router"),
    tokens.ROUTER_INTERFACE: Finder(looks_at=("port",), find=_interface, present=lambda id, seen: seen.get("port", id) is not None),
    tokens.SECURITY_GROUP: _named("security_group"),
    tokens.SECURITY_GROUP_RULE: Finder(looks_at=("security_group",), find=_rule, present=_rule_present),
    tokens.PORT: _named("port", bound={"network_id": "network"}),
    tokens.SERVER_GROUP: Finder(looks_at=("server_group",), find=_server_group, present=lambda id, seen: seen.get("server_group", id) is not None),
    tokens.SERVER: _named("server", _server_condition),
    tokens.VOLUME: _named("volume", _volume_condition),
    tokens.VOLUME_ATTACHMENT: Finder(looks_at=("volume", "server"), find=_attachment, present=_attachment_present),
    tokens.FLOATING_IP: Finder(looks_at=("floatingip",), find=_address, present=lambda id, seen: seen.get("floatingip", id) is not None),
    tokens.FLOATING_IP_ASSOCIATION: Finder(looks_at=("floatingip",), find=_association, present=_associated),
}

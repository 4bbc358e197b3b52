"""What will be made of a spec: every thing with its type, its names and what is essential about it, in the order of making.

This module is pure: no clock, no database, no network. The same spec and resolved ids give the same plan, byte for byte; an
approval names a digest of it, and the engine may do nothing that is not in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from stacks import naming, tokens
from stacks.environment import EnvironmentSpec, ServerSpec

#: Nova's words for how servers are placed.
POLICIES = {"spread": "soft-anti-affinity", "strict": "anti-affinity"}

#: Properties that name another thing of the plan.
BOUND = frozenset({"project", "network", "subnet", "router", "group", "port", "server", "volume", "boot_volume", "placement", "address"})

Properties = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The ids behind the names of a spec in one region, as the cloud gave them when the request was examined.

    `request` is the number of the request that the environment came from; a later change keeps it, or everything would be
    tagged anew. `volume_types` has the default type too. `external_network_id` is None when the spec names no external network.
    """

    region: str
    administration: str
    environment: str
    request: str
    domain_id: str
    member_role_id: str
    build_user_id: str
    default_volume_type: str
    external_network_id: str | None = None
    flavor_ids: Mapping[str, str] = field(default_factory=dict)
    image_ids: Mapping[str, str] = field(default_factory=dict)
    volume_types: Mapping[str, str] = field(default_factory=dict)

    def to_document(self) -> dict[str, object]:
        return {
            "region": self.region,
            "administration": self.administration,
            "environment": self.environment,
            "request": self.request,
            "domain_id": self.domain_id,
            "member_role_id": self.member_role_id,
            "build_user_id": self.build_user_id,
            "default_volume_type": self.default_volume_type,
            "external_network_id": self.external_network_id,
            "flavor_ids": dict(sorted(self.flavor_ids.items())),
            "image_ids": dict(sorted(self.image_ids.items())),
            "volume_types": dict(sorted(self.volume_types.items())),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Resolved":
        """What `to_document` gave."""
        return cls(**document)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedResource:
    """One thing: `stack` and `type` say where and what, `name` is its logical name, unique in its stack, `cloud_name` its name in
    OpenStack (None for what has none: interfaces, attachments, associations, role assignments, rules). `properties` hold plain
    values; those that name another thing have its logical name. `component`: type and name of what groups it in the engine; it is in no document, for
    nobody approves it.
    """

    stack: naming.Layer
    type: str
    name: str
    cloud_name: str | None
    properties: Properties
    component: tuple[str, str] | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Logical names of what it is bound to."""
        found = (self.properties[key] for key in sorted(BOUND & self.properties.keys()))
        return tuple(name for name in found if isinstance(name, str))  # a rule's port is a number


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything of both stacks, the tenant's first."""

    resources: tuple[PlannedResource, ...]

    def of(self, stack: naming.Layer) -> tuple[PlannedResource, ...]:
        return tuple(resource for resource in self.resources if resource.stack == stack)

    def keys(self, stack: naming.Layer) -> frozenset[tuple[str, str]]:
        """(type, logical name) of everything in one stack: the only things that the engine may touch there."""
        return frozenset((resource.type, resource.name) for resource in self.of(stack))

    def to_document(self) -> dict[str, object]:
        """Canonical and JSON-able, for the digest and for people."""
        return {
            "resources": [
                {
                    "stack": r.stack,
                    "type": r.type,
                    "name": r.name,
                    "cloud_name": r.cloud_name,
                    "properties": dict(sorted(r.properties.items())),
                }
                for r in self.resources
            ]
        }


class Unresolved(Exception):
    """A name of the spec has no id in `Resolved`: what sort of name, and which."""

    def __init__(self, sort: str, name: str) -> None:
        super().__init__(f"no id for {sort} {name}")
        self.sort = sort
        self.name = name


def plan(spec: EnvironmentSpec, resolved: Resolved) -> Plan:
    """Return what will be made of `spec`.

    Raises:
        Unresolved: a flavor, image, volume type or external network of the spec has no id.
        ValueError: `resolved` is of another administration or environment.
    """
    if (spec.administration, spec.name) != (resolved.administration, resolved.environment):
        raise ValueError("the resolved ids belong to another environment")
    network = (replace(thing, component=(tokens.COMPONENT_NETWORK, "network")) for thing in _network(spec, resolved))
    servers = (
        replace(thing, component=(tokens.COMPONENT_SERVERS, server.name)) for server in spec.servers for thing in _kind(spec, server, resolved)
    )
    return Plan(resources=(*_tenant(spec, resolved), *network, *servers, *_kept(spec, resolved)))


def _tenant(spec: EnvironmentSpec, resolved: Resolved) -> Iterator[PlannedResource]:
    domain = {"domain_id": resolved.domain_id}
    group = naming.members_group(spec.administration, spec.name)
    role = {"project": "project", "user_id": resolved.build_user_id, "role_id": resolved.member_role_id}
    yield PlannedResource(stack="tenant", type=tokens.PROJECT, name="project", cloud_name=spec.name, properties=domain)
    yield PlannedResource(stack="tenant", type=tokens.GROUP, name="members", cloud_name=group, properties=domain)
    yield PlannedResource(stack="tenant", type=tokens.ROLE_ASSIGNMENT, name="build-role", cloud_name=None, properties=role)


def _thing(spec: EnvironmentSpec, type_: str, name: str, cloud_name: str | None = None, **properties: str | int | bool | None) -> PlannedResource:
    """One thing of the workload; `cloud_name` without the environment's prefix."""
    full = None if cloud_name is None else f"{naming.prefix(spec.administration, spec.name)}-{cloud_name}"
    return PlannedResource(stack="workload", type=type_, name=name, cloud_name=full, properties=properties)


def _network(spec: EnvironmentSpec, resolved: Resolved) -> Iterator[PlannedResource]:
    if spec.network is None:
        return
    yield _thing(spec, tokens.NETWORK, "network", "network")
    yield _thing(spec, tokens.SUBNET, "subnet", "subnet", network="network", cidr=spec.network.cidr)
    if spec.network.external is None:
        return
    if resolved.external_network_id is None:
        raise Unresolved("network", spec.network.external)
    yield _thing(spec, tokens.ROUTER, "router", "router", external_network_id=resolved.external_network_id)
    yield _thing(spec, tokens.ROUTER_INTERFACE, "router-interface", router="router", subnet="subnet")


def _kind(spec: EnvironmentSpec, server: ServerSpec, resolved: Resolved) -> Iterator[PlannedResource]:
    """Equal servers, and what is theirs."""
    yield _thing(spec, tokens.SECURITY_GROUP, naming.group(server.name), server.name)
    for port in server.ports:
        name = naming.rule(server.name, port.protocol, port.port, port.source)
        yield _thing(
            spec, tokens.SECURITY_GROUP_RULE, name,
            group=naming.group(server.name), protocol=port.protocol, port=port.port, source=port.source,
        )  # fmt: skip
    if server.placed:
        yield _thing(spec, tokens.SERVER_GROUP, naming.placement(server.name), server.name, policy=POLICIES[server.placement])
    for instance in naming.instances(server.name, server.count):
        yield from _instance(spec, server, instance, resolved)


def _instance(spec: EnvironmentSpec, server: ServerSpec, instance: str, resolved: Resolved) -> Iterator[PlannedResource]:
    port = naming.port(instance)
    yield _thing(spec, tokens.PORT, port, instance, network="network", subnet="subnet", group=naming.group(server.name))
    image = _id(resolved.image_ids, "image", server.image)
    more: dict[str, str] = {"placement": naming.placement(server.name)} if server.placed else {}
    if server.boot_volume is not None:
        more["boot_volume"] = naming.boot(instance)
        boot = server.boot_volume
        yield _disk(spec, resolved, naming.own_boot(instance), size=boot.size, type_=boot.type, image_id=image)
    else:
        more["image_id"] = image
    yield _thing(
        spec, tokens.SERVER, naming.server(instance), instance, **more,
        flavor_id=_id(resolved.flavor_ids, "flavor", server.flavor), port=port, zone=server.zone,
    )  # fmt: skip
    for number, volume in enumerate(server.volumes, start=1):
        own = volume.name or naming.own_data(instance, number)
        yield _disk(spec, resolved, own, size=volume.size, type_=volume.type)
        attachment = naming.attachment(instance, number) if volume.name is None else naming.own_attachment(volume.name)
        yield _thing(spec, tokens.VOLUME_ATTACHMENT, attachment, server=naming.server(instance), volume=naming.of_own(own))
    if server.floating_ip:
        if spec.network is None or spec.network.external is None:
            raise Unresolved("network", "external")
        address = naming.address(instance)
        yield _thing(spec, tokens.FLOATING_IP, address, pool=spec.network.external, external_network_id=resolved.external_network_id)
        yield _thing(spec, tokens.FLOATING_IP_ASSOCIATION, naming.association(instance), address=address, port=port)


def _kept(spec: EnvironmentSpec, resolved: Resolved) -> Iterator[PlannedResource]:
    """Volumes that are at no server."""
    for volume in spec.kept_volumes or ():
        if volume.size is None:
            raise Unresolved("volume", volume.name)
        disk = _disk(spec, resolved, volume.name, size=volume.size, type_=volume.type)
        yield replace(disk, component=(tokens.COMPONENT_SERVERS, naming.kind_of(volume.name)))


def _disk(spec: EnvironmentSpec, resolved: Resolved, own: str, *, size: int, type_: str | None, **more: str) -> PlannedResource:
    named = type_ or resolved.default_volume_type
    _id(resolved.volume_types, "volume_type", named)
    return _thing(spec, tokens.VOLUME, naming.of_own(own), own, size=size, type=named, **more)


def _id(ids: Mapping[str, str], sort: str, name: str) -> str:
    if name not in ids:
        raise Unresolved(sort, name)
    return ids[name]

"""Things in a project: what is known of one, how each kind is listed, and in which order kinds can be deleted. This module is pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One object in OpenStack.

    Attributes:
        service: its type in the catalogue; `type`: what it is there ("server", "volume", "port", …).
        name, status: the service's, made printable; `detail`: what else tells a person which one it is.
        attributes: as the service gave them.
    """

    service: str
    type: str
    id: str
    name: str
    status: str
    detail: str
    project_id: str
    attributes: Item = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How one kind of thing is listed; `{}` in a query's value is the project's id. `extension`: Neutron's alias, where not all have it."""

    service: str
    type: str
    path: str
    key: str
    owner: tuple[str, ...] = ("project_id", "tenant_id")
    query: tuple[tuple[str, str], ...] = ()
    microversion: str | None = None
    extension: str = ""


def _neutron(type: str, path: str, key: str, extension: str = "") -> Listing:
    return Listing(service="network", type=type, path=path, key=key, query=(("project_id", "{}"),), extension=extension)


def _cinder(type: str, path: str, key: str, owner: str) -> Listing:
    """With a microversion (Rocky's) that tells the project of groups too."""
    query = (("all_tenants", "1"), ("project_id", "{}"), ("limit", "1000"))
    return Listing(
        service="block-storage", type=type, path=path, key=key, owner=(owner,), query=query, microversion="3.58"
    )  # fmt: skip


def _glance(*more: tuple[str, str]) -> Listing:
    query = (("owner", "{}"), ("visibility", "all"), ("limit", "1000"), *more)
    return Listing(service="image", type="image", path="/images", key="images", owner=("owner",), query=query)


LISTINGS = (
    Listing(
        service="compute", type="server", path="/servers/detail", key="servers", microversion="2.47", owner=("tenant_id",),
        query=(("all_tenants", "1"), ("project_id", "{}"), ("deleted", "false"), ("soft_deleted", "true"), ("limit", "1000")),
    ),
    _neutron("floatingip", "/floatingips", "floatingips"),
    _cinder("backup", "/backups/detail", "backups", "os-backup-project-attr:project_id"),
    _cinder("group_snapshot", "/group_snapshots/detail", "group_snapshots", "project_id"),
    _cinder("snapshot", "/snapshots/detail", "snapshots", "os-extended-snapshot-attributes:project_id"),
    _cinder("volume", "/volumes/detail", "volumes", "os-vol-tenant-attr:tenant_id"),
    _cinder("group", "/groups/detail", "groups", "project_id"),
    _neutron("trunk", "/trunks", "trunks", "trunk"),
    _neutron("port", "/ports", "ports"),
    _neutron("router", "/routers", "routers"),
    _neutron("rbac_policy", "/rbac-policies", "rbac_policies", "rbac-policies"),
    _neutron("subnet", "/subnets", "subnets"),
    _neutron("network", "/networks", "networks"),
    _neutron("subnetpool", "/subnetpools", "subnetpools", "subnet_allocation"),
    _neutron("address_scope", "/address-scopes", "address_scopes", "address-scope"),
    _neutron("security_group", "/security-groups", "security_groups"),
    _neutron("address_group", "/address-groups", "address_groups", "address-group"),
    _neutron("qos_policy", "/qos/policies", "policies", "qos"),
    _glance(),
    _glance(("os_hidden", "true")),
)  # fmt: skip

#: Kinds in the order in which they can be deleted: what holds others first.
ORDER = {type: position for position, type in enumerate((
    "server", "floatingip", "backup", "group_snapshot", "snapshot", "transfer", "volume", "group", "trunk", "port", "router", "rbac_policy",
    "subnet", "network", "subnetpool", "address_scope", "security_group", "address_group", "qos_policy", "server_group", "image",
))}  # fmt: skip

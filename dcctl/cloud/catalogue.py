"""What a spec may name: public flavors, active public images, external networks that every project may use, public volume types."""

from dataclasses import dataclass
from typing import Any

from dcctl.cloud.connect import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavor:
    id: str
    name: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    ephemeral_gib: int
    public: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """`min_disk` is in GiB, `min_ram` in MiB."""

    id: str
    name: str
    status: str
    min_disk: int
    min_ram: int
    size_bytes: int
    visibility: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalNetwork:
    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeType:
    """`default`: what a volume without a type gets."""

    id: str
    name: str
    default: bool
    public: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    flavors: tuple[Flavor, ...]
    images: tuple[Image, ...]
    networks: tuple[ExternalNetwork, ...]
    volume_types: tuple[VolumeType, ...]


def catalogue(cloud: Cloud) -> Catalogue:
    """Read all four lists, each in the order of its names."""
    return Catalogue(flavors=flavors(cloud), images=images(cloud), networks=external_networks(cloud), volume_types=volume_types(cloud))


def flavors(cloud: Cloud) -> tuple[Flavor, ...]:
    listed = cloud.pages("compute", "/flavors/detail", "flavors", {"is_public": "true", "limit": 1000})
    found = [_flavor(item) for item in listed if not item.get("OS-FLV-DISABLED:disabled")]
    return tuple(sorted((flavor for flavor in found if flavor.public), key=lambda flavor: flavor.name))


def images(cloud: Cloud) -> tuple[Image, ...]:
    listed = cloud.pages("image", "/images", "images", {"visibility": "public", "status": "active", "limit": 1000})
    found = (
        Image(
            id=str(item["id"]),
            name=str(item.get("name") or ""),
            status=str(item["status"]),
            min_disk=int(item.get("min_disk") or 0),
            min_ram=int(item.get("min_ram") or 0),
            size_bytes=int(item.get("size") or 0),
            visibility=str(item["visibility"]),
        )
        for item in listed
    )
    return tuple(sorted((i for i in found if i.visibility == "public" and i.status == "active"), key=lambda image: image.name))


def external_networks(cloud: Cloud) -> tuple[ExternalNetwork, ...]:
    """Those that are external for everybody: an external network may also be opened to single projects."""
    everybody = _opened_to_all(cloud)
    listed = cloud.pages("network", "/networks", "networks", [("router:external", "true"), ("fields", "id"), ("fields", "name")])
    found = (ExternalNetwork(id=str(item["id"]), name=str(item.get("name") or "")) for item in listed)
    return tuple(sorted((n for n in found if everybody is None or n.id in everybody), key=lambda network: network.name))


def volume_types(cloud: Cloud) -> tuple[VolumeType, ...]:
    document = cloud.call("block-storage", "GET", "/types/default", absent_ok=True)
    default_id = document["volume_type"]["id"] if document else None
    found = (
        VolumeType(id=str(item["id"]), name=str(item["name"]), default=item["id"] == default_id, public=bool(item.get("is_public", True)))
        for item in cloud.pages("block-storage", "/types", "volume_types", {"is_public": "true", "limit": 1000})
    )
    return tuple(sorted((t for t in found if t.public), key=lambda volume_type: volume_type.name))


def _opened_to_all(cloud: Cloud) -> frozenset[str] | None:
    """Ids of the networks that are external for everybody; None where Neutron cannot tell."""
    if "rbac-policies" not in cloud.network_extensions():
        return None
    query = {"action": "access_as_external", "object_type": "network", "target_tenant": "*"}
    policies = cloud.pages("network", "/rbac-policies", "rbac_policies", query)
    return frozenset(str(policy["object_id"]) for policy in policies)


def _flavor(item: dict[str, Any]) -> Flavor:
    return Flavor(
        id=str(item["id"]),
        name=str(item["name"]),
        vcpus=int(item["vcpus"]),
        ram_mib=int(item["ram"]),
        disk_gib=int(item["disk"]),
        ephemeral_gib=int(item.get("OS-FLV-EXT-DATA:ephemeral") or 0),
        public=bool(item.get("os-flavor-access:is_public", True)),
    )

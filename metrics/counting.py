"""From what the services list to what their quotas count.

This module is pure: no clock, no database, no network.

The rules are the services' own, so that a sum here equals the project's quota detail there:
- Nova counts every server that is not deleted, in BUILD, ERROR or shelved too, with the flavor it has now
  (nova.objects.instance, `_get_counts_in_db`);
- Cinder counts a volume from its creation until its deletion has ended, and adds a snapshot's size to `gigabytes` and to its type's
  gigabytes (cinder.quota; unless the site set `no_snapshot_gb_quota`); what it made for its own migrations says `consumes_quota: false`;
- Neutron counts what belongs to the project, whatever its status (neutron.db.quota.driver).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from quotas.resources import BLOCK_STORAGE, COUNTED, NETWORK, TYPED_GIGABYTES, TYPED_STRUCTURAL, Resource

Item = Mapping[str, Any]

#: (project id, resource) -> units, in the resource's own unit.
Usage = Counter[tuple[str, str]]

#: A server's project, cores and MiB.
Size = tuple[str, int, int]


class Volume(NamedTuple):
    """What is counted of a volume, a hundred thousand times; `made_at` as Cinder writes it, so that it can be asked for again."""

    project: str
    gigabytes: int
    kind: str | None
    counts: bool
    made_at: str


#: The source of which projects there are; the others have the names of their service types.
KEYSTONE = "keystone"

#: Names of Keystone's limits of Nova's things -> the ledger's.
UNIFIED_LIMITS = {"servers": "instances", "class:VCPU": "cores", "class:MEMORY_MB": "ram"}

#: Neutron's singular keys of its quotas -> the ledger's.
NETWORK_KEYS = {"network": "networks", "router": "routers", "floatingip": "floatingips"}

#: Lists of Neutron's whose items no account of the ledger counts -> the key of its quotas.
STRUCTURAL_LISTS = {"ports": "port", "security-groups": "security_group"}

#: (service, key of its quotas) -> what the structural resource is called here.
STRUCTURAL_LIMITS = {(NETWORK, "port"): "ports", (NETWORK, "security_group"): "security_groups"}

_STRUCTURAL = {
    "snapshots": Resource(name="snapshots", unit="", service_type=BLOCK_STORAGE),
    "ports": Resource(name="ports", unit="", service_type=NETWORK),
    "security_groups": Resource(name="security_groups", unit="", service_type=NETWORK),
}

_SNAPSHOT_PROJECT = "os-extended-snapshot-attributes:project_id"
_VOLUME_PROJECT = "os-vol-tenant-attr:tenant_id"


class Incomplete(Exception):
    """The lists do not tell enough to count; what is missing is in the words."""


class Unsettled(Incomplete):
    """Something changed between two lists; reading them again may help."""


def resources_of(service_type: str) -> tuple[str, ...]:
    """The resources of a service that every site counts."""
    return tuple(resource.name for resource in COUNTED if resource.service_type == service_type)


def structural(name: str) -> Resource | None:
    """The resource of that name that is observed and in no account of the ledger."""
    if any(name.startswith(prefix) and len(name) > len(prefix) and name.isprintable() for prefix in TYPED_STRUCTURAL):
        return Resource(name=name, unit="", service_type=BLOCK_STORAGE)
    return _STRUCTURAL.get(name)


def size_of(server: Item) -> Size:
    """Project, cores and memory of a server with its flavor embedded (microversion 2.47 or later).

    Raises:
        Incomplete: it has none, which is how Nova (2.69) lists the servers of a cell that does not answer.
    """
    flavor = server.get("flavor")
    if not flavor or "vcpus" not in flavor:
        raise Incomplete(f"server {server.get('id')} is listed without its flavor: its cell does not answer")
    return str(server["tenant_id"]), int(flavor["vcpus"]), int(flavor["ram"])


def add_server(usage: Usage, size: Size, sign: int = 1) -> None:
    """Count a server in, or out again."""
    project, cores, ram = size
    usage[project, "instances"] += sign
    usage[project, "cores"] += sign * cores
    usage[project, "ram"] += sign * ram


def volume_of(volume: Item, texts: dict[str, str]) -> Volume:
    """What is counted of a volume; `texts` keeps one string for all that are equal."""
    project, kind = str(volume[_VOLUME_PROJECT]), volume.get("volume_type") or None
    return Volume(
        project=texts.setdefault(project, project),
        gigabytes=int(volume["size"]),
        kind=None if kind is None else texts.setdefault(kind, kind),
        counts=bool(volume.get("consumes_quota", True)),
        made_at=str(volume["created_at"]),
    )


def add_volume(usage: Usage, volume: Volume) -> None:
    """Count a volume in, if the quota does."""
    if volume.counts:
        usage[volume.project, "volumes"] += 1
        if volume.kind:
            usage[volume.project, f"volumes_{volume.kind}"] += 1
        _add_gigabytes(usage, volume.project, volume.gigabytes, volume.kind)


def count_snapshots(snapshots: Iterable[Item], volumes: Mapping[str, Volume]) -> Usage:
    """Snapshots of volumes: their number, and gigabytes in the same accounts as their volumes'.

    Raises:
        Unsettled: a snapshot's volume was made after the volumes were listed.
    """
    usage: Usage = Counter()
    for snapshot in snapshots:
        volume = str(snapshot["volume_id"])
        if volume not in volumes:
            raise Unsettled(f"snapshot {snapshot.get('id')} is of volume {volume}, which was not in the list of volumes")
        if snapshot.get("consumes_quota", True):
            project, kind = str(snapshot[_SNAPSHOT_PROJECT]), volumes[volume].kind
            usage[project, "snapshots"] += 1
            if kind:
                usage[project, f"snapshots_{kind}"] += 1
            _add_gigabytes(usage, project, int(snapshot["size"]), kind)
    return usage


def count_owned(items: Iterable[Item], resource: str) -> Usage:
    """Things of Neutron, each one unit of `resource`; those that belong to nobody (for high availability) count for nobody."""
    usage: Usage = Counter()
    for item in items:
        if project := item.get("project_id"):
            usage[str(project), resource] += 1
    return usage


def network_limits(quota: Item) -> dict[str, int]:
    """What Neutron enforces, under the ledger's keys; -1 means that nothing is enforced."""
    structural = {key: path.replace("-", "_") for path, key in STRUCTURAL_LISTS.items()}
    return {resource: int(quota[key]) for key, resource in {**NETWORK_KEYS, **structural}.items() if key in quota}


def _add_gigabytes(usage: Usage, project: str, gigabytes: int, kind: str | None) -> None:
    usage[project, "gigabytes"] += gigabytes
    if kind:
        usage[project, TYPED_GIGABYTES + kind] += gigabytes

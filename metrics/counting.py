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
from typing import Any

from quotas.resources import COUNTED, TYPED_GIGABYTES

Item = Mapping[str, Any]

#: (project id, resource) -> units, in the resource's own unit.
Usage = Counter[tuple[str, str]]

#: Neutron's singular keys of its quotas -> the ledger's.
NETWORK_KEYS = {"network": "networks", "router": "routers", "floatingip": "floatingips"}

_SNAPSHOT_PROJECT = "os-extended-snapshot-attributes:project_id"
_VOLUME_PROJECT = "os-vol-tenant-attr:tenant_id"


class Incomplete(Exception):
    """The lists do not tell enough to count; what is missing is in the words."""


class Unsettled(Incomplete):
    """Something changed between two lists; reading them again may help."""


def resources_of(service_type: str) -> tuple[str, ...]:
    """The resources of a service that every site counts."""
    return tuple(resource.name for resource in COUNTED if resource.service_type == service_type)


def count_servers(servers: Iterable[Item]) -> Usage:
    """Servers with their flavor embedded (microversion 2.47 or later).

    Raises:
        Incomplete: a server is there without its flavor, which is how Nova (2.69) lists the servers of a cell that does not answer.
    """
    usage: Usage = Counter()
    for server in servers:
        flavor = server.get("flavor")
        if not flavor or "vcpus" not in flavor:
            raise Incomplete(f"server {server.get('id')} is listed without its flavor: its cell does not answer")
        project = str(server["tenant_id"])
        usage[project, "instances"] += 1
        usage[project, "cores"] += int(flavor["vcpus"])
        usage[project, "ram"] += int(flavor["ram"])
    return usage


def count_volumes(volumes: Iterable[Item], type_of: dict[str, str | None]) -> Usage:
    """Volumes; the type's name of each is put into `type_of` under the volume's id, for their snapshots."""
    usage: Usage = Counter()
    for volume in volumes:
        kind = type_of[str(volume["id"])] = volume.get("volume_type") or None
        if volume.get("consumes_quota", True):
            project = str(volume[_VOLUME_PROJECT])
            usage[project, "volumes"] += 1
            _add_gigabytes(usage, project, int(volume["size"]), kind)
    return usage


def count_snapshots(snapshots: Iterable[Item], type_of: Mapping[str, str | None]) -> Usage:
    """Snapshots of volumes: gigabytes only, since their number is structural.

    Raises:
        Unsettled: a snapshot's volume was made after the volumes were listed.
    """
    usage: Usage = Counter()
    for snapshot in snapshots:
        volume = str(snapshot["volume_id"])
        if volume not in type_of:
            raise Unsettled(f"snapshot {snapshot.get('id')} is of volume {volume}, which was not in the list of volumes")
        if snapshot.get("consumes_quota", True):
            _add_gigabytes(usage, str(snapshot[_SNAPSHOT_PROJECT]), int(snapshot["size"]), type_of[volume])
    return usage


def count_owned(items: Iterable[Item], resource: str) -> Usage:
    """Things of Neutron, each one unit of `resource`; those that belong to nobody (for high availability) count for nobody."""
    usage: Usage = Counter()
    for item in items:
        if project := item.get("project_id"):
            usage[str(project), resource] += 1
    return usage


def unnamed(usage: Usage, keys: Mapping[str, str]) -> dict[str, str]:
    """Those of `keys` (resource -> key of the service's quotas) of which nobody has any."""
    named = {resource for _, resource in usage}
    return {resource: key for resource, key in keys.items() if resource not in named}


def network_limits(quota: Item) -> dict[str, int]:
    """What Neutron enforces, under the ledger's keys; -1 means that nothing is enforced."""
    return {resource: int(quota[key]) for key, resource in NETWORK_KEYS.items() if key in quota}


def _add_gigabytes(usage: Usage, project: str, gigabytes: int, kind: str | None) -> None:
    usage[project, "gigabytes"] += gigabytes
    if kind:
        usage[project, TYPED_GIGABYTES + kind] += gigabytes

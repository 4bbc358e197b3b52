"""Families about the datacenter as a whole: capacity, what of it is promised and used, and the resources that are counted.

This module is pure: no clock, no database, no network.
"""

from operator import attrgetter

from metrics.exposition import Family
from metrics.snapshot import Snapshot


def cluster_resource_capacity(snapshot: Snapshot) -> Family:
    """# HELP dcctl_cluster_resource_capacity Units that the datacenter declared to have.
    # TYPE dcctl_cluster_resource_capacity gauge
    dcctl_cluster_resource_capacity{cloud_region="cotonou",service_type="compute",resource="cores"} 1024
    """
    return _cluster("capacity", "Units that the datacenter declared to have.", snapshot)


def cluster_resource_available(snapshot: Snapshot) -> Family:
    """# HELP dcctl_cluster_resource_available Units that the datacenter has and neither granted nor set aside.
    # TYPE dcctl_cluster_resource_available gauge
    dcctl_cluster_resource_available{cloud_region="cotonou",service_type="compute",resource="cores"} 508
    """
    return _cluster("available", "Units that the datacenter has and neither granted nor set aside.", snapshot)


def cluster_resource_held(snapshot: Snapshot) -> Family:
    """# HELP dcctl_cluster_resource_held Units of the pool that are set aside for requests of envelopes.
    # TYPE dcctl_cluster_resource_held gauge
    dcctl_cluster_resource_held{cloud_region="cotonou",service_type="compute",resource="cores"} 4
    """
    return _cluster("held", "Units of the pool that are set aside for requests of envelopes.", snapshot)


def cluster_resource_granted(snapshot: Snapshot) -> Family:
    """# HELP dcctl_cluster_resource_granted Units that the datacenter's pool granted to administrations.
    # TYPE dcctl_cluster_resource_granted gauge
    dcctl_cluster_resource_granted{cloud_region="cotonou",service_type="compute",resource="cores"} 512
    """
    return _cluster("granted", "Units that the datacenter's pool granted to administrations.", snapshot)


def cluster_resource_allocated(snapshot: Snapshot) -> Family:
    """# HELP dcctl_cluster_resource_allocated Units that environments have.
    # TYPE dcctl_cluster_resource_allocated gauge
    dcctl_cluster_resource_allocated{cloud_region="cotonou",service_type="compute",resource="cores"} 24
    """
    return _cluster("allocated", "Units that environments have.", snapshot)


def cluster_resource_usage(snapshot: Snapshot) -> Family:
    """# HELP dcctl_cluster_resource_usage Units in use in all projects, those of no administration too, as OpenStack counts them.
    # TYPE dcctl_cluster_resource_usage gauge
    dcctl_cluster_resource_usage{cloud_region="cotonou",service_type="compute",resource="cores"} 75
    """
    return _cluster("usage", "Units in use in all projects, those of no administration too, as OpenStack counts them.", snapshot)


def resource_info(snapshot: Snapshot) -> Family:
    """# HELP dcctl_resource_info A resource that is counted, and the unit of its figures; an empty unit means things counted one by one.
    # TYPE dcctl_resource_info gauge
    dcctl_resource_info{service_type="compute",resource="ram",unit="MiB"} 1
    """
    return Family(
        name="dcctl_resource_info",
        help="A resource that is counted, and the unit of its figures; an empty unit means things counted one by one.",
        labels=("service_type", "resource", "unit"),
        samples=[((r.service_type, r.name, r.unit), 1) for r in snapshot.resources],
    )


def resource_unit_multiplier(snapshot: Snapshot) -> Family:
    """# HELP dcctl_resource_unit_multiplier Bytes in one unit of the resource; 1 for things counted one by one.
    # TYPE dcctl_resource_unit_multiplier gauge
    dcctl_resource_unit_multiplier{service_type="compute",resource="ram"} 1048576
    """
    return Family(
        name="dcctl_resource_unit_multiplier",
        help="Bytes in one unit of the resource; 1 for things counted one by one.",
        labels=("service_type", "resource"),
        samples=[((r.service_type, r.name), r.multiplier) for r in snapshot.resources],
    )


def _cluster(place: str, help: str, snapshot: Snapshot) -> Family:
    """One figure of each resource of the datacenter, under the name of its field; what is not known is left out."""
    value = attrgetter(place)
    return Family(
        name=f"dcctl_cluster_resource_{place}",
        help=help,
        labels=("cloud_region", "service_type", "resource"),
        samples=[((f.region, f.resource.service_type, f.resource.name), number) for f in snapshot.cluster if (number := value(f)) is not None],
    )

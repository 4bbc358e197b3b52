"""Families about administrations: what the ledger says that they have, and what OpenStack says that they use.

This module is pure: no clock, no database, no network.
"""

from operator import attrgetter

from metrics.exposition import Family
from metrics.snapshot import Snapshot


def administration_resource_granted(snapshot: Snapshot) -> Family:
    """# HELP dcctl_administration_resource_granted Units an administration was granted: what it and its children still have.
    # TYPE dcctl_administration_resource_granted gauge
    dcctl_administration_resource_granted{administration="min-sante",cloud_region="cotonou",service_type="compute",resource="cores"} 128
    """
    return _resource("granted", "Units an administration was granted: what it and its children still have.", snapshot)


def administration_resource_available(snapshot: Snapshot) -> Family:
    """# HELP dcctl_administration_resource_available Units an administration may still give or ask for.
    # TYPE dcctl_administration_resource_available gauge
    dcctl_administration_resource_available{administration="min-sante",cloud_region="cotonou",service_type="compute",resource="cores"} 100
    """
    return _resource("available", "Units an administration may still give or ask for.", snapshot)


def administration_resource_held(snapshot: Snapshot) -> Family:
    """# HELP dcctl_administration_resource_held Units set aside for requests that wait.
    # TYPE dcctl_administration_resource_held gauge
    dcctl_administration_resource_held{administration="min-sante",cloud_region="cotonou",service_type="compute",resource="cores"} 4
    """
    return _resource("held", "Units set aside for requests that wait.", snapshot)


def administration_resource_allocated(snapshot: Snapshot) -> Family:
    """# HELP dcctl_administration_resource_allocated Units that the administration's own environments have.
    # TYPE dcctl_administration_resource_allocated gauge
    dcctl_administration_resource_allocated{administration="min-sante",cloud_region="cotonou",service_type="compute",resource="cores"} 24
    """
    return _resource("allocated", "Units that the administration's own environments have.", snapshot)


def administration_resource_usage(snapshot: Snapshot) -> Family:
    """# HELP dcctl_administration_resource_usage Units in use in the administration's own projects, as OpenStack counts them.
    # TYPE dcctl_administration_resource_usage gauge
    dcctl_administration_resource_usage{administration="min-sante",cloud_region="cotonou",service_type="compute",resource="cores"} 11
    """
    return _resource("usage", "Units in use in the administration's own projects, as OpenStack counts them.", snapshot)


def administration_info(snapshot: Snapshot) -> Family:
    """# HELP dcctl_administration_info An administration, its name for people, and the one that it belongs to; an empty parent means none.
    # TYPE dcctl_administration_info gauge
    dcctl_administration_info{administration="cnhu",name="Centre national hospitalier universitaire",parent="min-sante"} 1
    """
    return Family(
        name="dcctl_administration_info",
        help="An administration, its name for people, and the one that it belongs to; an empty parent means none.",
        labels=("administration", "name", "parent"),
        samples=[((code, about.name, about.parent), 1) for code, about in snapshot.about.items()],
    )


def _resource(place: str, help: str, snapshot: Snapshot) -> Family:
    """One figure of each administration and resource, under the name of its field; what is not known is left out."""
    value = attrgetter(place)
    return Family(
        name=f"dcctl_administration_resource_{place}",
        help=help,
        labels=("administration", "cloud_region", "service_type", "resource"),
        samples=[
            ((f.administration, f.region, f.resource.service_type, f.resource.name), number)
            for f in snapshot.administrations
            if (number := value(f)) is not None
        ],
    )

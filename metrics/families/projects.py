"""Families about projects: quota, what OpenStack enforces, use, and whose a project is.

This module is pure: no clock, no database, no network.
"""

import math
from operator import attrgetter

from metrics.exposition import Family, Labels
from metrics.snapshot import Snapshot


def project_resource_quota(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_resource_quota Units that the ledger allocated to the project's environment.
    # TYPE dcctl_project_resource_quota gauge
    dcctl_project_resource_quota{administration="min-sante",project_id="0f",cloud_region="cotonou",service_type="compute",resource="cores"} 24
    """
    return _resource("quota", "Units that the ledger allocated to the project's environment.", snapshot)


def project_resource_backend_quota(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_resource_backend_quota Units that OpenStack lets the project use; absent where unknown or unlimited.
    # TYPE dcctl_project_resource_backend_quota gauge
    dcctl_project_resource_backend_quota{administration="min-sante",project_id="0f",cloud_region="cotonou",service_type="compute",resource="cores"} 24
    """
    return _resource("backend_quota", "Units that OpenStack lets the project use; absent where unknown or unlimited.", snapshot)


def project_resource_unlimited(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_resource_unlimited 1 where OpenStack enforces no limit on the project; absent where it does, or nobody knows.
    # TYPE dcctl_project_resource_unlimited gauge
    dcctl_project_resource_unlimited{administration="min-sante",project_id="0a",cloud_region="cotonou",service_type="network",resource="networks"} 1
    """
    return _resource("unlimited", "1 where OpenStack enforces no limit on the project; absent where it does, or nobody knows.", snapshot)


def project_resource_usage(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_resource_usage Units in use in the project, as OpenStack counts them.
    # TYPE dcctl_project_resource_usage gauge
    dcctl_project_resource_usage{administration="min-sante",project_id="0f",cloud_region="cotonou",service_type="compute",resource="cores"} 9
    """
    return _resource("usage", "Units in use in the project, as OpenStack counts them.", snapshot)


def project_limits_read(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_limits_read_timestamp_seconds When the oldest of a project's limits in a service was read from it; absent while none was.
    # TYPE dcctl_project_limits_read_timestamp_seconds gauge
    dcctl_project_limits_read_timestamp_seconds{administration="min-sante",project_id="0f",cloud_region="cotonou",service_type="compute"} 1780000000.0
    """
    oldest: dict[Labels, float] = {}
    for figures in snapshot.projects:
        if figures.limit_at is not None:
            key = (figures.administration, figures.project_id, figures.region, figures.resource.service_type)
            oldest[key] = min(oldest.get(key, math.inf), figures.limit_at.timestamp())
    return Family(
        name="dcctl_project_limits_read_timestamp_seconds",
        help="When the oldest of a project's limits in a service was read from it; absent while none was.",
        labels=("administration", "project_id", "cloud_region", "service_type"),
        samples=list(oldest.items()),
    )


def project_info(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_info A project, its name, and the environment that it is of; an empty environment means that dcctl did not make it.
    # TYPE dcctl_project_info gauge
    dcctl_project_info{administration="min-sante",project_id="0f",project_name="min-sante-dossier-patient",environment_name="dossier-patient"} 1
    """
    return Family(
        name="dcctl_project_info",
        help="A project, its name, and the environment that it is of; an empty environment means that dcctl did not make it.",
        labels=("administration", "project_id", "project_name", "environment_name"),
        samples=[((p.administration, p.project_id, p.name, p.environment), 1) for p in snapshot.owned],
    )


def project_expires(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_expires_timestamp_seconds When the project's environment ends; absent where it has no end.
    # TYPE dcctl_project_expires_timestamp_seconds gauge
    dcctl_project_expires_timestamp_seconds{administration="min-sante",project_id="0f"} 1790000000.0
    """
    return Family(
        name="dcctl_project_expires_timestamp_seconds",
        help="When the project's environment ends; absent where it has no end.",
        labels=("administration", "project_id"),
        samples=[((p.administration, p.project_id), p.expires_at.timestamp()) for p in snapshot.owned if p.expires_at is not None],
    )


def _resource(place: str, help: str, snapshot: Snapshot) -> Family:
    """One figure of each project and resource, under the name of its field; what is not known is left out, and so is what is not so."""
    value = attrgetter(place)
    return Family(
        name=f"dcctl_project_resource_{place}",
        help=help,
        labels=("administration", "project_id", "cloud_region", "service_type", "resource"),
        samples=[
            ((f.administration, f.project_id, f.region, f.resource.service_type, f.resource.name), int(number))
            for f in snapshot.projects
            if (number := value(f)) is not None and number is not False
        ],
    )

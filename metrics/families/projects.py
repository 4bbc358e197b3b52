"""Families about projects: quota, what OpenStack enforces, use, and whose a project is.

This module is pure: no clock, no database, no network.
"""

from metrics.exposition import Family
from metrics.snapshot import ProjectFigures, Snapshot

_RESOURCE = ("administration", "project_id", "cloud_region", "service_type", "resource")


def project_resource_quota(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_resource_quota Units that the ledger allocated to the project's environment.
    # TYPE dcctl_project_resource_quota gauge
    dcctl_project_resource_quota{administration="min-sante",project_id="0f",cloud_region="cotonou",service_type="compute",resource="cores"} 24
    """
    return Family(
        name="dcctl_project_resource_quota",
        help="Units that the ledger allocated to the project's environment.",
        labels=_RESOURCE,
        samples=[(_project(f), f.quota) for f in snapshot.projects if f.quota is not None],
    )


def project_resource_backend_quota(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_resource_backend_quota Units that OpenStack lets the project use; absent where unknown or unlimited.
    # TYPE dcctl_project_resource_backend_quota gauge
    dcctl_project_resource_backend_quota{administration="min-sante",project_id="0f",cloud_region="cotonou",service_type="compute",resource="cores"} 24
    """
    return Family(
        name="dcctl_project_resource_backend_quota",
        help="Units that OpenStack lets the project use; absent where unknown or unlimited.",
        labels=_RESOURCE,
        samples=[(_project(f), f.backend_quota) for f in snapshot.projects if f.backend_quota is not None],
    )


def project_resource_unlimited(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_resource_unlimited 1 where OpenStack enforces no limit on the project; absent where it does, or nobody knows.
    # TYPE dcctl_project_resource_unlimited gauge
    dcctl_project_resource_unlimited{administration="min-sante",project_id="0a",cloud_region="cotonou",service_type="network",resource="networks"} 1
    """
    return Family(
        name="dcctl_project_resource_unlimited",
        help="1 where OpenStack enforces no limit on the project; absent where it does, or nobody knows.",
        labels=_RESOURCE,
        samples=[(_project(f), 1) for f in snapshot.projects if f.unlimited],
    )


def project_resource_usage(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_resource_usage Units in use in the project, as OpenStack counts them.
    # TYPE dcctl_project_resource_usage gauge
    dcctl_project_resource_usage{administration="min-sante",project_id="0f",cloud_region="cotonou",service_type="compute",resource="cores"} 9
    """
    return Family(
        name="dcctl_project_resource_usage",
        help="Units in use in the project, as OpenStack counts them.",
        labels=_RESOURCE,
        samples=[(_project(f), f.usage) for f in snapshot.projects if f.usage is not None],
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


def _project(figures: ProjectFigures) -> tuple[str, str, str, str, str]:
    return figures.administration, figures.project_id, figures.region, figures.resource.service_type, figures.resource.name

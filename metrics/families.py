"""The metrics that dcctl exports: each is a function of the snapshot, and its docstring shows what it looks like.

This module is pure: no clock, no database, no network.

Amounts are in OpenStack's own units; multiply by `dcctl_resource_unit_multiplier` for bytes. Labels are codes and ids; none of them is named like
a label that Prometheus gives to targets (hence `cloud_region`). A time is that of an event, never an age: a text that is served again and again
looks older, as it should.
"""

from collections.abc import Callable

from metrics.exposition import Family
from metrics.snapshot import ProjectFigures, Snapshot

_ADMINISTRATION = ("administration", "cloud_region", "service_type", "resource")
_PROJECT = ("administration", "project_id", "cloud_region", "service_type", "resource")


def families(snapshot: Snapshot, version: str) -> list[Family]:
    """Every family, in the order of the text."""
    return [*(family(snapshot) for family in FAMILIES), build_info(version)]


def administration_resource_granted(snapshot: Snapshot) -> Family:
    """# HELP dcctl_administration_resource_granted Units an administration was granted: what it and its children still have.
    # TYPE dcctl_administration_resource_granted gauge
    dcctl_administration_resource_granted{administration="min-sante",cloud_region="cotonou",service_type="compute",resource="cores"} 128
    """
    return Family(
        name="dcctl_administration_resource_granted",
        help="Units an administration was granted: what it and its children still have.",
        labels=_ADMINISTRATION,
        samples=[((f.administration, f.region, f.resource.service_type, f.resource.name), f.granted) for f in snapshot.administrations],
    )


def administration_resource_available(snapshot: Snapshot) -> Family:
    """# HELP dcctl_administration_resource_available Units an administration may still give or ask for.
    # TYPE dcctl_administration_resource_available gauge
    dcctl_administration_resource_available{administration="min-sante",cloud_region="cotonou",service_type="compute",resource="cores"} 100
    """
    return Family(
        name="dcctl_administration_resource_available",
        help="Units an administration may still give or ask for.",
        labels=_ADMINISTRATION,
        samples=[((f.administration, f.region, f.resource.service_type, f.resource.name), f.available) for f in snapshot.administrations],
    )


def administration_resource_held(snapshot: Snapshot) -> Family:
    """# HELP dcctl_administration_resource_held Units set aside for requests that wait.
    # TYPE dcctl_administration_resource_held gauge
    dcctl_administration_resource_held{administration="min-sante",cloud_region="cotonou",service_type="compute",resource="cores"} 4
    """
    return Family(
        name="dcctl_administration_resource_held",
        help="Units set aside for requests that wait.",
        labels=_ADMINISTRATION,
        samples=[((f.administration, f.region, f.resource.service_type, f.resource.name), f.held) for f in snapshot.administrations],
    )


def administration_resource_allocated(snapshot: Snapshot) -> Family:
    """# HELP dcctl_administration_resource_allocated Units that the administration's own environments have.
    # TYPE dcctl_administration_resource_allocated gauge
    dcctl_administration_resource_allocated{administration="min-sante",cloud_region="cotonou",service_type="compute",resource="cores"} 24
    """
    return Family(
        name="dcctl_administration_resource_allocated",
        help="Units that the administration's own environments have.",
        labels=_ADMINISTRATION,
        samples=[((f.administration, f.region, f.resource.service_type, f.resource.name), f.allocated) for f in snapshot.administrations],
    )


def administration_resource_usage(snapshot: Snapshot) -> Family:
    """# HELP dcctl_administration_resource_usage Units in use in the administration's own projects, as OpenStack counts them.
    # TYPE dcctl_administration_resource_usage gauge
    dcctl_administration_resource_usage{administration="min-sante",cloud_region="cotonou",service_type="compute",resource="cores"} 11
    """
    return Family(
        name="dcctl_administration_resource_usage",
        help="Units in use in the administration's own projects, as OpenStack counts them.",
        labels=_ADMINISTRATION,
        samples=[
            ((f.administration, f.region, f.resource.service_type, f.resource.name), f.usage) for f in snapshot.administrations if f.usage is not None
        ],
    )


def project_resource_quota(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_resource_quota Units that the ledger allocated to the project's environment.
    # TYPE dcctl_project_resource_quota gauge
    dcctl_project_resource_quota{administration="min-sante",project_id="0f",cloud_region="cotonou",service_type="compute",resource="cores"} 24
    """
    return Family(
        name="dcctl_project_resource_quota",
        help="Units that the ledger allocated to the project's environment.",
        labels=_PROJECT,
        samples=[((*_project(f), f.resource.name), f.quota) for f in snapshot.projects if f.quota is not None],
    )


def project_resource_backend_quota(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_resource_backend_quota Units that OpenStack lets the project use; absent where unknown or unlimited.
    # TYPE dcctl_project_resource_backend_quota gauge
    dcctl_project_resource_backend_quota{administration="min-sante",project_id="0f",cloud_region="cotonou",service_type="compute",resource="cores"} 24
    """
    return Family(
        name="dcctl_project_resource_backend_quota",
        help="Units that OpenStack lets the project use; absent where unknown or unlimited.",
        labels=_PROJECT,
        samples=[((*_project(f), f.resource.name), f.backend_quota) for f in snapshot.projects if f.backend_quota is not None],
    )


def project_resource_usage(snapshot: Snapshot) -> Family:
    """# HELP dcctl_project_resource_usage Units in use in the project, as OpenStack counts them.
    # TYPE dcctl_project_resource_usage gauge
    dcctl_project_resource_usage{administration="min-sante",project_id="0f",cloud_region="cotonou",service_type="compute",resource="cores"} 9
    """
    return Family(
        name="dcctl_project_resource_usage",
        help="Units in use in the project, as OpenStack counts them.",
        labels=_PROJECT,
        samples=[((*_project(f), f.resource.name), f.usage) for f in snapshot.projects if f.usage is not None],
    )


def cluster_resource_capacity(snapshot: Snapshot) -> Family:
    """# HELP dcctl_cluster_resource_capacity Units that the datacenter declared to have.
    # TYPE dcctl_cluster_resource_capacity gauge
    dcctl_cluster_resource_capacity{cloud_region="cotonou",service_type="compute",resource="cores"} 1024
    """
    return Family(
        name="dcctl_cluster_resource_capacity",
        help="Units that the datacenter declared to have.",
        labels=("cloud_region", "service_type", "resource"),
        samples=[((f.region, f.resource.service_type, f.resource.name), f.capacity) for f in snapshot.cluster],
    )


def cluster_resource_granted(snapshot: Snapshot) -> Family:
    """# HELP dcctl_cluster_resource_granted Units that the datacenter's pool granted to administrations.
    # TYPE dcctl_cluster_resource_granted gauge
    dcctl_cluster_resource_granted{cloud_region="cotonou",service_type="compute",resource="cores"} 512
    """
    return Family(
        name="dcctl_cluster_resource_granted",
        help="Units that the datacenter's pool granted to administrations.",
        labels=("cloud_region", "service_type", "resource"),
        samples=[((f.region, f.resource.service_type, f.resource.name), f.granted) for f in snapshot.cluster],
    )


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


def requests(snapshot: Snapshot) -> Family:
    """# HELP dcctl_requests Requests of an administration in a state.
    # TYPE dcctl_requests gauge
    dcctl_requests{administration="min-sante",state="in_review",kind="environment"} 2
    """
    return Family(
        name="dcctl_requests",
        help="Requests of an administration in a state.",
        labels=("administration", "state", "kind"),
        samples=list(snapshot.requests.items()),
    )


def source_last_success(snapshot: Snapshot) -> Family:
    """# HELP dcctl_source_last_success_timestamp_seconds When a source last answered in full; absent while it never did.
    # TYPE dcctl_source_last_success_timestamp_seconds gauge
    dcctl_source_last_success_timestamp_seconds{source="compute"} 1780000000.0
    """
    return Family(
        name="dcctl_source_last_success_timestamp_seconds",
        help="When a source last answered in full; absent while it never did.",
        labels=("source",),
        samples=[((name,), at.timestamp()) for name, at in snapshot.sources.items()],
    )


def openstack_requests(snapshot: Snapshot) -> Family:
    """# HELP dcctl_openstack_requests_total Calls that dcctl's processes have made to OpenStack; each attempt counts.
    # TYPE dcctl_openstack_requests_total counter
    dcctl_openstack_requests_total{process="worker",service_type="compute",method="GET",outcome="ok"} 1200
    """
    return Family(
        name="dcctl_openstack_requests_total",
        help="Calls that dcctl's processes have made to OpenStack; each attempt counts.",
        labels=("process", "service_type", "method", "outcome"),
        samples=list(snapshot.calls.items()),
        type="counter",
    )


def discrepancies(snapshot: Snapshot) -> Family:
    """# HELP dcctl_discrepancies Differences between ledger, limits and use that are not resolved.
    # TYPE dcctl_discrepancies gauge
    dcctl_discrepancies{name="limit_mismatch",state="open"} 1
    """
    return Family(
        name="dcctl_discrepancies",
        help="Differences between ledger, limits and use that are not resolved.",
        labels=("name", "state"),
        samples=list(snapshot.discrepancies.items()),
    )


def ledger_sealed_position(snapshot: Snapshot) -> Family:
    """# HELP dcctl_ledger_sealed_position How many entries of the ledger are in its chain.
    # TYPE dcctl_ledger_sealed_position gauge
    dcctl_ledger_sealed_position 1042
    """
    return Family(
        name="dcctl_ledger_sealed_position",
        help="How many entries of the ledger are in its chain.",
        labels=(),
        samples=[((), snapshot.sealed_position)],
    )


def ledger_unsealed_oldest(snapshot: Snapshot) -> Family:
    """# HELP dcctl_ledger_unsealed_oldest_timestamp_seconds When the oldest entry outside the chain was recorded; the time of reading when none is.
    # TYPE dcctl_ledger_unsealed_oldest_timestamp_seconds gauge
    dcctl_ledger_unsealed_oldest_timestamp_seconds 1780000014.5
    """
    return Family(
        name="dcctl_ledger_unsealed_oldest_timestamp_seconds",
        help="When the oldest entry outside the chain was recorded; the time of reading when none is.",
        labels=(),
        samples=[((), (snapshot.unsealed_since or snapshot.taken_at).timestamp())],
    )


def render_timestamp(snapshot: Snapshot) -> Family:
    """# HELP dcctl_render_timestamp_seconds When the figures of this text were read from the database.
    # TYPE dcctl_render_timestamp_seconds gauge
    dcctl_render_timestamp_seconds 1780000015.0
    """
    return Family(
        name="dcctl_render_timestamp_seconds",
        help="When the figures of this text were read from the database.",
        labels=(),
        samples=[((), snapshot.taken_at.timestamp())],
    )


def build_info(version: str) -> Family:
    """# HELP dcctl_build_info The version of dcctl that wrote this text.
    # TYPE dcctl_build_info gauge
    dcctl_build_info{version="0.1.0"} 1
    """
    return Family(name="dcctl_build_info", help="The version of dcctl that wrote this text.", labels=("version",), samples=[((version,), 1)])


FAMILIES: tuple[Callable[[Snapshot], Family], ...] = (
    administration_resource_granted,
    administration_resource_available,
    administration_resource_held,
    administration_resource_allocated,
    administration_resource_usage,
    project_resource_quota,
    project_resource_backend_quota,
    project_resource_usage,
    cluster_resource_capacity,
    cluster_resource_granted,
    resource_info,
    resource_unit_multiplier,
    requests,
    source_last_success,
    openstack_requests,
    discrepancies,
    ledger_sealed_position,
    ledger_unsealed_oldest,
    render_timestamp,
)


def _project(figures: ProjectFigures) -> tuple[str, str, str, str]:
    return figures.administration, figures.project_id, figures.region, figures.resource.service_type

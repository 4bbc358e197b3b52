"""Families about where the figures come from: each source, how it does, and what it is asked.

This module is pure: no clock, no database, no network.
"""

from metrics.exposition import Family, by_label
from metrics.snapshot import Snapshot


def source_last_success(snapshot: Snapshot) -> Family:
    """# HELP dcctl_source_last_success_timestamp_seconds When a source last answered in full; absent while it never did.
    # TYPE dcctl_source_last_success_timestamp_seconds gauge
    dcctl_source_last_success_timestamp_seconds{source="compute"} 1780000000.0
    """
    help = "When a source last answered in full; absent while it never did."
    return by_label("dcctl_source_last_success_timestamp_seconds", help, "source", {name: at.timestamp() for name, at in snapshot.sources.items()})


def source_complete(snapshot: Snapshot) -> Family:
    """# HELP dcctl_source_complete 1 when the last reading of a source was whole; 0 when it failed and the figures are those of the last success.
    # TYPE dcctl_source_complete gauge
    dcctl_source_complete{source="compute"} 1
    """
    help = "1 when the last reading of a source was whole; 0 when it failed and the figures are those of the last success."
    return by_label("dcctl_source_complete", help, "source", {name: int(whole) for name, whole in snapshot.complete.items()})


def collect_duration(snapshot: Snapshot) -> Family:
    """# HELP dcctl_collect_duration_seconds How long the last reading of a source took, whether it succeeded or not.
    # TYPE dcctl_collect_duration_seconds gauge
    dcctl_collect_duration_seconds{source="compute"} 1.25
    """
    help = "How long the last reading of a source took, whether it succeeded or not."
    return by_label("dcctl_collect_duration_seconds", help, "source", snapshot.durations)


def collect_api_calls(snapshot: Snapshot) -> Family:
    """# HELP dcctl_collect_api_calls_total Calls of the collector to OpenStack by the status of the answer; 0 means that there was none.
    # TYPE dcctl_collect_api_calls_total counter
    dcctl_collect_api_calls_total{service_type="compute",code="200"} 1100
    """
    return Family(
        name="dcctl_collect_api_calls_total",
        help="Calls of the collector to OpenStack by the status of the answer; 0 means that there was none.",
        labels=("service_type", "code"),
        samples=[((kind, str(code)), number) for (kind, code), number in snapshot.api_calls.items()],
        type="counter",
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

"""The metrics that dcctl exports: each is a function of the snapshot, and its docstring shows what it looks like.

This module is pure: no clock, no database, no network.

Amounts are in OpenStack's own units; multiply by `dcctl_resource_unit_multiplier` for bytes. Labels are codes and ids; none of them is named like
a label that Prometheus gives to targets (hence `cloud_region`). A time is that of an event, never an age: a text that is served again and again
looks older, as it should.
"""

from collections.abc import Callable

from metrics.exposition import Family
from metrics.families import administrations, datacenter, ledger, projects, sources, work
from metrics.families.text import build_info, render_timestamp, series
from metrics.snapshot import Snapshot

FAMILIES: tuple[Callable[[Snapshot], Family], ...] = (
    administrations.administration_resource_granted,
    administrations.administration_resource_available,
    administrations.administration_resource_held,
    administrations.administration_resource_allocated,
    administrations.administration_resource_usage,
    administrations.administration_info,
    projects.project_resource_quota,
    projects.project_resource_backend_quota,
    projects.project_resource_unlimited,
    projects.project_resource_usage,
    projects.project_limits_read,
    projects.project_info,
    projects.project_expires,
    datacenter.cluster_resource_capacity,
    datacenter.cluster_resource_available,
    datacenter.cluster_resource_held,
    datacenter.cluster_resource_granted,
    datacenter.cluster_resource_allocated,
    datacenter.cluster_resource_usage,
    datacenter.resource_info,
    datacenter.resource_unit_multiplier,
    work.requests,
    work.request_oldest,
    work.decisions,
    work.operations,
    work.operation_idle,
    work.limit_sync_state,
    work.discrepancies,
    work.letters,
    work.letter_oldest,
    sources.source_last_success,
    sources.source_complete,
    sources.collect_duration,
    sources.collect_api_calls,
    sources.openstack_requests,
    ledger.ledger_position,
    ledger.ledger_sealed,
    ledger.ledger_unsealed_oldest,
    ledger.ledger_chain_ok,
    ledger.ledger_verified,
    ledger.ledger_verified_position,
    ledger.audit_position,
    ledger.audit_sealed,
    ledger.audit_unsealed_oldest,
    render_timestamp,
)


def families(snapshot: Snapshot, version: str) -> list[Family]:
    """Every family, in the order of the text."""
    found = [*(family(snapshot) for family in FAMILIES), build_info(version)]
    return [*found, series(sum(len(family.samples) for family in found) + 1)]

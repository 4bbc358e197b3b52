"""Families about what people asked for and what became of it: requests, decisions, operations, limits that were written.

This module is pure: no clock, no database, no network.
"""

from metrics.exposition import Family, by_label
from metrics.snapshot import Snapshot


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


def request_oldest(snapshot: Snapshot) -> Family:
    """# HELP dcctl_request_oldest_timestamp_seconds When the oldest request in a state was submitted; absent while there is none.
    # TYPE dcctl_request_oldest_timestamp_seconds gauge
    dcctl_request_oldest_timestamp_seconds{administration="min-sante",state="in_review",kind="environment"} 1779990000.0
    """
    return Family(
        name="dcctl_request_oldest_timestamp_seconds",
        help="When the oldest request in a state was submitted; absent while there is none.",
        labels=("administration", "state", "kind"),
        samples=[(key, at.timestamp()) for key, at in snapshot.oldest.items()],
    )


def decisions(snapshot: Snapshot) -> Family:
    """# HELP dcctl_decisions_total Decisions on requests and acts; without an administration where an act concerns no single one.
    # TYPE dcctl_decisions_total counter
    dcctl_decisions_total{administration="min-sante",kind="environment",verdict="approve"} 7
    """
    return Family(
        name="dcctl_decisions_total",
        help="Decisions on requests and acts; without an administration where an act concerns no single one.",
        labels=("administration", "kind", "verdict"),
        samples=list(snapshot.decisions.items()),
        type="counter",
    )


def operations(snapshot: Snapshot) -> Family:
    """# HELP dcctl_operations Operations in a state.
    # TYPE dcctl_operations gauge
    dcctl_operations{kind="fulfil",state="failed"} 1
    """
    return Family(
        name="dcctl_operations",
        help="Operations in a state.",
        labels=("kind", "state"),
        samples=list(snapshot.operations.items()),
    )


def operation_idle(snapshot: Snapshot) -> Family:
    """# HELP dcctl_operation_idle_timestamp_seconds When the operation that has been silent longest was last heard of; absent while there is none.
    # TYPE dcctl_operation_idle_timestamp_seconds gauge
    dcctl_operation_idle_timestamp_seconds{kind="fulfil",state="running"} 1779999000.0
    """
    return Family(
        name="dcctl_operation_idle_timestamp_seconds",
        help="When the operation that has been silent longest was last heard of; absent while there is none.",
        labels=("kind", "state"),
        samples=[(key, at.timestamp()) for key, at in snapshot.idle.items()],
    )


def limit_sync_state(snapshot: Snapshot) -> Family:
    """# HELP dcctl_limit_sync_state Limits of projects by what came of writing them last, as they were read back.
    # TYPE dcctl_limit_sync_state gauge
    dcctl_limit_sync_state{state="in_sync"} 24
    """
    help = "Limits of projects by what came of writing them last, as they were read back."
    return by_label("dcctl_limit_sync_state", help, "state", snapshot.limit_states)


def discrepancies(snapshot: Snapshot) -> Family:
    """# HELP dcctl_discrepancies Differences between ledger, limits and use that are not resolved.
    # TYPE dcctl_discrepancies gauge
    dcctl_discrepancies{kind="limit_mismatch",state="open"} 1
    """
    return Family(
        name="dcctl_discrepancies",
        help="Differences between ledger, limits and use that are not resolved.",
        labels=("kind", "state"),
        samples=list(snapshot.discrepancies.items()),
    )


def letters(snapshot: Snapshot) -> Family:
    """# HELP dcctl_letters Letters in a state; handed: nobody knows whether it arrived, given_up: the mail server never took it.
    # TYPE dcctl_letters gauge
    dcctl_letters{state="waiting"} 3
    """
    help = "Letters in a state; handed: nobody knows whether it arrived, given_up: the mail server never took it."
    return by_label("dcctl_letters", help, "state", snapshot.letters)


def letter_oldest(snapshot: Snapshot) -> Family:
    """# HELP dcctl_letter_oldest_timestamp_seconds When the oldest letter was written that waits or that a person must settle; absent while none.
    # TYPE dcctl_letter_oldest_timestamp_seconds gauge
    dcctl_letter_oldest_timestamp_seconds{state="waiting"} 1779998000.0
    """
    help = "When the oldest letter was written that waits or that a person must settle; absent while none."
    return by_label("dcctl_letter_oldest_timestamp_seconds", help, "state", {state: at.timestamp() for state, at in snapshot.letters_since.items()})

"""Families about the ledger's chain, how far it goes, since when, and whether it was found right; and the first two of the audit trail's.

This module is pure: no clock, no database, no network.
"""

from metrics.exposition import Family, Number
from metrics.snapshot import Snapshot


def ledger_position(snapshot: Snapshot) -> Family:
    """# HELP dcctl_ledger_position How many entries of the ledger are in its chain.
    # TYPE dcctl_ledger_position gauge
    dcctl_ledger_position 1042
    """
    help = "How many entries of the ledger are in its chain."
    return _one("dcctl_ledger_position", help, snapshot.sealed_position)


def ledger_sealed(snapshot: Snapshot) -> Family:
    """# HELP dcctl_ledger_sealed_timestamp_seconds When the last entry of the ledger's chain was sealed; absent while there is none.
    # TYPE dcctl_ledger_sealed_timestamp_seconds gauge
    dcctl_ledger_sealed_timestamp_seconds 1780000014.0
    """
    help = "When the last entry of the ledger's chain was sealed; absent while there is none."
    return _one("dcctl_ledger_sealed_timestamp_seconds", help, None if snapshot.sealed_at is None else snapshot.sealed_at.timestamp())


def ledger_unsealed_oldest(snapshot: Snapshot) -> Family:
    """# HELP dcctl_ledger_unsealed_oldest_timestamp_seconds When the oldest entry outside the chain was recorded; the time of reading when none is.
    # TYPE dcctl_ledger_unsealed_oldest_timestamp_seconds gauge
    dcctl_ledger_unsealed_oldest_timestamp_seconds 1780000014.5
    """
    help = "When the oldest entry outside the chain was recorded; the time of reading when none is."
    return _one("dcctl_ledger_unsealed_oldest_timestamp_seconds", help, (snapshot.unsealed_since or snapshot.taken_at).timestamp())


def ledger_chain_ok(snapshot: Snapshot) -> Family:
    """# HELP dcctl_ledger_chain_ok 1 when the worker last found the ledger's chain right; 0 when not; absent while it never looked.
    # TYPE dcctl_ledger_chain_ok gauge
    dcctl_ledger_chain_ok 1
    """
    help = "1 when the worker last found the ledger's chain right; 0 when not; absent while it never looked."
    return _one("dcctl_ledger_chain_ok", help, None if snapshot.proof is None else int(snapshot.proof.right))


def ledger_verified(snapshot: Snapshot) -> Family:
    """# HELP dcctl_ledger_verified_timestamp_seconds When the worker last followed the ledger's chain.
    # TYPE dcctl_ledger_verified_timestamp_seconds gauge
    dcctl_ledger_verified_timestamp_seconds 1780000000.0
    """
    help = "When the worker last followed the ledger's chain."
    return _one("dcctl_ledger_verified_timestamp_seconds", help, None if snapshot.proof is None else snapshot.proof.checked_at.timestamp())


def ledger_verified_position(snapshot: Snapshot) -> Family:
    """# HELP dcctl_ledger_verified_position How far the ledger's chain was followed and found right.
    # TYPE dcctl_ledger_verified_position gauge
    dcctl_ledger_verified_position 1042
    """
    help = "How far the ledger's chain was followed and found right."
    return _one("dcctl_ledger_verified_position", help, None if snapshot.proof is None else snapshot.proof.position)


def audit_position(snapshot: Snapshot) -> Family:
    """# HELP dcctl_audit_position How many events of the audit trail are in its chain.
    # TYPE dcctl_audit_position gauge
    dcctl_audit_position 2042
    """
    return _one("dcctl_audit_position", "How many events of the audit trail are in its chain.", snapshot.trail.position)


def audit_sealed(snapshot: Snapshot) -> Family:
    """# HELP dcctl_audit_sealed_timestamp_seconds When the last event of the audit trail was sealed; absent while there is none.
    # TYPE dcctl_audit_sealed_timestamp_seconds gauge
    dcctl_audit_sealed_timestamp_seconds 1780000013.0
    """
    help, at = "When the last event of the audit trail was sealed; absent while there is none.", snapshot.trail.sealed_at
    return _one("dcctl_audit_sealed_timestamp_seconds", help, None if at is None else at.timestamp())


def audit_unsealed_oldest(snapshot: Snapshot) -> Family:
    """# HELP dcctl_audit_unsealed_oldest_timestamp_seconds When the oldest event outside the chain happened; the time of reading when none is.
    # TYPE dcctl_audit_unsealed_oldest_timestamp_seconds gauge
    dcctl_audit_unsealed_oldest_timestamp_seconds 1780000013.5
    """
    help = "When the oldest event outside the chain happened; the time of reading when none is."
    return _one("dcctl_audit_unsealed_oldest_timestamp_seconds", help, (snapshot.trail.unsealed_since or snapshot.taken_at).timestamp())


def _one(name: str, help: str, value: Number | None) -> Family:
    """A family of one sample without labels; None: there is nothing to tell."""
    return Family(name=name, help=help, samples=[] if value is None else [((), value)])

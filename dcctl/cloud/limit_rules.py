"""Limits as values: which key is whose, what to write for every key that a service reports, and what came of it.

Keys are the services' own: `("compute", "cores")`, `("block-storage", "gigabytes_ssd")`, `("network", "floatingip")`; amounts are their units
(ram in MiB, gigabytes in GiB). The ledger and the offers use Neutron's keys in the plural; the one table between the two is here.

This module is pure: no clock, no network.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

COMPUTE = "compute"
BLOCK_STORAGE = "block-storage"
NETWORK = "network"

LimitKey = tuple[str, str]

UNLIMITED = -1

#: Names that Nova counts by (its database driver; those of nova-network, which is gone, are not among them).
_COMPUTE_KEYS = frozenset({
    "instances", "cores", "ram", "key_pairs", "metadata_items", "server_groups", "server_group_members",
    "injected_files", "injected_file_content_bytes", "injected_file_path_bytes",
})  # fmt: skip
_BLOCK_STORAGE_KEYS = frozenset({"volumes", "gigabytes", "snapshots", "backups", "backup_gigabytes", "per_volume_gigabytes", "groups"})
_BLOCK_STORAGE_TYPED = ("volumes_", "gigabytes_", "snapshots_")
#: The ledger's name and Neutron's.
_NETWORK_KEYS = {
    "networks": "network", "subnets": "subnet", "ports": "port", "routers": "router", "floatingips": "floatingip",
    "security_groups": "security_group", "security_group_rules": "security_group_rule", "rbac_policies": "rbac_policy", "subnetpools": "subnetpool",
    "trunks": "trunk", "address_groups": "address_group", "address_scopes": "address_scope", "qos_policies": "qos_policy",
    "local_ips": "local_ip", "conntrack_helpers": "conntrack_helper", "network_segment_ranges": "network_segment_range",
    "router_routes": "router_route", "metering_labels": "metering_label", "vpnservices": "vpnservice", "firewall_groups": "firewall_group",
}  # fmt: skip
#: What the ledger counts; every other key is structural: an offer's default, not units that somebody holds.
_COUNTED = frozenset({
    (COMPUTE, "instances"), (COMPUTE, "cores"), (COMPUTE, "ram"), (BLOCK_STORAGE, "volumes"), (BLOCK_STORAGE, "gigabytes"),
    (NETWORK, "network"), (NETWORK, "router"), (NETWORK, "floatingip"),
})  # fmt: skip
_LEDGER_NAMES = {own: ledger for ledger, own in _NETWORK_KEYS.items()}


class LimitState(StrEnum):
    """What came of a write, by reading it back."""

    IN_SYNC = "in_sync"
    REFUSED = "refused"
    INEFFECTIVE = "ineffective"
    """The service answered well and changed nothing."""
    BLOCKED_BY_USAGE = "blocked_by_usage"
    """What is used and reserved is more than what is wanted; the old limit stays."""
    UNSUPPORTED = "unsupported"
    """The service has no such key for a project (a volume type that is gone, an extension that is missing, a limit of the whole site)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    in_use: int
    reserved: int

    @property
    def total(self) -> int:
        return self.in_use + self.reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitResult:
    """One key: what was wanted, what stood there before and stands there now (None: no such key), and the service's words where it refused."""

    service: str
    key: str
    wanted: int
    before: int | None
    after: int | None
    state: LimitState
    words: str = ""

    def __str__(self) -> str:
        detail = f": {self.words}" if self.words else ""
        return f"{self.service}/{self.key} {self.wanted} ({self.state}, {self.after}{detail})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writes:
    """What to write, in this order: limits that close come before limits that open, so a run that is cut off leaves less open, never more."""

    closing: dict[LimitKey, int] = field(default_factory=dict)
    opening: dict[LimitKey, int] = field(default_factory=dict)
    blocked: frozenset[LimitKey] = frozenset()
    unknown: frozenset[LimitKey] = frozenset()
    """Counted keys that would close while nobody says what is used: an answer in part lowers nothing."""


def limit_key(name: str) -> LimitKey:
    """The service's key of what the ledger or an offer names: "networks" is `("network", "network")`.

    Raises:
        KeyError: no service counts anything of that name.
    """
    if name in _COMPUTE_KEYS:
        return COMPUTE, name
    if name in _NETWORK_KEYS:
        return NETWORK, _NETWORK_KEYS[name]
    if name in _BLOCK_STORAGE_KEYS or any(name.startswith(prefix) and len(name) > len(prefix) for prefix in _BLOCK_STORAGE_TYPED):
        return BLOCK_STORAGE, name
    if name in _LEDGER_NAMES:
        return NETWORK, name
    raise KeyError(name)


def ledger_name(key: LimitKey) -> str:
    """The ledger's name of a service's key."""
    service, name = key
    return _LEDGER_NAMES.get(name, name) if service == NETWORK else name


def limit_keys(amounts: Mapping[str, int]) -> dict[LimitKey, int]:
    """Amounts under the ledger's names as amounts under the services' keys."""
    return {limit_key(name): amount for name, amount in amounts.items()}


def ledger_names(amounts: Mapping[LimitKey, int]) -> dict[str, int]:
    """Amounts under the services' keys as amounts under the ledger's names."""
    return {ledger_name(key): amount for key, amount in amounts.items()}


def counted(key: LimitKey) -> bool:
    """Whether the ledger counts it."""
    return key in _COUNTED or (key[0] == BLOCK_STORAGE and key[1].startswith("gigabytes_"))


def wanted(allocated: Mapping[str, int], structural: Mapping[str, int]) -> dict[LimitKey, int]:
    """Limits for `write`, from the ledger's amounts and an offer's structural ones, both under the ledger's names.

    Raises:
        KeyError: no service counts anything of that name.
    """
    return limit_keys(structural) | limit_keys(allocated)


def complete(wanted: Mapping[LimitKey, int], offered: Iterable[LimitKey]) -> dict[LimitKey, int]:
    """A limit for every key that the services report: what is wanted, else 0; never unlimited.

    Raises:
        ValueError: an amount that is no whole number from 0 (-1 is an observed limit, never a wanted one).
    """
    for key, amount in wanted.items():
        if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
            raise ValueError(f"{key}: {amount!r} is not a limit")
    return {key: wanted.get(key, 0) for key in offered}


def lacking(wanted: Mapping[LimitKey, int], reported: Iterable[LimitKey], volume_types: Iterable[str]) -> list[LimitKey]:
    """Counted keys that an answer should have and has not: nobody knows what stands there. Of a volume type that is gone nothing is missing.

    Args:
        volume_types: those that there are; asked for where a key of one is missing.
    """
    typed = {key for key in wanted if counted(key) and key not in _COUNTED}
    missing = (_COUNTED | typed) - set(reported)
    living = {f"gigabytes_{name}" for name in volume_types} if missing & typed else set()
    return sorted(key for key in missing if key in _COUNTED or key[1] in living)


def writes(goal: Mapping[LimitKey, int], before: Mapping[LimitKey, int], use: Mapping[LimitKey, Use]) -> Writes:
    """What to write so that every key gets its goal explicitly; what use forbids, or may forbid, is left as it is."""
    blocked = frozenset(key for key, amount in goal.items() if key in use and use[key].total > amount)
    unknown = frozenset(key for key, amount in goal.items() if key not in use and counted(key) and _closes(before[key], amount))
    free = {key: amount for key, amount in goal.items() if key not in blocked | unknown}
    closing = {key: amount for key, amount in free.items() if _closes(before[key], amount)}
    opening = {key: amount for key, amount in free.items() if key not in closing}
    return Writes(closing=closing, opening=opening, blocked=blocked, unknown=unknown)


def classify(
    key: LimitKey, wanted: int, before: int | None, after: int | None, *, blocked: bool, words: str = "", site_wide: bool = False
) -> LimitResult:
    """Name what came of one key; `words` are the service's, where it refused. `site_wide`: no project can have its own."""
    if after is None or (site_wide and after != wanted):
        state = LimitState.UNSUPPORTED
    elif after == wanted:
        state, words = LimitState.IN_SYNC, ""
    elif blocked:
        state = LimitState.BLOCKED_BY_USAGE
    else:
        state = LimitState.REFUSED if words else LimitState.INEFFECTIVE
    return LimitResult(service=key[0], key=key[1], wanted=wanted, before=before, after=after, state=state, words=words)


def _closes(before: int, wanted: int) -> bool:
    return before == UNLIMITED or before > wanted

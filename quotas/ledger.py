"""The ledger's words and its one table of rules: holders, places, kinds of transfer, and the moves that an intention becomes.

A quota is an account, a request is a promise, a transfer is the only thing that ever happens. No balance goes below zero, but the world's,
which is the other side of declared capacity. Whether there is enough is decided where the balances are locked: by `post()` in the database.

This module is pure: no clock, no database, no network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HolderKind(StrEnum):
    """Who can hold resources; each kind's parent is of a kind above it, an administration's may be another administration."""

    WORLD = "world"
    POOL = "pool"
    ADMINISTRATION = "administration"
    ENVIRONMENT = "environment"


class Place(StrEnum):
    """Which of a holder's accounts."""

    DECLARED = "declared"
    AVAILABLE = "available"
    HELD = "held"
    ALLOCATED = "allocated"


class Kind(StrEnum):
    """Of a transfer."""

    DECLARE = "declare"
    RETRACT = "retract"
    GRANT = "grant"
    REVOKE = "revoke"
    HOLD = "hold"
    RELEASE = "release"
    EXPIRE = "expire"
    ALLOCATE = "allocate"
    FREE = "free"
    CORRECT = "correct"


class Kinship(StrEnum):
    """What the beneficiary of a transfer must be to the payer."""

    CHILD = "child"
    PARENT = "parent"
    SAME = "same"


class CauseKind(StrEnum):
    """Why an entry was made: a request, an act that names a document, a clock, or a mistake found."""

    REQUEST = "request"
    ACT = "act"
    EXPIRY = "expiry"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Where a kind of transfer takes units from, where it puts them, and how the two holders are related."""

    payers: frozenset[HolderKind]
    source: Place
    beneficiaries: frozenset[HolderKind]
    target: Place
    beneficiary_is: Kinship


_WORLD = frozenset({HolderKind.WORLD})
_POOL = frozenset({HolderKind.POOL})
_ADMINISTRATION = frozenset({HolderKind.ADMINISTRATION})
_GRANTOR = _POOL | _ADMINISTRATION
_ENVIRONMENT = frozenset({HolderKind.ENVIRONMENT})


def _rule(payers: frozenset[HolderKind], source: Place, beneficiaries: frozenset[HolderKind], target: Place, beneficiary_is: Kinship) -> Rule:
    return Rule(payers=payers, source=source, beneficiaries=beneficiaries, target=target, beneficiary_is=beneficiary_is)


#: The rule of each kind. `correct` has none of its own: it is the reverse of one named entry.
MOVES: Mapping[Kind, Rule] = {
    Kind.DECLARE: _rule(_WORLD, Place.DECLARED, _POOL, Place.AVAILABLE, Kinship.CHILD),
    Kind.RETRACT: _rule(_POOL, Place.AVAILABLE, _WORLD, Place.DECLARED, Kinship.PARENT),
    Kind.GRANT: _rule(_GRANTOR, Place.AVAILABLE, _ADMINISTRATION, Place.AVAILABLE, Kinship.CHILD),
    Kind.REVOKE: _rule(_ADMINISTRATION, Place.AVAILABLE, _GRANTOR, Place.AVAILABLE, Kinship.PARENT),
    Kind.HOLD: _rule(_GRANTOR, Place.AVAILABLE, _GRANTOR, Place.HELD, Kinship.SAME),
    Kind.RELEASE: _rule(_GRANTOR, Place.HELD, _GRANTOR, Place.AVAILABLE, Kinship.SAME),
    Kind.EXPIRE: _rule(_GRANTOR, Place.HELD, _GRANTOR, Place.AVAILABLE, Kinship.SAME),
    Kind.ALLOCATE: _rule(_ADMINISTRATION, Place.HELD, _ENVIRONMENT, Place.ALLOCATED, Kinship.CHILD),
    Kind.FREE: _rule(_ENVIRONMENT, Place.ALLOCATED, _ADMINISTRATION, Place.AVAILABLE, Kinship.PARENT),
}

#: Kinds that open or end a hold; each names the hold's reference.
OPENS_HOLD = frozenset({Kind.HOLD})
ENDS_HOLD = {Kind.RELEASE: "released", Kind.EXPIRE: "expired", Kind.ALLOCATE: "consumed"}

#: Kinds whose entries can be reversed by a correction; those of a hold and its end cannot, since a hold ends exactly once:
#: what was held is released, what was allocated is freed.
REVERSIBLE = frozenset({Kind.DECLARE, Kind.RETRACT, Kind.GRANT, Kind.REVOKE, Kind.FREE})

#: Which places each kind of holder has.
PLACES: Mapping[HolderKind, frozenset[Place]] = {
    HolderKind.WORLD: frozenset({Place.DECLARED}),
    HolderKind.POOL: frozenset({Place.AVAILABLE, Place.HELD}),
    HolderKind.ADMINISTRATION: frozenset({Place.AVAILABLE, Place.HELD}),
    HolderKind.ENVIRONMENT: frozenset({Place.ALLOCATED}),
}

#: Of which kinds a holder's parent may be.
PARENTS: Mapping[HolderKind, frozenset[HolderKind]] = {
    HolderKind.WORLD: frozenset(),
    HolderKind.POOL: _WORLD,
    HolderKind.ADMINISTRATION: _GRANTOR,
    HolderKind.ENVIRONMENT: _ADMINISTRATION,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A node of the tree; `name` is the code, for an environment ``min-sante/dossier-patient``."""

    id: int
    kind: HolderKind
    code: str
    parent_id: int | None
    name: str


#: Both exist from the first migration on; the pool is the datacenter.
WORLD = Holder(id=1, kind=HolderKind.WORLD, code="world", parent_id=None, name="world")
POOL = Holder(id=2, kind=HolderKind.POOL, code="pool", parent_id=1, name="pool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it, as the token said.

    Attributes:
        scope: of the token, for instance ``domain:min-sante`` or ``project:asin/exploitation``.
        audit_id: Keystone's audit id of the token; None for what dcctl does by itself.
    """

    user_id: str
    user_name: str
    scope: str
    audit_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why: a request's number, an act's, the reference of a hold that ran out, or the reason of a correction."""

    kind: CauseKind
    reference: str
    document: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A transfer that is wanted: so many units of one resource, from the payer's place to the beneficiary's.

    Attributes:
        payer, beneficiary: ids of holders; 0 in a correction, which finds them in the entry.
        reference: of the hold that is opened or ended, for instance ``R-2026-0042``.
        expires_at: when a hold runs out by the database's clock; None: never.
        reverses: id of the entry that a correction reverses.
    """

    kind: Kind
    payer: int = 0
    beneficiary: int = 0
    region: str = ""
    resource: str = ""
    amount: int = 0
    reference: str | None = None
    expires_at: datetime | None = None
    reverses: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a holder has of one resource, in the resource's unit.

    Attributes:
        allocated: of an administration: what its own environments have allocated.
        granted: available + held + allocated + what it granted to its children. Never add it up across levels.
    """

    available: int = 0
    held: int = 0
    allocated: int = 0
    granted: int = 0

    @property
    def passed_on(self) -> int:
        """What it granted to its children and they still have."""
        return self.granted - self.available - self.held - self.allocated


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """One account that does not suffice: `holder` is the name that people use."""

    holder: str
    holder_id: int
    region: str
    place: Place
    resource: str
    asked: int
    available: int

    @property
    def missing(self) -> int:
        """By how much."""
        return self.asked - self.available


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A move that breaks a rule: its position in the posting (None: the posting itself), a code, and what was found."""

    move: int | None
    code: str
    detail: str


class LedgerError(Exception):
    """The ledger refused a posting; nothing has changed."""


class QuotaExceeded(LedgerError):
    """At least one account falls short; `shortfalls` names every one that does."""

    def __init__(self, shortfalls: Sequence[Shortfall]) -> None:
        self.shortfalls = tuple(shortfalls)
        super().__init__("; ".join(f"{s.holder} {s.resource} {s.place}: asked {s.asked}, available {s.available}" for s in self.shortfalls))


class MovesRefused(LedgerError):
    """At least one move breaks a rule; `faults` names every one that does. The codes are listed in `quotas.schema`."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"move {f.move}: {f.code} ({f.detail})" if f.move is not None else f"{f.code} ({f.detail})" for f in self.faults))


def declare(world: Holder, pool: Holder, region: str, amounts: Mapping[str, int]) -> list[Move]:
    """Capacity that the datacenter now has."""
    return _moves(Kind.DECLARE, world, pool, region, amounts)


def retract(pool: Holder, world: Holder, region: str, amounts: Mapping[str, int]) -> list[Move]:
    """Capacity that the datacenter no longer has; only what nobody was granted."""
    return _moves(Kind.RETRACT, pool, world, region, amounts)


def grant(grantor: Holder, administration: Holder, region: str, amounts: Mapping[str, int]) -> list[Move]:
    """More envelope, out of the `available` of the administration's parent (the pool, for one at the top)."""
    return _moves(Kind.GRANT, grantor, administration, region, amounts)


def revoke(administration: Holder, grantor: Holder, region: str, amounts: Mapping[str, int]) -> list[Move]:
    """Envelope taken back; only what is available."""
    return _moves(Kind.REVOKE, administration, grantor, region, amounts)


def hold(holder: Holder, region: str, demand: Mapping[str, int], reference: str, expires_at: datetime | None = None) -> list[Move]:
    """Set `demand` aside for `reference`, all of it or none; zero entries are dropped."""
    return _moves(Kind.HOLD, holder, holder, region, demand, reference, expires_at)


def release(holder: Holder, region: str, held: Mapping[str, int], reference: str) -> list[Move]:
    """Give a hold back: its amounts exactly, as `store.open_holds` tells them."""
    return _moves(Kind.RELEASE, holder, holder, region, held, reference)


def expire(holder: Holder, region: str, held: Mapping[str, int], reference: str) -> list[Move]:
    """Give back a hold whose time has passed."""
    return _moves(Kind.EXPIRE, holder, holder, region, held, reference)


def allocate(administration: Holder, environment: Holder, region: str, held: Mapping[str, int], reference: str) -> list[Move]:
    """Turn a hold into an environment's own: its amounts exactly."""
    return _moves(Kind.ALLOCATE, administration, environment, region, held, reference)


def free(environment: Holder, administration: Holder, region: str, amounts: Mapping[str, int]) -> list[Move]:
    """Give back what an environment no longer has, to the administration it belongs to."""
    return _moves(Kind.FREE, environment, administration, region, amounts)


def correct(entry_id: int) -> Move:
    """Reverse one entry; what should have been posted goes into the same posting as a move of its own."""
    return Move(kind=Kind.CORRECT, reverses=entry_id)


def _moves(
    kind: Kind,
    payer: Holder,
    beneficiary: Holder,
    region: str,
    amounts: Mapping[str, int],
    reference: str | None = None,
    expires_at: datetime | None = None,
) -> list[Move]:
    return [
        Move(
            kind=kind,
            payer=payer.id,
            beneficiary=beneficiary.id,
            region=region,
            resource=resource,
            amount=amount,
            reference=reference,
            expires_at=expires_at,
        )
        for resource, amount in amounts.items()
        if amount
    ]

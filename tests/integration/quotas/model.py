"""The ledger as a dict: what a posting should do, written without the table of rules and without SQL.

One region. A balance that nobody has is 0. This module is pure.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from quotas.ledger import Holder, HolderKind, Kind, Move

Account = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a posted move took from where, and put where."""

    kind: Kind
    source: Account
    target: Account
    amount: int


@dataclass
class Outcome:
    """Ids of entries, or the accounts that fall short with (asked, available), or a code for each wrong move."""

    entries: list[int] = field(default_factory=list)
    short: dict[Account, tuple[int, int]] = field(default_factory=dict)
    faults: dict[int | None, str] = field(default_factory=dict)


class Book:
    """Balances, open holds and entries of a tree of holders."""

    def __init__(self, holders: Sequence[Holder]) -> None:
        self.holders = {holder.id: holder for holder in holders}
        self.balances: Counter[Account] = Counter()
        self.open: dict[tuple[str, int, str], int] = {}
        self.entries: dict[int, Entry] = {}
        self.reversed: set[int] = set()
        self.run_out: set[tuple[str, int, str]] = set()
        """Open holds whose time has passed."""

    def copy(self) -> "Book":
        """Another book with the same in it."""
        other = Book(list(self.holders.values()))
        other.balances, other.open, other.entries, other.reversed = self.balances.copy(), dict(self.open), dict(self.entries), set(self.reversed)
        other.run_out = set(self.run_out)
        return other

    def post(self, moves: Sequence[Move]) -> Outcome:
        """Say what should come of a posting, and change nothing; `apply` does."""
        faults: dict[int | None, str] = {position: fault for position, move in enumerate(moves) if (fault := self.fault(move, moves))}
        if faults:
            return Outcome(faults=faults)
        asked: Counter[Account] = Counter()
        given: Counter[Account] = Counter()
        for move in moves:
            source, target, amount = self.route(move)
            asked[source] += amount
            given[target] += amount
        short = {
            account: (asked[account], self.balances[account] + given[account])
            for account in asked
            if self.holders[account[0]].kind is not HolderKind.WORLD and self.balances[account] + given[account] < asked[account]
        }
        return Outcome(short=short)

    def apply(self, moves: Sequence[Move], ids: Sequence[int]) -> None:
        """Take note of a posting that the ledger has taken, under the ids that it gave."""
        for move, number in zip(moves, ids, strict=True):
            source, target, amount = self.route(move)
            self.balances[source] -= amount
            self.balances[target] += amount
            self.entries[number] = Entry(move.kind, source, target, amount)
            if move.reverses is not None:
                self.reversed.add(move.reverses)
        for move in moves:
            if move.kind in (Kind.RELEASE, Kind.ALLOCATE, Kind.EXPIRE):
                del self.open[(str(move.reference), move.payer, move.resource)]
                self.run_out.discard((str(move.reference), move.payer, move.resource))
        for move in moves:
            if move.kind is Kind.HOLD:
                self.open[(str(move.reference), move.payer, move.resource)] = move.amount

    def route(self, move: Move) -> tuple[Account, Account, int]:
        """From which account to which, and how much."""
        if move.kind is Kind.CORRECT:
            entry = self.entries[move.reverses or 0]
            return entry.target, entry.source, entry.amount
        source, target = {
            Kind.DECLARE: ("declared", "available"),
            Kind.RETRACT: ("available", "declared"),
            Kind.GRANT: ("available", "available"),
            Kind.REVOKE: ("available", "available"),
            Kind.HOLD: ("available", "held"),
            Kind.RELEASE: ("held", "available"),
            Kind.EXPIRE: ("held", "available"),
            Kind.ALLOCATE: ("held", "allocated"),
            Kind.FREE: ("allocated", "available"),
        }[move.kind]
        return (move.payer, move.resource, source), (move.beneficiary, move.resource, target), move.amount

    def fault(self, move: Move, moves: Sequence[Move]) -> str | None:
        """The code of what is wrong with a move among those of its posting."""
        if move.kind is Kind.CORRECT:
            return self.fault_of_correction(move.reverses or 0)
        payer, beneficiary = self.holders[move.payer], self.holders[move.beneficiary]
        if (payer.kind, beneficiary.kind) not in self.fitting(move.kind):
            return "wrong_holders"
        if move.kind in (Kind.DECLARE, Kind.GRANT, Kind.ALLOCATE):
            related = beneficiary.parent_id == payer.id
        elif move.kind in (Kind.RETRACT, Kind.REVOKE, Kind.FREE):
            related = payer.parent_id == beneficiary.id
        else:
            related = payer is beneficiary
        if not related:
            return "not_related"
        return self.fault_of_hold(move, moves)

    def fault_of_hold(self, move: Move, moves: Sequence[Move]) -> str | None:
        key = (move.reference, move.payer, move.resource)
        held = self.open.get((str(move.reference), move.payer, move.resource))
        ends = (Kind.RELEASE, Kind.EXPIRE, Kind.ALLOCATE)
        ending = sum(other.kind in ends and (other.reference, other.payer, other.resource) == key for other in moves)
        if move.kind is Kind.HOLD:
            return "hold_already_open" if held is not None and not ending else None
        if move.kind in ends:
            if held is None:
                return "hold_not_open"
            if ending > 1:
                return "hold_named_twice"
            if held != move.amount:
                return "not_the_held_amount"
            late = (str(move.reference), move.payer, move.resource) in self.run_out
            if move.kind is Kind.ALLOCATE and late:
                return "hold_run_out"
            return "hold_still_runs" if move.kind is Kind.EXPIRE and not late else None
        return None

    def fault_of_correction(self, number: int) -> str | None:
        entry = self.entries.get(number)
        if entry is None:
            return "unknown_entry"
        if entry.kind is Kind.CORRECT:
            return "entry_is_a_reversal"
        if entry.kind in (Kind.HOLD, Kind.RELEASE, Kind.EXPIRE, Kind.ALLOCATE):
            return "entry_not_reversible"
        return "entry_already_reversed" if number in self.reversed else None

    @staticmethod
    def fitting(kind: Kind) -> set[tuple[HolderKind, HolderKind]]:
        world, pool, administration, environment = HolderKind
        match kind:
            case Kind.DECLARE:
                return {(world, pool)}
            case Kind.RETRACT:
                return {(pool, world)}
            case Kind.GRANT:
                return {(pool, administration), (administration, administration)}
            case Kind.REVOKE:
                return {(administration, pool), (administration, administration)}
            case Kind.ALLOCATE:
                return {(administration, environment)}
            case Kind.FREE:
                return {(environment, administration)}
            case _:
                return {(a, b) for a in (pool, administration) for b in (pool, administration)}

    def granted(self, holder: Holder, resource: str) -> int:
        """What a holder and everybody below it has."""
        own = sum(self.balances[(holder.id, resource, place)] for place in ("available", "held", "allocated"))
        return own + sum(self.granted(child, resource) for child in self.holders.values() if child.parent_id == holder.id)

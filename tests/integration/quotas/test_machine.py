"""The ledger in PostgreSQL against a dict, step by step: the same answer, the same shortfalls and faults, the same balances, always."""

import os
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from quotas import store
from quotas.ledger import POOL, WORLD, Balance, Cause, CauseKind, Holder, HolderKind, Kind, Move, MovesRefused, QuotaExceeded, correct
from tests.postgres import alchemy

from .conftest import AGENT, APPLICATION, REGION
from .model import Book, Outcome

#: Steps of one run; each step is one posting. DCCTL_LEDGER_STEPS sets another number, as for a long run.
STEPS = int(os.environ.get("DCCTL_LEDGER_STEPS", "2000"))
STEPS_OF_AN_EXAMPLE = 40

RESOURCES = ("cores", "ram", "gigabytes_ssd")
REFERENCES = ("R-2026-0001", "R-2026-0002", "R-2026-0003")

resources = st.sampled_from(RESOURCES)
references = st.sampled_from(REFERENCES)
amounts = st.integers(1, 12)
demands = st.dictionaries(resources, amounts, min_size=1)
positions = st.integers(0, 6)


class LedgerMachine(RuleBasedStateMachine):
    """Each example is one transaction, rolled back at its end."""

    connection: ClassVar[Connection]
    steps: ClassVar[int] = 0
    posted: ClassVar[Counter[Kind]] = Counter()

    @initialize()
    def tree(self) -> None:
        c = self.connection
        sante = store.open_holder(c, HolderKind.ADMINISTRATION, "min-sante", POOL)
        chu = store.open_holder(c, HolderKind.ADMINISTRATION, "chu-cotonou", sante)
        justice = store.open_holder(c, HolderKind.ADMINISTRATION, "min-justice", POOL)
        dossier = store.open_holder(c, HolderKind.ENVIRONMENT, "dossier-patient", sante)
        suivi = store.open_holder(c, HolderKind.ENVIRONMENT, "suivi", chu)
        self.holders = (WORLD, POOL, sante, chu, justice, dossier, suivi)
        self.book = Book(self.holders)
        whole = dict.fromkeys(RESOURCES, 100)
        self.step(self.between(Kind.DECLARE, WORLD, POOL, whole) + self.between(Kind.GRANT, POOL, sante, whole))
        self.step(
            self.between(Kind.REVOKE, sante, POOL, dict.fromkeys(RESOURCES, 40)) + self.between(Kind.GRANT, sante, chu, dict.fromkeys(RESOURCES, 20))
        )

    def teardown(self) -> None:
        self.connection.rollback()

    def step(self, moves: list[Move]) -> None:
        """Post, and compare the whole answer with the model's."""
        type(self).steps += 1
        kinds = {move.kind for move in moves}
        why = CauseKind.CORRECTION if Kind.CORRECT in kinds else CauseKind.EXPIRY if Kind.EXPIRE in kinds else CauseKind.ACT
        found = Outcome()
        try:
            found.entries += store.post(self.connection, moves, actor=AGENT, cause=Cause(kind=why, reference="A-2026-0001")).entries
        except QuotaExceeded as exceeded:
            found.short |= {(s.holder_id, s.resource, str(s.place)): (s.asked, s.available) for s in exceeded.shortfalls}
        except MovesRefused as refused:
            found.faults |= {fault.move: fault.code for fault in refused.faults}
        expected = self.book.post(moves)
        assert (found.short, found.faults) == (expected.short, expected.faults)
        if found.entries:
            self.book.apply(moves, found.entries)
            type(self).posted.update(kinds)

    def between(self, kind: Kind, payer: Holder, beneficiary: Holder, demand: dict[str, int], reference: str | None = None) -> list[Move]:
        return [
            Move(kind=kind, payer=payer.id, beneficiary=beneficiary.id, region=REGION, resource=resource, amount=amount, reference=reference)
            for resource, amount in demand.items()
        ]

    @rule(demand=st.dictionaries(resources, st.integers(10, 60), min_size=1))
    def declare(self, demand: dict[str, int]) -> None:
        self.step(self.between(Kind.DECLARE, WORLD, POOL, demand))

    @rule(demand=demands)
    def retract(self, demand: dict[str, int]) -> None:
        self.step(self.between(Kind.RETRACT, POOL, WORLD, demand))

    @rule(path=st.sampled_from([(1, 2), (2, 3), (1, 4)]), demand=st.dictionaries(resources, st.integers(1, 30), min_size=1))
    def grant(self, path: tuple[int, int], demand: dict[str, int]) -> None:
        self.step(self.between(Kind.GRANT, self.holders[path[0]], self.holders[path[1]], demand))

    @rule(path=st.sampled_from([(2, 1), (3, 2), (4, 1)]), demand=demands)
    def revoke(self, path: tuple[int, int], demand: dict[str, int]) -> None:
        self.step(self.between(Kind.REVOKE, self.holders[path[0]], self.holders[path[1]], demand))

    @rule(holder=st.sampled_from([2, 3, 1]), demand=demands, reference=references)
    def hold(self, holder: int, demand: dict[str, int], reference: str) -> None:
        self.step(self.between(Kind.HOLD, self.holders[holder], self.holders[holder], demand, reference))

    def somebodys_hold(self, data: st.DataObject) -> tuple[str, Holder, dict[str, int]]:
        """A reference, who holds for it, and what; where nobody holds anything, a hold that is not there."""
        known = sorted({(name, whose) for name, whose, _ in self.book.open}) or [(REFERENCES[0], POOL.id)]
        reference, payer = data.draw(st.sampled_from(known))
        held = {resource: n for (name, whose, resource), n in self.book.open.items() if (name, whose) == (reference, payer)}
        return reference, self.book.holders[payer], held or {"cores": 1}

    @rule(kind=st.sampled_from([Kind.ALLOCATE, Kind.RELEASE, Kind.EXPIRE]), data=st.data(), off=st.sampled_from([0, 0, 0, 1, -1]))
    def end(self, kind: Kind, data: st.DataObject, off: int) -> None:
        reference, payer, held = self.somebodys_hold(data)
        environment = self.holders[6 if payer is self.holders[3] else 5]
        held = {resource: max(1, n + off) for resource, n in held.items()}
        self.step(self.between(kind, payer, environment if kind is Kind.ALLOCATE else payer, held, reference))

    @rule(data=st.data(), demand=st.dictionaries(resources, st.integers(1, 80), min_size=1))
    def hold_anew(self, data: st.DataObject, demand: dict[str, int]) -> None:
        """What a returned request does when it is submitted again: release and hold in one posting."""
        reference, payer, held = self.somebodys_hold(data)
        self.step(self.between(Kind.HOLD, payer, payer, demand, reference) + self.between(Kind.RELEASE, payer, payer, held, reference))

    @rule(demand=demands, reference=references, back=st.dictionaries(resources, amounts, min_size=1))
    def provision(self, demand: dict[str, int], reference: str, back: dict[str, int]) -> None:
        """An environment obtains something, and gives something back."""
        sante, dossier = self.holders[2], self.holders[5]
        self.step(self.between(Kind.HOLD, sante, sante, demand, reference))
        self.step(self.between(Kind.ALLOCATE, sante, dossier, demand, reference))
        self.free(dossier, sante, back)

    @rule(back=st.dictionaries(resources, amounts, min_size=1))
    def give_back(self, back: dict[str, int]) -> None:
        self.free(self.holders[6], self.holders[3], back)

    def free(self, environment: Holder, administration: Holder, demand: dict[str, int]) -> None:
        self.step(self.between(Kind.FREE, environment, administration, demand))

    @rule(data=st.data())
    def correct(self, data: st.DataObject) -> None:
        self.step([correct(data.draw(st.sampled_from([*sorted(self.book.entries, reverse=True), 2**40])))])

    @rule(
        kinds=st.lists(st.sampled_from([kind for kind in Kind if kind not in (Kind.CORRECT, Kind.EXPIRE)]), min_size=1, max_size=3),
        payer=positions,
        beneficiary=positions,
        resource=resources,
        amount=amounts,
    )
    def whatever(self, kinds: list[Kind], payer: int, beneficiary: int, resource: str, amount: int) -> None:
        """Moves between any two holders; mostly refused."""
        held = (Kind.HOLD, Kind.RELEASE, Kind.ALLOCATE)
        names = [REFERENCES[n] if kind in held else None for n, kind in enumerate(kinds)]
        ends = (self.holders[payer], self.holders[beneficiary])
        moves = [self.between(kind, *ends, {resource: amount}, name)[0] for kind, name in zip(kinds, names, strict=True)]
        self.step(moves)

    @invariant()
    def the_same_balances(self) -> None:
        stored = self.connection.execute(text("SELECT holder_id, resource, place, balance FROM quotas.account WHERE balance <> 0"))
        assert {(h, r, p): n for h, r, p, n in stored} == {account: n for account, n in self.book.balances.items() if n}

    @invariant()
    def the_same_open_holds(self) -> None:
        assert {(h.reference, h.holder.id, h.resource): h.amount for h in store.open_holds(self.connection)} == self.book.open

    @invariant()
    def nothing_below_zero_and_nothing_from_nowhere(self) -> None:
        assert all(n >= 0 for (holder, _, _), n in self.book.balances.items() if holder != WORLD.id)
        assert sum(self.book.balances.values()) == 0

    @rule(holder=st.sampled_from([1, 2, 3, 4, 5, 6]))
    def read(self, holder: int) -> None:
        """Balances as people read them, and the rebuilding from zero."""
        whose = self.holders[holder]
        found = store.balances(self.connection, whose)
        for resource in RESOURCES:
            own = self.book.balances
            environments = [e for e in self.holders if e.parent_id == whose.id and e.kind is HolderKind.ENVIRONMENT]
            expected = Balance(
                available=own[(whose.id, resource, "available")],
                held=own[(whose.id, resource, "held")],
                allocated=own[(whose.id, resource, "allocated")] + sum(own[(e.id, resource, "allocated")] for e in environments),
                granted=self.book.granted(whose, resource),
            )
            assert found.get(resource, Balance()) == expected
        assert store.differences(self.connection) == []


@pytest.fixture
def machine(empty_ledger: str) -> Iterator[type[LedgerMachine]]:
    engine = create_engine(alchemy(empty_ledger.replace("dcctl_owner@", f"{APPLICATION}@")), poolclass=NullPool)
    with engine.connect() as LedgerMachine.connection:
        LedgerMachine.steps = 0
        LedgerMachine.posted = Counter()
        yield LedgerMachine


def test_the_ledger_does_what_a_dict_would(machine: type[LedgerMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(1, STEPS // STEPS_OF_AN_EXAMPLE),
            stateful_step_count=STEPS_OF_AN_EXAMPLE,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert machine.steps > STEPS / 3
    assert all(machine.posted[kind] for kind in Kind if kind is not Kind.EXPIRE), "every kind was posted, not only refused"

"""The ledger in PostgreSQL against a dict, step by step: the same answer, the same shortfalls and faults, the same balances, always.

A step is one posting. Each example has a region of its own, so accounts, capacity and entries that nobody else touches. Most steps of a rule are sent
one after the other without waiting: the dict says beforehand what will come of each, and every answer is compared with what it said. Some follow one
another on three connections in turn, each committed and answered before the next; some are sent at once, and then some order of them must explain
all that was answered.
"""

import itertools
import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from quotas import store
from quotas.ledger import POOL, WORLD, Balance, Cause, CauseKind, Holder, HolderKind, Kind, Move, MovesRefused, QuotaExceeded, correct
from tests.postgres import OWNER, Server, alchemy

from .conftest import AGENT, APPLICATION, prepare
from .model import Book, Outcome

#: Steps of the whole, half of them in each of two tests, which run side by side. DCCTL_LEDGER_STEPS and DCCTL_LEDGER_SEED set others.
STEPS = int(os.environ.get("DCCTL_LEDGER_STEPS", "50000"))
PARTS = 2
RULES_OF_AN_EXAMPLE = 40
EXAMPLES_OF_A_TURN = 10
CONNECTIONS = 3

RESOURCES = ("cores", "ram", "gigabytes_ssd")
REFERENCES = ("R-2026-0001", "R-2026-0002", "R-2026-0003")
WHOLE = dict.fromkeys(RESOURCES, 100)

#: One number says everything about a step: drawing is a large part of what a step costs. `Dice` reads it.
several = st.binary(min_size=36, max_size=36)
a_few = st.binary(min_size=3 * 2, max_size=3 * CONNECTIONS)


def numbers(drawn: bytes) -> list[int]:
    """The numbers of a rule's steps, from 0 to 2**24, three bytes each: drawing bytes costs a small part of what drawing numbers does."""
    return [int.from_bytes(drawn[at : at + 3], "big") for at in range(0, len(drawn) - 2, 3)]


#: Postings one after the other, each of which sees what came of those before it: `store.call`'s values, in either of its two forms.
IN_ONE_GO = """SELECT CASE jsonb_array_length(v) WHEN 4 THEN quotas.post((v ->> 0)::jsonb, (v ->> 1)::jsonb, (v ->> 2)::jsonb, (v ->> 3)::timestamptz)
    ELSE quotas.post(v ->> 0, (v ->> 1)::bigint, (v ->> 2)::bigint, v ->> 3, ARRAY(SELECT jsonb_array_elements_text(v -> 4)),
        ARRAY(SELECT jsonb_array_elements_text(v -> 5)::bigint), v ->> 6, (v ->> 7)::timestamptz, v ->> 8, v ->> 9, v ->> 10, v ->> 11,
        v ->> 12, v ->> 13, v ->> 14, (v ->> 15)::timestamptz) END FROM jsonb_array_elements(%s) v"""


class Dice:
    """Reads choices out of a number; 0 always chooses the first, so that what fails shrinks to plain things."""

    def __init__(self, number: int) -> None:
        self.number = number

    def below(self, limit: int) -> int:
        self.number, choice = divmod(self.number, limit)
        return choice

    def amounts(self, most: int) -> dict[str, int]:
        """Some of the resources, with amounts from 1 to `most`."""
        chosen, first = 1 + self.below(7), self.below(most)
        return {resource: 1 + (first * (position + 1)) % most for position, resource in enumerate(RESOURCES) if chosen >> position & 1}


class LedgerMachine(RuleBasedStateMachine):
    """People who ask, decide, give, give back and correct, and some who try anything."""

    connections: ClassVar[Sequence[Connection]]
    threads: ClassVar[ThreadPoolExecutor]
    tree: ClassVar[tuple[Holder, ...]]
    regions: ClassVar[Iterator[int]]
    steps: ClassVar[int] = 0
    at_once: ClassVar[int] = 0
    posted: ClassVar[Counter[Kind]] = Counter()
    answers: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.region = f"region-{next(self.regions)}"
        self.turn = 0
        self.book = Book(self.tree)
        self.sent: list[tuple[list[Move], Outcome, list[int]]] = []
        self.unheard = itertools.count(-1, -1)

    @initialize()
    def opening(self) -> None:
        _, _, sante, chu, *_ = self.tree
        self.step(self.between(Kind.DECLARE, WORLD, POOL, WHOLE) + self.between(Kind.GRANT, POOL, sante, WHOLE))
        self.step(
            self.between(Kind.REVOKE, sante, POOL, dict.fromkeys(RESOURCES, 40)) + self.between(Kind.GRANT, sante, chu, dict.fromkeys(RESOURCES, 20))
        )

    # -- what people do; each method makes the moves of one posting -------------------------------------------------------------------

    def asking(self, dice: Dice) -> list[Move]:
        holder = self.tree[(2, 3, 1)[dice.below(3)]]
        return self.between(Kind.HOLD, holder, holder, dice.amounts(12), REFERENCES[dice.below(3)])

    def deciding(self, dice: Dice) -> list[Move]:
        kind = (Kind.ALLOCATE, Kind.RELEASE, Kind.ALLOCATE, Kind.RELEASE, Kind.EXPIRE)[dice.below(5)]
        reference, payer, held = self.somebodys_hold(dice)
        environment = self.tree[6 if payer is self.tree[3] else 5]
        off = (0, 0, 0, 0, 1, -1)[dice.below(6)]
        return self.between(kind, payer, environment if kind is Kind.ALLOCATE else payer, {r: max(1, n + off) for r, n in held.items()}, reference)

    def asking_again(self, dice: Dice) -> list[Move]:
        """What a returned request does when it is submitted again: release and hold in one posting."""
        reference, payer, held = self.somebodys_hold(dice)
        return self.between(Kind.HOLD, payer, payer, dice.amounts(80), reference) + self.between(Kind.RELEASE, payer, payer, held, reference)

    def giving(self, dice: Dice) -> list[Move]:
        kind, payer, beneficiary = (
            (Kind.GRANT, 1, 2), (Kind.REVOKE, 2, 1), (Kind.GRANT, 2, 3), (Kind.REVOKE, 3, 2), (Kind.GRANT, 1, 4), (Kind.REVOKE, 4, 1),
            (Kind.DECLARE, 0, 1), (Kind.RETRACT, 1, 0),
        )[dice.below(8)]  # fmt: skip
        return self.between(kind, self.tree[payer], self.tree[beneficiary], dice.amounts(40))

    def giving_back(self, dice: Dice) -> list[Move]:
        environment, administration = ((5, 2), (6, 3))[dice.below(2)]
        return self.between(Kind.FREE, self.tree[environment], self.tree[administration], dice.amounts(12))

    def correcting(self, dice: Dice) -> list[Move]:
        self.hear()  # a correction names an entry by its number
        known = [*sorted(self.book.entries, reverse=True), 2**40]
        return [correct(known[dice.below(2**20) % len(known)])]

    def trying_anything(self, dice: Dice) -> list[Move]:
        """Moves between any two holders; mostly refused."""
        kinds = [kind for kind in Kind if kind not in (Kind.CORRECT, Kind.EXPIRE)]
        ends, amount, resource = (self.tree[dice.below(7)], self.tree[dice.below(7)]), 1 + dice.below(12), RESOURCES[dice.below(3)]
        moves: list[Move] = []
        for number in range(1 + dice.below(3)):
            kind = kinds[dice.below(len(kinds))]
            name = REFERENCES[number] if kind in (Kind.HOLD, Kind.RELEASE, Kind.ALLOCATE) else None
            moves += self.between(kind, *ends, {resource: amount}, name)
        return moves

    def whatever(self, number: int) -> list[Move]:
        dice = Dice(number)
        people = (self.asking, self.deciding, self.giving, self.giving_back, self.asking_again, self.correcting, self.trying_anything)
        return people[dice.below(len(people))](dice)

    @rule(asked=several, decided=several)
    def requests(self, asked: bytes, decided: bytes) -> None:
        for one, other in zip(numbers(asked), numbers(decided), strict=True):
            self.send(self.asking(Dice(one)))
            self.send(self.deciding(Dice(other)))
        self.hear()

    @rule(given=several)
    def envelopes(self, given: bytes) -> None:
        for number in numbers(given):
            self.send(self.giving(Dice(number)))
        self.hear()

    @rule(given_back=several)
    def returns(self, given_back: bytes) -> None:
        for number in numbers(given_back):
            self.send(self.giving_back(Dice(number)))
        self.hear()

    @rule(chosen=several)
    def a_day(self, chosen: bytes) -> None:
        for number in numbers(chosen):
            self.send(self.whatever(number))
        self.hear()

    @rule(chosen=a_few)
    def time_passes(self, chosen: bytes) -> None:
        """Holds of a reference run out, by the database's clock; then they are released or expired, and not consumed."""
        connection = self.connections[0]
        for number in numbers(chosen):
            dice = Dice(number)
            self.step(self.asking(dice))
            reference, _, _ = self.somebodys_hold(dice)
            statement = "SELECT quotas.keep_holds(%s, clock_timestamp() + interval '2 milliseconds')"
            kept = connection.exec_driver_sql(statement, (reference,)).scalar_one()
            connection.exec_driver_sql("SELECT pg_sleep(0.003)")
            if "holds" in kept:
                self.book.run_out |= {key for key in self.book.open if key[0] == reference}
            self.step(self.deciding(dice))
            for reference, whose in sorted({(name, whose) for name, whose, _ in self.book.run_out}):
                kind = (Kind.EXPIRE, Kind.ALLOCATE, Kind.RELEASE)[dice.below(3)]
                late = {key[2]: n for key, n in self.book.open.items() if key in self.book.run_out and key[:2] == (reference, whose)}
                payer = self.book.holders[whose]
                environment = self.tree[6 if payer is self.tree[3] else 5]
                self.step(self.between(kind, payer, environment if kind is Kind.ALLOCATE else payer, late, reference))

    @rule(chosen=several)
    def a_day_at_three_desks(self, chosen: bytes) -> None:
        for number in numbers(chosen):
            self.step(self.whatever(number))

    @rule(chosen=a_few)
    def a_busy_moment(self, chosen: bytes) -> None:
        """Several postings on several connections at once: some order of them gives all the answers.

        One that is refused may name fewer faults than it would alone: some are looked for before its holds are locked, some after.
        """
        postings = [self.whatever(number) for number in numbers(chosen)]
        found = list(self.threads.map(self.post, self.connections, postings))
        type(self).steps += len(postings)
        type(self).at_once += len(postings)
        for order in itertools.permutations(range(len(postings))):
            book = self.book.copy()
            if all(self.explained(book, postings[turn], found[turn], raced=True) for turn in order):
                self.book = book
                break
        else:
            raise AssertionError(f"no order explains {list(zip(postings, found, strict=True))}")

    # -- posting, and what the dict says to it ----------------------------------------------------------------------------------------

    def between(self, kind: Kind, payer: Holder, beneficiary: Holder, demand: dict[str, int], reference: str | None = None) -> list[Move]:
        return [
            Move(kind=kind, payer=payer.id, beneficiary=beneficiary.id, region=self.region, resource=resource, amount=amount, reference=reference)
            for resource, amount in demand.items()
        ]

    def somebodys_hold(self, dice: Dice) -> tuple[str, Holder, dict[str, int]]:
        """A reference, who holds for it, and what; where nobody holds anything, a hold that is not there."""
        known = sorted({(name, whose) for name, whose, _ in self.book.open}) or [(REFERENCES[0], POOL.id)]
        reference, payer = known[dice.below(12) % len(known)]
        held = {resource: n for (name, whose, resource), n in self.book.open.items() if (name, whose) == (reference, payer)}
        return reference, self.book.holders[payer], held or {"cores": 1}

    @staticmethod
    def cause(moves: list[Move]) -> Cause:
        kinds = {move.kind for move in moves}
        why = CauseKind.CORRECTION if Kind.CORRECT in kinds else CauseKind.EXPIRY if Kind.EXPIRE in kinds else CauseKind.ACT
        return Cause(kind=why, reference="A-2026-0001")

    def post(self, connection: Connection, moves: list[Move]) -> Outcome:
        found = Outcome()
        try:
            found.entries += store.post(connection, moves, actor=AGENT, cause=self.cause(moves)).entries
        except QuotaExceeded as exceeded:
            found.short |= {(s.holder_id, s.resource, str(s.place)): (s.asked, s.available) for s in exceeded.shortfalls}
        except MovesRefused as refused:
            found.faults |= {fault.move: fault.code for fault in refused.faults}
        return found

    def explained(self, book: Book, moves: list[Move], found: Outcome, *, raced: bool = False) -> bool:
        """Whether the dict would have answered so; if it would, it takes note of what was posted."""
        expected = book.post(moves)
        if raced and found.faults:
            return found.faults.items() <= expected.faults.items()
        if (found.short, found.faults) != (expected.short, expected.faults):
            return False
        self.count(moves, found)
        if found.entries:
            book.apply(moves, found.entries)
        return True

    def send(self, moves: list[Move]) -> None:
        """Let the dict say what comes of it, and go on from there; `hear` posts."""
        expected = self.book.post(moves)
        placeholders = [] if expected.faults or expected.short else [next(self.unheard) for _ in moves]
        self.book.apply(moves[: len(placeholders)], placeholders)
        self.sent.append((moves, expected, placeholders))

    def hear(self) -> None:
        """Post what was sent, in one go on one connection, and compare every answer with what the dict said before it."""
        if not self.sent:
            return
        self.turn += 1
        calls = [store.call(moves, actor=AGENT, cause=self.cause(moves))[1] for moves, _, _ in self.sent]
        told = self.connections[self.turn % CONNECTIONS].exec_driver_sql(IN_ONE_GO, (json.dumps(calls),)).scalars().all()
        for (moves, expected, placeholders), answer in zip(self.sent, told, strict=True):
            found = Outcome(
                entries=answer.get("entries", []),
                short={(s["holder"], s["resource"], s["place"]): (s["asked"], s["available"]) for s in answer.get("shortfalls", ())},
                faults={fault["move"]: fault["code"] for fault in answer.get("faults", ())},
            )
            assert (found.short, found.faults, len(found.entries)) == (expected.short, expected.faults, len(placeholders)), (
                f"{moves}: {found}, {expected}"
            )
            self.count(moves, found)
            for placeholder, entry in zip(placeholders, found.entries, strict=True):
                self.book.entries[entry] = self.book.entries.pop(placeholder)
        type(self).steps += len(self.sent)
        self.sent.clear()

    def count(self, moves: list[Move], found: Outcome) -> None:
        type(self).answers["posted" if found.entries else "short" if found.short else "refused"] += 1
        if found.entries:
            type(self).posted.update({move.kind for move in moves})

    def step(self, moves: list[Move]) -> None:
        """Post, and compare the whole answer with the dict's."""
        type(self).steps += 1
        self.turn += 1
        found = self.post(self.connections[self.turn % CONNECTIONS], moves)
        assert self.explained(self.book, moves, found), f"{moves}: {found}, but the dict says {self.book.post(moves)}"

    # -- always -----------------------------------------------------------------------------------------------------------------------

    @invariant()
    def the_same_balances(self) -> None:
        statement = "SELECT holder_id, resource, place, balance FROM quotas.account WHERE holder_id = ANY (%s) AND region = %s AND balance <> 0"
        stored = self.connections[0].exec_driver_sql(statement, ([holder.id for holder in self.tree], self.region))
        assert {(h, r, p): n for h, r, p, n in stored} == {account: n for account, n in self.book.balances.items() if n}

    @invariant()
    def nothing_below_zero_and_nothing_from_nowhere(self) -> None:
        assert all(n >= 0 for (holder, _, _), n in self.book.balances.items() if holder != WORLD.id)
        assert sum(self.book.balances.values()) == 0

    def teardown(self) -> None:
        """Balances and holds as people read them."""
        held = [hold for holder in self.tree[1:5] for hold in store.open_holds(self.connections[0], holder=holder) if hold.region == self.region]
        assert {(h.reference, h.holder.id, h.resource): h.amount for h in held} == self.book.open
        for whose in self.tree[1:]:
            found = store.balances(self.connections[0], whose, self.region)
            for resource in RESOURCES:
                own = self.book.balances
                environments = [e for e in self.tree if e.parent_id == whose.id and e.kind is HolderKind.ENVIRONMENT]
                expected = Balance(
                    available=own[(whose.id, resource, "available")],
                    held=own[(whose.id, resource, "held")],
                    allocated=own[(whose.id, resource, "allocated")] + sum(own[(e.id, resource, "allocated")] for e in environments),
                    granted=self.book.granted(whose, resource),
                )
                assert found.get(resource, Balance()) == expected
        for hold in held:  # the next example's look-ups stay as quick as the first one's
            self.step(self.between(Kind.RELEASE, hold.holder, hold.holder, {hold.resource: hold.amount}, hold.reference))


@contextmanager
def machine(owner_dsn: str) -> Iterator[type[LedgerMachine]]:
    """The machine on a fresh ledger: one tree, several connections, each posting its own transaction."""
    url = alchemy(owner_dsn.replace(f"{OWNER}@", f"{APPLICATION}@"))
    options = {"options": "-c synchronous_commit=off"}  # nothing is killed here
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=options)
    connections = [engine.connect() for _ in range(CONNECTIONS)]
    c = connections[0]
    sante = store.open_holder(c, HolderKind.ADMINISTRATION, "min-sante", POOL)
    chu = store.open_holder(c, HolderKind.ADMINISTRATION, "chu-cotonou", sante)
    justice = store.open_holder(c, HolderKind.ADMINISTRATION, "min-justice", POOL)
    dossier = store.open_holder(c, HolderKind.ENVIRONMENT, "dossier-patient", sante)
    suivi = store.open_holder(c, HolderKind.ENVIRONMENT, "suivi", chu)
    try:
        with ThreadPoolExecutor(CONNECTIONS) as LedgerMachine.threads:
            LedgerMachine.connections, LedgerMachine.regions = connections, itertools.count()
            LedgerMachine.tree = (WORLD, POOL, sante, chu, justice, dossier, suivi)
            LedgerMachine.steps = LedgerMachine.at_once = 0
            LedgerMachine.posted, LedgerMachine.answers = Counter(), Counter()
            yield LedgerMachine
            assert store.differences(c) == []
    finally:
        for connection in connections:
            connection.close()


def run(owner_dsn: str, steps: int, first_seed: int) -> dict[str, object]:
    """Examples until `steps` are done; each turn has a seed of its own, which is printed before it begins. Every kind and answer was among them."""
    with machine(owner_dsn) as made:
        for turn in itertools.count():
            print(f"DCCTL_LEDGER_SEED={first_seed + turn}", flush=True)
            run_state_machine_as_test(
                seed(first_seed + turn)(made),
                settings=settings(
                    max_examples=EXAMPLES_OF_A_TURN,
                    stateful_step_count=RULES_OF_AN_EXAMPLE,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
            if made.steps >= steps:
                assert set(made.posted) == set(Kind), "every kind was posted, not only refused"
                assert min(made.answers[answer] for answer in ("posted", "short", "refused")) > steps // 20
                assert made.at_once > steps // 50
                return {"steps": made.steps, "at_once": made.at_once, **made.answers, "kinds": {str(kind): n for kind, n in made.posted.items()}}


@pytest.mark.parametrize("part", range(PARTS))
def test_the_ledger_does_what_a_dict_would(postgresql: Server, part: int) -> None:
    dsn = postgresql.database(prepare)
    found = run(dsn, STEPS // PARTS, int(os.environ.get("DCCTL_LEDGER_SEED", random.randrange(2**32))))
    print(found)
    postgresql.drop(dsn)

"""A hold is consumed once, or released once, or expires once, and its time is the database's."""

from itertools import product

import pytest

from quotas import store
from quotas.ledger import Balance, Kind, MovesRefused, allocate, expire, hold, release

from .conftest import AGENT, EXPIRY, REGION, REQUEST, Ledger

#: Seconds; what is to run out in a test is made to (`Ledger.run_out`).
AN_HOUR = 3600.0
ENDS = (Kind.ALLOCATE, Kind.RELEASE, Kind.EXPIRE)


def codes(refused: pytest.ExceptionInfo[MovesRefused]) -> list[str]:
    return [fault.code for fault in refused.value.faults]


@pytest.mark.parametrize(("first", "second"), list(product(ENDS, ENDS)))
def test_a_hold_ends_once(shared_ledger: Ledger, first: Kind, second: Kind) -> None:
    ledger = shared_ledger
    ledger.hold({"cores": 8, "ram": 1024}, seconds=AN_HOUR if first is Kind.EXPIRE else None)
    held = store.open_holds(ledger.connection, reference="R-2026-0042")
    if first is Kind.EXPIRE:
        ledger.run_out()
    ledger.end(first)

    with pytest.raises(MovesRefused) as refused:
        ledger.post(store.ending(second, held, ledger.dossier if second is Kind.ALLOCATE else None), EXPIRY if second is Kind.EXPIRE else REQUEST)

    assert codes(refused) == ["hold_not_open", "hold_not_open"]
    states = {Kind.ALLOCATE: "consumed", Kind.RELEASE: "released", Kind.EXPIRE: "expired"}
    assert [found.state for found in store.holds(ledger.connection, "R-2026-0042")] == [states[first]] * 2


def test_a_hold_runs_out_by_the_databases_clock(shared_ledger: Ledger) -> None:
    ledger = shared_ledger
    ledger.hold({"cores": 8}, seconds=AN_HOUR)
    assert store.due_holds(ledger.connection) == []
    with pytest.raises(MovesRefused) as early:
        ledger.end(Kind.EXPIRE)
    assert codes(early) == ["hold_still_runs"]

    ledger.connection.rollback()
    ledger.run_out()

    assert [due.reference for due in store.due_holds(ledger.connection)] == ["R-2026-0042"]
    ledger.end(Kind.EXPIRE)
    assert ledger.balance(ledger.sante) == Balance(available=40, granted=40)


def test_what_has_run_out_is_neither_allocated_nor_kept(shared_ledger: Ledger) -> None:
    ledger = shared_ledger
    ledger.hold({"cores": 8}, seconds=AN_HOUR)
    ledger.run_out()

    with pytest.raises(MovesRefused) as late:
        ledger.end(Kind.ALLOCATE)
    assert codes(late) == ["hold_run_out"]
    with pytest.raises(MovesRefused) as kept:
        store.keep_holds(ledger.connection, "R-2026-0042")
    assert codes(kept) == ["hold_run_out"]
    ledger.end(Kind.RELEASE)


def test_an_approved_requests_hold_runs_for_ever(ledger: Ledger) -> None:
    ledger.hold({"cores": 8, "ram": 1024}, seconds=AN_HOUR)

    assert store.keep_holds(ledger.connection, "R-2026-0042") == 2

    assert [kept.expires_at for kept in store.open_holds(ledger.connection, reference="R-2026-0042")] == [None, None]
    assert store.due_holds(ledger.connection) == []
    with pytest.raises(MovesRefused) as refused:
        ledger.end(Kind.EXPIRE)
    assert codes(refused) == ["hold_still_runs"] * 2
    ledger.end(Kind.ALLOCATE)


def test_there_is_nothing_to_keep_of_an_ended_hold(ledger: Ledger) -> None:
    ledger.hold({"cores": 8})
    ledger.end(Kind.RELEASE)
    with pytest.raises(MovesRefused) as refused:
        store.keep_holds(ledger.connection, "R-2026-0042")
    assert codes(refused) == ["hold_not_open"]


@pytest.mark.parametrize("amount", [7, 9])
def test_a_hold_ends_with_its_whole_amount(ledger: Ledger, amount: int) -> None:
    ledger.hold({"cores": 8})
    for moves in (
        release(ledger.sante, REGION, {"cores": amount}, "R-2026-0042"),
        allocate(ledger.sante, ledger.dossier, REGION, {"cores": amount}, "R-2026-0042"),
    ):
        with pytest.raises(MovesRefused) as refused:
            store.post(ledger.connection, moves, actor=AGENT, cause=REQUEST)
        assert codes(refused) == ["not_the_held_amount"]


def test_a_hold_is_not_ended_twice_in_one_posting(ledger: Ledger) -> None:
    ledger.hold({"cores": 8})
    ledger.hold({"cores": 8}, "R-2026-0043")
    twice = release(ledger.sante, REGION, {"cores": 8}, "R-2026-0042")
    with pytest.raises(MovesRefused) as refused:
        ledger.post(twice + allocate(ledger.sante, ledger.dossier, REGION, {"cores": 8}, "R-2026-0042"))
    assert codes(refused) == ["hold_named_twice"] * 2


def test_a_reference_holds_a_resource_once_at_a_time(ledger: Ledger) -> None:
    ledger.hold({"cores": 8})
    with pytest.raises(MovesRefused) as refused:
        ledger.hold({"ram": 1024, "cores": 8})
    assert codes(refused) == ["hold_already_open"]

    ledger.end(Kind.RELEASE)
    ledger.hold({"cores": 9})

    assert [(found.amount, found.state) for found in store.holds(ledger.connection, "R-2026-0042")] == [(8, "released"), (9, "open")]


def test_another_ministrys_hold_is_not_taken(ledger: Ledger) -> None:
    ledger.hold({"cores": 8})
    ledger.post(hold(ledger.justice, REGION, {"cores": 8}, "R-2026-0099"))
    portail = ledger.environment(ledger.justice, "portail")
    with pytest.raises(MovesRefused) as refused:
        ledger.post(allocate(ledger.justice, portail, REGION, {"cores": 8}, "R-2026-0042"))
    assert codes(refused) == ["hold_not_open"]


def test_expiry_is_a_clocks_doing_and_nothing_else_is(shared_ledger: Ledger) -> None:
    ledger = shared_ledger
    ledger.hold({"cores": 8}, seconds=AN_HOUR)
    ledger.run_out()
    with pytest.raises(MovesRefused) as refused:
        ledger.post(expire(ledger.sante, REGION, {"cores": 8}, "R-2026-0042"), REQUEST)
    assert codes(refused) == ["bad_cause"]

"""What each transfer does, and what is refused: on a real PostgreSQL, as the application's role."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from quotas import store
from quotas.ledger import (
    POOL,
    WORLD,
    Actor,
    Balance,
    Cause,
    CauseKind,
    HolderKind,
    Kind,
    Move,
    MovesRefused,
    Place,
    QuotaExceeded,
    Shortfall,
    allocate,
    correct,
    declare,
    free,
    grant,
    hold,
    release,
    retract,
    revoke,
)

from .conftest import AGENT, CORRECTION, EXPIRY, REGION, REQUEST, Ledger


def refusal(
    ledger: Ledger, moves: list[Move], cause: Cause = REQUEST, actor: Actor = AGENT, at: datetime | None = None
) -> list[tuple[int | None, str]]:
    """Position and code of every fault of a posting that is refused."""
    with pytest.raises(MovesRefused) as refused:
        store.post(ledger.connection, moves, actor=actor, cause=cause, effective_at=at)
    assert ledger.connection.execute(text("SELECT 1")).scalar_one() == 1, "the transaction goes on"
    return [(fault.move, fault.code) for fault in refused.value.faults]


def test_units_go_from_the_world_to_an_environment_and_back(ledger: Ledger) -> None:
    assert ledger.balance(ledger.sante) == Balance(available=40, granted=40)

    ledger.hold({"cores": 8})
    assert ledger.balance(ledger.sante) == Balance(available=32, held=8, granted=40)

    ledger.end(Kind.ALLOCATE)
    assert ledger.balance(ledger.sante) == Balance(available=32, allocated=8, granted=40)
    assert ledger.balance(ledger.dossier) == Balance(allocated=8, granted=8)

    ledger.post(free(ledger.dossier, ledger.sante, REGION, {"cores": 8}))
    ledger.take(ledger.sante, cores=40)
    ledger.take(ledger.justice, cores=20)
    ledger.act(retract(POOL, WORLD, REGION, {"cores": 100}))
    assert store.capacity(ledger.connection)["cores"] == store.Capacity(declared=0, available=0, held=0, granted=0)


def test_a_refused_request_gives_back_everything_it_held(ledger: Ledger) -> None:
    ledger.hold({"cores": 4, "ram": 8192})

    ledger.end(Kind.RELEASE)

    assert ledger.balance(ledger.sante) == Balance(available=40, granted=40)
    assert ledger.balance(ledger.sante, "ram") == Balance(available=16384, granted=16384)


def test_every_shortfall_is_named_and_nothing_changes(ledger: Ledger) -> None:
    before = ledger.connection.execute(text("SELECT * FROM quotas.account ORDER BY id")).all()

    with pytest.raises(QuotaExceeded) as short:
        ledger.hold({"cores": 41, "ram": 16384, "gigabytes": 501, "floatingips": 1, "gigabytes_ssd": 20})

    def missing(resource: str, asked: int, available: int) -> Shortfall:
        return Shortfall(
            holder="min-sante", holder_id=ledger.sante.id, region=REGION, place=Place.AVAILABLE, resource=resource, asked=asked, available=available
        )

    expected = [missing("cores", 41, 40), missing("gigabytes", 501, 500), missing("floatingips", 1, 0), missing("gigabytes_ssd", 20, 0)]
    assert sorted(short.value.shortfalls, key=str) == sorted(expected, key=str)
    assert ledger.connection.execute(text("SELECT * FROM quotas.account ORDER BY id")).all() == before
    assert store.open_holds(ledger.connection) == []


def test_after_an_overdraft_the_callers_transaction_goes_on(ledger: Ledger) -> None:
    with pytest.raises(QuotaExceeded):
        store.post(ledger.connection, hold(ledger.sante, REGION, {"cores": 41}, "R-1"), actor=AGENT, cause=REQUEST)
    store.post(ledger.connection, hold(ledger.sante, REGION, {"cores": 40}, "R-1"), actor=AGENT, cause=REQUEST)
    assert ledger.balance(ledger.sante) == Balance(held=40, granted=40)


def test_exactly_what_is_there_can_be_taken(ledger: Ledger) -> None:
    ledger.hold({"cores": 40})
    assert ledger.balance(ledger.sante).available == 0


def test_a_posting_is_judged_as_a_whole(ledger: Ledger) -> None:
    ledger.hold({"cores": 30})

    ledger.post(release(ledger.sante, REGION, {"cores": 30}, "R-2026-0042") + hold(ledger.sante, REGION, {"cores": 35}, "R-2026-0042"))

    assert ledger.balance(ledger.sante) == Balance(available=5, held=35, granted=40)
    with pytest.raises(QuotaExceeded) as short:
        ledger.post(hold(ledger.sante, REGION, {"cores": 41}, "R-2026-0042") + release(ledger.sante, REGION, {"cores": 35}, "R-2026-0042"))
    assert [(s.asked, s.available) for s in short.value.shortfalls] == [(41, 40)]


def test_the_last_approval_of_an_envelope_releases_and_grants_at_once(ledger: Ledger) -> None:
    ledger.post(hold(POOL, REGION, {"cores": 40}, "R-2026-0050"))
    assert ledger.balance(POOL) == Balance(available=0, held=40, granted=100)

    ledger.post(release(POOL, REGION, {"cores": 40}, "R-2026-0050") + grant(POOL, ledger.sante, REGION, {"cores": 40}))

    assert ledger.balance(ledger.sante).available == 80
    assert ledger.balance(POOL) == Balance(granted=100)


def test_regions_are_apart(ledger: Ledger) -> None:
    ledger.act(declare(WORLD, POOL, "parakou", {"cores": 10}) + grant(POOL, ledger.sante, "parakou", {"cores": 10}))

    with pytest.raises(QuotaExceeded):
        ledger.post(hold(ledger.sante, "parakou", {"cores": 11}, "R-1"))
    ledger.post(hold(ledger.sante, "parakou", {"cores": 10}, "R-1"))

    assert store.balances(ledger.connection, ledger.sante, "parakou")["cores"] == Balance(held=10, granted=10)
    assert store.balances(ledger.connection, ledger.sante, REGION)["cores"] == Balance(available=40, granted=40)
    assert store.balances(ledger.connection, ledger.sante)["cores"] == Balance(available=40, held=10, granted=50)


def test_more_cannot_be_freed_than_is_allocated(ledger: Ledger) -> None:
    ledger.allocate({"cores": 8})
    with pytest.raises(QuotaExceeded) as short:
        ledger.post(free(ledger.dossier, ledger.sante, REGION, {"cores": 9}))
    assert [(s.holder, s.place, s.asked, s.available) for s in short.value.shortfalls] == [("min-sante/dossier-patient", Place.ALLOCATED, 9, 8)]


@pytest.mark.parametrize("amount", [41, 100])
def test_no_more_is_revoked_than_is_available(ledger: Ledger, amount: int) -> None:
    with pytest.raises(QuotaExceeded):
        ledger.take(ledger.sante, cores=amount)


def test_no_more_capacity_is_retracted_than_nobody_was_granted(ledger: Ledger) -> None:
    with pytest.raises(QuotaExceeded) as short:
        ledger.act(retract(POOL, WORLD, REGION, {"cores": 41}))
    assert [(s.holder, s.asked, s.available) for s in short.value.shortfalls] == [("pool", 41, 40)]


def test_grants_go_from_parent_to_child_only(ledger: Ledger) -> None:
    chu = ledger.administration("chu-cotonou", ledger.sante)
    wrong = [
        *grant(ledger.justice, ledger.sante, REGION, {"cores": 1}),
        *grant(POOL, chu, REGION, {"cores": 1}),
        *grant(ledger.sante, ledger.sante, REGION, {"cores": 1}),
        *grant(chu, ledger.sante, REGION, {"cores": 1}),
        *grant(POOL, ledger.dossier, REGION, {"cores": 1}),
        *grant(WORLD, ledger.sante, REGION, {"cores": 1}),
        *revoke(ledger.sante, ledger.justice, REGION, {"cores": 1}),
        *declare(WORLD, ledger.sante, REGION, {"cores": 1}),
    ]
    codes = ["not_related"] * 4 + ["wrong_holders", "wrong_holders", "not_related", "wrong_holders"]
    assert refusal(ledger, wrong) == list(enumerate(codes))


def test_units_pass_down_a_path_in_one_posting(ledger: Ledger) -> None:
    chu = ledger.administration("chu-cotonou", ledger.sante)

    ledger.act(grant(POOL, ledger.sante, REGION, {"cores": 40}) + grant(ledger.sante, chu, REGION, {"cores": 80}))

    assert ledger.balance(ledger.sante) == Balance(granted=80)
    assert ledger.balance(ledger.sante).passed_on == 80
    assert ledger.balance(chu) == Balance(available=80, granted=80)


def test_a_move_names_what_is_wrong_with_it(ledger: Ledger) -> None:
    sante, justice, dossier = ledger.sante, ledger.justice, ledger.dossier
    soon = datetime.now(UTC) - timedelta(seconds=1)
    portail = ledger.environment(justice, "portail")
    cases: list[tuple[Move, str]] = [
        (Move(kind=Kind.GRANT, payer=2, beneficiary=9999, region=REGION, resource="cores", amount=1), "unknown_holder"),
        (Move(kind=Kind.GRANT, payer=2, beneficiary=sante.id, region=REGION, resource="cores", amount=0), "bad_amount"),
        (Move(kind=Kind.GRANT, payer=2, beneficiary=sante.id, region=REGION, resource="cores", amount=-4), "bad_amount"),
        (Move(kind=Kind.GRANT, payer=2, beneficiary=sante.id, region=REGION, resource="cores", amount=2**53 + 1), "bad_amount"),
        (Move(kind=Kind.GRANT, payer=2, beneficiary=sante.id, region=REGION, resource="ports", amount=1), "unknown_resource"),
        (Move(kind=Kind.GRANT, payer=2, beneficiary=sante.id, region=REGION, resource="gigabytes_", amount=1), "unknown_resource"),
        (Move(kind=Kind.GRANT, payer=2, beneficiary=sante.id, region="", resource="cores", amount=1), "bad_region"),
        (Move(kind=Kind.GRANT, payer=2, beneficiary=sante.id, region=REGION, resource="cores", amount=1, reference="R-1"), "bad_reference"),
        (Move(kind=Kind.HOLD, payer=sante.id, beneficiary=sante.id, region=REGION, resource="cores", amount=1), "bad_reference"),
        (hold(sante, REGION, {"cores": 1}, "R-1", soon)[0], "bad_expiry"),
        (Move(kind=Kind.HOLD, payer=sante.id, beneficiary=justice.id, region=REGION, resource="cores", amount=1, reference="R-1"), "not_related"),
        (allocate(sante, dossier, REGION, {"cores": 1}, "R-1")[0], "hold_not_open"),
        (allocate(sante, portail, REGION, {"cores": 1}, "R-1")[0], "not_related"),
        (free(dossier, justice, REGION, {"cores": 1})[0], "not_related"),
        (correct(99999), "unknown_entry"),
    ]
    assert refusal(ledger, [move for move, _ in cases], CORRECTION) == [(position, code) for position, (_, code) in enumerate(cases)]


@pytest.mark.parametrize(
    ("cause", "actor", "code"),
    [
        (REQUEST, Actor(user_id="", user_name="sante-agent", scope="domain:min-sante"), "bad_actor"),
        (REQUEST, Actor(user_id="5f1c", user_name="sante-agent", scope=""), "bad_actor"),
        (Cause(kind=CauseKind.REQUEST, reference=""), AGENT, "bad_cause"),
        (Cause(kind=CauseKind.ACT, reference="A-2026-0001", document=""), AGENT, "bad_cause"),
        (EXPIRY, AGENT, "bad_cause"),
    ],
)
def test_a_posting_says_who_and_why(ledger: Ledger, cause: Cause, actor: Actor, code: str) -> None:
    assert refusal(ledger, hold(ledger.sante, REGION, {"cores": 1}, "R-1"), cause, actor) == [(None, code)]


def test_an_empty_posting_is_refused(ledger: Ledger) -> None:
    assert refusal(ledger, hold(ledger.sante, REGION, {"cores": 0}, "R-1")) == [(None, "no_moves")]


def test_nothing_takes_effect_ahead_of_the_databases_clock(ledger: Ledger) -> None:
    moves = hold(ledger.sante, REGION, {"cores": 1}, "R-1")
    assert refusal(ledger, moves, at=datetime.now(UTC) + timedelta(minutes=1)) == [(None, "effective_in_future")]


def test_a_balance_stays_within_exact_numbers(ledger: Ledger) -> None:
    assert refusal(ledger, declare(WORLD, POOL, REGION, {"cores": 2**53}), REQUEST) == [(None, "too_large")]


def test_a_wrong_entry_is_reversed_and_the_right_one_posted_together(ledger: Ledger) -> None:
    wrong = ledger.give(ledger.sante, cores=30).entries[0]

    ledger.post([correct(wrong), *grant(POOL, ledger.sante, REGION, {"cores": 3})], CORRECTION)

    assert ledger.balance(ledger.sante).granted == 43
    newest, reversal, *_ = store.history(ledger.connection, ledger.sante)
    assert (newest.kind, newest.amount) == (Kind.GRANT, 3)
    assert (reversal.kind, reversal.amount, reversal.source, reversal.target, reversal.reverses) == (Kind.CORRECT, 30, "min-sante", "pool", wrong)


def test_an_entry_is_reversed_once_and_a_reversal_never(ledger: Ledger) -> None:
    wrong = ledger.give(ledger.sante, cores=3).entries[0]
    reversal = ledger.post([correct(wrong)], CORRECTION).entries[0]
    held = ledger.hold({"cores": 1}).entries[0]

    assert refusal(ledger, [correct(wrong), correct(reversal), correct(held)], CORRECTION) == [
        (0, "entry_already_reversed"),
        (1, "entry_is_a_reversal"),
        (2, "entry_not_reversible"),
    ]
    other = ledger.give(ledger.sante, cores=3).entries[0]
    assert refusal(ledger, [correct(other)], REQUEST) == [(None, "bad_cause")]


def test_a_reversal_overdraws_nothing(ledger: Ledger) -> None:
    wrong = ledger.give(ledger.sante, cores=30).entries[0]
    ledger.hold({"cores": 60})

    with pytest.raises(QuotaExceeded) as short:
        ledger.post([correct(wrong)], CORRECTION)
    assert [(s.holder, s.asked, s.available) for s in short.value.shortfalls] == [("min-sante", 30, 10)]


def test_opening_a_holder_again_finds_the_same(ledger: Ledger) -> None:
    assert ledger.administration("min-sante") == ledger.sante
    assert ledger.environment(ledger.sante, "dossier-patient") == ledger.dossier
    assert store.find_holder(ledger.connection, "min-sante/dossier-patient") == ledger.dossier
    assert store.find_holder(ledger.connection, "min-sante/portail") is None
    assert store.find_holder(ledger.connection, "dossier-patient") is None


@pytest.mark.parametrize(
    ("kind", "code", "parent", "fault"),
    [
        (HolderKind.ADMINISTRATION, "min-sante", "min-justice", "code_taken"),
        (HolderKind.ADMINISTRATION, "Min Santé", "pool", "bad_code"),
        (HolderKind.ADMINISTRATION, "a/b", "pool", "bad_code"),
        (HolderKind.ENVIRONMENT, "portail", "pool", "wrong_holders"),
        (HolderKind.ADMINISTRATION, "chu", "min-sante/dossier-patient", "wrong_holders"),
        (HolderKind.POOL, "autre", "world", "wrong_holders"),
        (HolderKind.WORLD, "autre", "world", "wrong_holders"),
    ],
)
def test_a_holder_that_does_not_fit_the_tree_is_refused(ledger: Ledger, kind: HolderKind, code: str, parent: str, fault: str) -> None:
    above = store.find_holder(ledger.connection, parent)
    assert above is not None
    with pytest.raises(MovesRefused) as refused:
        store.open_holder(ledger.connection, kind, code, above)
    assert [found.code for found in refused.value.faults] == [fault]

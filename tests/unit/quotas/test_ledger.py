"""The table of moves, and the moves that intentions become."""

from datetime import UTC, datetime

import pytest

from quotas.ledger import (
    ENDS_HOLD,
    MOVES,
    PARENTS,
    PLACES,
    POOL,
    REVERSIBLE,
    WORLD,
    Balance,
    Fault,
    Holder,
    HolderKind,
    Kind,
    Kinship,
    Move,
    MovesRefused,
    Place,
    QuotaExceeded,
    Shortfall,
    correct,
    declare,
    free,
    grant,
    hold,
)

SANTE = Holder(id=11, kind=HolderKind.ADMINISTRATION, code="min-sante", parent_id=POOL.id, name="min-sante")
DOSSIER = Holder(id=12, kind=HolderKind.ENVIRONMENT, code="dossier-patient", parent_id=SANTE.id, name="min-sante/dossier-patient")


def test_every_kind_but_the_correction_has_its_rule() -> None:
    assert set(MOVES) == set(Kind) - {Kind.CORRECT}


@pytest.mark.parametrize("kind", list(MOVES))
def test_a_rule_takes_from_and_gives_to_places_that_its_holders_have(kind: Kind) -> None:
    rule = MOVES[kind]
    assert all(rule.source in PLACES[payer] for payer in rule.payers)
    assert all(rule.target in PLACES[beneficiary] for beneficiary in rule.beneficiaries)


@pytest.mark.parametrize("kind", list(MOVES))
def test_a_rule_relates_holders_as_the_tree_can(kind: Kind) -> None:
    rule = MOVES[kind]
    match rule.beneficiary_is:
        case Kinship.CHILD:
            assert all(PARENTS[child] & rule.payers for child in rule.beneficiaries)
        case Kinship.PARENT:
            assert all(PARENTS[child] & rule.beneficiaries for child in rule.payers)
        case Kinship.SAME:
            assert rule.payers == rule.beneficiaries


@pytest.mark.parametrize(
    ("there", "back"), [(Kind.DECLARE, Kind.RETRACT), (Kind.GRANT, Kind.REVOKE), (Kind.HOLD, Kind.RELEASE), (Kind.HOLD, Kind.EXPIRE)]
)
def test_the_way_back_is_the_way_there_turned_round(there: Kind, back: Kind) -> None:
    forth, home = MOVES[there], MOVES[back]
    assert (forth.source, forth.target, forth.payers, forth.beneficiaries) == (home.target, home.source, home.beneficiaries, home.payers)


def test_what_is_freed_goes_to_what_is_available_not_back_into_a_hold() -> None:
    assert (MOVES[Kind.ALLOCATE].source, MOVES[Kind.FREE].target) == (Place.HELD, Place.AVAILABLE)


def test_no_entry_of_a_hold_or_its_end_is_reversible() -> None:
    assert REVERSIBLE & {Kind.HOLD, Kind.CORRECT, *ENDS_HOLD} == set()


def test_only_the_world_gives_what_it_does_not_have() -> None:
    assert [kind for kind, rule in MOVES.items() if HolderKind.WORLD in rule.payers] == [Kind.DECLARE]


def test_a_hold_is_one_move_for_each_resource_that_is_wanted() -> None:
    until = datetime(2026, 12, 1, tzinfo=UTC)

    moves = hold(SANTE, "cotonou", {"cores": 8, "ram": 16384, "floatingips": 0}, "R-2026-0042", until)

    common = {"kind": Kind.HOLD, "payer": 11, "beneficiary": 11, "region": "cotonou", "reference": "R-2026-0042", "expires_at": until}
    assert moves == [Move(resource="cores", amount=8, **common), Move(resource="ram", amount=16384, **common)]  # type: ignore[arg-type]


def test_intentions_name_payer_and_beneficiary() -> None:
    ends = [(move.kind, move.payer, move.beneficiary) for move in declare(WORLD, POOL, "cotonou", {"cores": 1})]
    ends += [(move.kind, move.payer, move.beneficiary) for move in grant(POOL, SANTE, "cotonou", {"cores": 1})]
    ends += [(move.kind, move.payer, move.beneficiary) for move in free(DOSSIER, SANTE, "cotonou", {"cores": 1})]
    assert ends == [(Kind.DECLARE, 1, 2), (Kind.GRANT, 2, 11), (Kind.FREE, 12, 11)]


def test_a_correction_names_nothing_but_its_entry() -> None:
    assert correct(17) == Move(kind=Kind.CORRECT, reverses=17)


def test_what_was_passed_on_is_what_is_granted_and_not_here() -> None:
    assert Balance(available=3, held=2, allocated=5, granted=17).passed_on == 7


def test_an_overdraft_names_every_shortfall() -> None:
    short = [
        Shortfall(holder="min-sante", holder_id=11, region="cotonou", place=Place.AVAILABLE, resource=resource, asked=8, available=4)
        for resource in ("cores", "instances")
    ]
    error = QuotaExceeded(short)
    assert error.shortfalls == tuple(short)
    assert short[0].missing == 4
    assert str(error) == "min-sante cores available: asked 8, available 4; min-sante instances available: asked 8, available 4"


def test_a_refusal_names_every_fault() -> None:
    error = MovesRefused([Fault(move=0, code="not_related", detail="grant"), Fault(move=None, code="bad_actor", detail="{}")])
    assert str(error) == "move 0: not_related (grant); bad_actor ({})"

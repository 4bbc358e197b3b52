"""Another parent for an administration: a dated edge that moves no balance, and the tree as it was."""

from datetime import UTC, datetime, timedelta

import pytest

from quotas import store, tree
from quotas.ledger import POOL, Balance, MovesRefused, grant, revoke
from tests.integration.quotas.conftest import REGION, Ledger


def moved(ledger: Ledger, code: str, parent: str, since: datetime | None = None) -> datetime:
    at = tree.move(ledger.connection, store.find_holder(ledger.connection, code), store.find_holder(ledger.connection, parent), since)
    ledger.commit()
    return at


def codes(error: pytest.ExceptionInfo[MovesRefused]) -> list[str]:
    return [fault.code for fault in error.value.faults]


def test_an_administration_that_has_nothing_gets_another_parent_from_that_moment_on(ledger: Ledger) -> None:
    anpc = ledger.administration("anpc", ledger.sante)

    at = moved(ledger, "anpc", "min-justice")

    assert store.get_holder(ledger.connection, anpc.id).parent_id == ledger.justice.id
    assert [(edge.parent, edge.effective_from == at) for edge in tree.edges(ledger.connection, anpc)] == [("min-sante", False), ("min-justice", True)]
    ledger.act(grant(ledger.justice, anpc, REGION, {"cores": 5}))
    with pytest.raises(MovesRefused) as refused:
        ledger.act(grant(ledger.sante, anpc, REGION, {"cores": 5}))
    assert codes(refused) == ["not_related"]


def test_what_is_still_out_is_named_with_whom_and_how_much_and_nothing_moves(ledger: Ledger) -> None:
    anpc = ledger.administration("anpc", ledger.sante)
    below = ledger.administration("anpc-nord", anpc)
    ledger.act([*grant(ledger.sante, anpc, REGION, {"cores": 9, "ram": 512}), *grant(anpc, below, REGION, {"cores": 4})])

    with pytest.raises(tree.StillOut) as refused:
        moved(ledger, "anpc", "min-justice")

    assert [(part.holder, part.resource, part.amount) for part in refused.value.parts] == [
        ("anpc", "cores", 5), ("anpc", "ram", 512), ("anpc-nord", "cores", 4),
    ]  # fmt: skip
    assert store.get_holder(ledger.connection, anpc.id).parent_id == ledger.sante.id
    assert ledger.balance(ledger.sante).granted == 40


def test_an_administration_is_never_below_itself_nor_where_it_is_already(ledger: Ledger) -> None:
    anpc = ledger.administration("anpc", ledger.administration("dgs", ledger.administration("sante-publique")))

    for parent, code in (("anpc", "below_itself"), ("sante-publique", "below_itself"), ("pool", "same_parent"), ("world", "wrong_holders")):
        with pytest.raises(MovesRefused) as refused:
            moved(ledger, "sante-publique", parent)
        assert codes(refused) == [code]
    assert store.get_holder(ledger.connection, anpc.id).name == "anpc"


def test_balances_of_a_day_are_of_the_tree_of_that_day(ledger: Ledger) -> None:
    anpc = ledger.administration("anpc", ledger.sante)
    ledger.act(grant(ledger.sante, anpc, REGION, {"cores": 9}))
    under_sante = datetime.now(UTC)
    ledger.act(revoke(anpc, ledger.sante, REGION, {"cores": 9}))
    moved(ledger, "anpc", "min-justice")
    ledger.act(grant(ledger.justice, anpc, REGION, {"cores": 3}))

    assert ledger.balance(ledger.sante, as_of=under_sante) == Balance(available=31, granted=40)
    assert ledger.balance(ledger.justice, as_of=under_sante) == Balance(available=20, granted=20)
    assert ledger.balance(ledger.sante) == ledger.balance(ledger.sante, as_of=datetime.now(UTC)) == Balance(available=40, granted=40)
    assert ledger.balance(ledger.justice) == ledger.balance(ledger.justice, as_of=datetime.now(UTC)) == Balance(available=17, granted=20)
    assert ledger.balance(POOL, as_of=under_sante).granted == 100


def test_the_edge_may_be_dated_back_to_when_nothing_had_moved_since(ledger: Ledger) -> None:
    anpc = ledger.administration("anpc", ledger.sante)
    ledger.act(grant(ledger.sante, anpc, REGION, {"cores": 9}))
    busy = datetime.now(UTC)
    ledger.act(revoke(anpc, ledger.sante, REGION, {"cores": 9}))
    quiet = datetime.now(UTC)

    for since, code in ((busy, "moved_since"), (datetime.now(UTC) + timedelta(hours=1), "effective_in_future")):
        with pytest.raises(MovesRefused) as refused:
            moved(ledger, "anpc", "min-justice", since)
        assert codes(refused) == [code]
    assert moved(ledger, "anpc", "min-justice", quiet) == quiet


def test_what_children_have_is_told_with_everyone_below_them(ledger: Ledger) -> None:
    anpc = ledger.administration("anpc", ledger.sante)
    north = ledger.administration("anpc-nord", anpc)
    ledger.act([*grant(ledger.sante, anpc, REGION, {"cores": 9, "ram": 512}), *grant(anpc, north, REGION, {"cores": 4})])

    parts = tree.passed_on(ledger.connection, ledger.sante, REGION)

    assert [(part.holder, part.resource, part.amount) for part in parts] == [("anpc", "cores", 9), ("anpc", "ram", 512)]

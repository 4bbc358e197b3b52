"""Balances, capacity and history, now and as they were."""

from datetime import UTC, datetime

from sqlalchemy import text

from quotas import store
from quotas.ledger import POOL, Actor, Balance, HolderKind, Kind, Place, free, grant, hold, revoke

from .conftest import ACT, AGENT, REGION, REQUEST, Ledger


def test_what_was_granted_is_what_is_here_what_environments_have_and_what_was_passed_on(ledger: Ledger) -> None:
    chu = ledger.administration("chu-cotonou", ledger.sante)
    maternite = ledger.administration("maternite", chu)
    suivi = ledger.environment(maternite, "suivi")
    ledger.act(grant(ledger.sante, chu, REGION, {"cores": 20}))
    ledger.act(grant(chu, maternite, REGION, {"cores": 12}))
    ledger.allocate({"cores": 5})
    ledger.hold({"cores": 3}, "R-2026-0043")
    ledger.post(hold(maternite, REGION, {"cores": 4}, "R-2026-0044"))
    ledger.post(store.ending(Kind.ALLOCATE, store.open_holds(ledger.connection, reference="R-2026-0044"), suivi))

    assert ledger.balance(ledger.sante) == Balance(available=12, held=3, allocated=5, granted=40)
    assert ledger.balance(ledger.sante).passed_on == 20
    assert ledger.balance(chu) == Balance(available=8, granted=20)
    assert ledger.balance(maternite) == Balance(available=8, allocated=4, granted=12)
    assert ledger.balance(suivi) == Balance(allocated=4, granted=4)
    assert ledger.balance(POOL) == Balance(available=40, granted=100)
    assert store.capacity(ledger.connection, REGION)["cores"] == store.Capacity(declared=100, available=40, held=0, granted=60)


def granted_by_entries(ledger: Ledger) -> dict[tuple[int, str], int]:
    """What each administration was granted less what was revoked, from the entries alone, corrections turned round."""
    rows = ledger.connection.execute(
        text("""SELECT holder, resource, sum(amount)::bigint FROM (
            SELECT c.holder_id AS holder, e.resource, e.amount FROM quotas.entry e JOIN quotas.account c ON c.id = e.credit_account
            JOIN quotas.holder h ON h.id = c.holder_id JOIN quotas.account d ON d.id = e.debit_account
            WHERE e.kind = 'grant' AND d.holder_id = h.parent_id
            UNION ALL SELECT d.holder_id, e.resource, -e.amount FROM quotas.entry e JOIN quotas.account d ON d.id = e.debit_account
            WHERE e.kind = 'revoke') t GROUP BY holder, resource""")
    )
    return {(holder, resource): amount for holder, resource, amount in rows}


def test_what_was_granted_equals_the_grants_less_the_revocations(ledger: Ledger) -> None:
    chu = ledger.administration("chu-cotonou", ledger.sante)
    ledger.act(grant(ledger.sante, chu, REGION, {"cores": 20, "ram": 4096}))
    ledger.act(revoke(chu, ledger.sante, REGION, {"cores": 5}))
    ledger.allocate({"cores": 5})
    ledger.post(free(ledger.dossier, ledger.sante, REGION, {"cores": 2}))
    ledger.hold({"cores": 3}, "R-2026-0043")
    ledger.take(ledger.justice, ram=8192)

    found = store.all_balances(ledger.connection, HolderKind.ADMINISTRATION)

    assert {(line.holder.id, line.resource): line.balance.granted for line in found} == granted_by_entries(ledger)


def test_the_whole_table_says_of_each_holder_what_it_is_told_alone(ledger: Ledger) -> None:
    chu = ledger.administration("chu-cotonou", ledger.sante)
    ledger.act(grant(ledger.sante, chu, REGION, {"cores": 20}))
    ledger.allocate({"cores": 5, "ram": 2048})
    for kind, names in [
        (HolderKind.POOL, ["pool"]),
        (HolderKind.ADMINISTRATION, ["chu-cotonou", "min-justice", "min-sante"]),
        (HolderKind.ENVIRONMENT, ["min-sante/dossier-patient"]),
    ]:
        table = store.all_balances(ledger.connection, kind)
        assert sorted({line.holder.name for line in table}) == names
        for line in table:
            assert store.balances(ledger.connection, line.holder, line.region)[line.resource] == line.balance


def test_balances_are_told_as_they_were(ledger: Ledger) -> None:
    january, march, may = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3, 5))
    ledger.act(grant(POOL, ledger.sante, REGION, {"cores": 10}), effective_at=january)
    ledger.act(revoke(ledger.sante, POOL, REGION, {"cores": 4}), effective_at=march)

    before, between, after = (ledger.balance(ledger.sante, as_of=moment) for moment in (datetime(2025, 12, 31, tzinfo=UTC), january, may))

    assert (before.granted, between.granted, after.granted) == (0, 10, 6)
    assert ledger.balance(ledger.sante, as_of=datetime.now(UTC)) == ledger.balance(ledger.sante) == Balance(available=46, granted=46)


def test_what_was_not_yet_recorded_was_not_yet_known(ledger: Ledger) -> None:
    known = ledger.connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    january = datetime(2026, 1, 1, tzinfo=UTC)
    ledger.act(grant(POOL, ledger.sante, REGION, {"cores": 10}), effective_at=january)

    assert store.balances(ledger.connection, ledger.sante, as_of=january)["cores"].granted == 10
    assert store.balances(ledger.connection, ledger.sante, as_of=january, known_at=known)["cores"].granted == 0


def test_a_holders_history_tells_who_gave_what_to_whom_and_why(ledger: Ledger) -> None:
    posting = ledger.allocate({"cores": 5})

    allocated, held, *granted = store.history(ledger.connection, ledger.sante)

    assert allocated == store.EntryView(
        id=posting.entries[0],
        posting=posting.id,
        kind=Kind.ALLOCATE,
        source="min-sante",
        source_place=Place.HELD,
        target="min-sante/dossier-patient",
        target_place=Place.ALLOCATED,
        region=REGION,
        resource="cores",
        amount=5,
        reference="R-2026-0042",
        reverses=None,
        effective_at=posting.effective_at,
        recorded_at=posting.recorded_at,
        actor=AGENT,
        cause=REQUEST,
    )
    assert (held.kind, held.source_place, held.target_place) == (Kind.HOLD, Place.AVAILABLE, Place.HELD)
    assert [(entry.kind, entry.source, entry.cause) for entry in granted] == [(Kind.GRANT, "pool", ACT)] * 3
    assert store.history(ledger.connection, ledger.dossier) == [allocated]


def test_a_history_is_read_page_by_page_newest_first(ledger: Ledger) -> None:
    for number in range(7):
        ledger.hold({"cores": 1, "ram": 1}, f"R-2026-{number:04}")
    whole = store.history(ledger.connection, ledger.sante)

    pages: list[list[store.EntryView]] = []
    while page := store.history(ledger.connection, ledger.sante, after=pages[-1][-1].id if pages else None, limit=5):
        pages.append(page)

    assert [len(page) for page in pages] == [5, 5, 5, 2]
    assert [entry for page in pages for entry in page] == whole
    assert [entry.id for entry in whole] == sorted((entry.id for entry in whole), reverse=True)


def test_a_history_shows_no_entry_of_another_ministry(ledger: Ledger) -> None:
    ledger.allocate({"cores": 5})
    names = {name for entry in store.history(ledger.connection, ledger.justice) for name in (entry.source, entry.target)}
    assert names == {"pool", "min-justice"}


def test_what_dcctl_does_by_itself_has_no_audit_id(ledger: Ledger) -> None:
    clock = Actor(user_id="dcctl", user_name="dcctl", scope="system")
    ledger.post(hold(ledger.sante, REGION, {"cores": 1}, "R-1"), actor=clock)
    assert store.history(ledger.connection, ledger.sante, limit=1)[0].actor == clock


def test_the_tree_is_walked_by_name(ledger: Ledger) -> None:
    chu = ledger.administration("chu-cotonou", ledger.sante)
    assert store.children(ledger.connection, ledger.sante) == [chu, ledger.dossier]
    assert store.children(ledger.connection, ledger.sante, HolderKind.ENVIRONMENT) == [ledger.dossier]
    assert store.subtree(ledger.connection, ledger.sante) == [chu, ledger.sante, ledger.dossier]
    assert [holder.name for holder in store.subtree(ledger.connection, POOL, HolderKind.ADMINISTRATION)] == [
        "chu-cotonou",
        "min-justice",
        "min-sante",
    ]


def test_a_stored_figure_that_the_entries_do_not_bear_out_is_named(shared_ledger: Ledger) -> None:
    ledger = shared_ledger
    ledger.hold({"cores": 2})
    with ledger.connect("dcctl_owner") as owner:
        owner.execute(text("UPDATE quotas.account SET balance = balance + 1 WHERE holder_id = :h AND resource = 'cores'"), {"h": ledger.sante.id})
        found = store.differences(owner)
        owner.rollback()
    assert [(line.subject, line.stored - line.rebuilt) for line in found] == [
        (f"balance {ledger.sante.id} cotonou cores available", 1),
        (f"balance {ledger.sante.id} cotonou cores held", 1),
        (f"held {ledger.sante.id} cotonou cores", 1),
        ("sum cotonou cores", 2),
    ]

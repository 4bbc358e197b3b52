"""What even the owner of the ledger's tables cannot do to them, and what stands behind `post()`; other roles' attempts are in test_attacks."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from quotas.ledger import MOVES, POOL, Kind, grant, revoke
from quotas.resources import LARGEST_AMOUNT
from quotas.schema import CALLABLE
from quotas.schema.plain import PLAIN_POST
from quotas.schema.posting import POST
from tests.postgres import Server

from .conftest import READER, REGION, Ledger, prepare


def test_a_reader_calls_no_function_that_writes(shared_ledger: Ledger) -> None:
    for function in CALLABLE:
        with psycopg.connect(shared_ledger.dsn(READER)) as connection:
            allowed = connection.execute("SELECT has_function_privilege(%s, %s, 'EXECUTE')", [READER, function]).fetchone()
        assert allowed == (False,), function


def test_a_shadowed_clock_does_not_let_a_hold_expire(shared_ledger: Ledger) -> None:
    ledger = shared_ledger
    ledger.hold({"cores": 2}, seconds=3600)
    with psycopg.connect(ledger.dsn(), autocommit=True) as connection:
        connection.execute("SET search_path = pg_temp, pg_catalog")
        shadow = "CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT now() + interval ''1 year'''"
        connection.execute(shadow.encode())
        answer = connection.execute(
            "SELECT quotas.post(%s, %s, %s)",
            [
                f'[{{"kind": "expire", "payer": {ledger.sante.id}, "beneficiary": {ledger.sante.id}, "region": "cotonou", "resource": "cores",'
                ' "amount": 2, "reference": "R-2026-0042"}]',
                '{"user_id": "x", "user_name": "x", "scope": "x"}',
                '{"kind": "expiry", "reference": "R-2026-0042"}',
            ],
        ).fetchone()
    assert answer is not None
    assert [fault["code"] for fault in answer[0]["faults"]] == ["hold_still_runs"]


@pytest.fixture(scope="module")
def lived_in(postgresql: Server) -> Iterator[Ledger]:
    """A ledger with a hold that was released and one that is open; nobody changes it."""
    ledger = Ledger(postgresql.database(prepare), commits=True)
    ledger.hold({"cores": 2})
    ledger.end(Kind.RELEASE)
    ledger.hold({"cores": 2}, "R-2026-0043")
    yield ledger
    ledger.close()
    postgresql.drop(ledger.owner_dsn)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE quotas.entry SET amount = 1",
        "DELETE FROM quotas.entry WHERE id = 1",
        "TRUNCATE quotas.entry CASCADE",
        "UPDATE quotas.holder_edge SET parent_id = 1",
        "TRUNCATE quotas.account CASCADE",
        "DELETE FROM quotas.account",
        "UPDATE quotas.account SET region = 'ailleurs'",
        "DELETE FROM quotas.hold",
        "UPDATE quotas.hold SET amount = 1",
        "UPDATE quotas.hold SET state = 'open', closed_entry = NULL WHERE state = 'released'",
        "UPDATE quotas.account SET balance = -1 WHERE holder_kind = 'administration'",
        "INSERT INTO quotas.account (holder_id, holder_kind, region, resource, place) VALUES (2, 'pool', 'x', 'ports', 'available')",
        "INSERT INTO quotas.account (holder_id, holder_kind, region, resource, place) VALUES (2, 'pool', 'x', 'cores', 'allocated')",
        "INSERT INTO quotas.account (holder_id, holder_kind, region, resource, place) VALUES (2, 'world', 'x', 'cores', 'declared')",
        "DELETE FROM quotas.holder WHERE kind = 'environment'",
        "UPDATE quotas.holder SET kind = 'pool' WHERE code = 'min-justice'",
        "UPDATE quotas.holder SET code = 'min-finances' WHERE code = 'min-justice'",
        "INSERT INTO quotas.account (holder_id, holder_kind, region, resource, place) VALUES (999, 'pool', 'x', 'cores', 'available')",
        "UPDATE quotas.hold SET state = 'consumed' WHERE state = 'open'",
        "UPDATE quotas.hold SET closed_entry = 1 WHERE state = 'open'",
        f"UPDATE quotas.account SET balance = {LARGEST_AMOUNT + 1} WHERE holder_kind = 'pool' AND resource = 'cores' AND place = 'available'",
    ],
)
def test_not_even_the_owner_rewrites_what_happened(lived_in: Ledger, statement: str) -> None:
    with lived_in.connect("dcctl_owner") as owner, pytest.raises(DBAPIError):
        owner.execute(text(statement))


def test_the_database_has_the_table_of_moves_that_the_code_has(ledger: Ledger) -> None:
    rows = ledger.connection.execute(text("SELECT kind, payer_kind, source, beneficiary_kind, target, beneficiary_is FROM quotas.rule"))
    assert {tuple(row) for row in rows} == {
        (kind, payer, rule.source, beneficiary, rule.target, rule.beneficiary_is)
        for kind, rule in MOVES.items()
        for payer in rule.payers
        for beneficiary in rule.beneficiaries
    }


def test_where_the_decision_fails_the_check_still_holds(shared_ledger: Ledger) -> None:
    """The second wall: a `post()` that decides wrongly overdraws nothing."""
    ledger = shared_ledger
    wrong = POST.replace("b.balance + c.given < c.taken) AS short", "false) AS short").replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    assert wrong.count("FILTER (WHERE b.holder_kind <> 'world' AND false)") == 1
    plain = PLAIN_POST.replace("ELSE 0 END AND", "ELSE -5 END AND").replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    assert plain.count("ELSE -5 END AND") == 1
    with psycopg.connect(ledger.owner_dsn) as owner:
        owner.execute(wrong.encode())
        owner.execute(plain.encode())
    with pytest.raises(DBAPIError, match="account_not_overdrawn"):
        ledger.hold({"cores": 41})
    ledger.connection.rollback()
    with pytest.raises(DBAPIError, match="account_not_overdrawn"):
        ledger.act(revoke(ledger.sante, POOL, REGION, {"cores": 1}) + grant(POOL, ledger.justice, REGION, {"cores": 62}))


def test_a_demand_in_order_is_posted_without_the_general_form(shared_ledger: Ledger) -> None:
    """And anything else goes to it: what is refused, what opens accounts, what has a character that is escaped, arrays with bounds of their own."""
    ledger = shared_ledger
    ledger.hold({"cores": 1, "ram": 1}, "R-2026-0041")
    with psycopg.connect(ledger.owner_dsn) as owner:
        body = POST[: POST.index("DECLARE")] + "BEGIN RAISE EXCEPTION 'the general form'; END $$"
        owner.execute(body.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").encode())
    ledger.hold({"ram": 1024, "cores": 2}, seconds=60)
    ledger.give(ledger.justice, cores=1)
    ledger.take(ledger.justice, cores=1)
    assert ledger.balance(ledger.sante).held == 3

    others = [({"cores": 38}, "R-1"), ({"cores": 2}, "R-2026-0042"), ({"gigabytes": 1}, "R-1"), ({"cores": 1}, "R\t1"), ({"x": 1}, "R-1")]
    for demand, reference in others:
        with pytest.raises(DBAPIError, match="the general form"):
            ledger.hold(demand, reference)
        ledger.connection.rollback()
    bounds = """SELECT quotas.post('grant', 2, %s, 'cotonou', '[5:6]={cores,ram}'::text[], '{1,2}'::bigint[], NULL, NULL, 'x', 'x', 'x', NULL,
        'act', 'A-1', NULL, NULL)"""
    with pytest.raises(DBAPIError, match="the general form"):
        ledger.connection.exec_driver_sql(bounds, (ledger.sante.id,))
    ledger.connection.rollback()

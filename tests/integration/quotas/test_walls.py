"""What the application's role, and even the owner's, cannot do to the ledger by SQL of its own."""

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from quotas.ledger import MOVES, Kind
from quotas.schema import CALLABLE
from quotas.schema.plain import PLAIN_POST
from quotas.schema.posting import POST

from .conftest import APPLICATION, READER, Ledger

#: Each is refused, or changes nothing.
ATTACKS = [
    "UPDATE quotas.account SET balance = balance + 1000",
    "UPDATE quotas.account SET holder_id = 2",
    "INSERT INTO quotas.account (holder_id, holder_kind, region, resource, place, balance) VALUES (2, 'pool', 'x', 'cores', 'available', 9)",
    "DELETE FROM quotas.account",
    "TRUNCATE quotas.account",
    "SELECT * FROM quotas.account FOR UPDATE",
    "INSERT INTO quotas.entry DEFAULT VALUES",
    "UPDATE quotas.entry SET amount = amount * 2",
    "UPDATE quotas.entry SET actor_name = 'personne'",
    "DELETE FROM quotas.entry",
    "TRUNCATE quotas.entry CASCADE",
    "UPDATE quotas.hold SET state = 'released'",
    "UPDATE quotas.hold SET amount = 1, state = 'open'",
    "DELETE FROM quotas.hold",
    "INSERT INTO quotas.hold (opened_entry, reference, holder_id, region, resource, amount) VALUES (1, 'R-9', 2, 'x', 'cores', 5)",
    "UPDATE quotas.holder SET parent_id = 2",
    "INSERT INTO quotas.holder (kind, code, parent_id) VALUES ('pool', 'mien', 1)",
    "UPDATE quotas.rule SET source = 'declared'",
    "INSERT INTO quotas.rule VALUES ('grant', 'environment', 'allocated', 'administration', 'available', 'same')",
    "INSERT INTO quotas.place_of_kind VALUES ('environment', 'available')",
    "DELETE FROM quotas.kinship",
    "SELECT nextval('quotas.posting_number')",
    "SELECT quotas.fault('x', 'y')",
    "ALTER TABLE quotas.account DROP CONSTRAINT account_not_overdrawn",
    "ALTER TABLE quotas.entry DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "CREATE TABLE quotas.mine (a int)",
    "CREATE OR REPLACE FUNCTION quotas.fault(text, text) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'",
    "ALTER FUNCTION quotas.post(jsonb, jsonb, jsonb, timestamptz) SECURITY INVOKER",
    "DROP SCHEMA quotas CASCADE",
    "SET ROLE dcctl_owner",
    "COPY quotas.entry FROM PROGRAM 'echo'",
    # Shadows of what post() uses, in a schema that comes first on the caller's path.
    "SET search_path = pg_temp, public; CREATE TEMP TABLE account AS SELECT * FROM quotas.account; UPDATE account SET balance = 10 ^ 9",
    """SET search_path = pg_temp;
        CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT now() + interval ''1 year'''""",
    # post() itself, with what only the rules keep out.
    """SELECT quotas.post('[{"kind": "grant", "payer": 2, "beneficiary": 2, "region": "cotonou", "resource": "cores", "amount": 5}]',
        '{"user_id": "x", "user_name": "x", "scope": "x"}', '{"kind": "act", "reference": "x"}')""",
    """SELECT quotas.post('[{"kind": "grant", "payer": 2, "beneficiary": 11, "region": "cotonou", "resource": "cores", "amount": -5}]',
        '{"user_id": "x", "user_name": "x", "scope": "x"}', '{"kind": "act", "reference": "x"}')""",
    """SELECT quotas.post('[{"kind": "grant", "payer": 2, "beneficiary": 11, "region": "cotonou", "resource": "cores", "amount": 1.5}]',
        '{"user_id": "x", "user_name": "x", "scope": "x"}', '{"kind": "act", "reference": "x"}')""",
    "SELECT quotas.post('{}', NULL, NULL)",
    "SELECT quotas.post(NULL, NULL, NULL)",
    "SELECT quotas.post('[null, 3]', '{}', '{}')",
    """SELECT quotas.open_holder('pool', 'mien', 1)""",
    """SELECT quotas.keep_holds('R-2026-0042', '2001-01-01')""",
]

CONTENT = ("account", "entry", "hold", "holder", "holder_edge", "rule", "kinship", "place_of_kind")


def content(ledger: Ledger) -> dict[str, list[str]]:
    with ledger.connect("dcctl_owner") as owner:
        return {table: sorted(owner.execute(text(f"SELECT t::text FROM quotas.{table} t")).scalars()) for table in CONTENT}


@pytest.mark.parametrize("role", [APPLICATION, READER])
def test_no_statement_of_a_role_that_does_not_own_the_ledger_changes_it(shared_ledger: Ledger, role: str) -> None:
    ledger = shared_ledger
    ledger.hold({"cores": 2}, seconds=3600)
    before = content(ledger)

    done = []
    for attack in ATTACKS:
        with psycopg.connect(ledger.dsn(role), autocommit=True) as connection:
            try:
                connection.execute(attack.encode())
                done.append(attack)
            except psycopg.Error:
                pass
        assert content(ledger) == before, attack

    assert len(ATTACKS) - len(done) >= 33, "nearly all are refused outright, not merely without effect"


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
    ],
)
def test_not_even_the_owner_rewrites_what_happened(shared_ledger: Ledger, statement: str) -> None:
    ledger = shared_ledger
    ledger.hold({"cores": 2})
    ledger.end(Kind.RELEASE)
    ledger.hold({"cores": 2}, "R-2026-0043")
    with ledger.connect("dcctl_owner") as owner, pytest.raises(DBAPIError):
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
    plain = PLAIN_POST.replace("l.balance + l.change >= 0 OR", "true OR").replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    assert plain.count("true OR l.holder_kind") == 1
    with psycopg.connect(ledger.owner_dsn) as owner:
        owner.execute(wrong.encode())
        owner.execute(plain.encode())
    with pytest.raises(DBAPIError, match="account_not_overdrawn"):
        ledger.hold({"cores": 41})

"""Direct SQL with the application's password changes no balance, no entry, no hold, no checkpoint, and nothing that guards them."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from dcctl import migrations
from tests.postgres import OWNER, Server, alchemy

from .attacks import ATTACKS, SHADOWING, Attack
from .conftest import READER, Ledger, prepare

#: What guards the rows: functions with their settings and owners, constraints, triggers, owners and rights of the tables, rules, types.
GUARDS = """
    SELECT 'function', p.oid::regprocedure::text, concat_ws(' ', p.prosrc, p.proconfig, p.prosecdef, p.proacl, p.proowner) FROM pg_proc p
        WHERE p.pronamespace = 'quotas'::regnamespace
    UNION ALL SELECT 'constraint', concat_ws(' ', conrelid, contypid, conname), concat_ws(' ', pg_get_constraintdef(oid), convalidated)
        FROM pg_constraint WHERE connamespace = 'quotas'::regnamespace
    UNION ALL SELECT 'trigger', concat_ws(' ', tgrelid, tgname), concat_ws(' ', pg_get_triggerdef(t.oid), tgenabled)
        FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE c.relnamespace = 'quotas'::regnamespace
    UNION ALL SELECT 'table', relname, concat_ws(' ', relowner, relacl, relrowsecurity, relhasrules, relkind, relhassubclass, obj_description(oid))
        FROM pg_class WHERE relnamespace = 'quotas'::regnamespace
    UNION ALL SELECT 'role', rolname, concat_ws(' ', rolsuper, rolcreaterole, rolbypassrls, rolconfig) FROM pg_roles
    UNION ALL SELECT 'member', roleid::text, member::text FROM pg_auth_members
    UNION ALL SELECT 'schema', nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
    UNION ALL SELECT 'setting', setdatabase::text, concat_ws(' ', setrole, setconfig) FROM pg_db_role_setting
    UNION ALL SELECT 'event trigger', evtname, evtenabled::text FROM pg_event_trigger"""

Row = tuple[object, ...]
State = list[Row]


def state(owner: psycopg.Connection[Row]) -> State:
    """Every row of every table of the ledger, and what guards them."""
    tables = [str(name) for (name,) in owner.execute("SELECT relname FROM pg_class WHERE relnamespace = 'quotas'::regnamespace AND relkind = 'r'")]
    assert {"account", "entry", "hold", "holder", "seal", "checkpoint"} <= set(tables)
    rows = [f"SELECT 'row', '{name}', t::text FROM quotas.{name} t" for name in tables]
    return owner.execute(" UNION ALL ".join([*rows, GUARDS, "SELECT '', '', '' WHERE false ORDER BY 1, 2, 3"]).encode()).fetchall()


#: Statements of attacks that write nothing by themselves, or that the server passes over with a warning.
HARMLESS = (
    "BEGIN", "ROLLBACK", "COMMIT", "DECLARE ", "FETCH ", "PREPARE p", "SET search_path", "CREATE TEMP TABLE mine", "SELECT quotas.post(", "ANALYZE ",
    "VACUUM ", "GRANT ALL ON ALL TABLES ",
)  # fmt: skip
#: What a statement meets because one before it was refused (the transaction has failed, the schema was not made), and that nothing here labels.
FOLLOWING = ("25P02", "3F000", "22023")


@dataclass
class Target:
    """A ledger that is attacked; `before` is what it was after the last attack."""

    ledger: Ledger
    owner: psycopg.Connection[Row]
    names: dict[str, object]
    before: State

    def attempt(self, attack: Attack, role: str | None = None) -> list[tuple[str, str | None]]:
        """Run it in a session of its own; each statement with the SQLSTATE with which it was refused, None where it ran."""
        tried: list[tuple[str, str | None]] = []
        with psycopg.connect(self.ledger.dsn(role), autocommit=True) as session:
            session.execute("SET statement_timeout = '10s'")
            for statement in attack.statements:
                for name, value in self.names.items():
                    statement = statement.replace(f"@{name}@", str(value))
                try:
                    session.execute(statement.encode())
                    tried.append((statement, None))
                except psycopg.Error as error:
                    tried.append((statement, error.sqlstate or type(error).__name__))
        return tried


def unpunished(attack: Attack, tried: list[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """The statements of an attack that were not refused as they should be; of one that may run, none."""
    if attack.refused is None:
        return []
    wrong = [
        (statement, code)
        for statement, code in tried
        if not statement.startswith(HARMLESS) and not (code or "").startswith((attack.refused, *FOLLOWING))
    ]
    return wrong if any((code or "").startswith(attack.refused) for _, code in tried) else tried


@pytest.fixture(scope="module")
def target(postgresql: Server) -> Iterator[Target]:
    """A ledger with an allocation and two open holds, one of which runs out; sealed, with a checkpoint beside the chain."""
    made = attacked(Ledger(postgresql.database(prepare), commits=True))
    yield made
    made.owner.close()
    made.ledger.close()
    postgresql.drop(made.ledger.owner_dsn)


def attacked(ledger: Ledger) -> Target:
    ledger.allocate({"cores": 4, "ram": 4096}, "R-2026-0041")
    opened = ledger.hold({"cores": 2}, "R-2026-0042", seconds=3600).entries[0]
    ledger.hold({"cores": 1}, "R-2026-0043")
    names = {"sante": ledger.sante.id, "justice": ledger.justice.id, "dossier": ledger.dossier.id, "hold_entry": opened}
    names |= {"owner": OWNER, "application": ledger.application, "database": psycopg.conninfo.conninfo_to_dict(ledger.owner_dsn)["dbname"]}
    owner: psycopg.Connection[Row] = psycopg.connect(ledger.owner_dsn, autocommit=True)
    owner.execute("SELECT quotas.seal()")
    recorded = owner.execute(
        "SELECT quotas.record_checkpoint(position, chain_hash, now(), sha256('key'), sha256('sign') || sha256('ature')) FROM quotas.seal"
        " ORDER BY position DESC LIMIT 1"
    ).fetchone()
    assert recorded is not None
    return Target(ledger, owner, names, state(owner))


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_changes_nothing(target: Target, attack: Attack) -> None:
    tried = target.attempt(attack)
    before, target.before = target.before, state(target.owner)
    assert target.before == before
    assert unpunished(attack, tried) == []


def test_a_reader_does_none_of_it_either(target: Target) -> None:
    for attack in ATTACKS:
        tried = target.attempt(attack, READER)
        assert attack.refused is None or any(code for _, code in tried), attack.name
    assert state(target.owner) == target.before


def test_nor_does_the_application_of_a_migrated_database(postgresql: Server) -> None:
    """Its rights come from the migrations, and not from this folder."""
    dsn = postgresql.database(lambda dsn: migrations.upgrade(alchemy(dsn)), key="migrations")
    target = attacked(Ledger(dsn, commits=True, application="dcctl_app"))
    wrong = {attack.name: found for attack in ATTACKS if (found := unpunished(attack, target.attempt(attack)))}
    assert wrong == {}
    assert state(target.owner) == target.before
    target.owner.close()
    target.ledger.close()
    postgresql.drop(dsn)


def test_the_ledger_works_on_after_attacks(target: Target) -> None:
    for attack in SHADOWING:
        target.attempt(attack)
    held = target.ledger.balance(target.ledger.sante).held
    target.ledger.hold({"cores": 1}, "R-2026-0044")
    assert target.ledger.balance(target.ledger.sante).held == held + 1
    assert target.ledger.differences() == []
    target.before = state(target.owner)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE quotas.account SET balance = balance + 1 WHERE holder_kind = 'pool'",
        "ALTER TABLE quotas.entry DISABLE TRIGGER append_only",
        "GRANT UPDATE ON quotas.account TO PUBLIC",
        "ALTER FUNCTION quotas.keep_holds SECURITY INVOKER",
        "ALTER TABLE quotas.account DROP CONSTRAINT account_not_overdrawn",
    ],
)
def test_the_comparison_sees_what_an_owner_does(target: Target, statement: str) -> None:
    """What is compared would show the success of an attack."""
    with psycopg.connect(target.ledger.owner_dsn) as owner:
        owner.execute(statement.encode())
        assert state(owner) != target.before
        owner.rollback()

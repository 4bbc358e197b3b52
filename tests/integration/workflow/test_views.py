"""Exporter and auditor read views, and nothing else; neither writes anything. Asked of PostgreSQL itself, and tried."""

from collections.abc import Iterator

import psycopg
import pytest

from dcctl import migrations
from dcctl.migrations import views
from dcctl.store import AUDIT
from metrics import store as metrics
from tests import postgres
from tests.integration.workflow.test_requests import reviewed

ROLES = {"dcctl_exporter": views.EXPORTER, "dcctl_auditor": views.AUDITOR}
#: Every table, view and sequence that a role has some right on, but for what all of PostgreSQL's users may read.
RIGHTS = """SELECT n.nspname, c.relname, c.relkind,
    array_remove(ARRAY[
        CASE WHEN has_table_privilege(%(role)s, c.oid, 'SELECT') THEN 'SELECT' END,
        CASE WHEN has_table_privilege(%(role)s, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') THEN 'WRITE' END,
        CASE WHEN c.relkind = 'S' AND has_sequence_privilege(%(role)s, c.oid, 'USAGE, UPDATE') THEN 'DRAW' END], NULL)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'"""
FUNCTIONS = """SELECT n.nspname || '.' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
    AND has_function_privilege(%(role)s, p.oid, 'EXECUTE')"""


@pytest.fixture
def owner(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def connected(database: str, role: str) -> psycopg.Connection:
    return psycopg.connect(database.replace(postgres.OWNER, role), autocommit=True)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_read_its_views_and_has_no_other_right(owner: psycopg.Connection, role: str) -> None:
    rights = {(schema, name): (kind, has) for schema, name, kind, has in owner.execute(RIGHTS, {"role": role}).fetchall() if has}

    assert {schema for schema, _ in rights} == {ROLES[role]}
    assert {(kind, *has) for kind, has in rights.values()} == {("v", "SELECT")}
    assert len(rights) > 15
    callable_ = {name for (name,) in owner.execute(FUNCTIONS, {"role": role}).fetchall()}
    assert {name for name in callable_ if not name.startswith("pg_")} <= (
        {"quotas.record_checkpoint", "audit.record_checkpoint"} if role == "dcctl_auditor" else set()
    )
    creates = "SELECT array_agg(nspname) FROM pg_namespace WHERE has_schema_privilege(%s, oid, 'CREATE')"
    assert owner.execute(creates, (role,)).fetchone() == (None,)


@pytest.mark.parametrize("role", ROLES)
def test_what_is_tried_is_refused(app: object, database: str, owner: psycopg.Connection, role: str) -> None:
    number = reviewed(app)
    tables = [f"{s}.{t}" for s, t in owner.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'quotas', 'audit')")]
    names = [f"{ROLES[role]}.{name}" for (name,) in owner.execute("SELECT viewname FROM pg_views WHERE schemaname = %s", (ROLES[role],))]
    assert "public.request" in tables
    with connected(database, role) as connection:
        for table in tables:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT FROM {table}")
        for view in names:
            connection.execute(f"SELECT FROM {view} LIMIT 1")
            for statement in (f"DELETE FROM {view}", f"INSERT INTO {view} DEFAULT VALUES", f"CREATE TABLE {ROLES[role]}.taken AS SELECT 1"):
                with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
                    connection.execute(statement)
        assert connection.execute(f"SELECT count(*) FROM {ROLES[role]}.request WHERE number = %s", (number,)).fetchone() == (1,)


def test_the_exporter_sees_neither_wishes_nor_people(database: str) -> None:
    with connected(database, "dcctl_exporter") as connection:
        columns = {column.name for column in connection.execute(f"SELECT * FROM {views.EXPORTER}.request").description or ()}
    assert columns == {"number", "administration", "state", "kind", "created_at"}


def test_what_an_earlier_release_granted_is_taken_back_by_the_upgrade(database: str, owner: psycopg.Connection) -> None:
    for role in ROLES:
        owner.execute(f"GRANT USAGE ON SCHEMA public, quotas, audit TO {role}")
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA quotas TO {role}")
    migrations.upgrade(postgres.alchemy(database))

    for role, schema in ROLES.items():
        rights = {found for found, _, _, has in owner.execute(RIGHTS, {"role": role}).fetchall() if has}
        assert rights == {schema}


def test_the_views_are_those_that_are_read(app: object, database: str) -> None:
    """The exporter's whole reading goes by them, and the auditor's of the trail."""
    reviewed(app)
    engine = metrics.engine(postgres.alchemy(database.replace(postgres.OWNER, "dcctl_exporter")), "test", read_only=True)
    with engine.connect() as connection:
        facts = metrics.read_facts(connection, "cotonou")
    engine.dispose()
    assert facts.requests == {("min-sante", "in_review", "environment"): 1}
    assert {line.holder for line in facts.holders} == {"min-sante", "min-justice"}
    assert views.seal_of(AUDIT) == "auditor.audit_seal"

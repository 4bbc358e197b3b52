"""What somebody tries who has the application's password and a psql: each attack is one or more statements of one session, with what must come of it.

`@sante@` and the like are filled with what the ledger has: ids of holders and entries, names of roles. Statements after a refused one are tried
all the same, and nothing of it may change a balance, an entry, a hold or a checkpoint, nor what guards them.
"""

from dataclasses import dataclass

#: SQLSTATEs: insufficient privilege, and the class of wrong values.
DENIED, BAD_VALUE = "42501", "22"
ACTOR = """'{"user_id": "x", "user_name": "x", "scope": "x"}'"""
ACT = """'{"kind": "act", "reference": "A-1"}'"""
EXPIRY = """'{"kind": "expiry", "reference": "R-2026-0042"}'"""
CORRECTION = """'{"kind": "correction", "reference": "x"}'"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attack.

    Attributes:
        refused: SQLSTATE, or the class of it, with which every statement that would write is refused; None: they may all run.
    """

    name: str
    statements: tuple[str, ...]
    refused: str | None = DENIED


def attack(name: str, *statements: str, refused: str | None = DENIED) -> Attack:
    return Attack(name=name, statements=statements, refused=refused)


def move(kind: str, payer: str, beneficiary: str, amount: str, reference: str = "", resource: str = "cores") -> str:
    """One move in JSON."""
    named = f', "reference": "{reference}"' if reference else ""
    parts = [f'"kind": "{kind}"', f'"payer": {payer}', f'"beneficiary": {beneficiary}', '"region": "cotonou"', f'"resource": "{resource}"']
    return "{" + ", ".join([*parts, f'"amount": {amount}{named}']) + "}"


def post(*moves: str, cause: str = ACT) -> str:
    return f"SELECT quotas.post('[{', '.join(moves)}]', {ACTOR}, {cause})"


def demand(kind: str, payer: str, beneficiary: str, resources: str, amounts: str, reference: str = "NULL", cause: str = "act") -> str:
    """The form of a posting whose moves differ in resource and amount only."""
    who = "'x', 'x', 'x', NULL"
    ends = f"{payer}, {beneficiary}, 'cotonou', {resources}::text[], {amounts}::bigint[], {reference}, NULL"
    return f"SELECT quotas.post('{kind}', {ends}, {who}, '{cause}', 'A-1', NULL, NULL)"


def grant(amount: str) -> str:
    """More than the pool has, or no amount at all: by itself it changes nothing either."""
    return post(move("grant", "2", "@sante@", amount))


#: By writing the tables.
WRITING = (
    attack("raise every balance", "UPDATE quotas.account SET balance = balance + 1000"),
    attack("lower a balance to what is in use, in a CTE", "WITH u AS (UPDATE quotas.account SET balance = 0 RETURNING *) SELECT * FROM u"),
    attack("give an account to the pool", "UPDATE quotas.account SET holder_id = 2, holder_kind = 'pool'"),
    attack(
        "open a rich account",
        "INSERT INTO quotas.account (holder_id, holder_kind, region, resource, place, balance) VALUES (2, 'pool', 'x', 'cores', 'available', 9)",
    ),
    attack(
        "upsert a balance",
        """INSERT INTO quotas.account (holder_id, holder_kind, region, resource, place) VALUES (2, 'pool', 'cotonou', 'cores', 'available')
            ON CONFLICT (holder_id, region, resource, place) DO UPDATE SET balance = 99""",
    ),
    attack("merge a balance", "MERGE INTO quotas.account a USING quotas.account b ON a.id = b.id WHEN MATCHED THEN UPDATE SET balance = 99"),
    attack("delete accounts", "DELETE FROM quotas.account"),
    attack("empty the accounts", "TRUNCATE quotas.account CASCADE"),
    attack("write an entry", "INSERT INTO quotas.entry DEFAULT VALUES"),
    attack("double what was given", "UPDATE quotas.entry SET amount = amount * 2"),
    attack("blame somebody else", "UPDATE quotas.entry SET actor_name = 'personne'"),
    attack("antedate an entry", "UPDATE quotas.entry SET effective_at = '2020-01-01'"),
    attack("delete the last entry", "DELETE FROM quotas.entry WHERE id = (SELECT max(id) FROM quotas.entry)"),
    attack("empty the entries", "TRUNCATE quotas.entry RESTART IDENTITY CASCADE"),
    attack("copy entries in", "COPY quotas.entry FROM PROGRAM 'echo'", "COPY quotas.account (balance) FROM STDIN"),
    attack("copy entries from a file", "COPY quotas.entry FROM '/etc/passwd'"),
    attack("end somebody's hold", "UPDATE quotas.hold SET state = 'released', closed_entry = 1"),
    attack("enlarge a hold", "UPDATE quotas.hold SET amount = 4000"),
    attack("let a hold run for ever", "UPDATE quotas.hold SET expires_at = NULL"),
    attack(
        "forge a hold",
        "INSERT INTO quotas.hold (opened_entry, reference, holder_id, region, resource, amount) VALUES (999, 'R-9', 2, 'x', 'cores', 5)",
    ),
    attack("take a holder's parent away", "UPDATE quotas.holder SET parent_id = 2"),
    attack("make a second pool", "INSERT INTO quotas.holder (kind, code, parent_id) VALUES ('pool', 'mien', 1)"),
    attack("rewrite the tree's past", "UPDATE quotas.holder_edge SET effective_from = '2020-01-01'", "DELETE FROM quotas.holder_edge"),
    attack(
        "write a rule of one's own", "INSERT INTO quotas.rule VALUES ('grant', 'environment', 'allocated', 'administration', 'available', 'same')"
    ),
    attack("bend a rule", "UPDATE quotas.rule SET source = 'declared'", "DELETE FROM quotas.kinship", "DELETE FROM quotas.place_of_kind"),
    attack("lock everything", "SELECT * FROM quotas.account FOR UPDATE"),
    attack("lock the tables", "BEGIN", "LOCK TABLE quotas.account IN ACCESS EXCLUSIVE MODE"),
    attack(
        "write through a cursor",
        "BEGIN",
        "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM quotas.account",
        "FETCH c",
        "UPDATE quotas.account SET balance = 99 WHERE CURRENT OF c",
    ),
    attack("write in a DO block", "DO $$ BEGIN UPDATE quotas.account SET balance = 99; EXCEPTION WHEN OTHERS THEN RAISE; END $$"),
    attack("write in dynamic SQL", "DO $$ BEGIN EXECUTE 'DELETE FROM quotas.' || 'entry'; END $$"),
    attack("write by a prepared statement", "PREPARE p AS UPDATE quotas.account SET balance = 99", "EXECUTE p"),
    attack("write the catalogue", "UPDATE pg_catalog.pg_class SET relacl = NULL", "UPDATE pg_catalog.pg_attribute SET attname = 'x'"),
)

#: By changing what guards the tables.
UNGUARDING = (
    attack("drop the CHECK", "ALTER TABLE quotas.account DROP CONSTRAINT account_not_overdrawn"),
    attack("disable the triggers", "ALTER TABLE quotas.entry DISABLE TRIGGER ALL", "DROP TRIGGER append_only ON quotas.entry"),
    attack("play replica", "SET session_replication_role = replica", "DELETE FROM quotas.entry"),
    attack("play replica by a function", "SELECT set_config('session_replication_role', 'replica', false)", "DELETE FROM quotas.entry"),
    attack("become the owner", "SET ROLE @owner@"),
    attack("become the owner's session", "SET SESSION AUTHORIZATION @owner@"),
    attack("become the owner by a setting", "SELECT set_config('role', '@owner@', false)", refused="42501"),
    attack("grant oneself everything", "GRANT ALL ON ALL TABLES IN SCHEMA quotas TO @application@", "GRANT @owner@ TO @application@"),
    attack("grant it to everybody", "GRANT UPDATE ON quotas.account TO PUBLIC", refused=None),
    attack("own the tables", "ALTER TABLE quotas.entry OWNER TO @application@", "REASSIGN OWNED BY @owner@ TO @application@"),
    attack("switch row security", "ALTER TABLE quotas.entry ENABLE ROW LEVEL SECURITY", "ALTER TABLE quotas.entry FORCE ROW LEVEL SECURITY"),
    attack(
        "put a rule on a table",
        "CREATE RULE r AS ON SELECT TO quotas.entry DO INSTEAD NOTHING",
        "CREATE RULE r AS ON INSERT TO quotas.entry DO INSTEAD NOTHING",
    ),
    attack(
        "put a trigger on a table",
        "CREATE TRIGGER t BEFORE INSERT ON quotas.entry FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ),
    attack("inherit from a table", "CREATE TEMP TABLE child () INHERITS (quotas.account)"),
    attack("attach a partition's worth", "CREATE TEMP TABLE mine (LIKE quotas.entry)", "ALTER TABLE quotas.entry INHERIT mine"),
    attack("change a domain", "ALTER DOMAIN quotas.amount DROP CONSTRAINT amount_check", "ALTER DOMAIN quotas.place DROP NOT NULL"),
    attack("change a type", "ALTER TYPE quotas.step ADD ATTRIBUTE x int", "DROP TYPE quotas.step CASCADE"),
    attack(
        "make post() one's own",
        "ALTER FUNCTION quotas.keep_holds SECURITY INVOKER",
        "ALTER FUNCTION quotas.post(jsonb, jsonb, jsonb, timestamptz) RESET ALL",
    ),
    attack("replace a function", "CREATE OR REPLACE FUNCTION quotas.fault(text, text) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'"),
    attack("drop an index", "DROP INDEX quotas.hold_open", "DROP INDEX quotas.entry_reverses"),
    attack("drop it all", "DROP SCHEMA quotas CASCADE", "DROP OWNED BY @owner@ CASCADE"),
    attack("make something in the ledger's schema", "CREATE TABLE quotas.mine (a int)", "CREATE VIEW quotas.v AS SELECT 1"),
    attack("an event trigger", "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION quotas.refuse_change()"),
    attack("publish the tables away", "CREATE PUBLICATION p FOR TABLE quotas.entry", "ALTER SYSTEM SET fsync = off"),
)

#: By standing where post() looks: its search path is its own, and temporary things come last on it.
SHADOWING = (
    attack(
        "shadow the tables by temporary ones",
        "CREATE TEMP TABLE account AS SELECT * FROM quotas.account",
        "CREATE TEMP TABLE entry AS SELECT * FROM quotas.entry",
        "SET search_path = pg_temp, quotas, public",
        "UPDATE account SET balance = 1000000",
        grant("50"),
        refused=None,
    ),
    attack(
        "shadow the clock",
        "SET search_path = pg_temp, pg_catalog",
        "CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT now() + interval '1 year' $$",
        post(move("expire", "@sante@", "@sante@", "2", "R-2026-0042"), cause=EXPIRY),
        refused=None,
    ),
    attack(
        "shadow a sum and an operator",
        "CREATE FUNCTION pg_temp.less(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        "CREATE OPERATOR pg_temp.< (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = pg_temp.less)",
        "CREATE FUNCTION pg_temp.coalesced(jsonb) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'",
        "CREATE AGGREGATE pg_temp.sum(bigint) (SFUNC = int8pl, STYPE = bigint, INITCOND = '0')",
        "SET search_path = pg_temp, pg_catalog",
        grant("50"),
        refused=None,
    ),
    attack(
        "a cast that runs as the owner",
        "CREATE TYPE pg_temp.step AS (position int)",
        "CREATE DOMAIN pg_temp.jsonb AS text",
        "SET search_path = pg_temp, quotas, pg_catalog",
        grant("50"),
        refused=None,
    ),
    attack(
        "an own schema before the ledger's",
        "CREATE SCHEMA before_it",
        "CREATE FUNCTION before_it.nextval(regclass) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
        "SET search_path = before_it, pg_catalog",
        grant("50"),
    ),
    attack(
        "other planner settings and types of constants",
        "SET standard_conforming_strings = off",
        "SET enable_indexscan = off",
        "SET work_mem = '64kB'",
        "SET plan_cache_mode = force_custom_plan",
        "SET timezone = 'Pacific/Kiritimati'",
        "SET check_function_bodies = off",
        grant("50"),
        refused=None,
    ),
)

#: By calling what may be called, with what nobody should send.
CALLING = (
    attack("a negative amount", grant("-5"), refused=None),
    attack("no amount", grant("0"), grant("null"), refused=None),
    attack("not a number", grant('"NaN"'), refused=BAD_VALUE),
    attack("an infinite number", grant('"Infinity"'), refused=BAD_VALUE),
    attack("a fraction", grant("1.5"), refused=BAD_VALUE),
    attack("more than a bigint", grant("99999999999999999999"), refused=BAD_VALUE),
    attack("an exponent", grant("1e400"), refused=BAD_VALUE),
    attack("the largest numbers", grant("9223372036854775807"), grant("9007199254740992"), grant("9007199254740993"), refused=None),
    attack("an overflow of a sum", post(*[move("declare", "1", "2", "9007199254740992")] * 3), refused=None),
    attack("a negative demand", demand("grant", "2", "@sante@", "'{cores}'", "'{-5}'"), refused=None),
    attack("a demand with holes", demand("grant", "2", "@sante@", "'{cores,NULL}'", "'{1}'"), refused=None),
    attack("amounts without names", demand("grant", "2", "@sante@", "'{cores}'", "'{1,2}'"), refused=None),
    attack("a resource named twice", demand("grant", "2", "@sante@", "'{cores,cores}'", "'{30,30}'"), refused=None),
    attack("a square of resources", demand("grant", "2", "@sante@", "'{{cores,ram},{ram,cores}}'", "'{{30,-1},{-1,1}}'"), refused=None),
    attack("a demand on a sister", demand("grant", "@justice@", "@sante@", "'{cores}'", "'{1}'"), refused=None),
    attack("a hold without a reference", demand("hold", "@sante@", "@sante@", "'{cores}'", "'{1}'"), refused=None),
    attack("the same hold again", demand("hold", "@sante@", "@sante@", "'{cores}'", "'{1}'", "'R-2026-0042'", "request"), refused=None),
    attack("release more than is held", demand("release", "@sante@", "@sante@", "'{cores}'", "'{3}'", "'R-2026-0042'", "request"), refused=None),
    attack("expire by a demand", demand("expire", "@sante@", "@sante@", "'{cores}'", "'{2}'", "'R-2026-0042'", "expiry"), refused=None),
    attack("move an environment to a sister", "SELECT quotas.move_holder(@dossier@, @justice@, now())", refused=None),
    attack("move an administration below its own", "SELECT quotas.move_holder(@sante@, @sante@, now())", refused=None),
    attack("a grant to oneself", post(move("grant", "2", "2", "5")), refused=None),
    attack("a grant from a sister", post(move("grant", "@justice@", "@sante@", "1")), refused=None),
    attack("free what others have", post(move("free", "@dossier@", "@justice@", "1")), refused=None),
    attack("allocate without a hold", post(move("allocate", "@sante@", "@dossier@", "1", "R-9")), refused=None),
    attack("expire a hold that runs", post(move("expire", "@sante@", "@sante@", "2", "R-2026-0042"), cause=EXPIRY), refused=None),
    attack("reverse a hold", post('{"kind": "correct", "reverses": @hold_entry@}', cause=CORRECTION), refused=None),
    attack("code in a name", post(move("hold", "@sante@", "@sante@", "1", "x", "cores; DELETE FROM quotas.entry")), refused=None),
    attack("nobody did it", f"SELECT quotas.post('[]', NULL, {ACT})", "SELECT quotas.post(NULL, NULL, NULL)", refused=None),
    attack("nonsense", "SELECT quotas.post('[null, 3]', '{}', '{}')", "SELECT quotas.post('{}', NULL, NULL)", refused=BAD_VALUE),
    attack("a future date", grant("1").removesuffix(")") + ", 'infinity')", refused=None),
    attack("grants without a commit", "BEGIN", *([grant("1")] * 5), "ROLLBACK", refused=None),
    attack("a grant in a transaction that fails", "BEGIN", grant("1"), "SELECT 1 / 0", "COMMIT", refused="22012"),
    attack("a savepoint given up", "BEGIN", "SAVEPOINT s", grant("1"), "ROLLBACK TO s", "COMMIT", refused=None),
    attack("a grant prepared and forgotten", "BEGIN", grant("1"), "PREPARE TRANSACTION 'later'", refused="55000"),
    attack("a grant in a read-only transaction", "BEGIN READ ONLY", grant("1"), refused="25006"),
    attack("a pool of one's own", "SELECT quotas.open_holder('pool', 'mien', 1)", "SELECT quotas.open_holder('world', 'mien', 1)", refused=None),
    attack("a child of an environment", "SELECT quotas.open_holder('environment', 'enfant', @dossier@)", refused=None),
    attack("a code that is code", "SELECT quotas.open_holder('administration', '''; DROP TABLE quotas.entry', 2)", refused=None),
    attack("a hold kept beyond its end", "SELECT quotas.keep_holds('R-2026-0042', '2001-01-01')", refused=None),
    attack("what only the owner calls", "SELECT quotas.fault('x', 'y')", "SELECT quotas.refuse_change()"),
    attack("seal", "SELECT quotas.seal()"),
    attack("sign a checkpoint of one's own", "SELECT quotas.record_checkpoint(1, '', now(), '', '')"),
    attack(
        "write the chain",
        "UPDATE quotas.seal SET chain_hash = NULL",
        "DELETE FROM quotas.checkpoint",
        "UPDATE quotas.sealed SET below = 0",
    ),
    attack("use up the numbers", "SELECT setval('quotas.posting_number', 9223372036854775807)"),
    attack("take numbers", "SELECT nextval('quotas.posting_number')"),
    attack("set the entries' numbers back", "SELECT setval(pg_get_serial_sequence('quotas.entry', 'id'), 1)", refused=None),
    attack("restart the numbers", "ALTER SEQUENCE quotas.posting_number RESTART", "ALTER TABLE quotas.account ALTER id RESTART"),
)

#: By the server's side doors.
SIDE_DOORS = (
    attack("read a file", "SELECT pg_read_file('PG_VERSION')", "SELECT pg_ls_dir('.')"),
    attack("write a file by a large object", "SELECT lo_export(lo_from_bytea(0, 'x'), 'ledger')", "SELECT lo_import('/etc/passwd')"),
    attack("run a program", "COPY (SELECT 1) TO PROGRAM 'id'"),
    attack("call home as somebody else", "CREATE EXTENSION dblink", "CREATE EXTENSION postgres_fdw", refused=None),
    attack("a language without borders", "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE c AS 'libc', 'system'"),
    attack("an internal function", "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE internal AS 'int4in'"),
    attack("kill the owner's sessions", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user", refused=None),
    attack("reload another configuration", "SELECT pg_reload_conf()", "ALTER DATABASE @database@ SET session_replication_role = replica"),
    attack("switch the role's settings", "ALTER ROLE @application@ SUPERUSER", "ALTER ROLE @application@ SET session_replication_role = replica"),
    attack("a role of one's own", "CREATE ROLE mien SUPERUSER"),
    attack("hold advisory locks", "SELECT pg_advisory_lock(n) FROM generate_series(1, 100) n", refused=None),
    attack("talk on a channel", "LISTEN ledger", "NOTIFY ledger, 'x'", "UNLISTEN *", refused=None),
    attack("leave a backup to be restored", "SELECT pg_create_restore_point('x')", "SELECT pg_switch_wal()"),
    attack("analyse to leak through statistics", "ANALYZE quotas.entry", "VACUUM FULL quotas.entry", "REINDEX TABLE quotas.entry"),
    attack("comment on it", "COMMENT ON TABLE quotas.entry IS 'vide'", "SECURITY LABEL ON TABLE quotas.entry IS 'x'"),
    attack("statistics of one's own", "CREATE STATISTICS s ON id, kind FROM quotas.entry"),
    attack("refer to it, so that it cannot be changed", "CREATE TEMP TABLE t (e bigint REFERENCES quotas.entry (id))", refused=None),
)

ATTACKS = (*WRITING, *UNGUARDING, *SHADOWING, *CALLING, *SIDE_DOORS)

"""The fence in the engine's database: a table with the token that each stack's state is of, and a trigger that refuses every other.

A run names its token in the address of the state (`dcctl.fence=7`), which PostgreSQL keeps as a parameter of the connection. A stack that was never
worked on under a lease has no row, and no fence.
"""

from functools import reduce

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from dcctl.errors import DcctlError

TABLE = "pulumi_state"
#: Keys are like .pulumi/stacks/dcctl/cotonou.min-sante.dossier-patient.workload.json and .pulumi/locks/organization/dcctl/STACK/ID.json.
_STACK = r"/([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.(?:tenant|workload))[./]"
_STATEMENTS = (
    # Both as the engine makes them, which is glad to find them: IF NOT EXISTS is no lock, and of several first runs at once all but one would fail.
    "CREATE TABLE IF NOT EXISTS {table} (key TEXT PRIMARY KEY, data JSON NOT NULL, updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now())",
    "CREATE INDEX IF NOT EXISTS {index} ON {table} (key text_pattern_ops)",
    "CREATE TABLE IF NOT EXISTS dcctl_fence (stack text PRIMARY KEY, token bigint NOT NULL, since timestamptz NOT NULL DEFAULT now())",
    """
    CREATE OR REPLACE FUNCTION dcctl_fenced() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        written text := CASE WHEN TG_OP = 'DELETE' THEN OLD.key ELSE NEW.key END;
        given text := current_setting('dcctl.fence', true);
        wanted bigint;
    BEGIN
        -- Shared with other writers of the same token; whoever lifts the fence waits for this statement.
        SELECT token INTO wanted FROM dcctl_fence WHERE stack = substring(written FROM '{stack}') FOR SHARE;
        IF wanted IS NOT NULL AND wanted::text IS DISTINCT FROM given THEN
            RAISE EXCEPTION 'fenced: % (the state is of token %)', coalesce(nullif(given, ''), 'no token'), wanted
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        RETURN NEW;
    END $$
    """,
    "CREATE OR REPLACE TRIGGER dcctl_fence BEFORE INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION dcctl_fenced()",
)


def address(backend: str) -> URL | None:
    """The state's database for SQLAlchemy; None for a state in files. The engine's own parameter `table` is no part of it."""
    if not backend.startswith(("postgres://", "postgresql://")):
        return None
    return make_url(f"postgresql+psycopg://{backend.partition('://')[2]}").difference_update_query(["table"])


def install(backend: str) -> bool:
    """Put the fence up; False where there is none to put up. May be repeated; needs the right to make tables there, as the engine does.

    Raises:
        DcctlError: DCCTL-412 when the database does not answer, DCCTL-413 when it refuses.
    """
    url = address(backend)
    if url is None:
        return False
    given = make_url(f"postgresql+psycopg://{backend.partition('://')[2]}").query.get("table", TABLE)
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    try:
        with engine.begin() as connection:
            quote = connection.dialect.identifier_preparer.quote
            named = {"{table}": quote(str(given)), "{index}": quote(f"{given}_key_prefix_idx"), "{stack}": _STACK}
            for statement in _STATEMENTS:
                whole = reduce(lambda text, of: text.replace(*of), named.items(), statement)
                connection.execution_options(no_parameters=True).exec_driver_sql(whole)
    except OperationalError as error:
        raise DcctlError("DCCTL-412") from error
    except ProgrammingError as error:
        raise DcctlError("DCCTL-413", words=str(error.orig).strip()) from error
    finally:
        engine.dispose()
    return True

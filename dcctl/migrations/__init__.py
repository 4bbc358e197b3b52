"""The database's schema: Alembic's revisions in `versions/`, the roles that use it, and what each of them may do.

Roles' names are the site's, so what is granted to them is not part of a revision but repeated after each upgrade: it may be run any number
of times. The application may not write the ledger's tables; decisions and events cannot be changed by anybody but the owner, who does not run.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import sql
from sqlalchemy import Connection, create_engine

from dcctl.config import Roles
from dcctl.migrations import audit, hours, views
from quotas import schema as ledger

if TYPE_CHECKING:  # Alembic is imported by what runs it: ten MiB in a worker, which only knows the fence, were for nothing
    from alembic.config import Config

HERE = Path(__file__).parent

#: Tables of observations: the collector's to write.
OBSERVATIONS = ("project_observation", "observed_project", "source", "openstack_requests", "collect_calls")
#: What the application adds to but never changes.
APPEND_ONLY = (
    "decision", "event", "act", "act_decision", "discrepancy_note", "certificate", "ledger_acceptance", "policy", "emergency_review",
)  # fmt: skip
QUEUE_TABLES = ("procrastinate_jobs", "procrastinate_events", "procrastinate_periodic_defers", "procrastinate_workers")


def upgrade(owner_url: str, roles: Roles | None = None) -> None:
    """Bring the schema to the newest revision and give each role what it may do; does nothing twice."""
    from alembic import command

    roles = roles or Roles()
    engine = create_engine(owner_url)
    try:
        with engine.begin() as connection:
            for role in (roles.application, roles.collector, roles.exporter, roles.auditor, roles.sealer):
                _ensure_role(connection, role)
        with engine.begin() as connection:
            config = _config()
            config.attributes["connection"] = connection
            for statement in views.DROP:
                connection.exec_driver_sql(statement)
            command.upgrade(config, "head")
            for statement in [*views.create(), *_grants(roles)]:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def current(connection: Connection) -> str | None:
    """The revision that the database has."""
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def head() -> str | None:
    """The revision that this code wants."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    return config


def _ensure_role(connection: Connection, role: str) -> None:
    known = connection.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).first()
    if known is None:
        connection.exec_driver_sql(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)).as_string(None))


def _grants(roles: Roles) -> list[str]:
    application, collector, exporter, auditor, sealer = (
        sql.Identifier(role).as_string(None) for role in (roles.application, roles.collector, roles.exporter, roles.auditor, roles.sealer)
    )
    observations, appended = ", ".join(OBSERVATIONS), ", ".join(APPEND_ONLY)
    return [
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {application}, {collector}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {application}",
        f"REVOKE UPDATE, DELETE ON {appended} FROM {application}",
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {application}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {application}",
        f"GRANT SELECT ON administration, environment, project_limit, {observations} TO {collector}",
        f"GRANT INSERT, UPDATE, DELETE ON {observations} TO {collector}",
        *hours.grants(application, collector),
        *ledger.grants(roles.application, [roles.collector], sealer=roles.sealer, auditor=roles.auditor),
        *audit.grants(application, auditor, sealer),
        *views.grants(exporter, auditor),
    ]

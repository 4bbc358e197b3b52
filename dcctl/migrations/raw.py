"""Statements of a revision as they are written, by psycopg itself: in them a percent sign is no placeholder."""

from collections.abc import Iterable

from alembic import op


def run(statements: Iterable[str]) -> None:
    """Execute them one after the other, in the migration's own transaction."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    for statement in statements:
        connection.execute(statement)

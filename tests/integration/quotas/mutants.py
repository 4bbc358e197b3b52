"""Four wrong ledgers, which the storm must find: each looks right when one process is alone with it.

They write the ledger's own accounts as its owner, with the CHECK on the balance removed, and note what they granted in `quotas.mutant_entry`. Each is
one that somebody would write: read a figure, compare, write.
"""

from collections.abc import Sequence

import psycopg

from quotas.ledger import Holder

from .storm import Take

#: Takes the second wall down.
NO_CHECK = b"ALTER TABLE quotas.account DROP CONSTRAINT account_not_overdrawn"
#: A table stands in for the entries, so that no rule of the real ones hides the fault.
SETUP = (
    NO_CHECK.decode(),
    """CREATE TABLE quotas.mutant_entry (id bigserial PRIMARY KEY, holder_id bigint NOT NULL, resource text NOT NULL, amount bigint NOT NULL,
        reference text NOT NULL)""",
    "CREATE INDEX ON quotas.mutant_entry (holder_id, resource) INCLUDE (amount)",
)
NOTED = "SELECT resource, sum(amount)::bigint FROM quotas.mutant_entry WHERE holder_id = %s GROUP BY resource"

_BALANCE = "SELECT balance FROM quotas.account WHERE holder_id = %s AND resource = %s AND place = 'available'"
_SET = "UPDATE quotas.account SET balance = %s WHERE holder_id = %s AND resource = %s AND place = 'available'"
_SUBTRACT = "UPDATE quotas.account SET balance = balance - 1 WHERE holder_id = %s AND resource = %s AND place = 'available'"
_SUM = "SELECT coalesce(sum(amount), 0)::bigint FROM quotas.mutant_entry WHERE holder_id = %s AND resource = %s"
_NOTE = "INSERT INTO quotas.mutant_entry (holder_id, resource, amount, reference) VALUES (%s, %s, 1, %s)"


def _figure(connection: psycopg.Connection[tuple[int]], statement: str, holder: Holder, resource: str) -> int:
    row = connection.execute(statement.encode(), (holder.id, resource)).fetchone()
    assert row is not None
    return row[0]


def read_modify_write(dsn: str) -> Take:
    """The balance is read, compared and written back without a lock: what another wrote meanwhile is lost."""
    connection: psycopg.Connection[tuple[int]] = psycopg.connect(dsn)

    def take(holder: Holder, resources: Sequence[str], reference: str) -> bool:
        with connection.transaction():
            balances = {resource: _figure(connection, _BALANCE, holder, resource) for resource in sorted(resources)}
            if min(balances.values()) < 1:
                return False
            for resource, balance in balances.items():
                connection.execute(_SET, (balance - 1, holder.id, resource))
                connection.execute(_NOTE, (holder.id, resource, reference))
        return True

    return take


def _sum_and_insert(dsn: str, isolation: psycopg.IsolationLevel) -> Take:
    connection: psycopg.Connection[tuple[int]] = psycopg.connect(dsn)
    connection.isolation_level = isolation

    def take(holder: Holder, resources: Sequence[str], reference: str) -> bool:
        with connection.transaction():
            if any(_figure(connection, _SUM, holder, r) >= _figure(connection, _BALANCE, holder, r) for r in resources):
                return False
            for resource in resources:
                connection.execute(_NOTE, (holder.id, resource, reference))
        return True

    return take


def sum_and_insert_read_committed(dsn: str) -> Take:
    """What is there is the sum of the entries; nobody sees what others have not committed yet."""
    return _sum_and_insert(dsn, psycopg.IsolationLevel.READ_COMMITTED)


def sum_and_insert_repeatable_read(dsn: str) -> Take:
    """The same in a snapshot: two that insert different rows do not conflict (write skew)."""
    return _sum_and_insert(dsn, psycopg.IsolationLevel.REPEATABLE_READ)


def check_outside_the_statement(dsn: str) -> Take:
    """The subtraction is atomic, but the question whether there is enough was asked before."""
    connection: psycopg.Connection[tuple[int]] = psycopg.connect(dsn)

    def take(holder: Holder, resources: Sequence[str], reference: str) -> bool:
        with connection.transaction():
            if any(_figure(connection, _BALANCE, holder, resource) < 1 for resource in resources):
                return False
            for resource in sorted(resources):
                connection.execute(_SUBTRACT, (holder.id, resource))
                connection.execute(_NOTE, (holder.id, resource, reference))
        return True

    return take


MUTANTS = (read_modify_write, sum_and_insert_read_committed, sum_and_insert_repeatable_read, check_outside_the_statement)

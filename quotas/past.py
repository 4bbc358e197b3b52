"""What is recorded today and counts since an earlier day: whether it could have been so then.

A balance of a day is the sum of what took effect until then. So a transfer of an earlier day may leave its payer with less than nothing on some day
in between, though it has enough today; and the two may have been parent and child only later. Both are asked after the posting, in its own
transaction: it holds its accounts' rows, so nobody else changes what was.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from quotas.store import Database, Posting, get_holder


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdrawn:
    """An account that would have had less than nothing: whose, of what, when it was least, and how little that was."""

    holder: str
    resource: str
    at: datetime
    balance: int


#: The accounts that a posting takes from, with what they would have had at each moment; the lowest of those that would have been enough without it.
_LOWEST = text("""
    WITH taken AS (
        SELECT account, sum(amount) AS net FROM (
            SELECT debit_account AS account, -amount AS amount FROM quotas.entry WHERE id = ANY (:entries)
            UNION ALL SELECT credit_account, amount FROM quotas.entry WHERE id = ANY (:entries)) t
        GROUP BY account HAVING sum(amount) < 0
    ), flow AS (
        SELECT t.account, t.net, e.effective_at, e.amount FROM taken t CROSS JOIN LATERAL (
            SELECT effective_at, amount FROM quotas.entry WHERE credit_account = t.account
            UNION ALL SELECT effective_at, -amount FROM quotas.entry WHERE debit_account = t.account) e
    ), running AS (
        SELECT account, net, effective_at, sum(sum(amount)) OVER (PARTITION BY account ORDER BY effective_at) AS balance
        FROM flow GROUP BY account, net, effective_at
    ), lowest AS (
        SELECT DISTINCT ON (account) account, effective_at, balance FROM running
        WHERE effective_at >= :since AND balance < 0 AND balance - net >= 0 ORDER BY account, balance, effective_at
    )
    SELECT a.holder_id, a.resource, l.effective_at, l.balance::bigint FROM lowest l JOIN quotas.account a ON a.id = l.account
    JOIN quotas.holder h ON h.id = a.holder_id WHERE h.kind <> 'world' ORDER BY a.id""")

#: Of the administrations that the entries are between: those that had another parent before, and since when they have had this one.
_RELATED = text("""
    SELECT h.id, p.id AS parent_id, e.effective_from FROM quotas.holder h JOIN quotas.holder p ON p.id = h.parent_id
    JOIN quotas.holder_edge e ON e.holder_id = h.id
    WHERE EXISTS (
            SELECT FROM quotas.entry x JOIN quotas.account d ON d.id = x.debit_account JOIN quotas.account c ON c.id = x.credit_account
            WHERE x.id = ANY (:entries) AND (d.holder_id, c.holder_id) IN ((h.id, p.id), (p.id, h.id)))
        AND NOT EXISTS (SELECT FROM quotas.holder_edge l WHERE l.holder_id = h.id AND l.effective_from > e.effective_from)
        AND EXISTS (SELECT FROM quotas.holder_edge f WHERE f.holder_id = h.id AND f.effective_from < e.effective_from)
        AND e.effective_from > :since
    ORDER BY h.id LIMIT 1""")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYet:
    """Two that were not yet parent and child; `since` is when they became it."""

    holder: str
    parent: str
    since: datetime


def overdrawn(database: Database, posting: Posting) -> list[Overdrawn]:
    """The accounts that it takes from, and that would have been below zero on some day since it counts."""
    rows = database.execute(_LOWEST, {"entries": list(posting.entries), "since": posting.effective_at}).all()
    return [Overdrawn(holder=get_holder(database, row[0]).name, resource=row[1], at=row[2], balance=int(row[3])) for row in rows]


def not_yet(database: Database, posting: Posting) -> NotYet | None:
    """The first of its administrations that had another parent when it is to count."""
    row = database.execute(_RELATED, {"entries": list(posting.entries), "since": posting.effective_at}).first()
    if row is None:
        return None
    return NotYet(holder=get_holder(database, row[0]).name, parent=get_holder(database, row[1]).name, since=row[2])

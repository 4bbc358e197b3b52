"""The tree of holders beyond one posting: many of them at once, what is below one, its parents by date, and the move to another parent.

As in `quotas.store`, every function takes the caller's connection or session and commits nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, text

from quotas.ledger import Fault, Holder, HolderKind, LedgerError, MovesRefused
from quotas.resources import in_order
from quotas.store import Database, get_holder


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a holder, and everyone below it, has of one resource."""

    holder: str
    resource: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Since when a holder has had which parent."""

    parent: str
    effective_from: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryEnds:
    """An entry's two holders: whose account it took from, and whose it gave to."""

    kind: str
    cause_kind: str
    region: str
    resource: str
    amount: int
    payer: Holder
    beneficiary: Holder


class StillOut(LedgerError):
    """The administration, or somebody below it, still has what its parent granted; `parts` names whom and how much."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)
        super().__init__("; ".join(f"{part.holder} {part.resource} {part.amount}" for part in self.parts))


def _rows(database: Database, statement: str, **values: object) -> Sequence[RowMapping]:
    return database.execute(text(statement), values).mappings().all()


def administrations(database: Database, codes: Collection[str]) -> dict[str, Holder]:
    """The holders of administrations by code; whoever has none is missing."""
    statement = "SELECT id, kind, code, parent_id FROM quotas.holder WHERE kind = 'administration' AND code = ANY (:codes)"
    return {
        row["code"]: Holder(id=row["id"], kind=HolderKind(row["kind"]), code=row["code"], parent_id=row["parent_id"], name=row["code"])
        for row in _rows(database, statement, codes=list(codes))
    }


def passed_on(database: Database, holder: Holder, region: str) -> list[Part]:
    """What the administrations directly below have, each with everyone below it, by name; nothing is left out."""
    statement = """WITH RECURSIVE below (child, id) AS (
            SELECT h.code, h.id FROM quotas.holder h WHERE h.parent_id = :holder AND h.kind = 'administration'
            UNION ALL SELECT below.child, h.id FROM quotas.holder h JOIN below ON h.parent_id = below.id
        )
        SELECT below.child, a.resource, sum(a.balance)::bigint AS amount FROM below JOIN quotas.account a ON a.holder_id = below.id
        WHERE a.region = :region GROUP BY below.child, a.resource HAVING sum(a.balance) <> 0"""
    rows = _rows(database, statement, holder=holder.id, region=region)
    order = {name: position for position, name in enumerate(in_order({row["resource"] for row in rows}))}
    parts = [Part(holder=row["child"], resource=row["resource"], amount=row["amount"]) for row in rows]
    return sorted(parts, key=lambda part: (part.holder, order[part.resource]))


def edges(database: Database, holder: Holder) -> list[Edge]:
    """Every parent that a holder has had, the present one last."""
    statement = """SELECT p.code, e.effective_from, e.recorded_at FROM quotas.holder_edge e JOIN quotas.holder p ON p.id = e.parent_id
        WHERE e.holder_id = :holder ORDER BY e.effective_from"""
    rows = _rows(database, statement, holder=holder.id)
    return [Edge(parent=row["code"], effective_from=row["effective_from"], recorded_at=row["recorded_at"]) for row in rows]


def parents(database: Database, as_of: datetime) -> dict[str, str]:
    """The parent that each administration had then; of a day before its first edge, that one's."""
    statement = """SELECT DISTINCT ON (h.id) h.code, p.code AS parent FROM quotas.holder h JOIN quotas.holder_edge e ON e.holder_id = h.id
        JOIN quotas.holder p ON p.id = e.parent_id WHERE h.kind = 'administration'
        ORDER BY h.id, e.effective_from <= :as_of DESC, CASE WHEN e.effective_from <= :as_of THEN e.effective_from END DESC, e.effective_from"""
    return {row["code"]: row["parent"] for row in _rows(database, statement, as_of=as_of)}


def entry_ends(database: Database, entry_id: int) -> EntryEnds | None:
    """Between whom an entry was; None where there is none of that number."""
    statement = """SELECT e.kind, e.cause_kind, e.region, e.resource, e.amount, d.holder_id AS payer, c.holder_id AS beneficiary FROM quotas.entry e
        JOIN quotas.account d ON d.id = e.debit_account JOIN quotas.account c ON c.id = e.credit_account WHERE e.id = :id"""
    rows = _rows(database, statement, id=entry_id)
    if not rows:
        return None
    row = rows[0]
    return EntryEnds(
        payer=get_holder(database, row["payer"]),
        beneficiary=get_holder(database, row["beneficiary"]),
        **{name: row[name] for name in ("kind", "cause_kind", "region", "resource", "amount")},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryLine:
    """An entry in a few words."""

    id: int
    kind: str
    resource: str
    amount: int
    reverses: int | None


def corrected(database: Database, entry_id: int) -> list[EntryLine]:
    """The entry that reverses one, and what was posted in its place; nothing where it is not reversed."""
    statement = """SELECT e.id, e.kind, e.resource, e.amount, e.reverses FROM quotas.entry r JOIN quotas.entry e ON e.posting = r.posting
        AND e.id BETWEEN r.id AND r.id + 1000 WHERE r.reverses = :id ORDER BY e.id"""
    return [EntryLine(**row) for row in _rows(database, statement, id=entry_id)]


def reversal_of(database: Database, entry_id: int) -> int | None:
    """The number of the entry that reverses this one."""
    rows = _rows(database, "SELECT id FROM quotas.entry WHERE reverses = :id", id=entry_id)
    return rows[0]["id"] if rows else None


def reversed_by(database: Database, entry_id: int) -> int | None:
    """The number of the entry that this one, a reversal, reverses."""
    rows = _rows(database, "SELECT reverses FROM quotas.entry WHERE id = :id", id=entry_id)
    return rows[0]["reverses"] if rows else None


def move(database: Database, holder: Holder, parent: Holder, since: datetime | None = None) -> datetime:
    """Give an administration another parent, from `since` on (now, when left out); the moment from which it holds.

    Raises:
        StillOut: it, or somebody below it, has something; no balance moves with an edge.
        MovesRefused: same_parent, below_itself, wrong_holders, effective_in_future, moved_since (something was transferred here after `since`).
    """
    answer = (
        database.execute(text("SELECT quotas.move_holder(:holder, :parent, :since)"), {"holder": holder.id, "parent": parent.id, "since": since})
    ).scalar_one()
    if "faults" in answer:
        raise MovesRefused([Fault(move=fault["move"], code=fault["code"], detail=fault["detail"]) for fault in answer["faults"]])
    if "still_out" in answer:
        raise StillOut(_still_out(database, answer["still_out"]))
    return datetime.fromisoformat(answer["effective_from"])


def _still_out(database: Database, found: Sequence[dict[str, object]]) -> list[Part]:
    sums: dict[tuple[str, str], int] = {}
    for one in found:
        key = get_holder(database, int(str(one["holder"]))).name, str(one["resource"])
        sums[key] = sums.get(key, 0) + int(str(one["amount"]))
    return [Part(holder=name, resource=resource, amount=amount) for (name, resource), amount in sums.items()]

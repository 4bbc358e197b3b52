"""Reading the audit trail: lists, one event, and the export that is proved elsewhere."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import text

from dcctl import trail
from dcctl.errors import NotVisible
from dcctl.schemas import API_VERSION
from dcctl.workflow.app import App
from dcctl.workflow.proving import streamed
from dcctl.workflow.witness import CHAIN

_COLUMNS = ", ".join(f"e.{name}" for name in trail.COLUMNS if name != "document")
_FILTERS = {
    "action": "e.action = :action", "outcome": "e.outcome = :outcome", "actor": "e.actor = :actor",
    "administration": "e.administration = :administration",
    "target": "e.target = :target", "since": "e.at >= :since", "until": "e.at < :until", "after": "e.id < :after",
}  # fmt: skip


def listing(
    app: App, *, action: str | None = None, outcome: str | None = None, actor: str | None = None, administration: str | None = None,
    target: str | None = None, since: datetime | None = None, until: datetime | None = None, after: int | None = None, limit: int = 100,
) -> dict[str, Any]:  # fmt: skip
    """Events, newest first, page by page."""
    given = {"action": action, "outcome": outcome, "actor": actor, "administration": administration, "target": target, "since": since,
             "until": until, "after": after}  # fmt: skip
    wanted = {name: value for name, value in given.items() if value is not None}
    where = " AND ".join([_FILTERS[name] for name in wanted] or ["true"])
    statement = text(f"SELECT {_COLUMNS} FROM audit.event e WHERE {where} ORDER BY e.id DESC LIMIT :most")
    with app.reading() as session:
        found = [dict(row) for row in session.connection().execute(statement, {**wanted, "most": limit + 1}).mappings()]
    items = [_numbered(row) for row in found[:limit]]
    return {"apiVersion": API_VERSION, "items": items, "cursor": items[-1]["number"] if len(found) > limit else None}


def show(app: App, number: int) -> dict[str, Any]:
    """One event, with what was asked for, before and after, and its place in the chain (None: it is not sealed yet)."""
    statement = f"""SELECT {_COLUMNS}, e.document, encode(e.content_hash, 'hex') AS content_hash, s.position
        FROM audit.event e LEFT JOIN audit.seal s ON s.entry_id = e.id WHERE e.id = :number"""
    with app.reading() as session:
        row = session.connection().execute(text(statement), {"number": number}).mappings().one_or_none()
    if row is None:
        raise NotVisible("event", str(number))
    return {"apiVersion": API_VERSION, **_numbered(dict(row)), "document": json.loads(row["document"])}


def export(app: App) -> Iterator[bytes]:
    """Pieces of the export, all of one moment, as `dcctl.trail` and `quotas.chain` describe it."""
    return streamed(app, CHAIN.export)


def _numbered(row: dict[str, Any]) -> dict[str, Any]:
    return {"number": row.pop("id"), **row}

"""Discrepancies: kept from one comparison to the next, shown, and explained, waived or resolved by a person who says why."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from dcctl.errors import DcctlError, NotVisible
from dcctl.schemas import API_VERSION, SayIn
from dcctl.store import Discrepancy, DiscrepancyNote, now
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.regions import DCCTL
from quotas.reconcile import Difference, Looked, Name, over

OPEN, EXPLAINED, WAIVED, RESOLVED = "open", "explained", "waived", "resolved"
PREFIX = "D-"
#: Why dcctl itself puts one into another state; whoever shows it says it in the reader's language.
NO_LONGER, CHANGED, WAIVED_SO_LONG = BY_ITSELF = ("no longer found", "the figures have changed", "the waiver has ended")


def listing(
    app: App, *, state: str | None = None, name: str | None = None, administration: str | None = None, after: int | None = None, limit: int = 100
) -> dict[str, Any]:
    """Those in a state (all but the resolved ones where none is named), oldest first."""
    with app.reading() as session:
        query = select(Discrepancy).where(Discrepancy.region == app.region)
        query = query.where(Discrepancy.state == state) if state else query.where(Discrepancy.state != RESOLVED)
        if name:
            query = query.where(Discrepancy.name == name)
        if administration:
            query = query.where(Discrepancy.administration == administration)
        if after is not None:
            query = query.where(col(Discrepancy.id) > after)
        found = session.exec(query.order_by(col(Discrepancy.id)).limit(limit + 1)).all()
        last = _last_words(session, [row.id for row in found if row.id is not None])
    items = [as_json(row, last.get(row.id or 0)) for row in found[:limit]]
    return {"apiVersion": API_VERSION, "items": items, "cursor": found[limit - 1].id if len(found) > limit else None}


def show(app: App, number: str) -> dict[str, Any]:
    """One of them, with everything that was said of it."""
    with app.reading() as session:
        row = _find(session, app.region, number)
        notes = session.exec(select(DiscrepancyNote).where(DiscrepancyNote.discrepancy == row.id).order_by(col(DiscrepancyNote.id))).all()
        said = [{"at": note.at, "state": note.state, "reason": note.reason, "actor": note.actor.get("user")} for note in notes]
        return {"apiVersion": API_VERSION, **as_json(row, notes[-1] if notes else None), "notes": said}


def say(app: App, actor: Actor, number: str, state: str, body: SayIn) -> dict[str, Any]:
    """Explain, waive until a day, or resolve; the next comparison opens another one where the difference is still there.

    Raises:
        DcctlError: DCCTL-561, it is resolved; 562, a day that has passed, or none.
    """
    with app.transaction() as session:
        row = _find(session, app.region, number, lock=True)
        if row.state == RESOLVED:
            raise DcctlError("DCCTL-561", number=f"{PREFIX}{row.id}")
        if (state == WAIVED) != (body.until is not None) or (body.until is not None and body.until <= now()):
            raise DcctlError("DCCTL-562", given=body.until.isoformat() if body.until else "–")
        become(session, row, state, body.reason, actor.document(), until=body.until)
    return show(app, number)


def keep(session: Session, region: str, at: datetime, found: Sequence[Difference], looked: Looked) -> None:
    """Store what a comparison that began `at` has found, and end what is over. Two at once wait for each other, and the later one counts."""
    session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtextextended('dcctl discrepancies ' || :region, 0))"), {"region": region})
    rows = {
        (row.name, row.subject, row.item): row
        for row in session.exec(select(Discrepancy).where(Discrepancy.region == region, Discrepancy.state != RESOLVED)).all()
    }
    ended_later = {
        (row.name, row.subject, row.item)
        for row in session.exec(select(Discrepancy).where(Discrepancy.region == region, col(Discrepancy.resolved_at) > at)).all()
    }
    for difference in found:
        row = rows.get(difference.key)
        if row is not None:
            _again(session, row, difference, at)
        elif difference.key not in ended_later:
            session.add(
                Discrepancy(
                    region=region, name=str(difference.name), subject=difference.subject, item=difference.item, holder=difference.holder,
                    administration=difference.administration, expected=difference.expected, found=difference.found, detail=difference.detail,
                    rests_on=sorted(difference.rests_on), first_seen=at, last_seen=at,
                )
            )  # fmt: skip
    still = {_as_difference(row).key: row for row in rows.values() if row.last_seen < at}
    for difference in over([_as_difference(row) for row in still.values()], found, looked):
        become(session, still[difference.key], RESOLVED, NO_LONGER, DCCTL)


def _again(session: Session, row: Discrepancy, difference: Difference, at: datetime) -> None:
    """It is still there. What a person said holds for what they saw, and a waiver until its day."""
    if row.last_seen > at:
        return
    changed = (row.expected, row.found) != (difference.expected, difference.found)
    changed = changed or (difference.name is Name.DRIFT and row.detail != difference.detail)  # which has no figures
    row.expected, row.found, row.detail, row.last_seen = difference.expected, difference.found, difference.detail, at
    row.rests_on = sorted(difference.rests_on)
    session.add(row)
    if row.state in (EXPLAINED, WAIVED) and changed:
        become(session, row, OPEN, CHANGED, DCCTL)
    elif row.waived_until is not None and row.waived_until <= at:
        become(session, row, OPEN, WAIVED_SO_LONG, DCCTL)


def become(session: Session, row: Discrepancy, state: str, reason: str, actor: dict[str, Any], *, until: datetime | None = None) -> None:
    """It is in another state, and why stays with it."""
    row.state, row.waived_until = state, until
    row.resolved_at = now() if state == RESOLVED else None
    session.add(row)
    session.add(DiscrepancyNote(discrepancy=row.id or 0, state=state, reason=reason, actor=actor))


def _find(session: Session, region: str, number: str, *, lock: bool = False) -> Discrepancy:
    digits = number.upper().removeprefix(PREFIX)
    identifier = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
    query = select(Discrepancy).where(Discrepancy.id == identifier, Discrepancy.region == region)
    row = session.exec(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotVisible("discrepancy", number)
    return row


def _last_words(session: Session, identifiers: list[int]) -> dict[int, DiscrepancyNote]:
    notes = session.exec(select(DiscrepancyNote).where(col(DiscrepancyNote.discrepancy).in_(identifiers)).order_by(col(DiscrepancyNote.id))).all()
    return {note.discrepancy: note for note in notes}


def _as_difference(row: Discrepancy) -> Difference:
    return Difference(
        name=Name(row.name), subject=row.subject, item=row.item, holder=row.holder, administration=row.administration, expected=row.expected,
        found=row.found, detail=row.detail, rests_on=frozenset(row.rests_on),
    )  # fmt: skip


def as_json(row: Discrepancy, note: DiscrepancyNote | None) -> dict[str, Any]:
    """`schemas.DiscrepancyItem`."""
    return {
        "number": f"{PREFIX}{row.id}",
        "name": row.name,
        "state": row.state,
        "subject": row.subject,
        "item": row.item,
        "holder": row.holder,
        "administration": row.administration,
        "expected": row.expected,
        "found": row.found,
        "detail": row.detail,
        "first_seen": row.first_seen,
        "last_seen": row.last_seen,
        "waived_until": row.waived_until,
        "said_by": note.actor.get("user") if note else None,
        "reason": note.reason if note else None,
    }

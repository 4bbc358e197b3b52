"""The audit trail: who did what, what was refused, and all of it to be proved by who asks."""

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AwareDatetime

from dcctl.api.asking import Caller, Limit, Name
from dcctl.api.bridge import Router, Streamed
from dcctl.schemas import AuditEvent, AuditEvents
from dcctl.workflow import events

router = Router(prefix="/audit")


@router.get("", response_model=AuditEvents)
def listing(
    caller: Caller, action: Name = None, outcome: Name = None, actor: Name = None, administration: Name = None, target: Name = None,
    since: AwareDatetime | None = None, until: AwareDatetime | None = None, after: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    limit: Limit = 100,
) -> dict[str, Any]:  # fmt: skip
    """Newest first."""
    caller.may("audit:list")
    return events.listing(
        caller.app, action=action, outcome=outcome, actor=actor, administration=administration, target=target, since=since, until=until,
        after=after, limit=limit,
    )  # fmt: skip


@router.get("/events/{number}", response_model=AuditEvent)
def show(caller: Caller, number: Annotated[int, Path(ge=1, lt=2**63)]) -> dict[str, Any]:
    """One of them, whole."""
    caller.may("audit:list")
    return events.show(caller.app, number)


@router.get("/export", response_class=Streamed)
def export(caller: Caller) -> Streamed:
    """Checkpoints and every event with its hashes; the last line counts them, so that a broken answer shows."""
    caller.may("audit:export")
    return Streamed(events.export(caller.app), media_type="text/tab-separated-values; charset=utf-8")

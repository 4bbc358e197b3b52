"""Who has what, and the transfers that led there."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import AwareDatetime

from dcctl.api.asking import Caller, Limit, Name
from dcctl.api.bridge import Router
from dcctl.schemas import History, QuotaItems
from dcctl.workflow import envelopes
from dcctl.workflow.quota import Then

router = Router()


@router.get("/quota", response_model=QuotaItems)
def quota(
    caller: Caller, administration: Name = None, environment: Name = None, as_of: AwareDatetime | None = None, known_at: AwareDatetime | None = None
) -> dict[str, Any]:
    """Of an administration or environment, now or then; neither named: the caller's own, or the pool."""
    caller.may("quota:show")
    then = Then(as_of=moment, known_at=known_at) if (moment := as_of or known_at) else None
    return envelopes.quota(caller.app, caller.actor, administration=administration, environment=environment, then=then)


@router.get("/history", response_model=History)
def history(
    caller: Caller,
    administration: Name = None,
    environment: Name = None,
    after: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """Newest first."""
    caller.may("quota:history")
    return envelopes.history(caller.app, caller.actor, administration=administration, environment=environment, after=after, limit=limit)

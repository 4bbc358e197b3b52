"""Who has what, and the transfers that led there."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from dcctl.api.asking import Caller, Limit, Name
from dcctl.schemas import History, QuotaItems
from dcctl.workflow import envelopes

router = APIRouter()


@router.get("/quota", response_model=QuotaItems)
def quota(caller: Caller, administration: Name = None, environment: Name = None) -> dict[str, Any]:
    """Of an administration or environment; neither named: the caller's own, or the pool."""
    caller.may("quota:show")
    return envelopes.quota(caller.app, caller.actor, administration=administration, environment=environment)


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

"""What is used: now beside what was promised, hour by hour, and by whom most."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from dcctl.api.asking import Caller, Name
from dcctl.schemas import UsageHours, UsageRanking, UsageShown, UsageTop
from dcctl.store import now
from dcctl.workflow import present
from dcctl.workflow import usage as over_time

router = APIRouter()

#: A volume type's gigabytes have long names.
Resource = Annotated[str, Query(max_length=255)]


@router.get("/usage", response_model=UsageShown)
def shown(caller: Caller, administration: Name = None) -> dict[str, Any]:
    """Of an administration now; none named: the caller's own, or the whole datacenter."""
    caller.may("usage:show")
    return present.shown(caller.app, caller.actor, administration)


@router.get("/usage/hours", response_model=UsageHours)
def hours(
    caller: Caller,
    since: AwareDatetime,
    administration: Name = None,
    until: AwareDatetime | None = None,
    resource: Annotated[list[Annotated[str, Query(max_length=255)]] | None, Query(max_length=50)] = None,
) -> dict[str, Any]:
    """Hour by hour in a period."""
    caller.may("usage:show")
    return over_time.hourly(caller.app, caller.actor, administration, since, until or now(), resource)


@router.get("/usage/top", response_model=UsageTop)
def top(
    caller: Caller,
    resource: Resource = "cores",
    by: Annotated[str, Query(pattern="^(administration|project)$")] = "administration",
    limit: Annotated[int, Query(ge=1, le=1000)] = 10,
) -> dict[str, Any]:
    """Who uses most of a resource now."""
    caller.may("usage:top")
    return present.greatest(caller.app, caller.actor, resource, by=by, count=limit)


@router.get("/usage/ranking", response_model=UsageRanking)
def ranking(caller: Caller, since: AwareDatetime, until: AwareDatetime | None = None, resource: Resource = "cores") -> dict[str, Any]:
    """Who used most of a resource in a period, in units times hours."""
    caller.may("usage:top")
    return over_time.ranking(caller.app, caller.actor, resource, since, until or now())

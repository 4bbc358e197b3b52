"""What administrations obtained."""

from typing import Annotated, Any

from fastapi import Query

from dcctl.api.asking import Caller, Limit, Name
from dcctl.api.bridge import Router
from dcctl.schemas import CloudEntry, EnvironmentOut, Environments
from dcctl.workflow import environments

router = Router(prefix="/environments")


@router.get("", response_model=Environments)
def listing(
    caller: Caller,
    administration: Name = None,
    state: Name = None,
    after: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """Newest first."""
    caller.may("environment:list")
    return environments.listing(caller.app, caller.actor, administration=administration, state=state, after=after, limit=limit)


@router.get("/{administration}/{name}", response_model=EnvironmentOut)
def show(caller: Caller, administration: str, name: str) -> dict[str, Any]:
    """One of them; `-` is the caller's own administration."""
    caller.may("environment:show")
    return environments.show(caller.app, caller.actor, administration, name)


@router.get("/{administration}/{name}/cloud", response_model=CloudEntry)
def cloud(caller: Caller, administration: str, name: str) -> dict[str, Any]:
    """How its members reach it."""
    caller.may("environment:cloud")
    return environments.cloud(caller.app, caller.actor, administration, name)

"""Following and steering the provisioner's runs."""

from typing import Annotated, Any

from fastapi import Query

from dcctl.api.asking import Caller, Limit, Name, Wait
from dcctl.api.bridge import Router
from dcctl.schemas import Events, OperationOut, Operations
from dcctl.workflow import operations

router = Router(prefix="/operations")


@router.get("", response_model=Operations)
def listing(caller: Caller, administration: Name = None, state: Name = None, after: Name = None, limit: Limit = 100) -> dict[str, Any]:
    """Newest first."""
    caller.may("operation:list")
    return operations.listing(caller.app, caller.actor, administration=administration, state=state, after=after, limit=limit)


@router.get("/{identifier}", response_model=OperationOut)
def show(caller: Caller, identifier: str) -> dict[str, Any]:
    """One of them."""
    caller.may("operation:show")
    return operations.show(caller.app, caller.actor, identifier)


@router.get("/{identifier}/events", response_model=Events)
def events(caller: Caller, identifier: str, after: Annotated[int, Query(ge=0, lt=2**63)] = 0, wait: Wait = 0.0) -> dict[str, Any]:
    """What happened since; waits for news if asked to."""
    caller.may("operation:show")
    with caller.patience(wait) as seconds:
        return operations.events(caller.app, caller.actor, identifier, after=after, wait=seconds)


@router.post("/{identifier}/retry", response_model=OperationOut)
def retry(caller: Caller, identifier: str) -> dict[str, Any]:
    """Continue where it stands."""
    caller.may_on_operation("operation:retry", identifier)
    return operations.retry(caller.app, caller.actor, identifier)


@router.post("/{identifier}/cancel", response_model=OperationOut)
def cancel(caller: Caller, identifier: str) -> dict[str, Any]:
    """Stop it at the next safe point."""
    caller.may_on_operation("operation:cancel", identifier)
    return operations.cancel(caller.app, caller.actor, identifier)


@router.post("/{identifier}/abandon", response_model=OperationOut)
def abandon(caller: Caller, identifier: str) -> dict[str, Any]:
    """Give it up, and give back what can be given back."""
    caller.may_on_operation("operation:abandon", identifier)
    return operations.abandon(caller.app, caller.actor, identifier)

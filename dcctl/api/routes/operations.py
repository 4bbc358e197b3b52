"""Following and steering the provisioner's runs."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Query

from dcctl.api.asking import Caller, Limit, Name, OptionalKey, Wait
from dcctl.api.bridge import Router
from dcctl.schemas import Events, OperationOut, Operations
from dcctl.workflow import operations
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App

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
def retry(caller: Caller, identifier: str, key: OptionalKey = None) -> dict[str, Any]:
    """Continue where it stands."""
    caller.may_on_operation("operation:retry", identifier)
    return _once(caller, key, operations.retry, identifier)


@router.post("/{identifier}/cancel", response_model=OperationOut)
def cancel(caller: Caller, identifier: str, key: OptionalKey = None) -> dict[str, Any]:
    """Stop it at the next safe point."""
    caller.may_on_operation("operation:cancel", identifier)
    return _once(caller, key, operations.cancel, identifier)


@router.post("/{identifier}/abandon", response_model=OperationOut)
def abandon(caller: Caller, identifier: str, key: OptionalKey = None) -> dict[str, Any]:
    """Give it up, and give back what can be given back."""
    caller.may_on_operation("operation:abandon", identifier)
    return _once(caller, key, operations.abandon, identifier)


def _once(caller: Caller, key: str | None, verb: Callable[[App, Actor, str], dict[str, Any]], identifier: str) -> dict[str, Any]:
    """Asked again under the same key, it tells how far the operation is."""
    app, actor = caller.app, caller.actor
    return caller.once(key, lambda: verb(app, actor, identifier), lambda: operations.show(app, actor, identifier))

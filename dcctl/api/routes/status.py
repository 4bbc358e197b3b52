"""Who am I, and how do things stand."""

from typing import Any

from dcctl.api.asking import Caller, Name
from dcctl.api.bridge import Router
from dcctl.schemas import Status, Whoami
from dcctl.workflow import reading

router = Router()


@router.get("/whoami", response_model=Whoami)
def whoami(caller: Caller) -> dict[str, Any]:
    """The token's person, scope and roles, as dcctl understands them."""
    caller.may("whoami:show")
    return reading.whoami(caller.app, caller.actor)


@router.get("/status", response_model=Status)
def status(caller: Caller, administration: Name = None) -> dict[str, Any]:
    """Envelope, waiting requests, environments and what to do next."""
    caller.may("status:show")
    return reading.status(caller.app, caller.actor, administration=administration)

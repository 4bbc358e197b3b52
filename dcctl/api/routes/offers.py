"""What can be had."""

from typing import Any

from dcctl.api.asking import Caller
from dcctl.api.bridge import Router
from dcctl.schemas import Offer, Offers
from dcctl.workflow import offers

router = Router(prefix="/offers")


@router.get("", response_model=Offers)
def listing(caller: Caller) -> dict[str, Any]:
    """The newest version of each."""
    caller.may("offer:list")
    return offers.listing(caller.app, caller.actor)


@router.get("/{name}", response_model=Offer)
def show(caller: Caller, name: str) -> dict[str, Any]:
    """One of them."""
    caller.may("offer:show")
    return offers.show(caller.app, caller.actor, name)

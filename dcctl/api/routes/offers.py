"""What can be had."""

from typing import Any

from fastapi import Response

from dcctl.api.asking import Caller, OptionalKey
from dcctl.api.bridge import Router
from dcctl.schemas import Offer, OfferIn, Offers
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


@router.post("", response_model=Offer, status_code=201)
def publish(caller: Caller, body: OfferIn, response: Response) -> dict[str, Any]:
    """The next version of it; what says the same as the newest is no new one, with status 200."""
    caller.may("offer:publish")
    made, created = offers.publish(caller.app, caller.actor, body.document)
    response.status_code = 201 if created else 200
    return made


@router.post("/{name}/retire", response_model=Offer)
def retire(caller: Caller, name: str, key: OptionalKey = None) -> dict[str, Any]:
    """Nobody can ask for it any more."""
    caller.may("offer:publish")
    app, actor = caller.app, caller.actor
    return caller.once(key, lambda: offers.retire(app, actor, name), lambda: offers.show(app, actor, name, even_retired=True))

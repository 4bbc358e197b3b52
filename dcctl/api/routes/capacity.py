"""What the datacenter has, and acts on envelopes."""

from typing import Any

from fastapi import Response

from dcctl.api.asking import Caller, OptionalKey
from dcctl.api.bridge import Router
from dcctl.api.routes.acts import answered
from dcctl.schemas import Capacity, CapacityIn, EnvelopeIn, QuotaItems
from dcctl.workflow import envelopes

router = Router()


@router.get("/capacity", response_model=Capacity)
def show(caller: Caller) -> dict[str, Any]:
    """Declared, granted and available, by resource."""
    caller.may("capacity:show")
    return envelopes.capacity(caller.app, caller.actor)


@router.put("/capacity", response_model=Capacity)
def declare(caller: Caller, body: CapacityIn, response: Response, key: OptionalKey = None) -> dict[str, Any]:
    """From now on it is this much."""
    caller.may("capacity:declare")
    return answered(response, envelopes.declare(caller.app, caller.actor, body, key))


@router.post("/grants", response_model=QuotaItems)
def grant(caller: Caller, body: EnvelopeIn, response: Response, key: OptionalKey = None) -> dict[str, Any]:
    """So much more for an administration."""
    caller.may_or_not_there("quota:grant", "administration", body.administration)
    return answered(response, envelopes.grant(caller.app, caller.actor, body, key))


@router.post("/revocations", response_model=QuotaItems)
def revoke(caller: Caller, body: EnvelopeIn, response: Response, key: OptionalKey = None) -> dict[str, Any]:
    """So much back from an administration."""
    caller.may_or_not_there("quota:revoke", "administration", body.administration)
    return answered(response, envelopes.revoke(caller.app, caller.actor, body, key))

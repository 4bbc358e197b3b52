"""What the datacenter has, and acts on envelopes."""

from typing import Any

from fastapi import APIRouter

from dcctl.api.asking import Caller
from dcctl.schemas import Capacity, CapacityIn, EnvelopeIn, QuotaItems
from dcctl.workflow import envelopes

router = APIRouter()


@router.get("/capacity", response_model=Capacity)
def show(caller: Caller) -> dict[str, Any]:
    """Declared, granted and available, by resource."""
    caller.may("capacity:show")
    return envelopes.capacity(caller.app, caller.actor)


@router.put("/capacity", response_model=Capacity)
def declare(caller: Caller, body: CapacityIn) -> dict[str, Any]:
    """From now on it is this much."""
    caller.may("capacity:declare")
    return envelopes.declare(caller.app, caller.actor, body)


@router.post("/grants", response_model=QuotaItems)
def grant(caller: Caller, body: EnvelopeIn) -> dict[str, Any]:
    """So much more for an administration."""
    caller.may_for("quota:grant", body.administration)
    return envelopes.grant(caller.app, caller.actor, body)


@router.post("/revocations", response_model=QuotaItems)
def revoke(caller: Caller, body: EnvelopeIn) -> dict[str, Any]:
    """So much back from an administration."""
    caller.may_for("quota:revoke", body.administration)
    return envelopes.revoke(caller.app, caller.actor, body)

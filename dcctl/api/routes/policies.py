"""Who decides what."""

from typing import Annotated, Any

from fastapi import Path, Response

from dcctl.api.asking import Caller
from dcctl.api.bridge import Router
from dcctl.schemas import PolicyChecked, PolicyIn, PolicyOut
from dcctl.workflow import policies

router = Router()


@router.get("/policy", response_model=PolicyOut)
def in_force(caller: Caller) -> dict[str, Any]:
    """The one in force."""
    caller.may("policy:show")
    return policies.show(caller.app, caller.actor)


@router.get("/policies/{version}", response_model=PolicyOut)
def show(caller: Caller, version: Annotated[int, Path(ge=1, lt=2**31)]) -> dict[str, Any]:
    """An earlier one."""
    caller.may("policy:show")
    return policies.show(caller.app, caller.actor, version)


@router.post("/policies/check", response_model=PolicyChecked)
def check(caller: Caller, body: PolicyIn) -> dict[str, Any]:
    """Every fault of it, or the version that it would be."""
    caller.may("policy:check")
    return policies.check(caller.app, caller.actor, body)


@router.post("/policies", response_model=PolicyOut, status_code=201)
def publish(caller: Caller, body: PolicyIn, response: Response) -> dict[str, Any]:
    """Put it in force; the one in force again is no new version, with status 200."""
    caller.may("policy:publish")
    made, created = policies.publish(caller.app, caller.actor, body)
    response.status_code = 201 if created else 200
    return made

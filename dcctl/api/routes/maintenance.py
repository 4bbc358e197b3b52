"""Whether operations may begin."""

from typing import Any

from fastapi import APIRouter

from dcctl.api.asking import Caller
from dcctl.schemas import MaintenanceIn, MaintenanceOut
from dcctl.workflow import maintenance

router = APIRouter()


@router.get("/maintenance", response_model=MaintenanceOut)
def show(caller: Caller) -> dict[str, Any]:
    """Whether it is on, since when and why."""
    caller.may("maintenance:show")
    return maintenance.show(caller.app)


@router.put("/maintenance", response_model=MaintenanceOut)
def put(caller: Caller, body: MaintenanceIn) -> dict[str, Any]:
    """Begin or end it."""
    caller.may("maintenance:set")
    return maintenance.put(caller.app, caller.actor, body)

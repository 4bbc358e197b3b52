"""Alive, and ready: for balancers, without a token."""

from fastapi import Request

from dcctl.api.bridge import Router
from dcctl.workflow import reading

router = Router()


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(request: Request) -> dict[str, str]:
    """The database answers too; 503 otherwise."""
    reading.ready(request.app.state.service.app)
    return {"status": "ok"}

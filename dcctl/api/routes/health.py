"""Alive, and ready: for balancers, without a token."""

from fastapi import APIRouter, Request

from dcctl.workflow import reading

router = APIRouter()


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(request: Request) -> dict[str, str]:
    """The database answers too; 503 otherwise."""
    reading.ready(request.app.state.service.app)
    return {"status": "ok"}

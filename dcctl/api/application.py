"""The FastAPI application: routes, and every error in the one form. It believes whoever stands in the environ; `front` sees to that."""

from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from dcctl import __version__
from dcctl.api import errors
from dcctl.api.asking import Service
from dcctl.api.front import REQUEST_ID
from dcctl.api.routes import (
    acts,
    administrations,
    capacity,
    catalogue,
    environments,
    health,
    ledger,
    maintenance,
    offers,
    operations,
    quota,
    reconciliations,
    requests,
    status,
    usage,
)
from dcctl.errors import CATALOGUE, DcctlError

#: In the order in which a path is compared with them: what is asked most comes first.
ROUTES = (
    requests, quota, status, environments, operations, acts, administrations, capacity, catalogue, ledger, maintenance, offers, reconciliations,
    usage,
)  # fmt: skip

log = structlog.get_logger("dcctl.api")


def build(service: Service) -> FastAPI:
    """The application for one service."""
    api = FastAPI(title="dcctl", version=__version__, docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json", redirect_slashes=False)
    api.state.service = service
    api.include_router(health.router)
    for routes in ROUTES:
        api.include_router(routes.router, prefix="/v1")
    api.include_router(environments.plans, prefix="/v1")
    api.add_exception_handler(DcctlError, _known)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    api.add_middleware(Last)
    return api


class Last:
    """Catches what nobody foresaw: a traceback in the log under the request's id, which is the reference in the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        identifier = scope["wsgi_environ"][REQUEST_ID]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=identifier)
        try:
            await self.app(scope, receive, send)
        except Exception:
            log.exception("failed", method=scope["method"], path=scope["path"])
            await _answer(Request(scope), DcctlError("DCCTL-500", reference=identifier))(scope, receive, send)


async def _known(request: Request, error: Any) -> Response:
    return _answer(request, error)


async def _invalid(request: Request, error: Any) -> Response:
    return _answer(request, errors.from_validation(error.errors()))


async def _http(request: Request, error: Any) -> Response:
    if error.status_code == 404:
        return _answer(request, errors.unknown_address(request.url.path))
    if error.status_code == 405:
        allowed = str((error.headers or {}).get("Allow", ""))
        refused = DcctlError("DCCTL-002", field="method", value=request.method, allowed=allowed)
        return _answer(request, refused, status=405, headers={"Allow": allowed})
    return _answer(request, DcctlError("DCCTL-002", field="body", value="–", allowed=errors.JSON_BODY), status=error.status_code)


def _answer(request: Request, error: DcctlError, *, status: int | None = None, headers: dict[str, str] | None = None) -> Response:
    content = errors.encoded(error, request.headers.get("accept-language"))
    return Response(content, status_code=status or CATALOGUE[error.code].http, media_type="application/json", headers=headers)

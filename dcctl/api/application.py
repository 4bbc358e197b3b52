"""The FastAPI application: routes, and every error in the one form. It believes whoever stands in the environ; `front` sees to that."""

import json
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dcctl import __version__
from dcctl.api import errors
from dcctl.api.asking import Service
from dcctl.api.front import ACTOR, DEED, REFUSAL, REQUEST_ID
from dcctl.api.policy import meant
from dcctl.api.routes import (
    acts,
    administrations,
    audit,
    capacity,
    catalogue,
    environments,
    health,
    ledger,
    maintenance,
    offers,
    operations,
    policies,
    quota,
    reconciliations,
    requests,
    status,
    usage,
)
from dcctl.errors import CATALOGUE, DcctlError
from dcctl.workflow.witness import Deed, ended, under_way

#: In the order in which a path is compared with them: what is asked most comes first.
ROUTES = (
    requests, quota, status, environments, operations, acts, administrations, audit, capacity, catalogue, ledger, maintenance, offers, policies,
    reconciliations, usage,
)  # fmt: skip

#: Calls that change nothing.
READING = frozenset({"GET", "HEAD", "OPTIONS"})

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
    api.add_middleware(Witnessed)  # outermost, so that it also sees what Last makes of what nobody foresaw
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


class Witnessed:
    """Tells the audit trail who does what: the one place where calls begin and end, so that no route has to think of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        environ = scope["wsgi_environ"]
        actor = environ.get(ACTOR)
        if actor is None:  # /healthz and /readyz
            await self.app(scope, receive, send)
            return
        reads = scope["method"] in READING
        deed = environ[DEED] = Deed(
            who=actor.document(), observer="api", address=environ.get("REMOTE_ADDR"), request_id=environ[REQUEST_ID],
            administration=actor.administration, reads=reads,
        )  # fmt: skip
        if not reads:
            deed.action, deed.target = meant(scope["method"], scope["path"])

        async def received() -> Message:
            message = await receive()
            if not reads and message.get("body"):
                deed.body = _parsed(message["body"])
            return message

        with under_way(deed):
            await self.app(scope, received, send)
        refusal = environ.get(REFUSAL)
        if reads and refusal is not None:
            deed.action, deed.target = meant(scope["method"], scope["path"])
        ended(scope["app"].state.service.app, deed, refusal)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return {"bytes": len(body)}


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
    request.scope["wsgi_environ"][REFUSAL] = error
    content = errors.encoded(error, request.headers.get("accept-language"))
    return Response(content, status_code=status or CATALOGUE[error.code].http, media_type="application/json", headers=headers)

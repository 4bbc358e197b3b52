"""From WSGI to the ASGI application, in the very thread of the server that took the request.

A request here waits for the database and nothing else, so a loop that many share has nothing to gain; what it costs is a change of threads for the
request, for the route and for each part of the answer, and each of them waits for whoever holds the interpreter's lock. Measured on a busy machine,
that was most of the time in which somebody waits for the answer. `Router` is the other half: its routes run where they are called.
"""

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

StartResponse = Callable[..., Any]
#: In the environ: the pieces of an answer that is too long to be held, not yet begun to be read.
PIECES = "dcctl.pieces"


class Bridge:
    """A WSGI application; the scope of a request has its environ as `wsgi_environ`."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    def __call__(self, environ: MutableMapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        answer = _Answer(environ)
        _loop().run_until_complete(self._application(scope(environ), answer.receive, answer.send))
        start_response(answer.line, answer.headers)
        return environ.get(PIECES, answer.parts)  # type: ignore[no-any-return]


class Streamed(Response):
    """An answer in pieces that are made while it is sent, by the server's thread: at no time is more than one of them held."""

    def __init__(self, pieces: Iterable[bytes], media_type: str) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]  # nobody knows it yet
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)
        scope["wsgi_environ"][PIECES] = self._pieces


class _Own:
    """A thread's loop; it ends with the thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def __del__(self) -> None:
        self.loop.close()


#: Of the module and not of a bridge: what a collection of cycles finds is ended in no order, and the loop's sockets might go before it.
_of_thread = threading.local()


def _loop() -> asyncio.AbstractEventLoop:
    if not hasattr(_of_thread, "own"):
        _of_thread.own = _Own()
    own: _Own = _of_thread.own
    return own.loop


class _Answer:
    """What the application asks for, and what it says."""

    def __init__(self, environ: MutableMapping[str, Any]) -> None:
        self._body, self._length = environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0)
        self._read = False
        self.line, self.headers = "500 Internal Server Error", list[tuple[str, str]]()
        self.parts: list[bytes] = []

    async def receive(self) -> Message:
        if self._read:
            return {"type": "http.disconnect"}
        self._read = True
        return {"type": "http.request", "body": self._body.read(self._length) if self._length else b"", "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            status = message["status"]
            self.line = f"{status} {HTTPStatus(status).phrase}"
            self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            self.parts.append(message.get("body", b""))


def scope(environ: MutableMapping[str, Any]) -> Scope:
    """A request of WSGI (PEP 3333) as ASGI has it."""
    root = environ.get("SCRIPT_NAME", "").encode("latin-1").decode("utf-8")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": environ.get("SERVER_PROTOCOL", "HTTP/1.0").partition("/")[2],
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "root_path": root,
        "path": root + environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8"),
        "query_string": environ.get("QUERY_STRING", "").encode("ascii"),
        "server": (environ["SERVER_NAME"], int(environ["SERVER_PORT"])),
        "headers": _headers(environ),
        "extensions": {},
        "wsgi_environ": environ,
    }


def _headers(environ: MutableMapping[str, Any]) -> list[tuple[bytes, bytes]]:
    found = []
    for key, value in environ.items():
        name = key[5:] if key.startswith("HTTP_") else key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else ""
        if name:
            found.append((name.lower().replace("_", "-").encode("latin-1"), str(value).encode("latin-1")))
    return found


class _InPlace(APIRoute):
    """Calls its function; FastAPI would hand one that is no coroutine to another thread."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint if inspect.iscoroutinefunction(endpoint) else _in_place(endpoint), **options)


def _in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def called(**arguments: Any) -> Any:
        return function(**arguments)

    return called


class Router(APIRouter):
    """A router whose routes run in the thread that serves the request."""

    def __init__(self, *, prefix: str = "") -> None:
        super().__init__(prefix=prefix, route_class=_InPlace)

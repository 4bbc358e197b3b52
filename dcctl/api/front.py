"""The outermost layers, WSGI: what is refused before anybody is asked who they are, the token check, and one line of log for each answer.

    Front → Doubtful → auth_token (keystonemiddleware) → Admitted → the application
    Front ────────────────────────────────────────────→ the application      /healthz and /readyz

`auth_token` checks the token with Keystone and leaves the answer in the environ. `Admitted` turns that into an actor and then drops every header
about identity: nothing behind it can believe one by mistake, and the token itself goes no further. `Doubtful` is `dcctl.api.door`'s.
"""

import re
import time
import uuid
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

import structlog

from dcctl.api.bridge import PIECES
from dcctl.api.errors import encoded, unknown_address
from dcctl.api.pace import NOBODY, Pace
from dcctl.errors import CATALOGUE, DcctlError
from dcctl.workflow import actor
from dcctl.workflow.app import App

Environ = MutableMapping[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]
#: Is told who was not let in: the environ, why, method and path.
Refused = Callable[[Environ, DcctlError, str, str], None]

OPEN = frozenset({"/healthz", "/readyz"})
ACTOR, REQUEST_ID, ADMITTED = "dcctl.actor", "dcctl.request_id", "dcctl.admitted"
#: What the audit trail is told of the call, and the error that answered it.
DEED, REFUSAL = "dcctl.deed", "dcctl.refusal"
_GLOBAL_ID = re.compile(r"req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: A caller that asks too much is told when there is room again.
TOO_FAST = frozenset({"DCCTL-640", "DCCTL-614", "DCCTL-617"})
#: Refused before anybody's deed begins.
AT_THE_DOOR = TOO_FAST | {"DCCTL-103"}
_KEPT = frozenset({"HTTP_X_OPENSTACK_REQUEST_ID"})

log = structlog.get_logger("dcctl.api")


class Admitted:
    """Behind the token check: who it is, and nothing else that says so."""

    def __init__(self, app: App, inner: Wsgi, pace: Pace) -> None:
        self.app, self.inner, self.pace = app, inner, pace

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ[ADMITTED] = True
        who = environ[ACTOR] = actor.from_environ(self.app, environ)
        with self.pace.admitted(who.user_id, who.administration if who.roles else NOBODY):
            return self.inner(stripped(environ), start_response)


def stripped(environ: Environ) -> Environ:
    """The environ without any header about identity. auth_token sets some of them to None besides, which is no header at all."""
    for name in [name for name in environ if name.startswith(("HTTP_X_", "HTTP_OPENSTACK_")) and name not in _KEPT]:
        del environ[name]
    return environ


class Front:
    """What every request passes first and every answer last."""

    def __init__(self, *, guarded: Wsgi, unguarded: Wsgi, max_body_bytes: int, keystone: str = "", refused: Refused | None = None) -> None:
        self.guarded, self.unguarded = guarded, unguarded
        self.max_body_bytes, self.keystone, self.refused = max_body_bytes, keystone, refused

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began, identifier = time.monotonic(), request_id(environ)
        environ[REQUEST_ID] = identifier
        # By now, for the headers are gone when the answer is written.
        accept, method, path = environ.get("HTTP_ACCEPT_LANGUAGE"), environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        answer = Answer(start_response, identifier)
        try:
            self._refuse(environ)
            chunks = self.unguarded(stripped(environ), answer) if path in OPEN else self.guarded(environ, answer)
            if path not in OPEN and not environ.get(ADMITTED):
                _close(chunks)
                raise self._not_admitted(answer.status)
            body: Iterable[bytes] = _closed(chunks) if PIECES in environ else [b"".join(_closed(chunks))]
        except DcctlError as error:
            body = [answer.replace(error, accept)]
            if error.code in AT_THE_DOOR and self.refused is not None:
                self.refused(environ, error, method, path)
        except Exception:
            log.exception("failed", request_id=identifier, method=method, path=path)
            body = [answer.replace(DcctlError("DCCTL-500", reference=identifier), accept)]
        who = environ.get(ACTOR)
        asked = {} if who is None else {"user": who.user, "user_id": who.user_id, "scope": who.scope, "audit_id": who.audit_id}
        took = round((time.monotonic() - began) * 1000, 1)
        # Of an answer in pieces this is its beginning. One that breaks off ends the connection, and lacks the last line that counts the others.
        log.info("answered", request_id=identifier, method=method, path=path, status=answer.status, milliseconds=took, **asked)
        answer.send()
        return body

    def _refuse(self, environ: Environ) -> None:
        """Raise what needs no token to be refused."""
        size = int(environ.get("CONTENT_LENGTH") or 0)
        if size > self.max_body_bytes:
            raise DcctlError("DCCTL-502", size=size, allowed=self.max_body_bytes)
        try:
            path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            raise unknown_address("�") from None
        if not path.isprintable():
            raise unknown_address(path)
        query = environ.get("QUERY_STRING", "")
        if not query.isascii() or "%00" in query:
            raise DcctlError("DCCTL-002", field="query", value="–", allowed="ASCII, %01 … %FF")

    def _not_admitted(self, status: int) -> DcctlError:
        """What the token check's own answer means."""
        if status == 401:
            return DcctlError("DCCTL-103")
        if status == 503:
            return DcctlError("DCCTL-104", url=self.keystone)
        return DcctlError("DCCTL-402", service="Keystone", words=str(status))


class Answer:
    """Holds status and headers back until the body is known, for an error may still take their place."""

    def __init__(self, start_response: StartResponse, identifier: str) -> None:
        self._start_response, self._identifier = start_response, identifier
        self._line, self._headers = "500 Internal Server Error", list[tuple[str, str]]()

    def __call__(self, line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:
        self._line, self._headers = line, headers
        return _no_write

    @property
    def status(self) -> int:
        return int(self._line.split(" ", 1)[0])

    def replace(self, error: DcctlError, accept: str | None) -> bytes:
        """Make the error the answer, and return its body."""
        told = [(name, value) for name, value in self._headers if name.lower() == "www-authenticate"]
        if error.code in TOO_FAST:
            told.append(("Retry-After", str(error.params["seconds"])))
        chunks = encoded(error, accept)
        self._line = f"{CATALOGUE[error.code].http} {error.code}"
        self._headers = [("Content-Type", "application/json"), ("Content-Length", str(len(chunks))), *told]
        return chunks

    def send(self) -> None:
        """Start the response that is returned next."""
        self._start_response(self._line, [*self._headers, ("X-Openstack-Request-Id", self._identifier), ("Cache-Control", "no-store")])


def request_id(environ: Environ) -> str:
    """OpenStack's global request id when the client sent one, else a new one; anything of another form is not repeated."""
    given = str(environ.get("HTTP_X_OPENSTACK_REQUEST_ID", ""))
    return given if _GLOBAL_ID.fullmatch(given) else f"req-{uuid.uuid4()}"


def _no_write(_: bytes) -> None:
    raise NotImplementedError("no layer here writes before it returns")


def _closed(chunks: Iterable[bytes]) -> Iterable[bytes]:
    try:
        yield from chunks
    finally:
        _close(chunks)


def _close(chunks: Iterable[bytes]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()

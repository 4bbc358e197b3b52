"""Before the token check: which tokens Keystone is asked about, and what the audit trail is told of those who are not let in.

Not more than `Told` says of the latter: whoever needs no token to call could otherwise fill the trail.
"""

from collections.abc import Iterable
from typing import Any

from dcctl.api.doubt import Doubt, Told
from dcctl.api.front import ACTOR, ADMITTED, REQUEST_ID, Environ, StartResponse, Wsgi
from dcctl.api.policy import meant
from dcctl.errors import DcctlError
from dcctl.workflow.app import App
from dcctl.workflow.witness import Deed, ended

#: Who it was when nobody said who they are, or nobody believed it; all of them share one measure of events.
UNKNOWN = {"user_id": "nobody", "user": "nobody", "scope": "none"}


class Doubtful:
    """Before the token check: what it may ask Keystone, by what Keystone answered before."""

    def __init__(self, guarded: Wsgi, doubt: Doubt) -> None:
        self.guarded, self.doubt = guarded, doubt

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        token, address = environ.get("HTTP_X_AUTH_TOKEN"), str(environ.get("REMOTE_ADDR") or "")
        if not token:
            return self.guarded(environ, start_response)
        self.doubt.ask(token, address)
        said: list[str] = []

        def noted(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            said.append(line)
            return start_response(line, headers, exc_info)

        try:
            return self.guarded(environ, noted)
        finally:
            if environ.get(ADMITTED):
                self.doubt.right(token, address)
            elif said and said[0].startswith("401"):
                self.doubt.false(token)
            else:
                self.doubt.unanswered(token, address)


class Witness:
    """Writes down who was not let in."""

    def __init__(self, app: App) -> None:
        self.app, self.told = app, Told()

    def __call__(self, environ: Environ, error: DcctlError, method: str, path: str) -> None:
        """Leave an event, or count one more that is left out."""
        known = environ.get(ACTOR)
        who = known.document() if known is not None else UNKNOWN
        left_out = self.told.one(str(who["user_id"]))
        if left_out is None:
            return
        action, target = meant(method, path)
        deed = Deed(
            who=who, observer="api", action=action, target=target[:255] if target else None, address=environ.get("REMOTE_ADDR"),
            request_id=environ[REQUEST_ID], administration=known.administration if known is not None else None,
        )  # fmt: skip
        ended(self.app, deed, error, left_out=left_out)

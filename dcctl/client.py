"""dcctl's API as the command line sees it: HTTP by keystoneauth1, JSON in, JSON or an error of ours out.

The API is found in Keystone's catalogue (type self-service). Calls that may be asked twice (reading, declaring, a request with its key) are
repeated when the connection fails; the others are not, and an error says that nobody knows what became of them. Everything has a time limit.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from dcctl import __version__, words
from dcctl.cloudsyaml import Cloud, choose
from dcctl.errors import DcctlError, NotVisible

if TYPE_CHECKING:
    from dcctl.signin import SignedIn

Json = dict[str, Any]

#: Seconds until a connection stands, and until an answer begins; a long poll waits its own time on top.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 30.0
#: Tries of a call that may be repeated, and the seconds that they may take together.
ATTEMPTS, RETRY_SECONDS = 3, 20.0
#: However little time a caller has left, an answer that is under way is waited for so long.
SHORTEST_SECONDS = 0.5
#: What the API gives at once, at most.
LARGEST_PAGE = 1000
AGAIN = (502, 503, 504)


class Client:
    """One cloud's API. Path segments are quoted here, so that a name from anywhere stays one segment."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._signed_in: SignedIn | None = None

    @classmethod
    def of_cloud(cls, name: str | None) -> "Client":
        return cls(choose(name))

    def close(self) -> None:
        """Let the connections go."""
        if self._signed_in is not None:
            self._signed_in.http.close()

    # -- calls

    def get(self, *path: str, wait: float = 0, within: float = math.inf, query: Json | None = None, **more: Any) -> Json:
        """Read. `wait` (seconds) asks the server to answer late, when something has happened; `within` is all that the caller has time for."""
        return self._json("GET", path, {**(query or {}), **more, "wait": wait or None}, again=True, seconds=ANSWER_SECONDS + wait, within=within)

    def pages(self, *path: str, limit: int | None = None, query: Json | None = None, **more: Any) -> Json:
        """Read a list to its end, or to `limit` items, page by page."""
        asked = {**(query or {}), **more, "limit": None if limit is None else min(limit, LARGEST_PAGE)}
        answer = self.get(*path, query=asked)
        items, cursor = list(answer.get("items", [])), answer.get("cursor")
        while cursor is not None and (limit is None or len(items) < limit):
            page = self.get(*path, query={**asked, "after": cursor})
            if not page.get("items") or page.get("cursor") == cursor:
                cursor = None
                break
            items += page["items"]
            cursor = page.get("cursor")
        return {**answer, "items": items if limit is None else items[:limit], "cursor": cursor}

    def post(self, *path: str, body: Json | None = None, key: str | None = None, look: str = "") -> Json:
        """Ask for something to be done. With an idempotency `key` it may be sent again; without one, `look` is the command that shows
        whether it was done, for when the answer is lost."""
        return self._json("POST", path, {}, body=body or {}, key=key, again=key is not None, look=look)

    def put(self, *path: str, body: Json, key: str | None = None) -> Json:
        """Say how something is to be from now on."""
        return self._json("PUT", path, {}, body=body, key=key, again=True)

    def delete(self, *path: str, key: str | None = None, look: str = "", **query: Any) -> Json:
        """Take something away; `key` and `look` as for what is posted."""
        return self._json("DELETE", path, query, key=key, again=key is not None, look=look)

    def stream(self, *path: str) -> Iterator[bytes]:
        """Read lines as they come, each with its line feed. Never repeated: what broke off is begun anew by who asked."""
        answer = self._streamed(self._url(path, {}))
        rest = b""
        for piece in self._pieces(answer):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield line + b"\n"
        if rest:
            yield rest

    # -- one exchange

    def _json(
        self, method: str, path: tuple[str, ...], query: Mapping[str, Any], *, body: Json | None = None, key: str | None = None,
        again: bool = False, look: str = "", seconds: float = ANSWER_SECONDS, within: float = math.inf,
    ) -> Json:  # fmt: skip
        url = self._url(path, query)
        headers = {"Accept": "application/json", "Accept-Language": words.current()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        last: _Answer | _Unanswered | None = None
        until = time.monotonic() + within
        try:
            for _ in self._attempts(again, within):
                try:
                    last = self._exchange(method, url, headers, data, min(seconds, max(until - time.monotonic(), SHORTEST_SECONDS)))
                except _Unanswered as error:
                    last = error
                    continue
                if not (method == "GET" and last.status in AGAIN):
                    break
        except KeyboardInterrupt:
            if method == "GET":
                raise
            raise DcctlError("DCCTL-011", command=look or "dcctl status") from None
        if isinstance(last, _Unanswered):
            raise self._unanswered(last, again, look) from last.cause
        assert last is not None, "there is always a first attempt"
        return self._understood(last)

    def _attempts(self, again: bool, within: float) -> Iterator[None]:
        """Once, and for what may be sent again as often as there is time for; stamina's waits lie between them."""
        yield
        if not again:
            return
        import stamina
        import stamina.instrumentation

        stamina.instrumentation.set_on_retry_hooks([])

        class Another(Exception):
            """Makes stamina wait and count."""

        tries = stamina.retry_context(on=Another, attempts=ATTEMPTS, timeout=min(RETRY_SECONDS, within), wait_initial=0.2, wait_max=2.0)
        try:
            for attempt in tries:
                with attempt:
                    if attempt.num > 1:
                        yield
                    raise Another
        except Another:
            return

    def _exchange(self, method: str, url: str, headers: dict[str, str], data: bytes | None, seconds: float) -> "_Answer":
        import requests
        from keystoneauth1 import exceptions

        session = self._connected().session
        try:
            answer = session.request(
                url, method, headers=headers, data=data, authenticated=True, raise_exc=False, redirect=False, log=False,
                connect_retries=0, user_agent=f"dcctl/{__version__}", timeout=(min(CONNECT_SECONDS, seconds), seconds),
            )  # fmt: skip
        except (exceptions.ConnectionError, requests.RequestException) as error:  # a read that takes too long is a ConnectTimeout there
            raise _Unanswered(error) from error
        except exceptions.Unauthorized as error:
            raise self.cloud.refused() from error
        if 200 <= answer.status_code < 300 and not answer.content:
            # The connection broke among the headers, which HTTP takes for their end: the API says something, always.
            raise _Unanswered(ConnectionError("an answer without content"))
        return _Answer(answer.status_code, answer.content, url)

    def _streamed(self, url: str) -> Any:
        import requests
        from keystoneauth1 import exceptions

        headers = {"Accept-Language": words.current()}
        try:
            answer = self._connected().session.request(
                url, "GET", headers=headers, authenticated=True, raise_exc=False, redirect=False, log=False, connect_retries=0,
                user_agent=f"dcctl/{__version__}", timeout=(CONNECT_SECONDS, ANSWER_SECONDS), stream=True,
            )  # fmt: skip
        except exceptions.Unauthorized as error:
            raise self.cloud.refused() from error
        except (exceptions.ClientException, requests.RequestException) as error:
            raise DcctlError("DCCTL-105", url=self._connected().endpoint) from error
        if answer.status_code != 200:
            self._understood(_Answer(answer.status_code, answer.content, url))
        return answer

    def _pieces(self, answer: Any) -> Iterator[bytes]:
        import requests

        try:
            yield from answer.iter_content(1 << 16)
        except requests.RequestException as error:
            raise DcctlError("DCCTL-105", url=self._connected().endpoint) from error

    def _unanswered(self, error: "_Unanswered", again: bool, look: str) -> DcctlError:
        if again or error.never_sent:
            return DcctlError("DCCTL-105", url=self._connected().endpoint)
        return DcctlError("DCCTL-111", url=self._connected().endpoint, command=look or "dcctl status")

    def _understood(self, answer: "_Answer") -> Json:
        try:
            document = json.loads(answer.content) if answer.content else {}
        except ValueError:
            document = None
        if 200 <= answer.status < 300 and isinstance(document, dict):
            return document
        error = document.get("error") if isinstance(document, dict) else None
        if isinstance(error, dict) and error.get("code"):
            said = DcctlError.from_json(error)
            raise self.cloud.refused() if said.code == "DCCTL-103" and self.cloud.holds_token else said
        if answer.status == 401:
            raise self.cloud.refused() if self.cloud.holds_token else DcctlError("DCCTL-103")
        raise DcctlError("DCCTL-112", url=self._connected().endpoint, status=answer.status)

    def _url(self, path: tuple[str, ...], query: Mapping[str, Any]) -> str:
        endpoint = self._connected().endpoint
        for segment in path:
            if segment in ("", ".", ".."):
                raise NotVisible(words.N_("thing"), segment or "“”")
        asked = urlencode({key: value for key, value in query.items() if value is not None}, doseq=True)
        return "/".join([endpoint, "v1", *(quote(segment, safe="") for segment in path)]) + ("?" + asked if asked else "")

    def _connected(self) -> "SignedIn":
        """The session with a token and the API's address, made once."""
        if self._signed_in is None:
            from dcctl.signin import sign_in

            self._signed_in = sign_in(self.cloud, seconds=ANSWER_SECONDS)
        return self._signed_in


class _Answer:
    __slots__ = ("content", "status", "url")

    def __init__(self, status: int, content: bytes, url: str) -> None:
        self.status, self.content, self.url = status, content, url


class _Unanswered(Exception):
    """The API did not answer; whether the call reached it is told by the kind of failure."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause

    @property
    def never_sent(self) -> bool:
        """True when no connection was ever made."""
        from requests import ConnectTimeout
        from requests.exceptions import SSLError
        from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

        seen: list[object] = [self.cause]
        for error in seen:
            if isinstance(error, (ConnectTimeout, SSLError, ConnectTimeoutError, NewConnectionError)):
                return True
            if isinstance(error, BaseException) and len(seen) < 32:
                below = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
                seen += [one for one in below if isinstance(one, BaseException) and not any(one is known for known in seen)]
        return False

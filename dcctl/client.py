"""dcctl's API as the command line sees it: HTTP by keystoneauth1, JSON in, JSON or an error of ours out.

The API is found in Keystone's catalogue (type self-service). Calls that may be asked twice (reading, declaring, a request with its key) are
repeated when the connection fails; the others are not, and an error says that nobody knows what became of them. Everything has a time limit.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from dcctl import __version__, words
from dcctl.cloudsyaml import SERVICE_TYPE, Cloud, choose
from dcctl.errors import DcctlError, NotVisible

if TYPE_CHECKING:
    from keystoneauth1.session import Session

Json = dict[str, Any]

#: Seconds until a connection stands, and until an answer begins; a long poll waits its own time on top.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 30.0
#: Tries of a call that may be repeated, and the seconds that they may take together.
ATTEMPTS, RETRY_SECONDS = 3, 20.0
#: What the API gives at once, at most.
LARGEST_PAGE = 1000
AGAIN = (502, 503, 504)


class Client:
    """One cloud's API. Path segments are quoted here, so that a name from anywhere stays one segment."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._session: Session | None = None
        self._endpoint = ""
        self._http: Any = None

    @classmethod
    def of_cloud(cls, name: str | None) -> "Client":
        return cls(choose(name))

    def close(self) -> None:
        """Let the connections go."""
        if self._http is not None:
            self._http.close()

    # -- calls

    def get(self, *path: str, wait: float = 0, query: Json | None = None, **more: Any) -> Json:
        """Read. `wait` (seconds) asks the server to answer late, when something has happened."""
        return self._json("GET", path, {**(query or {}), **more, "wait": wait or None}, again=True, seconds=ANSWER_SECONDS + wait)

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

    def put(self, *path: str, body: Json) -> Json:
        """Say how something is to be from now on."""
        return self._json("PUT", path, {}, body=body, again=True)

    def delete(self, *path: str, look: str = "", **query: Any) -> Json:
        """Take something away."""
        return self._json("DELETE", path, query, look=look)

    # -- one exchange

    def _json(
        self, method: str, path: tuple[str, ...], query: Mapping[str, Any], *, body: Json | None = None, key: str | None = None,
        again: bool = False, look: str = "", seconds: float = ANSWER_SECONDS,
    ) -> Json:  # fmt: skip
        url = self._url(path, query)
        headers = {"Accept": "application/json", "Accept-Language": words.current()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        for attempt in self._attempts(again):
            try:
                answer = self._exchange(method, url, headers, data, seconds)
            except _Unanswered as error:
                if attempt:
                    continue
                raise self._unanswered(error, again, look) from error.cause
            if answer.status in AGAIN and attempt and method == "GET":
                continue
            return self._understood(answer)
        raise AssertionError("there is always a last attempt")

    def _attempts(self, again: bool) -> Iterator[bool]:
        """True for an attempt after which another one may follow; stamina's waits lie between them."""
        if not again:
            yield False
            return
        yield True
        import stamina
        import stamina.instrumentation

        stamina.instrumentation.set_on_retry_hooks([])

        class Another(Exception):
            """Makes stamina wait and count."""

        tries = stamina.retry_context(on=Another, attempts=ATTEMPTS, timeout=RETRY_SECONDS, wait_initial=0.2, wait_max=2.0)
        try:
            for attempt in tries:
                with attempt:
                    if attempt.num > 1:
                        yield attempt.num < ATTEMPTS
                    raise Another
        except Another:
            return

    def _exchange(self, method: str, url: str, headers: dict[str, str], data: bytes | None, seconds: float) -> "_Answer":
        import requests
        from keystoneauth1 import exceptions

        session = self._connected()
        try:
            answer = session.request(
                url, method, headers=headers, data=data, authenticated=True, raise_exc=False, redirect=False, log=False,
                connect_retries=0, user_agent=f"dcctl/{__version__}", timeout=(CONNECT_SECONDS, seconds),
            )  # fmt: skip
        except (exceptions.ConnectFailure, exceptions.SSLError, exceptions.UnknownConnectionError, requests.RequestException) as error:
            raise _Unanswered(error) from error
        except exceptions.Unauthorized as error:
            raise DcctlError("DCCTL-102", cloud=self.cloud.name, file=self.cloud.file) from error
        return _Answer(answer.status_code, answer.content, url)

    def _unanswered(self, error: "_Unanswered", again: bool, look: str) -> DcctlError:
        if again or error.never_sent:
            return DcctlError("DCCTL-105", url=self._endpoint)
        return DcctlError("DCCTL-111", url=self._endpoint, command=look or "dcctl status")

    def _understood(self, answer: "_Answer") -> Json:
        try:
            document = json.loads(answer.content) if answer.content else {}
        except ValueError:
            document = None
        if 200 <= answer.status < 300 and isinstance(document, dict):
            return document
        error = document.get("error") if isinstance(document, dict) else None
        if isinstance(error, dict) and error.get("code"):
            raise DcctlError.from_json(error)
        if answer.status == 401:
            raise DcctlError("DCCTL-103")
        raise DcctlError("DCCTL-112", url=self._endpoint, status=answer.status)

    def _url(self, path: tuple[str, ...], query: Mapping[str, Any]) -> str:
        self._connected()
        for segment in path:
            if segment in ("", ".", ".."):
                raise NotVisible(words.N_("thing"), segment or "“”")
        asked = urlencode({key: value for key, value in query.items() if value is not None})
        return "/".join([self._endpoint, "v1", *(quote(segment, safe="") for segment in path)]) + ("?" + asked if asked else "")

    # -- Keystone

    def _connected(self) -> "Session":
        """The session with a token and the API's address, made once."""
        if self._session is not None:
            return self._session
        import logging

        import requests
        from keystoneauth1 import exceptions, session

        # Its warnings would stand between our sentences; what they tell is in the error that follows.
        logging.getLogger("keystoneauth").addHandler(logging.NullHandler())
        logging.getLogger("keystoneauth").propagate = False
        plugin = self._plugin()
        self._http = requests.Session()
        ours = session.Session(session=self._http, auth=plugin, verify=self.cloud.verify, cert=self.cloud.cert, timeout=ANSWER_SECONDS, app_name="dcctl")
        name, file, url = self.cloud.name, self.cloud.file, self.cloud.auth_url
        try:
            self._endpoint = (self.cloud.endpoint or self._catalogued(ours)).rstrip("/")
            ours.get_token()
        except exceptions.Unauthorized as error:
            raise self._refused() from error
        except (exceptions.ConnectFailure, exceptions.SSLError, exceptions.UnknownConnectionError, exceptions.RetriableConnectionFailure) as error:
            raise DcctlError("DCCTL-104", url=url) from error
        except (exceptions.EmptyCatalog, exceptions.EndpointNotFound) as error:
            raise DcctlError("DCCTL-108") from error
        except exceptions.HttpError as error:
            if error.http_status and error.http_status >= 500:
                raise DcctlError("DCCTL-104", url=url) from error
            raise DcctlError("DCCTL-110", cloud=name, file=file, reason=str(error.message)) from error
        except exceptions.ClientException as error:
            raise DcctlError("DCCTL-110", cloud=name, file=file, reason=str(error)) from error
        self._session = ours
        return ours

    def _catalogued(self, session: "Session") -> str:
        """The API's address in the token's catalogue, whatever its version: nothing is asked of it."""
        from keystoneauth1 import exceptions

        url = session.get_endpoint(
            service_type=SERVICE_TYPE, interface=self.cloud.interface, region_name=self.cloud.region, skip_discovery=True
        )
        if not url:
            raise exceptions.EndpointNotFound
        return str(url).removesuffix("/").removesuffix("/v1")

    def _refused(self) -> DcctlError:
        if "token" in self.cloud.auth_type:
            return DcctlError("DCCTL-103")
        return DcctlError("DCCTL-102", cloud=self.cloud.name, file=self.cloud.file)

    def _plugin(self) -> Any:
        """keystoneauth1's plugin for the cloud, with those of the entry's values that it knows."""
        from keystoneauth1 import exceptions, loading

        cloud = self.cloud
        try:
            loader: Any = loading.get_plugin_loader(cloud.auth_type)
            return loader.load_from_options(**plugin_options(loader, cloud.config))
        except exceptions.MissingRequiredOptions as error:
            missing = ", ".join(option.dest for option in error.options)
            raise DcctlError("DCCTL-113", cloud=cloud.name, file=cloud.file, missing=missing) from error
        except (exceptions.ClientException, TypeError, ValueError) as error:
            raise DcctlError("DCCTL-110", cloud=cloud.name, file=cloud.file, reason=str(error)) from error


def plugin_options(loader: Any, config: Mapping[str, Any]) -> Json:
    """The plugin's options out of `auth`, else out of the entry itself (where variables of the environment stand)."""
    auth = dict(config.get("auth") or {})
    for option in loader.get_options():
        names = [name.replace("-", "_") for name in [option.name, *(old.name for old in option.deprecated)]]
        found = next((place[name] for place in (auth, config) for name in names if place.get(name)), None)
        for name in names:
            auth.pop(name, None)
        if found:
            auth[option.dest] = found
    return auth


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

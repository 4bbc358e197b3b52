"""A way to one cloud: a session for each thread, plain JSON calls with time limits and retries, pages followed to their end.

Everything else in `dcctl.cloud` speaks to OpenStack through `Cloud.call` and `Cloud.pages`, so errors are translated here and nowhere else.
The SDK reads clouds.yaml and makes the session; the calls are plain JSON rather than the SDK's objects, which cost up to 4 ms each, and the
inventory of a project reads a dozen lists.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keystoneauth1.adapter import Adapter
from keystoneauth1.session import Session
from openstack.config import OpenStackConfig

from dcctl.cloud.failures import failure, http_status, outcome_of, persistently, status_of, translated
from dcctl.cloud.paging import next_page
from dcctl.errors import CloudError

Params = Mapping[str, Any] | Iterable[tuple[str, Any]]
#: Service, method, and what came of it: ok, refused (4xx), failed (no answer, 5xx).
RequestKind = tuple[str, str, str]
#: Catalogue types and major versions of the services that we speak to.
_VERSIONS = {"compute": "2", "block-storage": "3", "network": "2", "identity": "3", "image": "2", "placement": "1"}
_ATTEMPTS = 4
#: In the place of the adapter's own brake, which waits by the clock of the day: where that was put back by a day, for a day.
_AT_ONCE = nullcontext()


class Cloud:
    """One entry of a clouds.yaml, connected when first used; may be shared by threads.

    Args:
        config_file: the clouds.yaml; environment variables and other files are not looked at, but a secure.yaml beside it.
        cloud: the entry's name; for what this package does it needs the role admin.
        region: the region to work in; the entry's own when empty.
        timeout_seconds: longest time to wait for a connection or an answer.
        attempts: how often a call that got no answer is made.
        at_once: how many calls of all threads may be under way towards one service; 0: any number.
    """

    def __init__(
        self,
        config_file: Path,
        cloud: str,
        region: str = "",
        *,
        timeout_seconds: float = 60.0,
        attempts: int = _ATTEMPTS,
        at_once: int = 0,
    ) -> None:
        self.config_file = config_file
        self.name = cloud
        self._wanted_region = region
        self._timeout_seconds = timeout_seconds
        self._attempts = attempts
        self._gates = {service: threading.BoundedSemaphore(at_once) for service in _VERSIONS} if at_once else {}
        self._local = threading.local()
        self._lock = threading.Lock()
        self._known: dict[str, Any] = {}
        self._made: Counter[RequestKind] = Counter()
        self._codes: Counter[tuple[str, int]] = Counter()
        self._total = 0

    @property
    def session(self) -> Session:
        """This thread's keystoneauth session."""
        return self._mine().session

    @property
    def region(self) -> str:
        return self._mine().region

    @property
    def auth_url(self) -> str:
        return self._mine().auth_url

    @property
    def own_project_id(self) -> str:
        """The project that this connection is scoped to."""
        session = self.session
        with translated("identity", "POST /auth/tokens"):
            return str(session.get_project_id() or "")

    @property
    def own_user_id(self) -> str:
        """The user that this connection is."""
        session = self.session
        with translated("identity", "POST /auth/tokens"):
            return str(session.get_user_id() or "")

    def call(
        self,
        service: str,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Params = (),
        microversion: str | None = None,
        headers: Mapping[str, str] | None = None,
        absent_ok: bool = False,
    ) -> Any:
        """One call of a service's API; returns its JSON, or None where it has none.

        Args:
            service: compute, block-storage, network, identity, image or placement.
            absent_ok: a 404 is an answer (None), not an error.

        Raises:
            CloudError: DCCTL-401 when the service refuses, DCCTL-402 when it does not answer or fails.
        """
        method, action = method.upper(), f"{method.upper()} {path}"
        query = list(params.items() if isinstance(params, Mapping) else params)
        try:
            with translated(service, action):
                again = persistently(method, attempts=self._attempts)
                return again(self._once, service, method, path, body, query, microversion, headers)
        except CloudError as error:
            if absent_ok and status_of(error) == 404:
                return None
            raise

    @contextmanager
    def only_while(self, check: Callable[[], None]) -> Iterator[None]:
        """Ask `check` before each call, and each attempt, that this thread makes inside; what it raises keeps the call from being sent."""
        before = getattr(self._local, "check", None)
        self._local.check = check
        try:
            yield
        finally:
            self._local.check = before

    def session_json(self, service_type: str, path: str, **params: str | int) -> Any:
        """The JSON of one GET."""
        return self.call(service_type, "GET", path, params=params)

    def pages(self, service: str, path: str, key: str, params: Params = (), *, microversion: str | None = None) -> list[dict[str, Any]]:
        """Every item of a list, page after page until the service names no next one."""
        query = list(params.items() if isinstance(params, Mapping) else params)
        items: list[dict[str, Any]] = []
        asked = set[tuple[tuple[str, str], ...]]()
        while True:
            document = self.call(service, "GET", path, params=query, microversion=microversion)
            page = document.get(key) if isinstance(document, dict) else None
            if not isinstance(page, list):
                raise failure(service, f"GET {path}", ValueError(f"the answer has no list {key}"))
            items += page
            following = next_page(document)
            if following is None or not page or tuple(following) in asked:
                return items
            asked.add(tuple(following))
            query = following

    def network_extensions(self) -> frozenset[str]:
        """Aliases of Neutron's extensions, asked once."""
        with self._lock:
            known = self._known.get("extensions")
        if known is None:
            known = frozenset(str(item["alias"]) for item in self.pages("network", "/extensions", "extensions", {"fields": "alias"}))
            with self._lock:
                self._known["extensions"] = known
        return frozenset(known)

    def service_id(self, service_type: str) -> str:
        """Keystone's id of a service, asked once.

        Raises:
            CloudError: the catalogue has none of that type.
        """
        name = f"service {service_type}"
        with self._lock:
            known = self._known.get(name)
        if known is None:
            found = self.pages("identity", "/services", "services", {"type": service_type})
            if not found:
                raise failure("identity", "GET /services", ValueError(f"no service of type {service_type}"))
            known = str(found[0]["id"])
            with self._lock:
                self._known[name] = known
        return str(known)

    def requests(self) -> Counter[RequestKind]:
        """How many calls were made of each kind since this was asked last; each attempt counts, and asking takes them away."""
        with self._lock:
            made, self._made = self._made, Counter()
        return made

    def count_again(self, made: Counter[RequestKind], codes: Counter[tuple[str, int]] | None = None) -> None:
        """Put back what could not be noted elsewhere."""
        with self._lock:
            self._made += made
            self._codes += codes or Counter()

    def calls(self) -> int:
        """How many calls were made ever; asking changes nothing."""
        with self._lock:
            return self._total

    def codes(self) -> Counter[tuple[str, int]]:
        """The same by service and HTTP status, 0 where there was no answer."""
        with self._lock:
            made, self._codes = self._codes, Counter()
        return made

    def close(self) -> None:
        """End this thread's connections."""
        mine = getattr(self._local, "mine", None)
        if mine is not None:
            self._local.mine = None
            mine.session.session.close()

    def _mine(self) -> "_Connected":
        mine: _Connected | None = getattr(self._local, "mine", None)
        if mine is None:
            with translated("identity", f"connect {self.name}"):
                mine = self._local.mine = self._connect()
        return mine

    def _connect(self) -> "_Connected":
        loader = OpenStackConfig(
            config_files=[str(self.config_file)],
            secure_files=[str(self.config_file.with_name("secure.yaml"))],
            vendor_files=[],
            load_envvars=False,
            app_name="dcctl",
        )
        entry = loader.get_one(cloud=self.name, region_name=self._wanted_region or None, api_timeout=self._timeout_seconds)
        region = self._wanted_region or str(entry.get_region_name() or "")
        auth_url = str(entry.config.get("auth", {}).get("auth_url", ""))
        interface = entry.get_interface() or "public"
        return _Connected(session=entry.get_session(), region=region, interface=interface, auth_url=auth_url, override_of=entry.get_endpoint)

    def _once(
        self,
        service: str,
        method: str,
        path: str,
        body: Any,
        query: list[tuple[str, Any]],
        microversion: str | None,
        headers: Mapping[str, str] | None,
    ) -> Any:
        arguments: dict[str, Any] = {
            "raise_exc": True, "connect_retries": 0, "params": query, "headers": dict(headers or {}), "rate_semaphore": _AT_ONCE,
        }  # fmt: skip
        if body is not None:
            arguments["json"] = body
        if microversion is not None:
            arguments["microversion"] = microversion
        adapter = self._mine().adapter(service)
        with self._gates.get(service.replace("_", "-"), nullcontext()):
            return self._sent(adapter, service, method, path, arguments)

    def _sent(self, adapter: Adapter, service: str, method: str, path: str, arguments: Mapping[str, Any]) -> Any:
        if (check := getattr(self._local, "check", None)) is not None:
            check()
        try:
            response = adapter.request(path, method, **arguments)
        except Exception as error:
            self._count(service, method, outcome_of(error), http_status(error) or 0)
            raise
        self._count(service, method, "ok", response.status_code)
        if not response.content or "json" not in response.headers.get("Content-Type", ""):
            return None
        return response.json()

    def _count(self, service: str, method: str, outcome: str, code: int) -> None:
        with self._lock:
            self._made[service, method, outcome] += 1
            self._codes[service, code] += 1
            self._total += 1


@dataclass(slots=True, kw_only=True)
class _Connected:
    """What one thread has open."""

    session: Session
    region: str
    interface: list[str] | str
    auth_url: str
    override_of: Callable[[str], str | None]
    """A service's `…_endpoint_override` of clouds.yaml, in the place of what the catalogue says."""
    adapters: dict[str, Adapter] = field(default_factory=dict)

    def adapter(self, service: str) -> Adapter:
        """The way to one service, found in the catalogue and by version discovery once."""
        if service not in self.adapters:
            kind = service.replace("_", "-")
            major = _VERSIONS[kind]
            self.adapters[service] = Adapter(
                session=self.session,
                service_type=kind,
                interface=self.interface,
                region_name=self.region or None,
                endpoint_override=self.override_of(kind),
                min_version=major,
                max_version=f"{major}.latest",
            )
        return self.adapters[service]


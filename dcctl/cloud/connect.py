"""A way to one cloud: a connection for each thread, plain JSON calls with time limits and retries, pages followed to their end.

Everything else in `dcctl.cloud` speaks to OpenStack through `Cloud.call` and `Cloud.pages`, so errors are translated here and nowhere else.
Plain JSON rather than the SDK's objects: those cost up to 4 ms each, and the inventory of a project reads a dozen lists.
"""

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import openstack
import openstack.config
import stamina

from dcctl.cloud.failures import failure, status_of, translated, worth_another_try
from dcctl.errors import CloudError

Params = Mapping[str, Any] | Iterable[tuple[str, Any]]
_ATTEMPTS = 4
_RETRY_SECONDS = 15.0


class Cloud:
    """One entry of a clouds.yaml, connected when first used; may be shared by threads.

    Args:
        config_file: the clouds.yaml; environment variables and other files are not looked at, but a secure.yaml beside it.
        cloud: the entry's name; for what this package does it needs the role admin.
        region: the region to work in; the entry's own when empty.
        timeout_seconds: longest time to wait for a connection or an answer.
    """

    def __init__(self, config_file: Path, cloud: str, region: str = "", *, timeout_seconds: float = 60.0) -> None:
        self.config_file = config_file
        self.name = cloud
        self._wanted_region = region
        self._timeout_seconds = timeout_seconds
        self._local = threading.local()
        self._lock = threading.Lock()
        self._known: dict[str, Any] = {}

    @property
    def connection(self) -> Any:
        """This thread's openstack.Connection."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            with translated("identity", f"connect {self.name}"):
                connection = self._local.connection = self._connect()
        return connection

    @property
    def region(self) -> str:
        return self._wanted_region or str(self.connection.config.get_region_name() or "")

    @property
    def own_project_id(self) -> str:
        """The project that this connection is scoped to."""
        connection = self.connection
        with translated("identity", "POST /auth/tokens"):
            return str(connection.current_project_id or "")

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
            service: compute, block_storage, network, identity or image.
            absent_ok: a 404 is an answer (None), not an error.

        Raises:
            CloudError: DCCTL-401 when the service refuses, DCCTL-402 when it does not answer or fails.
        """
        method, action = method.upper(), f"{method.upper()} {path}"
        query = list(params.items() if isinstance(params, Mapping) else params)
        try:
            with translated(service, action):
                tries = stamina.retry_context(
                    on=worth_another_try(method), attempts=_ATTEMPTS, timeout=_RETRY_SECONDS, wait_initial=0.3, wait_max=4.0, wait_jitter=0.3
                )
                for attempt in tries:
                    with attempt:
                        return self._once(service, method, path, body, query, microversion, headers)
        except CloudError as error:
            if absent_ok and status_of(error) == 404:
                return None
            raise
        raise AssertionError("unreachable: the last attempt raises")  # pragma: no cover

    def session_json(self, service_type: str, path: str, **params: str | int) -> Any:
        """The JSON of one GET."""
        return self.call(service_type, "GET", path, params=params)

    def pages(self, service: str, path: str, key: str, params: Params = (), *, microversion: str | None = None) -> list[dict[str, Any]]:
        """Every item of a list, page after page until the service names no next one."""
        query = list(params.items() if isinstance(params, Mapping) else params)
        items: list[dict[str, Any]] = []
        asked: set[tuple[tuple[str, str], ...]] = set()
        while True:
            document = self.call(service, "GET", path, params=query, microversion=microversion)
            page = document.get(key) if isinstance(document, dict) else None
            if not isinstance(page, list):
                raise failure(service, f"GET {path}", ValueError(f"the answer has no list {key}"))
            items += page
            following = _next(document, key)
            query = [(name, value) for name, value in parse_qsl(urlsplit(following).query)] if following else []
            mark = tuple((name, str(value)) for name, value in query)
            if not following or not page or mark in asked:
                return items
            asked.add(mark)

    def network_extensions(self) -> frozenset[str]:
        """Aliases of Neutron's extensions, asked once."""
        with self._lock:
            known = self._known.get("extensions")
        if known is None:
            known = frozenset(str(item["alias"]) for item in self.pages("network", "/extensions", "extensions", {"fields": "alias"}))
            with self._lock:
                self._known["extensions"] = known
        return frozenset(known)

    def close(self) -> None:
        """End this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            connection.close()

    def _connect(self) -> Any:
        loader = openstack.config.OpenStackConfig(
            config_files=[str(self.config_file)],
            secure_files=[str(self.config_file.with_name("secure.yaml"))],
            vendor_files=[],
            load_envvars=False,
            app_name="dcctl",
        )
        region = loader.get_one(cloud=self.name, region_name=self._wanted_region or None, api_timeout=self._timeout_seconds)
        return openstack.connection.Connection(config=region)

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
        arguments: dict[str, Any] = {"raise_exc": True, "connect_retries": 0, "params": query, "headers": dict(headers or {})}
        if body is not None:
            arguments["json"] = body
        if microversion is not None:
            arguments["microversion"] = microversion
        response = getattr(self.connection, service).request(path, method, **arguments)
        if not response.content or "json" not in response.headers.get("Content-Type", ""):
            return None
        return response.json()


def _next(document: dict[str, Any], key: str) -> str:
    """The address of the next page: Nova, Cinder and Neutron link it beside the list, Glance names it, Keystone has it in `links`."""
    for link in document.get(f"{key}_links") or ():
        if isinstance(link, dict) and link.get("rel") == "next":
            return str(link.get("href") or "")
    links = document.get("links")
    return str(document.get("next") or (links.get("next") if isinstance(links, dict) else "") or "")

"""`dcctl-exporter`: serves the figures to Prometheus. It reads PostgreSQL only, in the background; a scrape never reads anything.

The text is written once per refresh, swapped as a whole and served as bytes. While the database does not answer the last text goes on being
served, and `dcctl_render_timestamp_seconds` stands still. Before the first text there is a 503, never an empty page.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NoReturn

import structlog
import waitress
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest

from dcctl import logs
from dcctl.cloud.wording import clean
from dcctl.commandline import EXPORTER, begun, told_of
from dcctl.config import Settings
from dcctl.errors import DcctlError
from metrics import store
from metrics.exposition import CONTENT_TYPE, render
from metrics.families import families
from metrics.snapshot import Snapshot, assemble

THREADS = 4
LONGEST_WORDS = 300

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]

_LANDING = b"""<!DOCTYPE html>
<html lang="fr"><head><meta charset="utf-8"><title>dcctl-exporter</title></head>
<body><h1>dcctl-exporter</h1>
<p>Quotas, usage et demandes du datacenter, pour Prometheus. <span lang="en">The datacenter's quota, use and requests, for Prometheus.</span></p>
<ul><li><a href="/metrics">/metrics</a></li><li><a href="/healthz">/healthz</a></li><li><a href="/readyz">/readyz</a></li></ul>
</body></html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is served at /metrics until the next refresh; other encodings of the same text belong here, made once as well."""

    text: bytes


class Renderer:
    """Keeps the page fresh. `read` gives the figures of now, or raises."""

    def __init__(self, read: Callable[[], Snapshot], logger: Any) -> None:
        self._read = read
        self._log = logger
        self._version = version("dcctl")
        self.page: Page | None = None

    def refresh(self) -> bool:
        """Read and write the text anew; on a failure keep the one that is there, and say so in the log."""
        try:
            text = render(families(self._read(), self._version))
        except Exception as error:  # whatever it was, the next refresh may succeed, and the last text is still true of its own time
            self._log.error("refresh failed", error=clean(str(error), LONGEST_WORDS), kind=type(error).__name__)
            return False
        self.page = Page(text=text)
        return True

    def run(self, stop: threading.Event, seconds: float) -> None:
        """Refresh every so many seconds until `stop` is set."""
        while True:
            self.refresh()
            if stop.wait(seconds):
                return


class Application:
    """WSGI: /metrics, /healthz, /readyz and a landing page; GET and HEAD only."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        GCCollector(registry=self._process)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            status, kind, body = "405 Method Not Allowed", "text/plain; charset=utf-8", b"GET, HEAD\n"
        else:
            status, kind, body = self._answer(environ.get("PATH_INFO", ""))
        headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("X-Content-Type-Options", "nosniff")]
        if status.startswith("503"):
            headers.append(("Retry-After", "5"))
        if status.startswith("405"):
            headers.append(("Allow", "GET, HEAD"))
        start_response(status, headers)
        return [] if method == "HEAD" else [body]

    def _answer(self, path: str) -> tuple[str, str, bytes]:
        plain = "text/plain; charset=utf-8"
        page = self._renderer.page
        if path == "/":
            return "200 OK", "text/html; charset=utf-8", _LANDING
        if path == "/healthz":
            return "200 OK", plain, b"ok\n"
        if path not in ("/metrics", "/readyz"):
            return "404 Not Found", plain, b"Page inconnue ; voir /metrics. / Unknown page; see /metrics.\n"
        if page is None:
            return "503 Service Unavailable", plain, b"Pas encore de chiffres. / No figures yet.\n"
        if path == "/readyz":
            return "200 OK", plain, b"ok\n"
        return "200 OK", CONTENT_TYPE, page.text + generate_latest(self._process)


def reader(chosen: Settings) -> Callable[[], Snapshot]:
    """A function that reads every figure from PostgreSQL, as the exporter's own role."""
    engine = store.engine(chosen.database.exporter, "dcctl-exporter", read_only=True)

    def read() -> Snapshot:
        with engine.connect() as database:
            return assemble(store.read_facts(database, chosen.cloud.region))

    return read


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM."""
    _, chosen = begun("dcctl-exporter", EXPORTER, arguments, example="DCCTL_EXPORTER__PORT=9780")
    logs.configure(json=chosen.log_json)
    logger = structlog.get_logger("metrics")
    if not chosen.database.exporter:
        sys.exit("\n".join(told_of("dcctl-exporter", DcctlError("DCCTL-442", setting="database.exporter"))))
    renderer, stop = Renderer(reader(chosen), logger), threading.Event()
    signal.signal(signal.SIGTERM, _end)
    try:
        server = waitress.create_server(
            Application(renderer), host=chosen.exporter.host, port=chosen.exporter.port, threads=THREADS, ident="dcctl-exporter"
        )
    except OSError as error:
        sys.exit(f"dcctl-exporter: {chosen.exporter.host}:{chosen.exporter.port}: {error.strerror}")
    refreshing = threading.Thread(target=renderer.run, args=(stop, chosen.exporter.refresh_seconds), name="refresh", daemon=True)
    refreshing.start()
    logger.info("serving", host=chosen.exporter.host, port=server.effective_port)
    server.run()  # returns on SIGTERM and Ctrl-C, once the answers under way are sent
    stop.set()
    server.close()
    logger.info("ended")


def _end(_number: int, _frame: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    main()

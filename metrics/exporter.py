"""`dcctl-exporter`: serves the figures to Prometheus. It reads PostgreSQL only, in the background; a scrape never reads anything.

The text is written once per refresh, swapped as a whole and served as bytes. While the database does not answer the last text goes on being
served, and `dcctl_render_timestamp_seconds` stands still. Before the first text there is a 503, never an empty page.
"""

import gzip
import io
import logging
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
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from dcctl import logs
from dcctl.cloud.wording import clean
from dcctl.commandline import EXPORTER, begun, told_of
from dcctl.config import Settings
from dcctl.errors import DcctlError
from metrics import store
from metrics.exposition import CONTENT_TYPE, OPENMETRICS_TYPE, texts
from metrics.families import families
from metrics.negotiation import wants_gzip, wants_openmetrics
from metrics.snapshot import Snapshot, assemble

THREADS = 4
LONGEST_WORDS = 300
#: A tenth of the text is left by the lowest levels already; the higher ones take three times as long.
GZIP_LEVEL = 3
#: Bytes that are handed to a socket at once.
PIECE = 1 << 18

_PLAIN = "text/plain; charset=utf-8"

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
class Body:
    """One form of the text, and the same compressed; made once, served as it is."""

    kind: str
    text: bytes
    compressed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is served at /metrics until the next refresh, in both formats; the exporter's own process is part of it."""

    plain: Body
    openmetrics: Body


class Renderer:
    """Keeps the page fresh. `read` gives the figures of now, or raises."""

    def __init__(self, read: Callable[[], Snapshot], logger: Any) -> None:
        self._read = read
        self._log = logger
        self._version = version("dcctl")
        self._process = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._process)
        self.page: Page | None = None

    def refresh(self) -> bool:
        """Read and write the text anew; on a failure keep the one that is there, and say so in the log."""
        try:
            page = self._render(self._read())
        except Exception as error:  # whatever it was, the next refresh may succeed, and the last text is still true of its own time
            self._log.error("refresh failed", error=clean(str(error), LONGEST_WORDS), kind=type(error).__name__)
            return False
        self.page = page
        return True

    def _render(self, snapshot: Snapshot) -> Page:
        written = texts(families(snapshot, self._version))
        return Page(
            plain=body(CONTENT_TYPE, written.plain + generate_latest(self._process)),
            openmetrics=body(OPENMETRICS_TYPE, written.openmetrics + generate_openmetrics(self._process)),  # type: ignore[no-untyped-call]
        )

    def run(self, stop: threading.Event, seconds: float) -> None:
        """Refresh every so many seconds until `stop` is set."""
        while True:
            self.refresh()
            if stop.wait(seconds):
                return


def body(kind: str, text: bytes) -> Body:
    """A form of the text with its compressed twin."""
    return Body(kind=kind, text=text, compressed=gzip.compress(text, GZIP_LEVEL, mtime=0))


class Application:
    """WSGI: /metrics, /healthz, /readyz and a landing page; GET and HEAD only. A scrape makes nothing: it picks one of the texts that are there."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            status, headers, sent = "405 Method Not Allowed", [("Content-Type", _PLAIN), ("Allow", "GET, HEAD")], b"GET, HEAD\n"
        else:
            status, headers, sent = self._answer(environ)
        start_response(status, [*headers, ("Content-Length", str(len(sent))), ("X-Content-Type-Options", "nosniff")])
        if method == "HEAD":
            return []
        # The server reads pieces of it as the socket takes them; as one string it would copy a large text first, into a file even.
        served: Iterable[bytes] = environ["wsgi.file_wrapper"](io.BytesIO(sent), PIECE) if "wsgi.file_wrapper" in environ else [sent]
        return served

    def _answer(self, environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
        path, page = environ.get("PATH_INFO", ""), self._renderer.page
        if path == "/":
            return "200 OK", [("Content-Type", "text/html; charset=utf-8")], _LANDING
        if path == "/healthz":
            return "200 OK", [("Content-Type", _PLAIN)], b"ok\n"
        if path not in ("/metrics", "/readyz"):
            return "404 Not Found", [("Content-Type", _PLAIN)], b"Page inconnue ; voir /metrics. / Unknown page; see /metrics.\n"
        if page is None:
            return "503 Service Unavailable", [("Content-Type", _PLAIN), ("Retry-After", "5")], b"Pas encore de chiffres. / No figures yet.\n"
        if path == "/readyz":
            return "200 OK", [("Content-Type", _PLAIN)], b"ok\n"
        form = page.openmetrics if wants_openmetrics(environ.get("HTTP_ACCEPT", "")) else page.plain
        headers = [("Content-Type", form.kind), ("Vary", "Accept, Accept-Encoding")]
        if wants_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
            return "200 OK", [*headers, ("Content-Encoding", "gzip")], form.compressed
        return "200 OK", headers, form.text


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
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a line for each scrape that waits says nothing that the scraper does not
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

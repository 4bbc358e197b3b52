"""A reverse proxy on loopback before a real service: it passes everything on, until it is told to spoil the answers about servers."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

SPOILED = "/servers/detail"
#: How long the answer of a service may take for a client of the tests that meets a slow one, and how long that one takes.
IMPATIENT_SECONDS, SLOW_SECONDS = 15.0, 40.0


@dataclass(slots=True)
class Proxy:
    """`fault` is one of: "" (none), "500", "half a page", "cut short", "html", "no list", "empty list", "empty body", "slow"."""

    url: str
    fault: str = ""
    spoiled: int = 0


@contextmanager
def faulty(endpoint: str) -> Iterator[Proxy]:
    """Run the proxy before `endpoint` while the block runs."""
    origin = urlsplit(endpoint)
    opener = build_opener(ProxyHandler({}))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "accept-encoding", "connection")}
            try:
                with opener.open(Request(f"{origin.scheme}://{origin.netloc}{self.path}", headers=wanted), timeout=30) as answer:
                    status, kind, body = answer.status, answer.headers["Content-Type"], answer.read()
            except HTTPError as error:
                status, kind, body = error.code, error.headers["Content-Type"], error.read()
            length = len(body)
            if proxy.fault and urlsplit(self.path).path.endswith(SPOILED):
                proxy.spoiled += 1
                match proxy.fault:
                    case "500":
                        status, body = 500, b'{"computeFault": {"code": 500, "message": "Unexpected API Error."}}'
                        length = len(body)
                    case "half a page":
                        body = body[: length // 2]
                    case "cut short":
                        body = body[: length // 2]
                        length = len(body)
                    case "html":
                        kind, body = "text/html", b"<html><body>Maintenance</body></html>"
                        length = len(body)
                    case "no list":
                        body = b'{"servers": null}'
                        length = len(body)
                    case "empty list":
                        body = b'{"servers": []}'
                        length = len(body)
                    case "empty body":
                        body, length = b"", 0
                    case "slow":
                        time.sleep(SLOW_SECONDS)
            self.send_response(status)
            self.send_header("Content-Type", kind or "application/json")
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:  # the client has given up waiting
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = Proxy(url=f"http://127.0.0.1:{server.server_port}{origin.path}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A proxy before OpenStack that does to calls what bad days do (fails, cuts, garbles, delays them), or tells a test of each, before and after.

Clients reach it by their `auth_url` alone: in every answer the services' own addresses become the proxy's, the catalogue's among them, so that
whatever they call next comes here, too. One address for all: `http://127.0.0.1:PORT/UPSTREAM-PORT/…`.
"""

import contextlib
import http.client
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
#: Headers that are of one connection, or that the proxy writes itself.
_OF_A_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "accept-encoding"})


class Fault(StrEnum):
    """What can be done to a call. Of the first four nothing reaches the service; of the last three it has done what it was told, and the answer is
    lost, half of its JSON (of whatever method), or late."""

    ERROR = "500"
    GATEWAY = "502"
    UNAVAILABLE = "503"
    BUSY = "429"
    RESET = "reset"
    TRUNCATED = "truncated"
    STALL = "stall"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a service, by the service's port; `agent`: who made it, as it calls itself."""

    method: str
    port: int
    path: str
    agent: str = field(default="", compare=False)
    body: bytes = field(default=b"", compare=False, repr=False)
    token: str = field(default="", compare=False, repr=False)

    @property
    def by_the_engine(self) -> bool:
        """Whether the engine's provider made it, and not a worker itself."""
        return "gophercloud" in self.agent.lower() or "terraform" in self.agent.lower()

    @property
    def changes(self) -> bool:
        """Whether it changes something in the cloud; asking for a token does not."""
        return self.method not in ("GET", "HEAD") and not self.path.endswith("/auth/tokens")


class KeptBack(ConnectionError):
    """The call is not made, and has no answer."""


#: Which fault happens to a call; None: none.
Choose = Callable[[Call], Fault | None]
Hear = Callable[[Call], None]


@dataclass(slots=True)
class Weather:
    """What the proxy does now; tests change it while it runs. `before` and `after` are told of each call that changes something.

    `before` raises `KeptBack` to let a call reach nothing, as if whoever sent it had died a moment earlier.
    """

    choose: Choose = lambda call: None
    before: Hear = lambda call: None
    after: Hear = lambda call: None
    answered: Callable[[Call, int], None] = lambda call, status: None
    """Told of every call that reached a service, with the status of the answer."""
    stall_seconds: float = 30.0
    calls: Counter[str] = field(default_factory=Counter)
    """How many calls had which fault; `well` those that had none."""
    asked: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    """How often each method and address was asked, whatever came of it, since this was emptied last."""
    wrong: list[str] = field(default_factory=list)
    """What went wrong in the test's own words above: the end of the proxy says so, since nobody else hears of it."""
    _counting: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def minded(self) -> Iterator[None]:
        """Around what a test put in: the call goes on whatever becomes of that, but for `KeptBack`."""
        try:
            yield
        except KeptBack:
            raise
        except Exception:
            self.wrong.append(traceback.format_exc())

    def fault(self, call: Call) -> Fault | None:
        fault = None
        with self.minded():
            fault = self.choose(call)
        with self._counting:
            self.calls[fault or "well"] += 1
            self.asked[call.method, call.port, call.path.partition("?")[0]] += 1
        return fault

    def clear(self) -> None:
        """From now on the weather is fine, and nobody is told of anything."""
        self.choose, self.before, self.after = (lambda call: None), (lambda call: None), (lambda call: None)
        self.answered = lambda call, status: None


def sometimes(dice: random.Random, share: float) -> Choose:
    """Any of the faults, for a share of the calls."""
    lock = threading.Lock()

    def choose(call: Call) -> Fault | None:
        with lock:
            return dice.choice(list(Fault)) if dice.random() < share else None

    return choose


def nth(number: int, fault: Fault = Fault.ERROR) -> Choose:
    """One fault, for the call of that number (from 1) of those that change something, and for no other."""
    lock, seen = threading.Lock(), 0

    def choose(call: Call) -> Fault | None:
        nonlocal seen
        with lock:
            seen += call.changes
            return fault if call.changes and seen == number else None

    return choose


@contextlib.contextmanager
def proxy(weather: Weather, ports: range) -> Iterator[int]:
    """Run it before the services of these ports; its own port.

    Raises:
        AssertionError: at the end, when something that a test put into the weather went wrong.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

        def _take(self) -> None:
            port, _, path = self.path.lstrip("/").partition("/")  # a service is asked for its versions without a slash at the end
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not port.isdigit():  # above the services' own addresses there is nothing
                self._refused(404)
                return
            agent, token = (self.headers.get(name) or "" for name in ("User-Agent", "X-Auth-Token"))
            call = Call(self.command, int(port), f"/{path}", agent=agent, body=body, token=token)
            fault = weather.fault(call)
            if call.changes:
                with weather.minded():
                    weather.before(call)
            if fault in (Fault.ERROR, Fault.GATEWAY, Fault.UNAVAILABLE, Fault.BUSY):
                self._refused(int(fault))
                return
            if fault is Fault.STALL:
                time.sleep(weather.stall_seconds)
            self._forwarded(call, body, fault)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _take  # noqa: N815 - the server's names

        def _refused(self, status: int) -> None:
            said = b'{"error": {"code": %d, "title": "Mauvais temps", "message": "mauvais temps"}}' % status
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if status == 429:
                self.send_header("Retry-After", "1")
            self._ended(said)

        def _forwarded(self, call: Call, body: bytes, fault: Fault | None) -> None:
            upstream = http.client.HTTPConnection(HOST, call.port, timeout=300)
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_A_HOP}
                upstream.request(call.method, call.path, body=body or None, headers={**headers, "Accept-Encoding": "identity"})
                answer = upstream.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException):  # the service itself is away, which is no fault of ours and no silence either
                self._refused(502)
                return
            finally:
                upstream.close()
            with weather.minded():
                weather.answered(call, answer.status)
                if call.changes:
                    weather.after(call)
            if fault is Fault.RESET:
                self.close_connection = True
                self.connection.shutdown(2)
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _OF_A_HOP:
                    self.send_header(name, self._ours(value.encode()).decode())
            content = self._ours(content)
            self._ended(content[: len(content) // 2] if fault is Fault.TRUNCATED else content)

        def _ours(self, content: bytes) -> bytes:
            """The services' addresses in the proxy's form."""
            for port in ports:
                content = content.replace(b"http://%s:%d" % (HOST.encode(), port), b"http://%s:%d/%d" % (HOST.encode(), own, port))
            return content

        def _ended(self, content: bytes) -> None:
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError, TimeoutError):  # who called is gone, as after a kill
                super().handle()

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    own = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, name="proxy", daemon=True)
    thread.start()
    try:
        yield own
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert weather.wrong == [], "\n".join(weather.wrong)


def through(address: str, port: int) -> str:
    """An address of a service as it is reached through the proxy at `port`: `http://127.0.0.1:28600/v3` there."""
    scheme, _, rest = address.partition("://")
    place, slash, path = rest.partition("/")
    host, _, upstream = place.partition(":")
    assert (scheme, host) == ("http", HOST), address
    return f"http://{HOST}:{port}/{upstream}{slash}{path}"

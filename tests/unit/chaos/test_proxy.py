"""The proxy of the chaos tests does what it says: addresses become its own, and each fault is the one that was chosen."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.chaos.proxy import Call, Fault, KeptBack, Weather, nth, proxy, through


@pytest.fixture
def upstream() -> Iterator[tuple[int, list[str]]]:
    """A service that names its own address, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

        def _answer(self) -> None:
            asked.append(f"{self.command} {self.path} {self.rfile.read(int(self.headers.get('Content-Length') or 0)).decode()}".strip())
            said = json.dumps({"href": f"http://127.0.0.1:{server.server_port}/v3"}).encode()
            self.send_response(201 if self.command == "POST" else 200)
            self.send_header("Location", f"http://127.0.0.1:{server.server_port}/v3/there")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = _answer  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, asked
    server.shutdown()
    server.server_close()


def ask(address: str, method: str = "GET", body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    place, _, path = address.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(place, timeout=60)
    try:
        connection.request(method, f"/{path}", body=body)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_what_comes_through_leads_through_again(upstream: tuple[int, list[str]]) -> None:
    port, asked = upstream
    with proxy(Weather(), range(port, port + 1)) as own:
        status, headers, said = ask(through(f"http://127.0.0.1:{port}/v3/servers?limit=2", own), "POST", b'{"server": {}}')

    assert (status, asked) == (201, ['POST /v3/servers?limit=2 {"server": {}}'])
    assert json.loads(said) == {"href": f"http://127.0.0.1:{own}/{port}/v3"}
    assert headers["Location"] == f"http://127.0.0.1:{own}/{port}/v3/there"


def test_a_services_own_address_leads_to_it_with_and_without_a_slash(upstream: tuple[int, list[str]]) -> None:
    port, asked = upstream
    with proxy(Weather(), range(port, port + 1)) as own:
        answers = [ask(f"http://127.0.0.1:{own}{place}")[0] for place in (f"/{port}", f"/{port}/", "/")]

    assert (answers, asked) == ([200, 200, 404], ["GET /", "GET /"])


@pytest.mark.parametrize(("fault", "status"), [(Fault.ERROR, 500), (Fault.GATEWAY, 502), (Fault.UNAVAILABLE, 503), (Fault.BUSY, 429)])
def test_what_is_refused_reaches_nothing(upstream: tuple[int, list[str]], fault: Fault, status: int) -> None:
    port, asked = upstream
    with proxy(Weather(choose=lambda call: fault), range(port, port + 1)) as own:
        found, headers, _ = ask(through(f"http://127.0.0.1:{port}/v3", own))

    assert (found, asked, headers.get("Retry-After")) == (status, [], "1" if status == 429 else None)


def test_what_is_cut_or_garbled_was_done_all_the_same(upstream: tuple[int, list[str]]) -> None:
    port, asked = upstream
    faults = iter((Fault.RESET, Fault.TRUNCATED))
    with proxy(Weather(choose=lambda call: next(faults)), range(port, port + 1)) as own:
        address = through(f"http://127.0.0.1:{port}/v3", own)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            ask(address)
        said = ask(address)[2]

    assert len(asked) == 2
    with pytest.raises(ValueError):
        json.loads(said)


def test_a_test_hears_of_each_change_before_and_after_and_can_keep_it_back(upstream: tuple[int, list[str]]) -> None:
    port, asked = upstream
    heard: list[str] = []
    weather = Weather(before=lambda call: heard.append(f"before {call.path}"), after=lambda call: heard.append(f"after {call.path}"))

    def kept_back(call: Call) -> None:
        raise KeptBack

    with proxy(weather, range(port, port + 1)) as own:
        ask(through(f"http://127.0.0.1:{port}/v3/auth/tokens", own), "POST", b"{}")
        ask(through(f"http://127.0.0.1:{port}/v3/projects", own), "POST", b"{}")
        weather.before = kept_back
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            ask(through(f"http://127.0.0.1:{port}/v3/groups", own), "POST", b"{}")

    assert heard == ["before /v3/projects", "after /v3/projects"]
    assert [line.split()[1] for line in asked] == ["/v3/auth/tokens", "/v3/projects"]


def test_what_goes_wrong_in_a_tests_own_words_fails_it_and_lets_the_call_through(upstream: tuple[int, list[str]]) -> None:
    port, asked = upstream

    def spoil(call: Call) -> None:
        raise AssertionError("the server is not in ERROR")

    with pytest.raises(AssertionError, match="the server is not in ERROR"), proxy(Weather(after=spoil), range(port, port + 1)) as own:
        assert ask(through(f"http://127.0.0.1:{port}/v3/projects", own), "POST", b"{}")[0] == 201
    assert len(asked) == 1


def test_a_service_that_is_away_is_said_to_be() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        nowhere = gone.getsockname()[1]
    with proxy(Weather(), range(nowhere, nowhere + 1)) as own:
        assert ask(through(f"http://127.0.0.1:{nowhere}/v3", own))[0] == 502


def test_the_answer_to_a_change_is_garbled_too(upstream: tuple[int, list[str]]) -> None:
    port, asked = upstream
    with proxy(Weather(choose=lambda call: Fault.TRUNCATED), range(port, port + 1)) as own:
        status, _, said = ask(through(f"http://127.0.0.1:{port}/v3/projects", own), "POST", b"{}")

    assert (status, len(asked)) == (201, 1)
    with pytest.raises(ValueError):
        json.loads(said)


def test_one_change_of_many_is_chosen_by_its_number() -> None:
    choose = nth(2)
    calls = [Call("POST", 1, "/v3/auth/tokens"), Call("POST", 1, "/a"), Call("GET", 1, "/a"), Call("PUT", 1, "/b"), Call("DELETE", 1, "/c")]

    assert [choose(call) for call in calls] == [None, None, None, Fault.ERROR, None]

"""A request is answered in the thread that took it, whatever it carries and however it ends."""

import gc
import io
import threading
import warnings
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse

from dcctl.api.bridge import Bridge, Router, Streamed
from dcctl.api.front import ADMITTED, Front


def environ(method: str, path: str, body: bytes = b"", query: str = "", **headers: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path.encode().decode("latin-1"), "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8780", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "https",
        "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json", "wsgi.input": io.BytesIO(body + b"of the next request"),
    } | headers  # fmt: skip


@pytest.fixture
def application():
    router, plain = Router(prefix="/v1"), APIRouter()

    @router.get("/thread")
    def thread() -> int:
        return threading.get_ident()

    @plain.get("/elsewhere")
    def elsewhere() -> int:
        return threading.get_ident()

    @router.post("/echo/{name}", status_code=201)
    def echo(name: str, body: dict[str, Any], request: Request, mark: str = "") -> dict[str, Any]:
        return {"name": name, "body": body, "mark": mark, "agent": request.headers["user-agent"], "scheme": request.url.scheme}

    @router.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"un\n", b"deux\n"]), media_type="text/plain")

    @router.get("/broken")
    def broken() -> None:
        raise LookupError("dossier-patient")

    api = FastAPI()
    api.include_router(router)
    api.include_router(plain)
    return Bridge(api)


def asked(bridge: Bridge, *arguments: Any, **headers: Any) -> tuple[str, dict[str, str], bytes]:
    told: list[Any] = []
    content = b"".join(bridge(environ(*arguments, **headers), lambda line, sent: told.append((line, dict(sent)))))
    ((line, sent),) = told
    return line, sent, content


def test_a_route_runs_in_the_thread_that_took_the_request(application):
    line, sent, content = asked(application, "GET", "/v1/thread")
    assert (line, sent["content-length"], int(content)) == ("200 OK", str(len(content)), threading.get_ident())


def test_a_router_of_another_kind_is_served_too(application):
    line, _, content = asked(application, "GET", "/elsewhere")
    assert line == "200 OK"
    assert int(content) != threading.get_ident()


def test_path_query_headers_and_no_more_than_the_body_arrive(application):
    line, sent, content = asked(application, "POST", "/v1/echo/préfecture", b'{"cores": 4}', "mark=%C3%A9", HTTP_USER_AGENT="dcctl/1")
    assert (line, sent["content-type"]) == ("201 Created", "application/json")
    assert content.decode() == '{"name":"préfecture","body":{"cores":4},"mark":"é","agent":"dcctl/1","scheme":"https"}'


def test_an_answer_in_pieces_is_whole(application):
    assert asked(application, "GET", "/v1/stream")[2] == b"un\ndeux\n"


def test_what_the_application_raises_is_raised_where_the_request_was_taken(application):
    with pytest.raises(LookupError, match="dossier-patient"):
        asked(application, "GET", "/v1/broken")
    assert asked(application, "GET", "/v1/thread")[0] == "200 OK"


def test_many_threads_ask_at_once_and_leave_nothing_open(application):
    answers: dict[int, int] = {}

    def ask() -> None:
        answers[threading.get_ident()] = int(asked(application, "GET", "/v1/thread")[2])

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gc.collect()
    assert answers
    assert all(asked_in == answered_in for asked_in, answered_in in answers.items())
    assert [str(warning.message) for warning in said if issubclass(warning.category, ResourceWarning)] == []


def test_a_long_answer_is_made_while_it_is_sent_and_never_held():
    made: list[int] = []
    ended: list[str] = []

    def pieces():
        try:
            for number in range(1000):
                made.append(number)
                yield b"%d\n" % number
        finally:
            ended.append("ended")

    router, api = Router(prefix="/v1"), FastAPI()

    @router.get("/ledger", response_class=Streamed)
    def ledger() -> Streamed:
        return Streamed(pieces(), media_type="text/plain")

    api.include_router(router)
    bridge = Bridge(api)

    def admitted(environ: dict[str, Any], start_response: Any) -> Any:
        environ[ADMITTED] = True
        return bridge(environ, start_response)

    told: list[Any] = []
    body = iter(Front(guarded=admitted, unguarded=bridge, max_body_bytes=1)(environ("GET", "/v1/ledger"), lambda *start: told.append(start)))
    assert ([next(body) for _ in range(3)], made) == ([b"0\n", b"1\n", b"2\n"], [0, 1, 2])
    ((line, headers),) = told
    assert (line, "content-length" in dict(headers)) == ("200 OK", False)

    body.close()  # the caller has gone
    assert (len(made), ended) == (3, ["ended"])

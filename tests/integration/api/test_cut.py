"""The connection cut at two hundred places of a submit, before and after the server's commit: one request, and the client knows its number.

The client is dcctl's own, the API runs behind a real server and a real PostgreSQL; between them a proxy breaks the first connection.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence

import pytest
import stamina
import waitress
from keystoneauth1 import session as keystone_session
from keystoneauth1 import token_endpoint
from sqlmodel import col, func, select

from dcctl.client import Client
from dcctl.cloudsyaml import Cloud
from dcctl.schemas import WithdrawIn
from dcctl.signin import SignedIn
from dcctl.store import Request
from dcctl.workflow import actor, requests
from tests.integration.api.stack import PEOPLE, SPEC, Api

POSITIONS = 200


class Proxy:
    """Passes bytes on; of the first connection only so many in one direction, then both ends are closed."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.cut: tuple[str, int] | None = None
        self.passed = {"request": 0, "answer": 0}
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            cut, self.cut = self.cut, None
            server = socket.create_connection(("127.0.0.1", self.target))
            for direction, source, sink in (("request", client, server), ("answer", server, client)):
                threading.Thread(target=self._pass, args=(direction, source, sink, cut), daemon=True).start()

    def _pass(self, direction: str, source: socket.socket, sink: socket.socket, cut: tuple[str, int] | None) -> None:
        left = cut[1] if cut is not None and cut[0] == direction else None
        with contextlib.suppress(OSError):
            while left is None or left > 0:
                data = source.recv(65536 if left is None else min(left, 65536))
                if not data:
                    break
                sink.sendall(data)
                self.passed[direction] += len(data)
                left = None if left is None else left - len(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self.listener.close()


@pytest.fixture
def proxy(api: Api) -> Iterator[Proxy]:
    server = waitress.create_server(api.front, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    made = Proxy(server.effective_port)
    stamina.set_testing(True, attempts=3)  # three attempts as ever, without the waits between them
    yield made
    stamina.set_testing(False)
    made.close()
    server.close()
    thread.join(10)


def client_of(proxy: Proxy) -> Client:
    """The client as after a sign-in; a fresh one has no connection yet."""
    import requests as http

    endpoint = f"http://127.0.0.1:{proxy.port}"
    connection = http.Session()
    session = keystone_session.Session(auth=token_endpoint.Token(endpoint, "sante-agent"), session=connection)
    client = Client(Cloud(name="sante-agent", file="clouds.yaml", config={}))
    client._signed_in = SignedIn(session=session, endpoint=endpoint, http=connection)
    return client


def submitted(proxy: Proxy, name: str) -> str:
    client = client_of(proxy)
    try:
        body = {"kind": "environment", "spec": SPEC | {"name": name}}
        return str(client.post("requests", body=body, key=f"key-of-{name}", look="dcctl request list")["number"])
    finally:
        client.close()


def sizes(api: Api, proxy: Proxy) -> dict[str, int]:
    """Bytes of a submit that is not cut, and of its answer."""
    whole = submitted(proxy, "entier")
    withdrawn(api, whole)
    assert 200 < proxy.passed["request"] < 10_000 - 300, "with a Fernet token under 10 KB"
    assert proxy.passed["answer"] > 200
    return dict(proxy.passed)


def withdrawn(api: Api, number: str) -> None:
    requests.withdraw(api.app, actor.from_token(api.app, PEOPLE["sante-agent"]), number, WithdrawIn())


def cut_at(api: Api, proxy: Proxy, places: Sequence[tuple[str, int]]) -> None:
    """At each of them there is one request, and its number is known."""
    for number, place in enumerate(places):
        name, proxy.cut = f"portail-{number}", place

        known = submitted(proxy, name)

        with api.app.reading() as session:
            assert session.exec(select(Request.number).where(Request.environment == name)).all() == [known], place
        withdrawn(api, known)
    with api.app.reading() as session:
        made = select(func.count()).select_from(Request).where(col(Request.environment).startswith("portail-"))
        assert session.exec(made).one() == len(places)


def test_wherever_it_is_cut_there_is_one_request_and_its_number_is_known(api: Api, proxy: Proxy) -> None:
    """Every byte: tests/chaos."""
    half = POSITIONS // 2
    cut_at(api, proxy, [(direction, step * size // half) for direction, size in sizes(api, proxy).items() for step in range(half)])

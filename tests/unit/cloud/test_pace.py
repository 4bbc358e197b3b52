"""How many calls are under way towards a service at once, and what is asked before each: against a server of this process that counts."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import time_machine

from dcctl.cloud.connect import Cloud


class Counting(BaseHTTPRequestHandler):
    """Answers slowly, and refuses the first call of /busy with a time to come back."""

    now = most = busy = 0
    lock = threading.Lock()

    def do_GET(self) -> None:
        with Counting.lock:
            Counting.now += 1
            Counting.most = max(Counting.most, Counting.now)
        time.sleep(0.05)
        with Counting.lock:
            Counting.now -= 1
            Counting.busy += self.path.endswith("/busy")
            refused = self.path.endswith("/busy") and Counting.busy == 1
        self.send_response(429 if refused else 200)
        if refused:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}/v2.1"
    entry = {"auth_type": "none", "auth": {"endpoint": address}, "region_name": "cotonou", "compute_endpoint_override": address}
    (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"essai": entry}}))
    Counting.now = Counting.most = Counting.busy = 0
    yield Cloud(tmp_path / "clouds.yaml", "essai", "cotonou", at_once=2)
    server.shutdown()
    thread.join()
    server.server_close()


def test_no_more_calls_are_under_way_towards_a_service_than_the_site_allows(cloud: Cloud) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: cloud.call("compute", "GET", f"/servers/{number}"), range(12)))

    assert Counting.most == 2


def test_a_service_that_is_busy_is_asked_again_when_it_said(cloud: Cloud) -> None:
    began = time.monotonic()

    assert cloud.call("compute", "GET", "/busy") == {}

    assert Counting.busy == 2
    assert 1.0 <= time.monotonic() - began < 20


def test_what_lost_its_right_sends_no_call(cloud: Cloud) -> None:
    def lost() -> None:
        raise LookupError("the lease is another's")

    with cloud.only_while(lost), pytest.raises(LookupError, match="the lease is another's"):
        cloud.call("compute", "GET", "/busy")
    assert Counting.busy == 0
    assert cloud.call("compute", "GET", "/servers") == {}


def test_a_clock_that_is_put_back_holds_up_no_call(cloud: Cloud) -> None:
    cloud.call("compute", "GET", "/servers/1")
    began = time.monotonic()

    with time_machine.travel(datetime.now(UTC) - timedelta(seconds=60), tick=True):
        cloud.call("compute", "GET", "/servers/2")

    assert time.monotonic() - began < 30

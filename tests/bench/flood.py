"""What one administration waits for while everybody in another one floods the API: its reads and its submits, alone and beside the flood.

The API is a second process of the site with the calls a minute that are shipped (the tests' site has more). The flood is of thirty people with
tokens of their own: each lists, submits and comments as fast as answers come, refusals among them. Target: p99 at most doubles.
"""

import itertools
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import requests

from dcctl.cloud.connect import Cloud
from dcctl.config import Api
from infra.site.layout import REGION
from tests.bench.second import second_api
from tests.bench.submit import share
from tests.site import RunningSite

PEOPLE, TARGET = 30, 2.0
#: Of the one that is measured, by the clock.
CALLS_A_SECOND, SECONDS = 8.0, 10.0
ROOM = {"cores": 400, "ram": 400 * 512}


def run(site: RunningSite, rounds: int) -> dict[str, Any]:
    """Measure; print a line a round; return the raw rounds and the median of their ratios."""
    site.prepare()
    for code in ("min-calme", "min-foule"):
        site.administration(code, f"Ministère {code}", agent=f"{code}-agent", lead=f"{code}-lead", envelope=ROOM)
    crowd = [f"foule-{number}" for number in range(PEOPLE)]
    for person in crowd:
        site.account(person, "min-foule")
        site.answer("operator", "administration", "person", "add", "min-foule", person, "--role", "dc_agent")
    tokens = {person: str(Cloud(site.clouds_yaml, person, REGION).session.get_token()) for person in ("min-calme-agent", *crowd)}
    with shipped(site) as address:
        for token in tokens.values():
            requests.get(f"{address}/v1/whoami", headers={"X-Auth-Token": token}, timeout=30)  # Keystone is asked once
        found = []
        for number in range(rounds):
            alone = calm(address, tokens["min-calme-agent"])
            flooding = Flood(address, [tokens[person] for person in crowd])
            with flooding.under_way():
                beside = calm(address, tokens["min-calme-agent"])
            p99 = [share(took, 0.99) for took in (alone, beside)]
            found.append({"alone_ms": alone, "beside_ms": beside, "flood": flooding.said()})
            print(f"  round {number + 1}: p99 alone {p99[0]:.0f} ms, beside {p99[1]:.0f} ms; the flood was answered {flooding.said()}", flush=True)
    ratio = statistics.median(share(one["beside_ms"], 0.99) / share(one["alone_ms"], 0.99) for one in found)
    print(f"  p99 beside the flood to that alone: {ratio:.2f}; the target is {TARGET}")
    return {"people": PEOPLE, "rounds": found, "p99_beside_to_alone": ratio}


def calm(address: str, token: str) -> list[float]:
    """Milliseconds of lists and submits in turn, counted from the moment at which each was due; what was submitted is withdrawn."""
    local = threading.local()

    def call(due: float, number: int) -> float:
        if not hasattr(local, "session"):
            local.session = requests.Session()
            local.session.headers["X-Auth-Token"] = token
        made = local.session.get(f"{address}/v1/requests", timeout=60) if number % 2 else submit(local.session, address, "min-calme")
        assert made.status_code in (200, 201), made.text[:300]
        took = 1000 * (time.perf_counter() - due)
        if made.status_code == 201:
            local.session.post(f"{address}/v1/requests/{made.json()['number']}/withdraw", json={}, timeout=60)
        return took

    with ThreadPoolExecutor(8) as senders:
        first, sent = time.perf_counter() + 0.2, []
        for number in range(int(CALLS_A_SECOND * SECONDS)):
            due = first + number / CALLS_A_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            sent.append(senders.submit(call, due, number))
        return [one.result() for one in sent]


def submit(session: requests.Session, address: str, code: str) -> requests.Response:
    spec = {
        "apiVersion": "dcctl/v1", "kind": "Environment", "administration": code, "name": f"essai-{uuid.uuid4().hex[:10]}", "offer": "standard",
        "quota": {"cores": 1, "ram": 512}, "duration": "3 months", "justification": "banc d'essai",
    }  # fmt: skip
    body = {"kind": "environment", "spec": spec}
    return session.post(f"{address}/v1/requests", json=body, headers={"Idempotency-Key": uuid.uuid4().hex}, timeout=60)


class Flood:
    """Everybody of a ministry at once, each as fast as the API answers."""

    def __init__(self, address: str, tokens: list[str]) -> None:
        self._address, self._tokens = address, tokens
        self._stop, self._count, self._lock = threading.Event(), dict[int, int](), threading.Lock()

    @contextmanager
    def under_way(self) -> Iterator[None]:
        people = [threading.Thread(target=self._person, args=(token,)) for token in self._tokens]
        for person in people:
            person.start()
        time.sleep(2.0)  # the burst that everybody may have is over
        try:
            yield
        finally:
            self._stop.set()
            for person in people:
                person.join()

    def said(self) -> dict[int, int]:
        """How many answers there were of each status."""
        return dict(sorted(self._count.items()))

    def _person(self, token: str) -> None:
        session = requests.Session()
        session.headers["X-Auth-Token"] = token
        for number in itertools.count():
            if self._stop.is_set():
                return
            answer = submit(session, self._address, "min-foule") if number % 3 == 0 else session.get(f"{self._address}/v1/requests", timeout=60)
            with self._lock:
                self._count[answer.status_code] = self._count.get(answer.status_code, 0) + 1


@contextmanager
def shipped(site: RunningSite) -> Iterator[str]:
    """A second API of the site, with the bounds on calls and open requests that are shipped."""
    port, of = site.ports + 16, Api()
    bounds = {
        "DCCTL_API__PORT": str(port), "DCCTL_API__REQUESTS_A_MINUTE": str(of.requests_a_minute), "DCCTL_API__OPEN_REQUESTS": str(of.open_requests),
    }  # fmt: skip
    with second_api(site, [sys.executable, "-c", "from dcctl.api.server import main; main()"], port, bounds) as address:
        yield address

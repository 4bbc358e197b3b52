"""Submits through the HTTP API with tokens, at a steady rate, while readers list: what a DSI's command waits for.

Each submit is the example's wish under a name of its own, sent when its turn has come by the clock, whether or not the one before has been answered;
the time is counted from that moment, so a queue counts too. Ten readers list requests twice a second each. Afterwards every request is withdrawn.
Target: p99 at most 150 ms at 20 submits a second. Beside the times stands what each process of the site worked for one submit and its list: that
tells a slow program from a busy machine.
"""

import os
import statistics
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from ruamel.yaml import YAML

from dcctl.cloud.connect import Cloud
from infra.site.layout import CHECKOUT, REGION
from tests.site import RunningSite

EXAMPLE = CHECKOUT / "examples" / "dossier-patient.yaml"
RATE, READERS, READS_A_SECOND = 20.0, 10, 2.0
SECONDS_OF_A_ROUND, TARGET_MS = 12.0, 150.0
SENDERS = 16
QUOTA = {"cores": 1, "ram": 512, "gigabytes": 1}
#: Room for all submits of a round.
ENVELOPE = {resource: 400 * amount for resource, amount in QUOTA.items()}


def run(site: RunningSite, rounds: int) -> dict[str, Any]:
    """Measure; print a line a round; return the raw rounds and the median of their p99."""
    site.prepare()
    site.administration("min-banc", "Ministère du banc d'essai", agent="banc-agent", lead="banc-lead", envelope=ENVELOPE)
    submitter, reader = (caller(site, person) for person in ("banc-agent", "banc-lead"))
    wish = {key: value for key, value in YAML(typ="safe").load(EXAMPLE.read_text()).items() if key not in ("network", "servers")}
    wish |= {"quota": QUOTA, "administration": "min-banc", "members": ["banc-agent"]}
    submitter("POST", "/v1/requests", wish=wish | {"name": f"essai-{uuid.uuid4().hex[:10]}"})  # connects, and asks Keystone once
    found = []
    for number in range(rounds):
        before = worked(site)
        took = one_round(submitter, reader, wish)
        spent = {name: (after - before.get(name, 0.0)) / len(took["submit_ms"]) for name, after in worked(site).items()}
        took["cpu_ms"] = {name: round(spent[name], 1) for name in sorted(spent, key=lambda name: -spent[name]) if spent[name] >= 0.1}
        found.append(took)
        p50, p99 = (share(took["submit_ms"], part) for part in (0.5, 0.99))
        lists = share(took["list_ms"], 0.99)
        print(f"  round {number + 1}: {len(took['submit_ms'])} submits, p50 {p50:.0f} ms, p99 {p99:.0f} ms; lists p99 {lists:.0f} ms", flush=True)
        print("    CPU for a submit and a list, ms: " + ", ".join(f"{name} {spent}" for name, spent in took["cpu_ms"].items()), flush=True)
        withdraw_all(submitter)
    p99 = statistics.median(share(took["submit_ms"], 0.99) for took in found)
    print(f"  median p99 of a submit {p99:.0f} ms; the target is {TARGET_MS:.0f} ms")
    return {"rate": RATE, "readers": READERS, "rounds": found, "median_p99_ms": p99}


Call = Callable[..., Any]


def caller(site: RunningSite, person: str, address: str = "") -> Call:
    """Sends as that person, to the site's API or another one: a token is fetched once, a connection for each thread."""
    local, address = threading.local(), address or site.api_url
    token = Cloud(site.clouds_yaml, person, REGION).session.get_token()

    def call(method: str, path: str, *, wish: dict[str, Any] | None = None, body: dict[str, Any] | None = None) -> Any:
        if not hasattr(local, "session"):
            local.session = requests.Session()
            local.session.headers["X-Auth-Token"] = token
        headers, document = {}, body
        if wish is not None:
            headers, document = {"Idempotency-Key": uuid.uuid4().hex}, {"kind": "environment", "spec": wish}
        answer = local.session.request(method, f"{address}{path}", json=document, headers=headers, timeout=60)
        assert answer.status_code in (200, 201), f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    return call


def worked(site: RunningSite) -> dict[str, float]:
    """Milliseconds of CPU that each process of the site and its children have used so far; the bench's own too."""
    tick = 1000 / os.sysconf("SC_CLK_TCK")
    parents, used = dict[int, int](), dict[int, float]()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (OSError, NotADirectoryError):
            continue
        parents[int(entry.name)], used[int(entry.name)] = int(fields[1]), tick * (int(fields[11]) + int(fields[12]))
    found = {}
    for name, pid in (site.pids() | {"bench": os.getpid()}).items():
        own = [child for child, parent in parents.items() if parent == pid and name.endswith("postgres")]
        found[name] = sum(used.get(one, 0.0) for one in (pid, *own))
    return found


def one_round(submitter: Call, reader: Call, wish: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds of every submit and every list."""
    stop, lists = threading.Event(), []

    def read() -> None:
        while not stop.wait(1 / READS_A_SECOND):
            began = time.perf_counter()
            reader("GET", "/v1/requests")
            lists.append(1000 * (time.perf_counter() - began))

    def submit(due: float) -> float:
        submitter("POST", "/v1/requests", wish=wish | {"name": f"essai-{uuid.uuid4().hex[:10]}"})
        return 1000 * (time.perf_counter() - due)

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for thread in readers:
        thread.start()
    try:
        with ThreadPoolExecutor(SENDERS) as senders:
            first, sent = time.perf_counter() + 0.5, []
            for number in range(int(RATE * SECONDS_OF_A_ROUND)):
                due = first + number / RATE
                time.sleep(max(0.0, due - time.perf_counter()))
                sent.append(senders.submit(submit, due))
            submits = [one.result() for one in sent]
    finally:
        stop.set()
        for thread in readers:
            thread.join()
    return {"submit_ms": submits, "list_ms": lists}


def withdraw_all(submitter: Call) -> None:
    """Give everything back, so that the next round finds the same envelope."""
    for item in submitter("GET", "/v1/requests?limit=1000")["items"]:
        if item["state"] in ("submitted", "in_review") and item["environment"].startswith("essai-"):
            submitter("POST", f"/v1/requests/{item['number']}/withdraw", body={"reason": "banc d'essai"})


def share(values: list[float], part: float) -> float:
    return sorted(values)[int(len(values) * part)]

"""Lists of requests read by twenty clients with tokens: of an administration with 100, of one with 10,000, and by a handler that asks no database.

The last is a second API process of the same site: the same token check, policy, route and model, but its list is a document kept in memory; so
the difference is what the database costs. All three are read in turn in each round. Target: p99 among 10,000 at most 1.5 times that among 100.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import waitress

from dcctl.api import server
from dcctl.config import settings
from dcctl.workflow import requests as cases
from dcctl.workflow.app import App
from infra.site import postgres
from infra.site.layout import CHECKOUT
from tests.bench.second import second_api
from tests.bench.submit import Call, caller, share
from tests.site import RunningSite

CLIENTS, READS_OF_A_CLIENT = 20, 15
FEW, MANY, TARGET = 100, 10_000, 1.5
MINISTRIES = {"min-peu": FEW, "min-beaucoup": MANY}
_FILL = """INSERT INTO request (number, kind, state, administration, environment, spec, demand, resolved, plan, notices, evidence, justification,
        requester, requester_id, created_at, updated_at)
    SELECT 'R-2024-' || %(code)s || '-' || i, 'environment', 'refused', %(code)s, 'env-' || i, '{}', '{}', '{}', '[]', '[]', '{}', 'banc d''essai',
        '{"user": "banc"}', 'banc', timestamptz '2024-01-01 00:00Z' + make_interval(mins => i), now()
    FROM generate_series(1, %(many)s) i ON CONFLICT DO NOTHING"""


def run(site: RunningSite, rounds: int) -> dict[str, Any]:
    """Measure; print a line a round; return the raw rounds and the medians of their ratios."""
    site.prepare()
    for code in MINISTRIES:
        site.administration(code, f"Direction {code}", agent=f"{code}-agent", lead=f"{code}-lead", envelope={"cores": 1})
    with postgres.connect(site.layout, postgres.DATABASE) as connection:
        for code, many in MINISTRIES.items():
            connection.execute(_FILL, {"code": code, "many": many})
        connection.execute("ANALYZE request")
    few, many = (caller(site, f"{code}-lead") for code in MINISTRIES)
    with without_database(site, few("GET", "/v1/requests")) as address:
        readers = {"few": few, "many": many, "without database": caller(site, "min-peu-lead", address)}
        found = []
        for number in range(rounds):
            took = {name: read(call) for name, call in readers.items()}
            found.append(took)
            told = ", ".join(f"{name} {one['rate']:.0f}/s p99 {share(one['ms'], 0.99):.0f} ms" for name, one in took.items())
            print(f"  round {number + 1}: {told}", flush=True)
    p99 = statistics.median(share(took["many"]["ms"], 0.99) / share(took["few"]["ms"], 0.99) for took in found)
    rate = statistics.median(took["few"]["rate"] / took["without database"]["rate"] for took in found)
    print(f"  p99 among {MANY} to that among {FEW}: {p99:.2f}; the target is {TARGET}. Rate with the database to that without: {rate:.2f}")
    return {"clients": CLIENTS, "rounds": found, "p99_many_to_few": p99, "rate_to_without_database": rate}


def read(call: Call) -> dict[str, Any]:
    """Milliseconds of every read, and how many there were in a second."""

    def client(_: int) -> list[float]:
        took = []
        for _ in range(READS_OF_A_CLIENT):
            began = time.perf_counter()
            assert call("GET", "/v1/requests")["items"]
            took.append(1000 * (time.perf_counter() - began))
        return took

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        took = [one for each in clients.map(client, range(CLIENTS)) for one in each]
    return {"ms": took, "rate": len(took) / (time.perf_counter() - began)}


@contextmanager
def without_database(site: RunningSite, document: dict[str, Any]) -> Iterator[str]:
    """A second API whose list of requests is that document."""
    port = site.ports + 15
    file = site.layout.state / "bench-list.json"
    file.write_text(json.dumps(document))
    with second_api(site, [sys.executable, "-m", "tests.bench.reads", str(port), str(file)], port, {"PYTHONPATH": str(CHECKOUT)}) as address:
        yield address


def main() -> None:
    """The second API: `python -m tests.bench.reads PORT FILE`, with the site's configuration."""
    port, document = int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    of = settings()
    cases.listing = lambda *_, **__: document  # type: ignore[assignment]
    waitress.serve(server.front(App(of)), host="127.0.0.1", port=port, threads=of.api.threads, _quiet=True)


if __name__ == "__main__":
    main()

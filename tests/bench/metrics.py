"""Metrics at the scale of a country: a pass over a synthetic cloud, the text of 100,000 samples, scrapes of it; each beside its reference.

    python -m tests.bench.metrics [pass|paged|text|scrape|hammer …]

Prints a line of JSON for each, keeps all of them with their raw rounds in bench-results/, and ends with 1 when one misses its target. The collector,
the reference and the servers are processes of their own.
"""

import contextlib
import json
import math
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench-results"
#: Items of a page of Nova's and Cinder's.
PAGE = 1000
MOST_CALLS, MOST_CPU, MOST_MIB, LEAST_FASTER, MOST_P99, MOST_LIGHT = 400, 3.0, 400, 10.0, 3.0, 0.1
SAMPLES, SCRAPERS, SCRAPES = 100_000, 20, 10
#: Others do as much beside our exporter as beside a file server that is scraped likewise, less what differs from round to round.
HAMMERED_SECONDS, LEAST_UNAFFECTED = 3.0, 0.75


@contextlib.contextmanager
def child(*module: str) -> Iterator[int]:
    """A server of ours in its own process; its port is the first line that it prints."""
    process = subprocess.Popen([sys.executable, "-m", *module], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(30)


def get(port: int, path: str, method: str = "GET") -> bytes:
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method), timeout=300) as answer:
        return bytes(answer.read())


# -- a pass ----------------------------------------------------------------------------------------------------------------------------------


def a_pass() -> dict[str, Any]:
    """Full passes with 10,000 and with 1,000 projects, and one after a change of 1 %."""
    found: dict[str, Any] = {f"{projects} projects": measured_pass(projects) for projects in (10_000, 1_000)}
    large, small = found.values()
    found["missed"] = (
        over_a_pass(large) or over_a_pass(small) or large["calls"] != small["calls"] or not large["current_after_one_interval"]
        or large["light_calls"] > MOST_LIGHT * large["calls"]
        or large["scattered_calls"] > MOST_LIGHT * large["calls"] or not large["scattered_keep_their_time"]
        or large["hour"]["most_calls_a_pass"] > MOST_LIGHT * large["calls"]
    )  # fmt: skip
    return found


def a_paged_pass() -> dict[str, Any]:
    """The same where the site gave Neutron's pages an end: in between such a Neutron waits for the next full pass, as its figures' time says."""
    found = {"10000 projects": measured_pass(10_000, neutron_page=2_000, objects=1_000)}
    return {**found, "missed": any(map(over_a_pass, found.values()))}


def over_a_pass(measured: dict[str, Any]) -> bool:
    """Calls, processor time or memory, of the pass or with an hour's records, are more than they may be."""
    hour = measured["hour"]
    return bool(
        measured["calls"] > min(MOST_CALLS, measured["most_calls"]) or measured["cpu_ratio"] > MOST_CPU or hour["cpu_ratio"] > MOST_CPU
        or hour["mib"] > MOST_MIB or not hour["equal"]
    )  # fmt: skip


def measured_pass(projects: int, **others: int) -> dict[str, Any]:
    """A collector of its own before a cloud of its own; `BENCH_SIZES` makes both smaller."""
    from tests import postgres

    sizes = {**others, **json.loads(os.environ.get("BENCH_SIZES", "{}"))}
    projects = projects * sizes.pop("projects", 10_000) // 10_000
    options = [f"--{name.replace('_', '-')}={number}" for name, number in {**sizes, "projects": projects}.items()]
    with (
        postgres.server() as database, child("tests.bench.synthetic", *options) as port, tempfile.TemporaryDirectory() as folder,
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.metrics", "collecting", str(port), database.dsn("postgres", postgres.SUPERUSER), folder,
             str(sizes.get("neutron_page", 0))],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def collecting(port: int, dsn: str, folder: str, neutron_page: int) -> dict[str, Any]:
    """The child of `a_pass`: it is the collector, measured, and afterwards the reference over the same bytes."""
    import psycopg
    import structlog

    from dcctl import migrations
    from dcctl.cloud.connect import Cloud
    from metrics import store
    from metrics.collector import Collector, Policy
    from tests.postgres import alchemy

    name = f"bench_{port}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # a name of ours
    url = alchemy(dsn.replace("/postgres?", f"/{name}?"))
    migrations.upgrade(url)
    clouds = entry(Path(folder), port)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    cloud = Cloud(clouds, "synthetic", "cotonou")
    collector = Collector(store.engine(url, "bench"), cloud, structlog.get_logger(), policy=Policy(full_seconds=3600))
    get(port, "/control/asked")
    used, began, calls = time.process_time(), time.monotonic(), cloud.calls()
    assert collector.once() == []
    used, took, calls = time.process_time() - used, time.monotonic() - began, cloud.calls() - calls
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size, parsing = json_loads(port)
    get(port, "/control/change", "POST")
    whole = Collector(store.engine(url, "bench"), Cloud(clouds, "synthetic", "cotonou"), structlog.get_logger())

    def stored(statement: str) -> list[Any]:
        with psycopg.connect(dsn.replace("/postgres?", f"/{name}?")) as connection:
            return connection.execute(statement).fetchall()

    counts = dict(stored("SELECT resource, sum(usage)::int FROM project_observation GROUP BY resource"))
    most = math.ceil(counts["instances"] / PAGE) + math.ceil(counts["volumes"] / PAGE) + math.ceil(counts["ports"] / (neutron_page or 10**9)) + 20
    sums = "SELECT resource, sum(usage) FROM project_observation GROUP BY resource ORDER BY resource"
    light = cloud.calls()
    assert collector.once() == []
    light, found = cloud.calls() - light, stored(sums)
    assert whole.once() == []
    truth = stored(sums)
    newest = "SELECT resource, sum(recorded)::bigint FROM usage_hour WHERE hour = (SELECT max(hour) FROM usage_hour WHERE recorded > 0) GROUP BY 1"
    hour = an_hour(collector, cloud, port, lambda: stored(newest), counts["instances"])
    # Volumes that go wherever they are: Cinder tells of none, and the figures keep the time of the last reading.
    volumes_read = "SELECT last_success_at FROM source WHERE name = 'block-storage'"
    before = stored(volumes_read)
    get(port, "/control/scatter", "POST")
    scattered = cloud.calls()
    assert collector.once() == []
    scattered = cloud.calls() - scattered
    kept = stored(volumes_read) == before
    return {
        "calls": calls, "most_calls": most, "seconds": round(took, 2), "cpu_seconds": round(used, 2), "json_mib": round(size / 2**20, 1),
        "json_loads_cpu_seconds": round(parsing, 2), "cpu_ratio": round(used / parsing, 2), "mib": round(mib), "light_calls": light,
        "current_after_one_interval": found == truth, "scattered_calls": scattered, "scattered_keep_their_time": kept, "hour": hour,
    }  # fmt: skip


def json_loads(port: int) -> tuple[int, float]:
    """Bytes of everything that was asked for since the last time, and what it costs to read them: processor seconds."""
    size, parsing = 0, 0.0
    for path in json.loads(get(port, "/control/asked")):
        body = get(port, path)
        size += len(body)
        before = time.process_time()
        json.loads(body)
        parsing += time.process_time() - before
    return size, parsing


def an_hour(collector: Any, cloud: Any, port: int, recorded: Callable[[], list[Any]], servers: int) -> dict[str, Any]:
    """Passes until Nova's records of an hour are down: one in a hundred of these servers lived for half a minute."""
    from datetime import UTC, datetime

    from tests.bench.synthetic import BRIEF_SECONDS

    passes: list[int] = []
    while not recorded():
        calls = cloud.calls()
        assert collector.once() == []
        passes.append(cloud.calls() - calls)
        assert len(passes) < 60
    hours = dict(recorded())
    get(port, "/control/asked")
    used = time.process_time()
    collector.keep_hours(datetime.now(UTC), 10**6)  # the hour before, at once, so that it can be told from the rest of a pass
    used = time.process_time() - used
    size, parsing = json_loads(port)
    return {
        "calls_of_each_pass": passes, "most_calls_a_pass": max(passes, default=0), "cpu_seconds": round(used, 2), "json_mib": round(size / 2**20, 1),
        "json_loads_cpu_seconds": round(parsing, 2), "cpu_ratio": round(used / parsing, 2),
        "mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "equal": hours["instances"] == servers * 3600 + servers // 100 * BRIEF_SECONDS,
    }  # fmt: skip


def entry(folder: Path, port: int) -> Path:
    """A clouds.yaml for the synthetic cloud."""
    clouds = folder / "clouds.yaml"
    auth = {"auth_url": f"http://127.0.0.1:{port}/identity/v3", "username": "u", "password": "p", "user_domain_name": "Default",
            "project_name": "admin", "project_domain_name": "Default"}  # fmt: skip
    clouds.touch(mode=0o600)
    clouds.write_text(json.dumps({"clouds": {"synthetic": {"auth": auth, "region_name": "cotonou", "identity_api_version": 3}}}))
    return clouds


# -- the text --------------------------------------------------------------------------------------------------------------------------------


def the_samples() -> list[Any]:
    """Four families of projects and resources, in the order in which the exporter has them: 100,000 samples."""
    from metrics.exposition import Family

    names = ("quota", "backend_quota", "usage", "peak")
    resources = ("instances", "cores", "ram", "volumes", "gigabytes", "gigabytes_ssd", "networks", "routers", "floatingips", "ports")
    keys = [(f"min-{project % 300:03d}", f"{project:032x}", "cotonou", "compute", name)
            for project in sorted(range(SAMPLES // len(names) // len(resources)), key=lambda number: number % 300) for name in resources]  # fmt: skip
    return [Family(name=f"dcctl_project_resource_{name}", help="Units of a project.",
                   labels=("administration", "project_id", "cloud_region", "service_type", "resource"),
                   samples=[(key, number) for number, key in enumerate(keys)]) for name in names]  # fmt: skip


def the_text(rounds: int = 5) -> dict[str, Any]:
    """Ours beside `generate_latest`, interleaved; equal when parsed."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.parser import text_string_to_metric_families
    from prometheus_client.registry import Collector

    from metrics.exposition import render

    families = the_samples()
    theirs_families = []
    for family in families:
        made = GaugeMetricFamily(family.name, family.help, labels=family.labels)
        for labels, value in family.samples:
            made.add_metric(labels, value)
        theirs_families.append(made)

    class Ready(Collector):
        def collect(self) -> list[GaugeMetricFamily]:
            return theirs_families

    registry = CollectorRegistry()
    registry.register(Ready())
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    texts: dict[str, bytes] = {}
    ways: tuple[tuple[str, Callable[[], bytes]], ...] = (("ours", partial(render, families)), ("theirs", partial(generate_latest, registry)))
    for _ in range(rounds):
        for name, write in ways:
            before = time.process_time()
            texts[name] = write()
            times[name].append(time.process_time() - before)
    read = [[(s.name, s.labels, s.value) for f in text_string_to_metric_families(text.decode()) for s in f.samples] for text in texts.values()]
    ours, theirs = (statistics.median(times[name]) for name in ("ours", "theirs"))
    equal = sorted(read[0], key=str) == sorted(read[1], key=str)
    rounds_ms = {name: [round(1000 * taken, 1) for taken in taken_by] for name, taken_by in times.items()}
    return {"rounds_ms": rounds_ms,
            "ours_ms": round(1000 * ours, 1), "generate_latest_ms": round(1000 * theirs, 1), "times_faster": round(theirs / ours, 1), "equal": equal,
            "samples": len(read[0]), "missed": theirs / ours < LEAST_FASTER or not equal}  # fmt: skip


# -- scrapes ---------------------------------------------------------------------------------------------------------------------------------


def exporting() -> None:
    """A child of `scrapes`: the exporter's own server with a text of 100,000 samples."""
    import waitress

    from metrics import exporter
    from metrics.exposition import CONTENT_TYPE, OPENMETRICS_TYPE, texts

    written = texts(the_samples())
    renderer = exporter.Renderer(lambda: None, None)  # type: ignore[arg-type, return-value]  # its page is there already
    renderer.page = exporter.Page(
        plain=exporter.body(CONTENT_TYPE, written.plain), openmetrics=exporter.body(OPENMETRICS_TYPE, written.openmetrics)
    )
    server = waitress.create_server(exporter.Application(renderer), host="127.0.0.1", port=0, threads=exporter.THREADS)
    print(server.effective_port, flush=True)
    server.run()


def static() -> None:
    """A child of `scrapes`: a file server with the same bytes."""
    from metrics.exposition import render

    class Quiet(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "metrics").write_bytes(render(the_samples()))
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
        print(server.server_port, flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        server.serve_forever()


def scraped(port: int) -> list[float]:
    """Seconds of each scrape of 20 scrapers at once."""
    taken: list[float] = []

    def scraper() -> None:
        for _ in range(SCRAPES):
            connection = HTTPConnection("127.0.0.1", port, timeout=120)
            before = time.perf_counter()
            connection.request("GET", "/metrics")
            length = len(connection.getresponse().read())
            taken.append(time.perf_counter() - before)
            connection.close()
            assert length > SAMPLES * 50

    threads = [threading.Thread(target=scraper) for _ in range(SCRAPERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == SCRAPERS * SCRAPES
    return sorted(taken)


def scrapes() -> dict[str, Any]:
    """Round by round, first the file server."""
    ours: list[float] = []
    theirs: list[float] = []
    with child("tests.bench.metrics", "static") as files, child("tests.bench.metrics", "exporting") as port:
        for _ in range(3):
            theirs.append(scraped(files)[int(0.99 * SCRAPERS * SCRAPES) - 1])
            ours.append(scraped(port)[int(0.99 * SCRAPERS * SCRAPES) - 1])
    ratio = statistics.median(ours) / statistics.median(theirs)
    return {"ours_p99_ms": [round(1000 * t, 1) for t in ours], "static_p99_ms": [round(1000 * t, 1) for t in theirs], "ratio": round(ratio, 2),
            "missed": ratio > MOST_P99}  # fmt: skip


# -- others' work while it is scraped -----------------------------------------------------------------------------------------------------------


def scraping(port: int) -> None:
    """A child of `hammer`: 20 scrapers until it is ended."""
    print(0, flush=True)
    while True:
        scraped(port)


def hammer() -> dict[str, Any]:
    """Postings to the ledger and passes of the collector while 20 scrapers hammer: the file server, then the exporter, round by round."""
    import structlog
    from sqlmodel import Session, create_engine

    from dcctl import migrations
    from dcctl.cloud.connect import Cloud
    from metrics import store
    from metrics.collector import Collector
    from quotas import ledger
    from quotas import store as accounts
    from quotas.ledger import Actor, Cause, CauseKind
    from tests import postgres

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    options = ("--projects=200", "--servers=2000", "--volumes=2000", "--ports=3000", "--objects=100")
    done: dict[str, list[tuple[int, float]]] = {"static": [], "ours": []}
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(postgres.server())
        url = postgres.alchemy(database.database(lambda dsn: migrations.upgrade(postgres.alchemy(dsn)), key="migrations"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cloud = Cloud(entry(folder, stack.enter_context(child("tests.bench.synthetic", *options))), "synthetic", "cotonou")
        collector = Collector(store.engine(url, "bench"), cloud, structlog.get_logger())
        ports = {name: stack.enter_context(child("tests.bench.metrics", module)) for name, module in (("static", "static"), ("ours", "exporting"))}
        session = stack.enter_context(Session(create_engine(url)))
        actor = Actor(user_id="u-operator", user_name="operator", scope="project:asin/exploitation")
        cause = Cause(kind=CauseKind.ACT, reference="A-2026-0001", document="arrêté 12/2026")
        world, pool = accounts.find_holder(session, "world"), accounts.find_holder(session, "pool")
        assert world is not None
        assert pool is not None
        for _ in range(3):
            for name, port in ports.items():
                with child("tests.bench.metrics", "scraping", str(port)):
                    posted, end = 0, time.monotonic() + HAMMERED_SECONDS
                    while time.monotonic() < end:
                        accounts.post(session, ledger.declare(world, pool, "cotonou", {"cores": 1}), actor=actor, cause=cause)
                        session.commit()
                        posted += 1
                    before = time.monotonic()
                    assert collector.once() == []
                    done[name].append((posted, time.monotonic() - before))
    posted, took = ({name: statistics.median(values[index] for values in rounds) for name, rounds in done.items()} for index in (0, 1))
    return {
        "rounds": done,
        "postings_a_second": {name: round(number / HAMMERED_SECONDS) for name, number in posted.items()},
        "pass_seconds": {name: round(seconds, 2) for name, seconds in took.items()},
        "missed": posted["ours"] < LEAST_UNAFFECTED * posted["static"] or took["ours"] * LEAST_UNAFFECTED > took["static"],
    }


BENCHES: dict[str, Callable[[], dict[str, Any]]] = {
    "text": the_text, "scrape": scrapes, "hammer": hammer, "pass": a_pass, "paged": a_paged_pass,
}  # fmt: skip


def main(given: list[str]) -> int:
    if given[:1] == ["collecting"]:
        print(json.dumps(collecting(int(given[1]), given[2], given[3], int(given[4]))))
        return 0
    if given[:1] == ["scraping"]:
        scraping(int(given[1]))
        return 0
    if given[:1] in (["exporting"], ["static"]):
        {"exporting": exporting, "static": static}[given[0]]()
        return 0
    worst, raw = 0, {}
    for name in [name for name in given if name in BENCHES] or list(BENCHES):
        result = raw[name] = BENCHES[name]()
        print(json.dumps({name: result}), flush=True)
        worst = max(worst, int(result["missed"]))
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "metrics.json").write_text(json.dumps(raw, indent=2) + "\n")
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

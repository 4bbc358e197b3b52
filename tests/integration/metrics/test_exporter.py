"""The exporter as a process: what Prometheus meets on loopback, while PostgreSQL comes and goes."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from metrics.exposition import CONTENT_TYPE, OPENMETRICS_TYPE
from metrics.families import families
from metrics.snapshot import assemble
from tests import postgres
from tests.integration.metrics.site import Site, as_role, migrate
from tests.promtool import promtool

PATIENCE_SECONDS = 180.0
REFRESH_SECONDS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one request."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Exporter:
    """A running `dcctl-exporter`."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response: HTTPResponse = connection.getresponse()
            return Answer(status=response.status, headers=dict(response.getheaders()), body=response.read())
        finally:
            connection.close()

    def value(self, name: str) -> float:
        """The only sample of that name in what is served now."""
        (value,) = (
            sample.value
            for family in text_string_to_metric_families(self.get("/metrics").body.decode())
            for sample in family.samples
            if sample.name == name
        )
        return value


def eventually(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s: {what}"
        time.sleep(0.05)


@contextmanager
def exporter(directory: Path, url: str, *, refresh_seconds: float = REFRESH_SECONDS) -> Iterator[Exporter]:
    """Start the exporter on a port that the system gives it; it is gone with the block."""
    config, log = directory / "dcctl.toml", directory / "exporter.log"
    config.write_text(
        f'[database]\nexporter = "{url}"\n[cloud]\nregion = "cotonou"\n[exporter]\nport = 0\nrefresh_seconds = {refresh_seconds}\n'
    )
    with log.open("wb") as output:
        environment = {**os.environ, "DCCTL_CONFIG": str(config)}
        process = subprocess.Popen([sys.executable, "-m", "metrics.exporter"], stderr=output, stdout=output, env=environment)
    try:

        def serving() -> bool:
            assert process.poll() is None, log.read_text()
            return '"event": "serving"' in log.read_text()

        eventually(serving, "it says that it serves")
        (port,) = (int(said["port"]) for said in map(json.loads, log.read_text().splitlines()) if said["event"] == "serving")
        running = Exporter(port=port, process=process, log=log)
        assert running.get("/healthz").status == 200
        yield running
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, postgresql: postgres.Server) -> Iterator[Exporter]:
    """An exporter with an empty, migrated database."""
    dsn = postgresql.database(migrate, key="migrations")
    with exporter(tmp_path_factory.mktemp("exporter"), as_role(dsn, "dcctl_exporter")) as running:
        eventually(lambda: running.get("/readyz").status == 200, "/readyz is 200")
        yield running


def test_metrics_are_served_as_the_text_format_with_the_process_appended(served: Exporter):
    answer = served.get("/metrics")

    names = [family.name for family in text_string_to_metric_families(answer.body.decode())]
    assert (answer.status, answer.headers["Content-Type"]) == (200, CONTENT_TYPE)
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert "dcctl_cluster_resource_capacity" in names
    assert "process_resident_memory_bytes" in names
    assert len(names) == len(set(names))


#: What Prometheus 2.53 sends.
PROMETHEUS = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3"


def test_openmetrics_and_gzip_are_served_to_whoever_asks_for_them(served: Exporter):
    answer = served.get("/metrics", Accept=PROMETHEUS, Accept_Encoding="gzip")

    assert (answer.headers["Content-Type"], answer.headers["Content-Encoding"]) == (OPENMETRICS_TYPE, "gzip")
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"
    text = gzip.decompress(answer.body).decode()
    names = {family.name for family in openmetrics_families(text)}
    assert {"dcctl_cluster_resource_capacity", "dcctl_series", "process_resident_memory_bytes"} <= names
    assert text.endswith("# EOF\n")
    assert "Content-Encoding" not in served.get("/metrics", Accept_Encoding="gzip;q=0, identity").headers


def test_the_text_is_made_anew_every_refresh(served: Exporter):
    first = served.value("dcctl_render_timestamp_seconds")

    eventually(lambda: served.value("dcctl_render_timestamp_seconds") > first, "a later text")


def test_a_scrape_does_not_make_the_text(tmp_path: Path, postgresql: postgres.Server):
    dsn = postgresql.database(migrate, key="migrations")
    with exporter(tmp_path, as_role(dsn, "dcctl_exporter"), refresh_seconds=3600) as running:
        eventually(lambda: running.get("/readyz").status == 200, "the first text")

        assert len({running.get("/metrics").body for _ in range(20)}) == 1


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/healthz", 200), ("/readyz", 200), ("/metrics/", 404), ("/../etc/passwd", 404)])
def test_each_path_has_its_answer(served: Exporter, path: str, status: int):
    assert served.get(path).status == status


def test_the_landing_page_leads_to_the_metrics(served: Exporter):
    assert b'<a href="/metrics">' in served.get("/").body


def test_head_has_the_headers_without_the_body(served: Exporter):
    answer = served.get("/metrics", "HEAD")

    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_only_reading_is_allowed(served: Exporter, method: str):
    answer = served.get("/metrics", method)

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_promtool_finds_nothing_to_complain_about_in_a_text_with_samples_of_every_family(tmp_path: Path, known: Site):
    with exporter(tmp_path, as_role(known.dsn, "dcctl_exporter")) as running:
        eventually(lambda: running.get("/readyz").status == 200, "/readyz is 200")
        text = running.get("/metrics").body

    sampled = {sample.name for family in text_string_to_metric_families(text.decode()) for sample in family.samples}
    assert [family.name for family in families(assemble(known.facts()), "0.1.0") if family.name not in sampled] == []
    done = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (0, "", "")


def test_before_the_first_text_there_is_no_text_and_afterwards_the_last_one_stays_while_the_database_is_away(tmp_path: Path):
    with ExitStack() as stack:
        late = stack.enter_context(ExitStack())
        server = late.enter_context(postgres.server())
        dsn = server.database()
        running = stack.enter_context(exporter(tmp_path, as_role(dsn, "dcctl_exporter")))

        # The database is there, the schema is not.
        for path in ("/metrics", "/readyz"):
            answer = running.get(path)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert b"dcctl_" not in answer.body
        assert running.get("/healthz").status == 200

        migrate(dsn)
        eventually(lambda: running.get("/readyz").status == 200, "the first text")

        def failures() -> int:
            return running.log.read_bytes().count(b"refresh failed")

        late.close()  # PostgreSQL is gone
        before = failures()
        eventually(lambda: failures() > before, "a refresh without the database")
        stands_still = running.value("dcctl_render_timestamp_seconds")
        eventually(lambda: failures() > before + 2, "two more refreshes")
        assert running.value("dcctl_render_timestamp_seconds") == stands_still
        assert running.get("/metrics").status == 200
        assert running.get("/readyz").status == 200

        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(PATIENCE_SECONDS) == 0


def test_sigterm_ends_it_cleanly_and_its_log_is_json(tmp_path: Path, postgresql: postgres.Server):
    with exporter(tmp_path, as_role(postgresql.database(migrate, key="migrations"), "dcctl_exporter")) as running:
        running.process.send_signal(signal.SIGTERM)

        assert running.process.wait(PATIENCE_SECONDS) == 0
        lines = running.log.read_text().splitlines()
        assert '"event": "serving"' in lines[0]
        assert '"event": "ended"' in lines[-1]


def test_a_port_that_is_taken_is_said_in_one_sentence(tmp_path: Path, served: Exporter):
    config = tmp_path / "dcctl.toml"
    config.write_text(f'[database]\nexporter = "postgresql+psycopg://nobody@/none"\n[exporter]\nport = {served.port}\n')

    done = subprocess.run(
        [sys.executable, "-m", "metrics.exporter"], env={**os.environ, "DCCTL_CONFIG": str(config)}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr == f"dcctl-exporter: 127.0.0.1:{served.port}: Address already in use\n"


@pytest.mark.parametrize("process", ["exporter", "collector"])
def test_without_a_database_it_says_what_to_set(tmp_path: Path, process: str):
    (tmp_path / "dcctl.toml").touch()
    environment = {**os.environ, "DCCTL_CONFIG": str(tmp_path / "dcctl.toml"), "DCCTL_LANG": "en"}

    done = subprocess.run([sys.executable, "-m", f"metrics.{process}"], env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith(f"dcctl-{process}: DCCTL-442: The setting database.{process} is missing.\n")

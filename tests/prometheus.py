"""A real Prometheus on loopback, with infra/prometheus as it is shipped: only addresses, intervals and the alerts' patience are a test's.

It keeps its data in a folder of its own and is gone with the process that started it.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import pytest
from ruamel.yaml import YAML

from tests import promtool
from tests.postgres import die_with_parent
from tests.sockets import listening

SHIPPED = Path(__file__).parents[1] / "infra" / "prometheus"
PATIENCE_SECONDS = 120.0
#: Between two scrapes, and the longest that one may take: a scrape that is late on a busy machine would take every value away for a moment.
SCRAPES = "2s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line of an answer; a value is a float, as Prometheus keeps all of them."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """A running server."""

    url: str
    log: Path

    def query(self, expression: str) -> list[Sample]:
        """What an expression is now; what PromQL cannot read fails the test with Prometheus' words."""
        data = self._get("query", query=expression)
        found = [{"metric": {}, "value": data["result"]}] if data["resultType"] == "scalar" else data["result"]
        return [Sample(labels=one["metric"], value=float(one["value"][1])) for one in found]

    def by(self, label: str, expression: str) -> dict[str, float]:
        """The same by a label's value, each of which may come once."""
        found = self.query(expression)
        named = {sample.labels.get(label, ""): sample.value for sample in found}
        assert len(named) == len(found), f"{label} does not tell the samples of {expression} apart"
        return named

    def label_values(self, label: str, selector: str) -> list[str]:
        """What a dashboard's variable offers: the values of a label in the series of a selector."""
        found: list[str] = self._get(f"label/{label}/values", **{"match[]": selector})
        return found

    def firing(self) -> set[str]:
        """Names of the alerts that fire now."""
        return {alert["labels"]["alertname"] for alert in self._get("alerts")["alerts"] if alert["state"] == "firing"}

    def until(self, question: Callable[[], bool], what: str) -> None:
        """Wait until the question is answered with yes."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not question():
            if time.monotonic() > end:
                pytest.fail(f"not within {PATIENCE_SECONDS:.0f} s: {what}\n{self.log.read_text()[-2000:]}")
            time.sleep(0.3)

    def scraped(self) -> None:
        """Return after a scrape that began later than this call."""
        began = time.time()
        self.until(lambda: any(s.value > began for s in self.query('timestamp(up{job="dcctl"} == 1)')), "a scrape of the exporter")

    def _get(self, path: str, **query: str) -> Any:
        try:
            with urlopen(f"{self.url}/api/v1/{path}?{urlencode(query)}", timeout=10) as answer:
                return json.load(answer)["data"]
        except HTTPError as refused:
            pytest.fail(f"{query}: {refused.read().decode()}", pytrace=False)


def configuration(folder: Path, exporter: str, *, patient: bool = True, changes: Mapping[str, str] | None = None) -> Path:
    """The shipped configuration with its rules, rendered into `folder`; the path of prometheus.yml there.

    Args:
        exporter: its address, as in ``127.0.0.1:9780`` or a URL.
        patient: whether alerts wait as long as they say before they fire; else they fire with the first evaluation.
        changes: what is written in the rules for what; each must be there.
    """
    yaml = YAML(typ="safe")
    document = yaml.load((SHIPPED / "prometheus.yml").read_text())
    document["global"] |= {"scrape_interval": SCRAPES, "scrape_timeout": SCRAPES, "evaluation_interval": "500ms"}
    (job,) = document["scrape_configs"]
    (target,) = job["static_configs"]
    target["targets"] = [urlsplit(exporter).netloc or exporter]
    rules = {name: (SHIPPED / name).read_text() for name in document["rule_files"]}
    for shipped, ours in (changes or {}).items():
        assert any(shipped in text for text in rules.values()), shipped
        rules = {name: text.replace(shipped, ours) for name, text in rules.items()}
    for name, text in rules.items():
        (folder / name).write_text(text if patient else re.sub(r"^ +for: .*\n", "", text, flags=re.MULTILINE))
    with (folder / "prometheus.yml").open("w") as file:
        yaml.dump(document, file)
    return folder / "prometheus.yml"


def port_of(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the system gave it, once it listens."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        if found := listening([process.pid]):
            ((_, port),) = found
            return port
        time.sleep(0.1)
    pytest.fail(f"Prometheus listens on no port\n{log.read_text()[-2000:]}")


def ready(running: Prometheus, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, running.log.read_text()
    try:
        with urlopen(f"{running.url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def server(folder: Path, exporter: str, *, patient: bool = True, changes: Mapping[str, str] | None = None) -> Iterator[Prometheus]:
    """Run Prometheus for one exporter while the block runs; it is ready when the block begins."""
    command = [
        promtool.prometheus(),
        f"--config.file={configuration(folder, exporter, patient=patient, changes=changes)}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        "--log.level=warn",
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, start_new_session=True, preexec_fn=die_with_parent
        )
    try:
        running = Prometheus(url=f"http://127.0.0.1:{port_of(process, log)}", log=log)
        running.until(lambda: ready(running, process), "Prometheus is ready")
        yield running
    finally:
        process.kill()  # at once: the data are thrown away
        process.wait(PATIENCE_SECONDS)
        shutil.rmtree(folder / "data", ignore_errors=True)

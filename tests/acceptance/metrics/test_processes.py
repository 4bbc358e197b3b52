"""The collector as a process beside a real cloud, and its figures in the exported text."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlmodel import Session

from dcctl.cloud import identity
from dcctl.cloud.connect import Cloud
from dcctl.store import Administration
from metrics.exposition import render
from metrics.families import families
from metrics.snapshot import assemble
from quotas.resources import find
from tests.acceptance.cloud.tenants import Tenant
from tests.acceptance.metrics.conftest import entry, written
from tests.acceptance.metrics.test_collecting import as_the_services_say
from tests.integration.metrics.site import REGION, Site, as_role

PATIENCE_SECONDS = 120.0


def configured(folder: Path, site: Site, clouds_yaml: Path, cloud: str, interval_seconds: float = 0.2) -> dict[str, str]:
    """The environment of a collector for this database and cloud."""
    config = folder / "dcctl.toml"
    config.write_text(
        f'[database]\ncollector = "{as_role(site.dsn, "dcctl_collector")}"\n'
        f'[cloud]\nclouds_yaml = "{clouds_yaml}"\nregion = "{REGION}"\n'
        f'[collector]\ncloud = "{cloud}"\ninterval_seconds = {interval_seconds}\n'
    )
    return {**os.environ, "DCCTL_CONFIG": str(config)}


def once(environment: dict[str, str]) -> tuple[int, list[dict[str, object]]]:
    """Run `dcctl-collector --once`; exit status and what it logged."""
    command = [sys.executable, "-m", "metrics.collector", "--once"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    assert done.stdout == ""
    return done.returncode, [json.loads(line) for line in done.stderr.splitlines()]


def test_once_reads_every_source_and_tells_by_its_status_when_one_failed(site: Site, clouds_yaml: Path, tmp_path: Path):
    status, log = once(configured(tmp_path, site, clouds_yaml, "cloud-admin"))
    assert (status, [(line["event"], line["source"]) for line in log]) == (
        0, [("source read", name) for name in ("keystone", "compute", "block-storage", "network")],
    )  # fmt: skip

    own = entry(clouds_yaml) | {"network_endpoint_override": "http://127.0.0.1:1"}
    status, log = once(configured(tmp_path, site, written(tmp_path, "wrong", own), "wrong"))
    assert (status, [line["source"] for line in log if line["event"] == "source failed"]) == (4, ["network"])


@pytest.mark.parametrize("path", ["none.yaml", "clouds.yaml"], ids=["no such file", "no such cloud in it"])
def test_without_a_cloud_every_source_fails_with_a_sentence_and_without_a_traceback(site: Site, clouds_yaml: Path, tmp_path: Path, path: str):
    status, log = once(configured(tmp_path, site, clouds_yaml.with_name(path), "nuage-inconnu"))

    assert status == 4
    assert [line["event"] for line in log] == ["source failed"] * 4
    assert all("nuage-inconnu" in str(line["error"]) and "Traceback" not in str(line) for line in log)


def test_it_goes_on_pass_after_pass_until_sigterm(site: Site, clouds_yaml: Path, tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-m", "metrics.collector"], env=configured(tmp_path, site, clouds_yaml, "cloud-admin"))
    try:
        deadline, seen = time.monotonic() + PATIENCE_SECONDS, set()
        while len(seen) < 2:
            assert time.monotonic() < deadline
            assert process.poll() is None
            seen.update(site.facts().sources[name] for name in ("network",) if name in site.facts().sources)
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
        process.wait()


def test_the_exported_use_of_each_project_is_what_the_services_say(
    site: Site, admin: Cloud, clouds_yaml: Path, tmp_path: Path, sante: Tenant, justice: Tenant
):
    with Session(site.owner) as session:
        for code in ("min-sante", "min-justice"):
            domain = identity.find_domain(admin, code)
            assert domain is not None
            session.add(Administration(code=code, name=code, domain_id=domain))
        session.commit()
    status, _ = once(configured(tmp_path, site, clouds_yaml, "cloud-admin"))
    assert status == 0

    text = render(families(assemble(site.facts()), "0.1.0")).decode()
    exported: dict[tuple[str, str], dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        if family.name == "dcctl_project_resource_usage":
            for sample in family.samples:
                of = exported.setdefault((sample.labels["administration"], sample.labels["project_id"]), {})
                of[sample.labels["resource"]] = sample.value
    assert exported["min-sante", sante.id] == as_the_services_say(admin, sante.id)
    assert exported["min-justice", justice.id] == as_the_services_say(admin, justice.id)
    whole: dict[tuple[str, str], float] = {}
    for (code, _), figures in exported.items():
        for resource in (name for name in figures if find(name) is not None):  # of structural things administrations have no figures
            whole[code, resource] = whole.get((code, resource), 0) + figures[resource]
    administrations = {
        (sample.labels["administration"], sample.labels["resource"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "dcctl_administration_resource_usage"
    }
    assert administrations == whole

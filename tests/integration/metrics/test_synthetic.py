"""The collector before a cloud of thousands of things, served page by page by a process of its own; as a process, killed at any moment."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from dcctl.cloud.connect import Cloud
from metrics.collector import Collector, Policy
from metrics.exposition import render
from metrics.families import families
from metrics.snapshot import assemble
from metrics.volumes import Untold, Volumes
from tests.bench.synthetic import FLAVORS
from tests.integration.metrics.site import REGION, Site, as_role

LOG = structlog.get_logger("tests")
SIZES = {"projects": 20, "servers": 2500, "volumes": 1500, "ports": 2000, "objects": 20}
SMALL = {"projects": 4, "servers": 20, "volumes": 20, "ports": 20, "objects": 4}
#: Keystone's two lists; Nova's three pages and Keystone's limits; Cinder's types, two pages, snapshots; Neutron's five lists, limits and defaults.
FULL_CALLS, LIGHT_CALLS = 2 + 5 + 4 + 7, 1 + 2 + 4 + 6
BETWEEN = Policy(full_seconds=3600)


@pytest.fixture
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    options = [f"--{name}={number}" for name, number in getattr(request, "param", SIZES).items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.synthetic", *options], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def clouds(port: int, tmp_path: Path) -> Path:
    auth = {"auth_url": f"http://127.0.0.1:{port}/identity/v3", "username": "u", "password": "p", "user_domain_name": "Default",
            "project_name": "admin", "project_domain_name": "Default"}  # fmt: skip
    path = tmp_path / "clouds.yaml"
    path.touch(0o600)
    path.write_text(json.dumps({"clouds": {"synthetic": {"auth": auth, "region_name": REGION, "identity_api_version": 3}}}))
    return path


class Hourless(Collector):
    """Of hours there are tests of their own."""

    def _keep_hours(self) -> None:
        pass


def total(site: Site, resource: str) -> int:
    return sum(usage or 0 for (_, name), usage in site.usage().items() if name == resource)


def change(port: int, how: str = "change") -> None:
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/control/{how}", method="POST")) as answer:
        assert answer.status == 200


def test_every_page_is_read_once_and_after_a_change_only_what_changed(site: Site, clouds: Path, port: int):
    cloud = Cloud(clouds, "synthetic", REGION)
    collector = Hourless(site.collector, cloud, LOG, policy=BETWEEN)

    assert collector.once() == []

    assert cloud.calls() == FULL_CALLS
    assert {name: total(site, name) for name in ("instances", "volumes", "ports", "security_groups", "networks")} == {
        "instances": 2500, "volumes": 1500, "ports": 2000, "security_groups": 200, "networks": 40,
    }  # fmt: skip
    assert total(site, "cores") == sum(FLAVORS[number % 4][0] for number in range(2500))
    assert (total(site, "volumes_ssd"), total(site, "gigabytes_ssd") + total(site, "gigabytes_standard")) == (750, total(site, "gigabytes"))

    change(port)
    assert collector.once() == []

    assert cloud.calls() == FULL_CALLS + LIGHT_CALLS
    after = site.usage()
    assert Hourless(site.collector, Cloud(clouds, "synthetic", REGION), LOG).once() == []
    assert after == site.usage()
    assert total(site, "instances") == 2500 - 9 + 8
    assert site.facts().api_calls["compute", 200] == (3 + 1) + (1 + 1) + (3 + 1)  # pages, and whether all cells answer


def test_volumes_that_changed_are_read_and_those_that_went_together_are_found_without_listing_all(clouds: Path, port: int):
    cloud, volumes = Cloud(clouds, "synthetic", REGION), Volumes()
    volumes.listed(cloud, datetime.now(UTC))
    change(port)
    before = cloud.calls()

    usage = volumes.changed(cloud, datetime.now(UTC), most_calls=3)

    assert cloud.calls() - before == 2 + 1 + 2 + 1  # made, changed; how many; halved once, one half listed; snapshots
    assert usage == Volumes().listed(cloud, datetime.now(UTC))


def test_volumes_that_went_everywhere_are_found_where_that_costs_little_and_left_alone_where_it_does_not(clouds: Path, port: int):
    cloud, volumes = Cloud(clouds, "synthetic", REGION), Volumes()
    at, before = datetime.now(UTC), volumes.listed(cloud, datetime.now(UTC))
    volumes.listed(cloud, at)
    change(port, "scatter")

    with pytest.raises(Untold):
        volumes.changed(cloud, datetime.now(UTC), most_calls=2)

    assert volumes.as_of == at
    usage = volumes.changed(cloud, datetime.now(UTC), most_calls=3)
    assert usage == Volumes().listed(cloud, datetime.now(UTC)) != before


def test_volumes_that_cannot_be_brought_up_to_date_keep_their_figures_and_time_until_the_next_full_pass(site: Site, clouds: Path, port: int):
    policy = Policy(full_seconds=3600, few_calls=0, search_calls=2)
    collector = Hourless(site.collector, Cloud(clouds, "synthetic", REGION), LOG, policy=policy)
    assert collector.once() == []
    first = site.source("block-storage")[0]
    change(port)
    assert collector.once() == []
    after_change, second = total(site, "volumes"), site.source("block-storage")[0]
    assert (after_change, second > first) == (1500, True)  # five new, five gone

    change(port, "scatter")
    assert collector.once() == []

    assert (total(site, "volumes"), site.source("block-storage")[0]) == (after_change, second)
    assert site.facts().attempts["block-storage"].complete
    assert Hourless(site.collector, Cloud(clouds, "synthetic", REGION), LOG).once() == []
    assert total(site, "volumes") == 1500 - 5


class Short(Cloud):
    """The cloud, with a first page of servers that claims to be all there is."""

    short = False

    def call(self, service: str, method: str, path: str, **kwargs: Any) -> Any:
        answer = super().call(service, method, path, **kwargs)
        return {"servers": answer["servers"][:1000]} if self.short and path == "/servers/detail" else answer


def test_a_list_that_became_much_shorter_is_not_believed_while_the_service_does_not_confirm_it(site: Site, clouds: Path):
    cloud = Short(clouds, "synthetic", REGION)
    collector = Hourless(site.collector, cloud, LOG)
    assert collector.once() == []
    before, read_at = site.usage(), site.source("compute")[0]

    cloud.short = True
    assert [collector.once(), collector.once()] == [["compute"], ["compute"]]

    assert (site.usage(), site.source("compute")[0]) == (before, read_at)
    assert not site.facts().attempts["compute"].complete
    assert site.facts().attempts["network"].complete
    cloud.short = False
    assert collector.once() == []
    assert site.facts().attempts["compute"].complete


def exported(site: Site) -> dict[str, list[str]]:
    """Lines of the exporter's text: what is in use, and when each source answered."""
    lines = render(families(assemble(site.facts()), "0.1.0")).decode().splitlines()
    prefixes = {"use": ("dcctl_cluster_resource_usage{", "dcctl_project_resource_"), "times": ("dcctl_source_last_success_timestamp_seconds{",)}
    return {name: [line for line in lines if line.startswith(wanted)] for name, wanted in prefixes.items()}


@pytest.mark.parametrize("port", [SMALL], indirect=True)
def test_services_broken_one_by_one_and_all_together_leave_every_figure_and_the_time_of_what_is_broken(site: Site, clouds: Path, port: int):
    services = {"identity": "keystone", "compute": "compute", "volume": "block-storage", "network": "network"}
    collector = Hourless(site.collector, Cloud(clouds, "synthetic", REGION, attempts=1), LOG)
    assert collector.once() == []
    used, stored = exported(site)["use"], site.usage()
    assert (len(used), len(stored)) == (10, 5 * 17)

    broken = [(service,) for service in services] + [tuple(services)]
    for fault, names in itertools.product(("500", "half", "maintenance"), broken):
        before = dict(site.facts().sources)
        change(port, f"break/{fault}/{','.join(names)}")
        failed = collector.once()
        after = site.facts().sources

        expected = {services[name] for name in names} | ({"compute"} if "identity" in names else set())  # Nova's limits are Keystone's
        assert set(failed) == expected, fault
        assert {name for name, at in after.items() if at == before[name]} == expected
        assert (exported(site)["use"], site.usage()) == (used, stored)
        assert {name for name, attempt in site.facts().attempts.items() if not attempt.complete} == expected

    change(port, f"break/well/{','.join(services)}")
    stood_still = exported(site)["times"]
    assert collector.once() == []
    assert exported(site)["use"] == used
    assert not set(exported(site)["times"]) & set(stood_still)


def test_a_collector_that_is_killed_at_any_moment_leaves_whole_readings_and_goes_on(site: Site, clouds: Path, tmp_path: Path):
    config = tmp_path / "dcctl.toml"
    config.write_text(
        f'[database]\ncollector = "{as_role(site.dsn, "dcctl_collector")}"\n[cloud]\nclouds_yaml = "{clouds}"\nregion = "{REGION}"\n'
        '[collector]\ncloud = "synthetic"\ninterval_seconds = 0.0\nfull_seconds = 0.0\n'
    )
    for pause in (0.0, 0.13, 0.37):
        passes = site.facts().sources
        process = subprocess.Popen(
            [sys.executable, "-m", "metrics.collector"], env={**os.environ, "DCCTL_CONFIG": str(config)}, stderr=subprocess.DEVNULL
        )
        try:
            deadline = time.monotonic() + 120
            while site.facts().sources.get("network") == passes.get("network"):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            time.sleep(pause)
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            process.wait()
        found = site.usage()
        assert {project for project, _ in found} == set(site.facts().domains)
        assert (total(site, "instances"), total(site, "volumes"), total(site, "ports")) == (2500, 1500, 2000)
        with site.owner.connect() as database:  # nothing was counted twice: no hour has more than the most there ever was, for the time that was seen
            too_much = """SELECT count(*) FROM usage_hour u JOIN usage_coverage c USING (hour, region)
                WHERE c.service_type = 'compute' AND u.resource = 'instances' AND u.sampled > 125 * c.sampled_seconds"""
            assert database.execute(text(too_much)).scalar_one() == 0

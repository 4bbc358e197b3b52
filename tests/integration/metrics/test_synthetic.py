"""The collector before a cloud of thousands of things, served page by page by a process of its own; as a process, killed at any moment."""

import itertools
import math
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from dcctl.cloud.connect import Cloud
from dcctl.errors import CloudError
from metrics.collector import RECORD_PAGES, Collector, Policy
from metrics.exposition import render
from metrics.families import families
from metrics.records import Records, of_hour
from metrics.snapshot import assemble
from metrics.spans import HOUR, hour_of
from metrics.volumes import Untold, Volumes
from tests.bench.synthetic import BRIEF_SECONDS, FLAVORS
from tests.integration.metrics.country import SMALL, change, clouds, collecting, port
from tests.integration.metrics.site import REGION, Site

__all__ = ["clouds", "port"]

LOG = structlog.get_logger("tests")
#: As many pages as 100,000 servers, 100,000 volumes and 150,000 ports have, each a hundred times shorter.
PAGES = {"servers": 1000, "volumes": 1000, "snapshots": 8, "ports": 1500, "objects": 4, "page": 10, "neutron-page": 20}
#: Keystone's two lists; Nova's three pages and Keystone's limits; Cinder's types, two pages, snapshots; Neutron's five lists, limits and defaults.
FULL_CALLS, LIGHT_CALLS = 2 + 5 + 4 + 7, 1 + 2 + 4 + 6
BETWEEN = Policy(full_seconds=3600)


class Hourless(Collector):
    """Of hours there are tests of their own."""

    def keep_hours(self, now: datetime, most_pages: int) -> None:
        pass


def total(site: Site, resource: str) -> int:
    return sum(usage or 0 for (_, name), usage in site.usage().items() if name == resource)


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


@pytest.mark.parametrize("port", [{**PAGES, "projects": 15}, {**PAGES, "projects": 150}], indirect=True, ids=["15 projects", "150 projects"])
def test_a_pass_makes_as_many_calls_as_there_are_pages_and_twenty_whatever_the_number_of_projects(site: Site, clouds: Path):
    cloud = Cloud(clouds, "synthetic", REGION)

    assert Collector(site.collector, cloud, LOG).once() == []

    pages = math.ceil(total(site, "instances") / 10) + math.ceil(total(site, "volumes") / 10) + math.ceil(total(site, "ports") / 20)
    assert pages == 100 + 100 + 75
    # Two of Keystone's; Nova's limits and cells; Cinder's types and snapshots; Neutron's other lists, limits and defaults; some of an hour's records.
    assert cloud.calls() == pages + 2 + 2 + 2 + 7 + RECORD_PAGES <= pages + 20


def recorded(site: Site, resource: str) -> int:
    """Units x seconds of all projects in Nova's records."""
    with site.owner.connect() as database:
        statement = "SELECT coalesce(sum(recorded), 0)::bigint FROM usage_hour WHERE resource = :resource"
        return int(database.execute(text(statement), {"resource": resource}).scalar_one())


def test_records_of_an_hour_are_read_by_what_light_passes_leave_of_their_calls_and_hold_what_lived_for_thirty_seconds(site: Site, clouds: Path):
    cloud = Cloud(clouds, "synthetic", REGION)
    collector = Collector(site.collector, cloud, LOG, policy=Policy(full_seconds=3600, few_calls=LIGHT_CALLS + 1))
    spent, found = [], []
    for _ in range(4):
        calls = cloud.calls()
        assert collector.once() == []
        spent.append(cloud.calls() - calls)
        found.append(recorded(site, "instances"))

    # Of 2,525 records three pages; the full pass reads none of them.
    assert spent == [FULL_CALLS, LIGHT_CALLS + 1, LIGHT_CALLS + 1, LIGHT_CALLS + 1]
    assert found == [0, 0, 0, 2500 * 3600 + 25 * BRIEF_SECONDS]
    cores = [FLAVORS[number % 4][0] for number in range(2525)]
    assert recorded(site, "cores") == 3600 * sum(cores[:2500]) + BRIEF_SECONDS * sum(cores[2500:])


def test_records_that_wait_too_long_are_read_though_a_pass_has_no_calls_left_for_them(site: Site, clouds: Path, monkeypatch: pytest.MonkeyPatch):
    cloud = Cloud(clouds, "synthetic", REGION)
    collector = Collector(site.collector, cloud, LOG, policy=Policy(full_seconds=3600, few_calls=LIGHT_CALLS))
    assert [collector.once(), collector.once(), recorded(site, "instances")] == [[], [], 0]

    monkeypatch.setattr("metrics.collector.LATE_SECONDS", 0.0)
    calls = cloud.calls()
    assert collector.once() == []

    assert (cloud.calls() - calls, recorded(site, "instances")) == (LIGHT_CALLS + 3, 2500 * 3600 + 25 * BRIEF_SECONDS)


def test_records_are_gone_on_with_after_a_failure_and_begun_anew_where_nova_lost_its_place(clouds: Path, port: int):
    cloud, records, hour = Cloud(clouds, "synthetic", REGION, attempts=1), Records(), hour_of(datetime.now(UTC)) - HOUR
    assert records.read(cloud, hour, 1) is None

    change(port, "break/half/compute")
    with pytest.raises(CloudError):
        records.read(cloud, hour, 9)
    change(port, "break/well/compute")
    calls = cloud.calls()
    after_a_failure = records.read(cloud, hour, 9)
    assert cloud.calls() - calls == 2

    assert records.read(cloud, hour, 1) is None
    lost = Lost(clouds, "synthetic", REGION, attempts=1)
    with pytest.raises(CloudError):
        records.read(lost, hour, 9)
    calls = cloud.calls()
    assert records.read(cloud, hour, 9) == after_a_failure == of_hour(cloud, hour)
    assert cloud.calls() - calls == 3 + 3


class Lost(Cloud):
    """The cloud, in which the last server of the page before has been archived."""

    def call(self, service: str, method: str, path: str, **kwargs: Any) -> Any:
        raise CloudError("DCCTL-401", service="Nova", action=f"{method} {path}", status=400, words="marker [00000999-5e10] not found")


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
    for pause in (0.0, 0.13, 0.37):
        passes = site.facts().sources
        with collecting(site, clouds, tmp_path) as process:
            deadline = time.monotonic() + 120
            while site.facts().sources.get("network") == passes.get("network"):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            time.sleep(pause)
            process.send_signal(signal.SIGKILL)
            process.wait()
        found = site.usage()
        assert {project for project, _ in found} == set(site.facts().domains)
        assert (total(site, "instances"), total(site, "volumes"), total(site, "ports")) == (2500, 1500, 2000)
        with site.owner.connect() as database:  # nothing was counted twice: no hour has more than the most there ever was, for the time that was seen
            too_much = """SELECT count(*) FROM usage_hour u JOIN usage_coverage c USING (hour, region)
                WHERE c.service_type = 'compute' AND u.resource = 'instances' AND u.sampled > 125 * c.sampled_seconds"""
            assert database.execute(text(too_much)).scalar_one() == 0

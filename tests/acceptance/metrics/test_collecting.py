"""What the collector reads of a real cloud, against what each service says about each project."""

import math
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from sqlalchemy import text
from sqlmodel import Session

from dcctl.cloud import identity
from dcctl.cloud.catalogue import catalogue
from dcctl.cloud.connect import Cloud
from dcctl.cloud.failures import status_of
from dcctl.config import Database, Settings
from dcctl.errors import CloudError
from dcctl.store import Administration
from dcctl.workflow import usage as use_of_hours
from dcctl.workflow.app import App
from metrics import collect, store
from metrics.collector import RECORDS_AFTER, Collector, Policy
from metrics.listing import items
from metrics.readings import Reading
from metrics.spans import HOUR, hour_of
from metrics.volumes import Volumes
from tests.acceptance.cloud.tenants import PATIENCE_SECONDS, Tenant
from tests.acceptance.metrics.conftest import tenant
from tests.acceptance.metrics.faults import Proxy
from tests.integration.metrics.site import REGION, Site, as_role, projects, reading
from tests.integration.workflow.conftest import person

LOG = structlog.get_logger("tests")

#: How each service answers about one project: proxy, path, query, the key of the amount in use, our resource -> its key.
DETAILS = (
    ("compute", "/os-quota-sets/{}/detail", "quota_set", "in_use", {"instances": "instances", "cores": "cores", "ram": "ram"}),
    ("block-storage", "/os-quota-sets/{}?usage=True", "quota_set", "in_use",
     {name: name for name in ("volumes", "gigabytes", "gigabytes_ssd", "gigabytes_standard", "snapshots", "volumes_ssd", "snapshots_ssd",
                              "volumes_standard", "snapshots_standard")}),
    ("network", "/quotas/{}/details", "quota", "used",
     {"networks": "network", "routers": "router", "floatingips": "floatingip", "ports": "port", "security_groups": "security_group"}),
)  # fmt: skip


def as_the_services_say(admin: Cloud, project_id: str) -> dict[str, int] | None:
    """Resource -> in use, asked of each service about one project; None where a service knows no such project any more."""
    found = {}
    for service, path, document, key, resources in DETAILS:
        try:
            answer = admin.session_json(service, path.format(project_id))[document]
        except CloudError as error:
            if status_of(error) not in (400, 404):
                raise
            return None
        found.update({resource: int(answer[theirs][key]) for resource, theirs in resources.items()})
    return found


def eventually(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s: {what}"
        time.sleep(0.5)


def as_collected(site: Site) -> dict[str, dict[str, int | None]]:
    """Project -> resource -> in use, as the collector stored it."""
    projects: dict[str, dict[str, int | None]] = {}
    for (project, resource), usage in site.usage().items():
        projects.setdefault(project, {})[resource] = usage
    return projects


def test_totals_equal_the_services_own_count_for_every_project_by_pages_of_two_and_by_the_services_own(
    site: Site, admin: Cloud, sante: Tenant, justice: Tenant
):
    assert Collector(site.collector, admin, LOG).once() == []
    before, projects = as_collected(site), list(site.facts().domains)
    theirs = {project: as_the_services_say(admin, project) for project in projects}
    assert Collector(site.collector, admin, LOG, page_size=2).once() == []
    after = as_collected(site)
    again = {project: as_the_services_say(admin, project) for project in projects}

    # Others are at work in this cloud: what changed on either side meanwhile tells nothing.
    at_rest = [project for project in projects if before[project] == after.get(project) and theirs[project] == again[project] is not None]
    assert {sante.id, justice.id} <= set(at_rest)
    assert {project: after[project] for project in at_rest} == {project: theirs[project] for project in at_rest}


class Hasty(Cloud):
    """Deletes the item that the next page is to begin after, and the one before it, whenever a page is asked for."""

    deleted: tuple[str, ...] = ()

    def call(self, service: str, method: str, path: str, **options: Any) -> Any:
        asked = dict(options.get("params", ()))
        if (marker := asked.get("marker")) and asked.get("description") and len(self.deleted) < 4 and marker not in self.deleted:
            listed = super().call(service, "GET", path, params=[(name, value) for name, value in asked.items() if name not in ("marker", "limit")])
            ids = [item["id"] for item in listed["security_groups"]]
            for gone in ids[max(0, ids.index(marker) - 1) : ids.index(marker) + 1]:
                super().call(service, "DELETE", f"{path}/{gone}")
                self.deleted += (gone,)
        return super().call(service, method, path, **options)


def test_a_list_goes_on_where_the_item_that_its_next_page_began_after_is_deleted(clouds_yaml):
    cloud = Hasty(clouds_yaml, "cloud-admin", REGION)
    label = f"hasty-{secrets.token_hex(4)}"
    made = [
        cloud.call("network", "POST", "/security-groups", body={"security_group": {"name": f"hasty-{number}", "description": label}})
        for number in range(9)
    ]
    ids = {group["security_group"]["id"] for group in made}
    try:
        found = [item["id"] for item in items(cloud, "network", "/security-groups", "security_groups", 3, {"description": label})]

        assert len(cloud.deleted) == 4
        assert len(found) == len(set(found))
        assert ids - set(cloud.deleted) <= set(found) <= ids
    finally:
        for group in ids - set(cloud.deleted):
            cloud.call("network", "DELETE", f"/security-groups/{group}")


def test_what_is_easily_counted_wrong_is_counted(site: Site, admin: Cloud, sante: Tenant, justice: Tenant):
    assert Collector(site.collector, admin, LOG).once() == []

    collected = as_collected(site)
    assert collected[sante.id] == {
        "instances": 4, "cores": 1 + 1 + 1 + 2, "ram": 2048 + 2048 + 512 + 4096,
        "volumes": 3, "gigabytes": 2 + 3 + 1 + 2, "gigabytes_ssd": 2 + 2, "gigabytes_standard": 3 + 1,
        "networks": 2, "routers": 1, "floatingips": 3,
        "snapshots": 1, "snapshots_ssd": 1, "snapshots_standard": 0, "volumes_ssd": 1, "volumes_standard": 2,
        "ports": collected[sante.id]["ports"], "security_groups": 1,
    }  # fmt: skip
    assert collected[justice.id] == dict.fromkeys(collected[justice.id], 0) | {
        "volumes": 1, "volumes_ssd": 1, "gigabytes": 4, "gigabytes_ssd": 4, "security_groups": collected[justice.id]["security_groups"],
    }  # fmt: skip


def test_neutrons_limits_are_read_for_all_projects_at_once_and_the_default_where_a_project_has_none(site: Site, admin: Cloud, sante: Tenant):
    assert Collector(site.collector, admin, LOG).once() == []

    limits = {(f.project_id, f.resource): f.backend_quota for f in site.facts().observations if f.service_type == "network"}
    assert {resource: limits[sante.id, resource] for resource in ("networks", "routers", "floatingips")} == {
        "networks": 3, "routers": 3, "floatingips": 3,
    }  # fmt: skip
    theirs = {project: admin.session_json("network", f"/quotas/{project}")["quota"]["router"] for project in site.facts().domains}
    assert {project: limits[project, "routers"] for project in theirs if (project, "routers") in limits} == theirs


def test_a_pass_makes_as_many_calls_as_there_are_pages_and_twenty_at_most(site: Site, clouds_yaml, sante: Tenant, justice: Tenant):
    cloud = Cloud(clouds_yaml, "cloud-admin", "cotonou")

    assert Collector(site.collector, cloud, LOG).once() == []

    hours = 1  # of Nova's records, one at a time
    asked_again = {0, 429, *range(500, 600)}  # what a busy service gives cause for
    answered = sum(calls for (_, status), calls in site.facts().api_calls.items() if status not in asked_again)
    assert answered == 2 + 3 + 3 + 7 + hours  # Keystone, Nova and its limits, Cinder, Neutron
    found = {name: sum(usage or 0 for (_, resource), usage in site.usage().items() if resource == name) for name in ("instances", "volumes", "ports")}
    assert found["ports"] > 0
    assert answered <= math.ceil(found["instances"] / 1000) + math.ceil(found["volumes"] / 1000) + 1 + 20  # Neutron's ports have one page here


def test_a_project_that_vanished_takes_its_figures_with_it(site: Site, admin: Cloud, clouds_yaml, tmp_path):
    collector = Collector(site.collector, admin, LOG)
    with tenant(admin, clouds_yaml, tmp_path, "ephemere", "min-sante") as project:
        assert collector.once() == []
        assert as_collected(site)[project.id]["cores"] == 0
        assert identity.project(admin, project.id) is not None

    assert collector.once() == []

    assert project.id not in as_collected(site)
    assert project.id not in site.facts().domains


FAULTS = ("500", "half a page", "cut short", "html", "no list", "empty list", "empty body", "slow")


def test_a_failing_source_keeps_its_values_and_is_current_again_once_it_is_back(
    site: Site, sante: Tenant, through_proxy: Cloud, impatient: Cloud, proxy: Proxy
):
    """One way of failing after the other, each a pass: a whole case for each would read the cloud twenty-four times instead of ten."""
    collector = Collector(site.collector, through_proxy, LOG)
    assert collector.once() == []
    before, nova_at = as_collected(site)[sante.id], site.source("compute")[0]

    for fault in FAULTS:
        success = {name: site.source(name)[0] for name in ("keystone", "block-storage", "network")}
        proxy.fault, proxy.spoiled = fault, 0
        asking = Collector(site.collector, impatient, LOG) if fault == "slow" else collector
        assert asking.once() == ["compute"], fault

        assert proxy.spoiled > 0, fault
        assert as_collected(site)[sante.id] == before, fault
        last_success, last_attempt, error = site.source("compute")
        assert last_success == nova_at, fault
        assert last_attempt is not None
        assert last_attempt > last_success
        assert error is not None
        assert error.startswith("Nova GET /servers/detail"), fault
        assert len(error) <= 300
        assert "\n" not in error
        for name, read_at in success.items():  # the others go on
            at, _, said = site.source(name)
            assert at is not None
            assert at > read_at, fault
            assert said is None

    proxy.fault = ""
    assert collector.once() == []

    at, _, said = site.source("compute")
    assert at is not None
    assert at > last_success
    assert said is None
    assert as_collected(site)[sante.id] == before


class Emptied(Cloud):
    """The real cloud, but for one list that names nothing."""

    path = ""

    def call(self, service: str, method: str, path: str, **kwargs: Any) -> Any:
        answer = super().call(service, method, path, **kwargs)
        return {name: [] for name in answer} if path == self.path else answer


EMPTIED = [
    ("/projects", "keystone"), ("/servers/detail", "compute"), ("/volumes/detail", "block-storage"), ("/snapshots/detail", "block-storage"),
    ("/networks", "network"), ("/routers", "network"), ("/floatingips", "network"),
    ("/ports", "network"), ("/security-groups", "network"), ("/quotas", "network"),
]  # fmt: skip


def test_a_list_that_is_empty_all_of_a_sudden_lowers_nothing_however_often_it_comes(site: Site, admin: Cloud, sante: Tenant):
    """One list after the other, each a pass; the last one a second and a third time: what is not believed once is not believed when seen again."""
    assert Collector(site.collector, admin, LOG).once() == []
    before = as_collected(site)[sante.id]
    cloud = Emptied(admin.config_file, admin.name, "cotonou")

    for path, source in (*EMPTIED, EMPTIED[-1], EMPTIED[-1]):
        cloud.path, success = path, site.source(source)[0]
        assert Collector(site.collector, cloud, LOG).once() == [source], path

        assert as_collected(site)[sante.id] == before, path
        assert site.source(source)[0] == success, path
        assert site.source(source)[2] is not None, path


class Silent(Cloud):
    """The real cloud, one cell of which does not answer: its servers are in no list, its services are unknown."""

    silent = False

    def call(self, service: str, method: str, path: str, **kwargs: Any) -> Any:
        answer = super().call(service, method, path, **kwargs)
        if self.silent and path == "/servers/detail":
            return {**answer, "servers": [server for server in answer["servers"] if server["OS-EXT-SRV-ATTR:host"] is None]}
        if self.silent and path == "/os-services":
            return {"services": [{**one, "status": "UNKNOWN"} for one in answer["services"]]}
        return answer


def test_a_cell_that_falls_silent_keeps_its_servers_in_full_passes_and_in_light_ones(site: Site, admin: Cloud, sante: Tenant):
    cloud = Silent(admin.config_file, admin.name, "cotonou")
    collector = Collector(site.collector, cloud, LOG, policy=Policy(full_seconds=600))
    assert collector.once() == []
    before, success = as_collected(site)[sante.id], site.source("compute")[0]

    cloud.silent = True
    assert [collector.once(), Collector(site.collector, cloud, LOG).once()] == [["compute"], ["compute"]]

    assert as_collected(site)[sante.id] == before
    assert (site.source("compute")[0], "does not answer" in str(site.source("compute")[2])) == (success, True)
    cloud.silent = False
    assert collector.once() == []
    assert as_collected(site)[sante.id] == before
    assert site.source("compute")[0] > success


def test_a_list_is_believed_to_be_empty_at_once_when_the_service_counts_nothing_either(site: Site, admin: Cloud, justice: Tenant):
    cloud = Emptied(admin.config_file, admin.name, "cotonou")
    cloud.path = "/servers/detail"
    with site.collecting() as database:  # a minute ago justice had two servers, which are gone
        then = datetime.now(UTC) - timedelta(minutes=1)
        store.write_projects(database, "keystone", projects(then, justice.id))
        store.write_reading(database, "compute", REGION, reading(then, {(justice.id, "instances"): 2, (justice.id, "cores"): 4}))
    assert as_collected(site)[justice.id]["instances"] == 2

    assert Collector(site.collector, cloud, LOG).once() == []

    assert (as_collected(site)[justice.id]["instances"], as_collected(site)[justice.id]["cores"]) == (0, 0)


def test_a_wrong_endpoint_from_the_start_leaves_use_unknown_and_not_zero(site: Site, clouds_yaml, tmp_path, sante: Tenant):
    from tests.acceptance.metrics.conftest import entry, written

    own = entry(clouds_yaml) | {"compute_endpoint_override": "http://127.0.0.1:1/v2.1"}
    cloud = Cloud(written(tmp_path, "wrong", own), "wrong", "cotonou")

    assert Collector(site.collector, cloud, LOG).once() == ["compute"]

    collected = as_collected(site)[sante.id]
    assert "cores" not in collected
    assert collected["gigabytes"] == 8
    assert site.source("compute")[0] is None


def test_wrong_credentials_fail_every_source_and_say_so_without_the_password(site: Site, admin: Cloud, clouds_yaml, tmp_path):
    from tests.acceptance.metrics.conftest import entry, written

    assert Collector(site.collector, admin, LOG).once() == []
    before = as_collected(site)
    own = entry(clouds_yaml)
    auth = own["auth"]
    assert isinstance(auth, dict)
    own["auth"] = auth | {"password": "mot-de-passe-faux"}
    cloud = Cloud(written(tmp_path, "wrong", own), "wrong", "cotonou")

    assert Collector(site.collector, cloud, LOG).once() == ["keystone", "compute", "block-storage", "network"]

    assert as_collected(site) == before
    for name in ("keystone", "compute", "block-storage", "network"):
        _, _, error = site.source(name)
        assert error is not None
        assert "401" in error
        assert "mot-de-passe-faux" not in error


def test_all_sources_broken_at_once_change_no_figure_and_each_is_current_again_within_a_pass(site: Site, admin: Cloud, clouds_yaml, tmp_path, sante):
    from tests.acceptance.metrics.conftest import entry, written

    assert Collector(site.collector, admin, LOG).once() == []
    before, read_at = as_collected(site), site.facts().sources
    nowhere = {f"{service}_endpoint_override": "http://127.0.0.1:1" for service in ("identity", "compute", "block_storage", "network")}
    cloud = Cloud(written(tmp_path, "nowhere", entry(clouds_yaml) | nowhere), "nowhere", REGION, timeout_seconds=2.0, attempts=1)

    assert Collector(site.collector, cloud, LOG).once() == ["keystone", "compute", "block-storage", "network"]

    assert (as_collected(site), site.facts().sources) == (before, read_at)
    assert {name: attempt.complete for name, attempt in site.facts().attempts.items()} == dict.fromkeys(read_at, False)
    assert site.facts().api_calls["compute", 0] > 0

    assert Collector(site.collector, admin, LOG).once() == []
    assert all(site.facts().sources[name] > at for name, at in read_at.items())
    assert as_collected(site)[sante.id] == before[sante.id]


def test_volumes_that_are_made_grown_and_deleted_between_two_listings_are_seen_by_cinders_times_and_counts(admin: Cloud, clouds_yaml, tmp_path):
    volumes = Volumes()
    with tenant(admin, clouds_yaml, tmp_path, "volumes", "min-justice") as project:
        old, kept = (project.make("block-storage", "/volumes", "volume", name=kind, size=1, volume_type=kind)["id"] for kind in ("ssd", "standard"))
        for identifier in (old, kept):
            project.wait("block-storage", f"/volumes/{identifier}", "volume", "available")
        last = collect.block_storage(admin, volumes)
        project.cloud.call("block-storage", "DELETE", f"/volumes/{old}")
        project.cloud.call("block-storage", "POST", f"/volumes/{kept}/action", body={"os-extend": {"new_size": 3}}, microversion="3.42")
        new = project.make("block-storage", "/volumes", "volume", name="nouveau", size=2, volume_type="ssd")["id"]
        for identifier in (kept, new):
            project.wait("block-storage", f"/volumes/{identifier}", "volume", "available")
        eventually(lambda: admin.call("block-storage", "GET", f"/volumes/{old}", absent_ok=True) is None, "the volume is deleted")

        told: list[Reading | None] = []

        def something_is_told() -> bool:  # others are at work in this cloud: where things change meanwhile, nothing is
            told.append(collect.changed_volumes(admin, volumes, last, most_calls=20))
            return told[-1] is not None

        eventually(something_is_told, "a moment in which no other volume changes")
        reading = told[-1]
        assert reading is not None
        theirs = as_the_services_say(admin, project.id)
        assert {name: reading.usage.get((project.id, name), 0) for name in reading.resources} == {name: theirs[name] for name in reading.resources}
        assert (theirs["volumes"], theirs["gigabytes"], theirs["gigabytes_ssd"]) == (2, 5, 2)
        assert reading.at > last.at


def test_a_server_that_comes_and_goes_between_two_full_passes_is_seen_by_its_changes_and_its_seconds_are_kept(
    site: Site, admin: Cloud, justice: Tenant
):
    """From Nova to the hours that `usage show` reads: in justice there is no other server, so every second there is this one's."""
    with Session(site.owner) as session:
        session.add(Administration(code="min-justice", name="Ministère de la Justice", domain_id=identity.find_domain(admin, "min-justice")))
        session.commit()
    collector = Collector(site.collector, admin, LOG, policy=Policy(full_seconds=3600))
    assert collector.once() == []
    before = as_collected(site)[justice.id]
    flavor = next(flavor.id for flavor in catalogue(admin).flavors if flavor.name == "m1.medium")
    image = next(image.id for image in catalogue(admin).images if image.name == "cirros")
    made = justice.make("compute", "/servers", "server", name="passage", flavorRef=flavor, imageRef=image, networks="none")
    justice.wait("compute", f"/servers/{made['id']}", "server", "ACTIVE")

    calls = admin.calls()
    assert collector.once() == []

    seen = as_collected(site)[justice.id]
    assert (seen["instances"], seen["cores"]) == ((before["instances"] or 0) + 1, (before["cores"] or 0) + 2)
    assert admin.calls() - calls <= 20
    justice.cloud.call("compute", "DELETE", f"/servers/{made['id']}")
    eventually(lambda: justice.cloud.call("compute", "GET", f"/servers/{made['id']}", absent_ok=True) is None, "the server is deleted")
    assert collector.once() == []
    assert {name: as_collected(site)[justice.id][name] for name in ("instances", "cores", "ram")} == {
        name: before[name] for name in ("instances", "cores", "ram")
    }
    (lived,) = (record for record in admin.session_json(
        "compute", f"/os-simple-tenant-usage/{justice.id}", detailed=1, start=f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"
    )["tenant_usage"]["server_usages"] if record["instance_id"] == made["id"])  # fmt: skip
    started, ended = (datetime.fromisoformat(lived[name]).replace(tzinfo=UTC) for name in ("started_at", "ended_at"))
    assert 0 <= (ended - started).total_seconds() < 600

    # When the hour has ended; where the server lived across the hour, both have.
    for hour in dict.fromkeys((hour_of(started), hour_of(ended))):
        collector.keep_hours(hour + HOUR + RECORDS_AFTER, 100)
    app = App(Settings(database=Database(application=as_role(site.dsn, "dcctl_app")), cloud={"region": REGION}))
    try:
        found = use_of_hours.ranking(app, person("operator", "dc_operator"), "cores", hour_of(started), hour_of(ended) + HOUR)["items"]
    finally:
        app.close()
    with site.owner.connect() as database:
        statement = text("SELECT resource, sum(recorded)::bigint FROM usage_hour WHERE project_id = :id GROUP BY resource")
        kept = {resource: int(seconds) for resource, seconds in database.execute(statement, {"id": justice.id})}
    seconds = max(1, int((ended - started).total_seconds()))
    across = 1 if hour_of(started) < hour_of(ended) else 0  # whole seconds of each hour
    assert seconds - across <= kept["instances"] <= seconds + across
    assert (kept["cores"], kept["ram"]) == (2 * kept["instances"], 4096 * kept["instances"])
    assert [item["administration"] for item in found] == ["min-justice"]


def test_a_list_that_keystone_cut_off_is_not_taken_for_the_whole(admin: Cloud):
    class Cut(Cloud):
        """The real Keystone's answer, marked as it marks one that its own list_limit cut off."""

        def call(self, *args: Any, **kwargs: Any) -> Any:
            answer = super().call(*args, **kwargs)
            return answer | {"truncated": True, "links": {"next": None}} if isinstance(answer, dict) else answer

    with pytest.raises(CloudError, match="cut off"):
        collect.projects(Cut(admin.config_file, admin.name, "cotonou"))

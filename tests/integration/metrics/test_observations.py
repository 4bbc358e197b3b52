from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from metrics import store
from tests.integration.metrics.site import NINE, REGION, Site, projects, reading

TEN = NINE + timedelta(hours=1)


def test_every_observed_project_gets_a_figure_for_every_resource(site: Site):
    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(NINE, "0f", "0a"))
        store.write_reading(database, "compute", REGION, reading(NINE, {("0f", "instances"): 2, ("0f", "cores"): 3}))

    assert site.usage() == {("0f", "instances"): 2, ("0f", "cores"): 3, ("0a", "instances"): 0, ("0a", "cores"): 0}
    assert site.source("compute") == (NINE, NINE, None)


def test_use_of_a_project_that_keystone_did_not_list_is_kept(site: Site):
    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(NINE, "0f"))
        store.write_reading(database, "compute", REGION, reading(NINE, {("gone", "cores"): 8}))

    assert site.usage() == {("0f", "instances"): 0, ("0f", "cores"): 0, ("gone", "instances"): 0, ("gone", "cores"): 8}


def test_a_project_that_vanished_is_removed_by_the_next_whole_listing_and_by_nothing_else(site: Site):
    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(NINE, "0f", "0a"))
        store.write_reading(database, "compute", REGION, reading(NINE, {("0a", "cores"): 8}))
    with site.collecting() as database:
        store.write_failure(database, "keystone", TEN, "Keystone GET /projects 500")
        store.write_failure(database, "compute", TEN, "Nova GET /servers/detail 500")
    assert set(site.facts().domains) == {"0f", "0a"}
    assert site.usage()["0a", "cores"] == 8

    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(TEN, "0f"))
        store.write_reading(database, "compute", REGION, reading(TEN, {}))

    assert set(site.facts().domains) == {"0f"}
    assert site.usage() == {("0f", "instances"): 0, ("0f", "cores"): 0}


def test_a_cloud_without_a_project_cannot_be_written(site: Site):
    with pytest.raises(ValueError, match="without a project"):
        projects(TEN)


def test_a_list_that_fell_by_more_than_the_share_is_known_with_the_projects_that_fell_most_first(site: Site):
    usage = {("0f", "instances"): 4, ("0f", "cores"): 8, ("0a", "instances"): 6, ("gone", "instances"): 9}
    lists = {"instances": "instances"}
    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(NINE, "0f", "0a", "0b"))
        store.write_reading(database, "compute", REGION, reading(NINE, usage))
        store.write_reading(database, "compute", "parakou", reading(TEN, {("0b", "instances"): 5}))

        def fallen(usage: dict[tuple[str, str], int]) -> list[tuple[str, str]]:
            return store.fallen(database, REGION, replace(reading(TEN, usage), lists=lists), 0.5)

        assert fallen({}) == [("0a", "instances"), ("0f", "instances")]
        assert fallen({("0a", "instances"): 4}) == [("0f", "instances"), ("0a", "instances")]
        assert fallen({("0a", "instances"): 5}) == []
        assert fallen({("0f", "instances"): 4, ("0b", "instances"): 1}) == []


def test_projects_whose_own_limits_are_no_longer_named_are_known_and_nobody_else(site: Site):
    limits = {("0f", "networks"): 3, ("0f", "routers"): 0, ("0a", "networks"): 0}
    read = replace(reading(NINE, {}, "network", ("networks", "routers")), limits=limits, default_limits={"networks": 0, "routers": 0})
    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(NINE, "0f", "0a", "0b"))
        store.write_reading(database, "network", REGION, read)

        assert store.unlisted(database, REGION, read) == []
        assert store.unlisted(database, REGION, replace(read, limits={("0a", "networks"): 0})) == ["0f"]
        assert store.unlisted(database, REGION, replace(read, limits={}, default_limits={"networks": 3, "routers": 0})) == ["0a", "0b"]
        assert store.unlisted(database, REGION, replace(read, limits={}, default_limits={})) == []
        assert store.unlisted(database, "parakou", replace(read, limits={})) == []


def test_a_list_of_projects_that_fell_by_more_than_the_share_names_those_that_vanished(site: Site):
    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(NINE, "0f", "0a", "0b", "0c"))

        assert store.vanished(database, projects(TEN, "0f", "0a"), 0.5) == []
        assert store.vanished(database, projects(TEN, "0f"), 0.5) == ["0a", "0b", "0c"]


def test_a_reading_of_one_service_leaves_the_others_alone(site: Site):
    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(NINE, "0f"))
        store.write_reading(database, "compute", REGION, reading(NINE, {("0f", "cores"): 3}))
        store.write_reading(database, "network", REGION, reading(TEN, {("0f", "networks"): 1}, service="network", resources=("networks",)))
        store.write_reading(database, "network", "parakou", reading(TEN + timedelta(hours=1), {}, service="network", resources=("networks",)))

    rows = {(fact.region, fact.resource): fact.usage for fact in site.facts().observations}
    assert rows == {(REGION, "instances"): 0, (REGION, "cores"): 3, (REGION, "networks"): 1, ("parakou", "networks"): 0}


def test_a_failure_keeps_the_values_and_the_time_of_the_last_success(site: Site):
    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(NINE, "0f"))
        store.write_reading(database, "compute", REGION, reading(NINE, {("0f", "cores"): 3}))
    before = site.facts().observations

    with site.collecting() as database:
        store.write_failure(database, "compute", TEN, "Nova GET /servers/detail 503")

    assert site.facts().observations == before
    assert site.source("compute") == (NINE, TEN, "Nova GET /servers/detail 503")


def test_a_success_clears_the_failure(site: Site):
    with site.collecting() as database:
        store.write_failure(database, "compute", NINE, "Nova GET /servers/detail 503")
    assert site.source("compute") == (None, NINE, "Nova GET /servers/detail 503")
    assert site.facts().sources == {}

    with site.collecting() as database:
        store.write_reading(database, "compute", REGION, reading(TEN, {}))

    assert site.source("compute") == (TEN, TEN, None)
    assert site.facts().sources == {"compute": TEN}


def test_a_slower_collector_does_not_put_older_values_back(site: Site):
    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(TEN, "0f"))
        assert store.write_reading(database, "compute", REGION, reading(TEN, {("0f", "cores"): 5}))

    with site.collecting() as database:
        assert not store.write_reading(database, "compute", REGION, reading(NINE, {("0f", "cores"): 1}))
        assert not store.write_projects(database, "keystone", projects(NINE, "0a"))
        store.write_failure(database, "compute", NINE, "Nova is slow")

    assert site.usage()["0f", "cores"] == 5
    assert set(site.facts().domains) == {"0f"}
    assert site.source("compute") == (TEN, TEN, None)


def test_limits_are_kept_with_the_time_they_were_seen_and_unlimited_stays_apart_from_unknown(site: Site):
    found = reading(NINE, {("0f", "networks"): 1}, service="network", resources=("networks", "routers", "floatingips"))
    whole = type(found)(
        service_type="network", at=NINE, resources=found.resources, usage=found.usage,
        limits={("0f", "networks"): 2, ("0f", "routers"): -1}, default_limits={"networks": 0, "routers": 0},
    )  # fmt: skip

    with site.collecting() as database:
        store.write_projects(database, "keystone", projects(NINE, "0f", "0a"))
        store.write_reading(database, "network", REGION, whole)

    seen = {(fact.project_id, fact.resource): (fact.backend_quota, fact.quota_at) for fact in site.facts().observations}
    assert seen == {
        ("0f", "networks"): (2, NINE), ("0f", "routers"): (-1, NINE), ("0f", "floatingips"): (None, None),
        ("0a", "networks"): (0, NINE), ("0a", "routers"): (0, NINE), ("0a", "floatingips"): (None, None),
    }  # fmt: skip


def test_hostile_names_of_projects_are_data(site: Site):
    name = "'); DROP TABLE source; -- \"\n🏥" + "x" * 300
    found = projects(NINE, "0f")
    hostile = type(found)(at=NINE, projects=(type(found.projects[0])(id="0f", name=name, domain_id="d", domain_name=name),))

    with site.collecting() as database:
        store.write_projects(database, "keystone", hostile)

    with site.owner.connect() as database:
        assert database.execute(text("SELECT name, domain_name FROM observed_project")).one() == (name, name)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE environment SET state = 'active'", "DELETE FROM request", "INSERT INTO administration (code) VALUES ('x')",
     "UPDATE quotas.account SET balance = 0", "INSERT INTO project_limit (project_id) VALUES ('0f')"],
)  # fmt: skip
def test_the_collectors_role_writes_observations_only(site: Site, statement: str):
    with pytest.raises(ProgrammingError, match="permission denied"), site.collecting() as database:
        database.execute(text(statement))


@pytest.mark.parametrize(
    "statement", ["DELETE FROM public.source", "DELETE FROM public.project_observation", "UPDATE quotas.account SET balance = 0"]
)
def test_the_exporters_role_writes_nothing_even_where_a_session_asks_to(site: Site, statement: str):
    with site.exporter.connect() as database:
        database.execute(text("SET TRANSACTION READ WRITE"))
        with pytest.raises(ProgrammingError, match="permission denied"):
            database.execute(text(statement))

from dataclasses import replace
from datetime import timedelta

import pytest

from dcctl.lifecycle import RequestState
from metrics.facts import EnvironmentFact, Facts
from metrics.families.projects import project_limits_read, project_resource_backend_quota, project_resource_unlimited
from metrics.snapshot import AdministrationFigures, ProjectFigures, Snapshot, assemble
from quotas.resources import find
from tests.unit.metrics.rows import READ_AT, limit, observed


def of_administration(snapshot: Snapshot, code: str, resource: str) -> AdministrationFigures:
    (found,) = (f for f in snapshot.administrations if (f.administration, f.resource.name) == (code, resource))
    return found


def of_project(snapshot: Snapshot, project: str, resource: str) -> ProjectFigures | None:
    found = [f for f in snapshot.projects if (f.project_id, f.resource.name) == (project, resource)]
    assert len(found) < 2
    return found[0] if found else None


def test_an_administration_has_the_ledgers_figures_and_the_use_of_its_own_projects(facts):
    cores = find("cores")
    assert cores is not None

    assert of_administration(assemble(facts), "min-sante", "cores") == AdministrationFigures(
        administration="min-sante", region="cotonou", resource=cores, granted=128, available=100, held=4, allocated=24, usage=11
    )


def test_an_administration_without_anything_has_zeros_of_every_known_resource(facts):
    snapshot = assemble(facts)
    cores = of_administration(snapshot, "min-justice", "cores")

    assert (cores.granted, cores.available, cores.held, cores.allocated, cores.usage) == (0, 0, 0, 0, 0)
    assert {f.resource.name for f in snapshot.administrations if f.administration == "min-justice"} == {
        "instances", "cores", "ram", "volumes", "gigabytes", "networks", "routers", "floatingips", "gigabytes_ssd",
    }  # fmt: skip


def test_use_of_a_service_that_never_answered_is_unknown_and_not_zero(facts):
    snapshot = assemble(facts)

    assert of_administration(snapshot, "min-sante", "gigabytes").usage is None
    assert of_administration(snapshot, "min-sante", "gigabytes_ssd").usage is None


def test_use_is_zero_as_soon_as_the_service_has_answered_even_when_there_is_no_project_at_all(facts):
    snapshot = assemble(replace(facts, observations=(), domains={}, environments=()))

    assert of_administration(snapshot, "min-sante", "cores").usage == 0
    assert of_administration(snapshot, "min-sante", "volumes").usage is None


def test_the_use_of_a_child_is_not_its_parents(facts):
    facts = replace(facts, domains={**facts.domains, "0c": "d-cnhu"}, observations=(*facts.observations, observed("0c", "compute", "cores", 7)))
    snapshot = assemble(facts)

    assert of_administration(snapshot, "cnhu", "cores").usage == 7
    assert of_administration(snapshot, "min-sante", "cores").usage == 11


def test_a_project_of_nobody_is_left_out(facts):
    assert {f.project_id for f in assemble(facts).projects} == {"0f", "0a"}


def test_a_project_of_dcctl_has_quota_limit_and_use(facts):
    cores = of_project(assemble(facts), "0f", "cores")

    assert cores is not None
    assert (cores.administration, cores.quota, cores.backend_quota, cores.usage) == ("min-sante", 24, 24, 9)


def test_a_project_of_dcctl_has_a_quota_of_zero_where_nothing_was_allocated(facts):
    ram = of_project(assemble(facts), "0f", "ram")

    assert ram is not None
    assert (ram.quota, ram.backend_quota, ram.usage) == (0, None, None)


def test_a_project_that_dcctl_did_not_make_has_use_but_no_quota(facts):
    cores = of_project(assemble(facts), "0a", "cores")

    assert cores is not None
    assert (cores.quota, cores.backend_quota, cores.usage) == (None, None, 2)
    assert of_project(assemble(facts), "0a", "ram") is None


def test_an_environment_whose_project_keystone_has_not_listed_yet_has_its_quota(facts):
    snapshot = assemble(replace(facts, domains={}, observations=()))

    cores = of_project(snapshot, "0f", "cores")
    assert cores is not None
    assert (cores.quota, cores.usage) == (24, None)


def test_an_environment_without_a_project_has_no_series(facts):
    waiting = EnvironmentFact(administration="min-sante", holder="min-sante/portail", project_id=None)

    assert assemble(replace(facts, environments=(*facts.environments, waiting))).projects == assemble(facts).projects


def test_the_environment_tells_whose_a_project_is_even_in_a_foreign_domain(facts):
    moved = assemble(replace(facts, domains={**facts.domains, "0f": "d-justice"}))

    assert of_administration(moved, "min-sante", "cores").usage == 11
    assert of_administration(moved, "min-justice", "cores").usage == 0


def test_an_unlimited_quota_is_not_a_number(facts):
    networks = of_project(assemble(facts), "0a", "networks")

    assert networks is not None
    assert (networks.backend_quota, networks.usage) == (None, 0)


@pytest.mark.parametrize(("hours", "expected"), [(1, 5), (-1, 2)])
def test_of_an_observed_limit_and_one_read_back_the_later_counts(facts, hours, expected):
    written = limit("0f", "network", "network", 5, READ_AT + timedelta(hours=hours))

    networks = of_project(assemble(replace(facts, limits=(*facts.limits, written))), "0f", "networks")
    assert networks is not None
    assert networks.backend_quota == expected


@pytest.mark.parametrize(
    ("service", "key", "resource"),
    [("compute", "class:MEMORY_MB", "ram"), ("compute", "servers", "instances"), ("network", "floatingip", "floatingips"),
     ("block-storage", "gigabytes_ssd", "gigabytes_ssd"), ("block_storage", "volumes", "volumes")],
)  # fmt: skip
def test_a_limit_is_known_under_the_services_own_key(facts, service, key, resource):
    found = of_project(assemble(replace(facts, limits=(limit("0f", service, key, 3),))), "0f", resource)

    assert found is not None
    assert found.backend_quota == 3


def test_a_structural_limit_is_not_exported(facts):
    snapshot = assemble(replace(facts, limits=(limit("0f", "network", "port", 500), limit("0f", "block-storage", "volumes_ssd", 9))))

    assert snapshot.projects == assemble(replace(facts, limits=())).projects


def test_the_datacenter_has_every_known_resource(facts):
    cluster = {f.resource.name: (f.capacity, f.available, f.held, f.granted, f.allocated, f.usage) for f in assemble(facts).cluster}

    assert cluster["cores"] == (1024, 508, 4, 512, 24, 9 + 2 + 64)
    assert cluster["networks"] == (0, 0, 0, 0, 0, 1)
    assert cluster["gigabytes_ssd"] == (0, 0, 0, 0, 0, None)
    assert cluster.keys() == {f.name for f in assemble(facts).resources}


def test_requests_have_every_state_of_the_usual_kinds_and_of_the_kinds_that_were_asked_for(facts):
    requests = assemble(facts).requests

    assert len(requests) == (3 * 2 + 1) * len(RequestState)
    assert requests["min-sante", "in_review", "environment"] == 2
    assert requests["cnhu", "fulfilled", "envelope"] == 1
    assert requests["cnhu", "in_review", "envelope"] == 0
    assert ("min-sante", "in_review", "envelope") not in requests


def test_a_second_region_has_figures_of_its_own(facts: Facts):
    elsewhere = replace(observed("0f", "compute", "cores", 3), region="parakou")
    snapshot = assemble(replace(facts, observations=(*facts.observations, elsewhere)))

    usage = {f.region: f.usage for f in snapshot.administrations if (f.administration, f.resource.name) == ("min-sante", "cores")}
    assert usage == {"cotonou": 11, "parakou": 3}


def test_the_time_of_a_projects_limits_is_that_of_the_oldest_shown_in_each_service(facts):
    later = READ_AT + timedelta(hours=2)
    read_back = (limit("0f", "network", "network", 5, later), limit("0f", "network", "router", -1, later), limit("0f", "compute", "ram", 8192, later))
    snapshot = assemble(replace(facts, limits=(*facts.limits, *read_back)))

    times = {(labels[1], labels[3]): at for labels, at in project_limits_read(snapshot).samples}

    # Networks of 0f were read back after they were observed; its cores before its memory; of its gigabytes nobody knows.
    assert times == {("0f", "compute"): READ_AT.timestamp(), ("0f", "network"): later.timestamp(), ("0a", "network"): READ_AT.timestamp()}


def test_every_limit_that_is_shown_has_a_time(facts):
    snapshot = assemble(facts)

    timed = {labels for labels, _ in project_limits_read(snapshot).samples}
    shown = {labels[:-1] for family in (project_resource_backend_quota, project_resource_unlimited) for labels, _ in family(snapshot).samples}
    assert shown == timed != set()

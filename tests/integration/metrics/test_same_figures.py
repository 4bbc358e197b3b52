"""`quota show` and the exporter tell the same of one database, whoever made the projects and whether or not there are any."""

from datetime import timedelta

import pytest
from sqlmodel import Session, col, select

from dcctl.config import Database, Settings
from dcctl.store import Environment, ProjectLimit
from dcctl.workflow import quota, reading
from dcctl.workflow.app import App
from metrics import store
from metrics.snapshot import assemble
from quotas.resources import BLOCK_STORAGE, NETWORK
from tests.integration.metrics.site import NINE, REGION, Site, as_role, projects
from tests.integration.metrics.site import reading as found_by
from tests.integration.workflow.conftest import person

OPERATOR = person("operator", "dc_operator")
TEN = NINE + timedelta(hours=1)
FIGURES = ("granted", "available", "held", "allocated", "usage")
VOLUMES = ("volumes", "gigabytes", "gigabytes_ssd")


@pytest.fixture
def app(known: Site):
    made = App(Settings(database=Database(application=as_role(known.dsn, "dcctl_app")), cloud={"region": REGION}))
    yield made
    made.close()


def shown(app: App, code: str, environment: str | None = None) -> dict[str, dict]:
    return {item["resource"]: item for item in quota.quota(app, OPERATOR, code, environment)["items"]}


def exported(site: Site, code: str) -> dict[str, dict]:
    return {f.resource.name: {name: getattr(f, name) for name in FIGURES} for f in assemble(site.facts()).administrations if f.administration == code}


def read_volumes(site: Site) -> None:
    """min-justice gets a project that dcctl did not make, with a volume of a type that no envelope names; the volumes of all projects are read."""
    with site.collecting() as database:
        listed = projects(TEN, "0f", "0a", "0d")
        foreign = type(listed.projects[0])(id="0j", name="archives", domain_id="d-min-justice", domain_name="min-justice")
        store.write_projects(database, "keystone", type(listed)(at=TEN, projects=(*listed.projects, foreign)))
        usage = {("0j", "volumes"): 1, ("0j", "gigabytes"): 30, ("0j", "gigabytes_ssd"): 30, ("0d", "gigabytes"): 5, ("0d", "volumes"): 1}
        store.write_reading(database, BLOCK_STORAGE, REGION, found_by(TEN, usage, BLOCK_STORAGE, VOLUMES))


@pytest.mark.parametrize("code", ["min-sante", "min-justice", "cnhu"])
def test_an_administrations_figures_are_the_same_in_both(app: App, known: Site, code: str):
    read_volumes(known)

    ours, theirs = shown(app, code), exported(known, code)

    assert {resource: {name: row[name] for name in FIGURES} for resource, row in ours.items()} == {
        resource: figures for resource, figures in theirs.items() if resource in ours or any(figures.values())
    }
    assert {"instances", "cores", "ram", "volumes", "gigabytes"} <= ours.keys()


def test_use_of_an_administration_without_a_project_is_zero_once_the_service_was_read_and_unknown_before(app: App, known: Site):
    before = shown(app, "cnhu")
    read_volumes(known)
    after = shown(app, "cnhu")

    assert {resource: before[resource]["usage"] for resource in ("cores", "ram")} == {"cores": 0, "ram": 0}
    assert "gigabytes" not in before
    assert (after["gigabytes"]["usage"], after["gigabytes"]["limit"]) == (0, None)
    assert "networks" not in after
    assert after["cores"] == before["cores"]


def test_use_of_a_resource_without_an_account_has_a_row(app: App, known: Site):
    read_volumes(known)

    ssd = shown(app, "min-justice")["gigabytes_ssd"]

    assert ssd == {"resource": "gigabytes_ssd", "unit": "GiB", "limit": None, "usage": 30} | dict.fromkeys(FIGURES[:-1], 0)
    status = reading.status(app, OPERATOR, "min-justice")["administrations"][0]
    assert ssd in status["quota"]
    assert list(shown(app, "min-justice")) == ["instances", "cores", "ram", *VOLUMES]


def test_a_project_whose_environment_is_decommissioned_is_its_domains_again(app: App, known: Site):
    with Session(known.owner) as session:
        gone = session.exec(select(Environment).where(col(Environment.project_id) == "0d")).one()
        gone.administration = "min-justice"  # its project is in the domain of min-sante
        session.commit()
    read_volumes(known)

    assert shown(app, "min-sante")["gigabytes"]["usage"] == exported(known, "min-sante")["gigabytes"]["usage"] == 5
    assert shown(app, "min-justice")["gigabytes"]["usage"] == exported(known, "min-justice")["gigabytes"]["usage"] == 30


@pytest.mark.parametrize(("hours", "limit"), [(-1, 7), (0, 3), (1, 3)])
def test_of_a_limit_observed_and_one_read_back_at_the_same_moment_both_take_the_one_read_back(app: App, known: Site, hours: int, limit: int):
    with Session(known.owner) as session:
        read_at = TEN + timedelta(hours=hours)
        session.add(ProjectLimit(project_id="0f", service_type="network", key="router", wanted=3, value=3, state="in_sync", read_at=read_at))
        session.commit()
    with known.collecting() as database:
        seen = found_by(TEN, {}, NETWORK, ("routers",))
        whole = type(seen)(service_type=NETWORK, at=TEN, resources=seen.resources, usage={}, limits={("0f", "routers"): 7})
        store.write_reading(database, NETWORK, REGION, whole)

    (theirs,) = (f.backend_quota for f in assemble(known.facts()).projects if (f.project_id, f.resource.name) == ("0f", "routers"))

    assert (shown(app, "min-sante", "dossier-patient")["routers"]["limit"], theirs) == (limit, limit)


def test_what_the_pool_has_names_no_use(app: App, known: Site):
    read_volumes(known)

    items = quota.quota(app, OPERATOR)["items"]

    assert {item["resource"] for item in items} == {"cores", "gigabytes_ssd"}
    assert {(item["limit"], item["usage"]) for item in items} == {(None, None)}

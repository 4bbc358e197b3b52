"""The hourly audit before a cloud of a hundred projects that answers over HTTP: how many calls it costs, and that they are counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from dcctl.cloud.quota_apis import QUOTA_APIS
from dcctl.config import Cloud as CloudSettings
from dcctl.config import Database
from dcctl.errors import DcctlError
from dcctl.store import Administration, Environment, ProjectLimit
from dcctl.workflow import auditing, calls, discrepancies, reconciling
from dcctl.workflow.app import App
from tests.bench.synthetic import NOVA
from tests.integration.metrics.country import SMALL, clouds, port

__all__ = ["clouds", "port"]

PROJECTS = 120
SHARE = 5  # one in 24
pytestmark = pytest.mark.parametrize("port", [{**SMALL, "projects": PROJECTS, "objects": 3 * PROJECTS}], indirect=True)


@pytest.fixture
def audited(app: App, clouds: Path) -> Iterator[App]:
    """min-sante with an environment for each project of the cloud. Nova was told of one server each; the cloud lets them have four."""
    with app.transaction() as session:
        session.get_one(Administration, "min-sante").domain_id = "d"
        of = {"administration": "min-sante", "request": "R-2026-0001", "offer": "standard", "offer_version": 1, "state": "active"}
        for number in range(1, PROJECTS + 1):
            session.add(Environment(**of, name=f"env-{number}", project_id=project(number)))
            session.add(ProjectLimit(project_id=project(number), service_type="compute", key="instances", wanted=1, value=1, state="in_sync"))
    settings = app.settings.model_copy(update={"cloud": CloudSettings(clouds_yaml=clouds, admin="synthetic", region="cotonou")})
    made = App(settings)
    yield made
    made.close()


def project(number: int) -> str:
    return f"{number:032x}"


def test_an_audit_asks_nova_and_cinder_once_a_project_and_neutron_once_for_all_and_names_what_differs(audited: App) -> None:
    chosen = auditing.turn(audited)
    assert len(chosen) == SHARE

    assert auditing.audit(audited) == SHARE

    made = audited.cloud().requests()
    assert made == {
        ("identity", "GET", "ok"): 1,  # which projects there are
        ("compute", "GET", "ok"): SHARE,
        ("block-storage", "GET", "ok"): SHARE,
        ("network", "GET", "ok"): 4,  # all limits; all networks, routers, addresses
    }
    named = discrepancies.listing(audited, name="limit_mismatch", limit=1000)["items"]
    assert {item["subject"] for item in named if item["item"] == "instances" and item["found"] == NOVA["instances"]} == set(chosen)
    assert {item["subject"] for item in named if item["item"] == "networks"} == set(chosen)
    assert not set(auditing.turn(audited)) & set(chosen), "whose turn it was waits until everybody has had theirs"


def test_the_lists_of_neutron_tell_the_use_that_it_tells_of_each_project(audited: App) -> None:
    chosen = auditing.turn(audited)

    over = [one for one in reconciling.compare(audited, chosen) if str(one.name) == "usage_over_limit"]
    found = [one for one in over if one.item in ("networks", "routers", "floatingips")]

    assert {(one.subject, one.item, one.expected, one.found) for one in found} == {
        (subject, item, limit, 6 if item == "networks" else 3) for subject in chosen for item, limit in (("networks", 5), ("routers", 2))
    }  # fmt: skip


def test_three_projects_or_fewer_are_asked_about_one_by_one(audited: App) -> None:
    network = QUOTA_APIS[-1]
    with pytest.raises(DcctlError):  # the synthetic Neutron has no use of one project
        network.read_use(audited.cloud(), project(1))
    audited.cloud().requests()

    reconciling.compare(audited, [project(1)])

    assert {kind: number for kind, number in audited.cloud().requests().items() if kind[0] == "network"} == {
        ("network", "GET", "ok"): 1, ("network", "GET", "refused"): 1,
    }  # fmt: skip


def test_calls_are_kept_in_the_database_and_those_that_it_did_not_take_are_kept_for_the_next_time(audited: App) -> None:
    def kept() -> dict[str, int]:
        with audited.reading() as session:
            query = text("SELECT service_type, sum(total)::bigint FROM openstack_requests WHERE process = 'worker' GROUP BY service_type")
            return {row[0]: int(row[1]) for row in session.execute(query)}

    auditing.audit(audited)
    calls.add(audited, "worker")
    assert kept() == {"identity": 1, "compute": SHARE, "block-storage": SHARE, "network": 4}
    auditing.audit(audited)
    calls.counting(audited, "worker").once()
    assert kept() == {"identity": 2, "compute": 2 * SHARE, "block-storage": 2 * SHARE, "network": 8}

    nowhere = Database(application="postgresql+psycopg://dcctl_app@127.0.0.1:9/dcctl")
    lost = App(audited.settings.model_copy(update={"database": nowhere}))
    lost.cloud().pages("identity", "/projects", "projects")
    with pytest.raises(DcctlError) as refused:
        calls.add(lost, "worker")
    assert refused.value.code == "DCCTL-501"
    assert lost.cloud().requests() == {("identity", "GET", "ok"): 1}
    lost.close()

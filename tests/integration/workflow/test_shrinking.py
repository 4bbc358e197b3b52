"""A change whose last step use forbids: the limit that it wants is a named difference, and it is taken up again once use has fallen."""

import pytest

from dcctl.cloud.limit_rules import Use
from dcctl.errors import CloudError
from dcctl.schemas import RegionModeIn
from dcctl.workflow import auditing, operations, reconciling, regions, requests, shrinking
from dcctl.workflow.app import App
from dcctl.workflow.run import Run
from quotas.reconcile import Observed, Project, compare
from tests.integration.workflow.conftest import LEAD, person
from tests.integration.workflow.test_changes import GROWN, NAME, approve, ask, built, examined  # noqa: F401 - a fixture

#: As `limits.write` names it: a server that the tenant made uses more than the change leaves.
WORDS = ["compute ram: blocked_by_usage (16384 → 8192: 16384)"]


@pytest.fixture
def blocked(built: App) -> tuple[App, str, str]:  # noqa: F811
    """The number of a change that lowers ram from 16384 to 8192 and failed in its last step, and its operation."""
    number = ask(built, quota=GROWN)
    operation = str(approve(built, number, examined(built, number), confirm=NAME)["operation"])
    run = Run.begin(built, operation)
    assert run is not None
    run.end(CloudError("DCCTL-403", project="p-dossier", results=WORDS))
    return built, number, operation


def differences(app: App, ram: int) -> list[tuple[str, str, int | None, int | None, str]]:
    side = reconciling._side(app)
    project = Project(id="p-dossier", name=NAME, administration="min-sante")
    limits = {**side.ledger.environments[0].allocated, "ram": ram}
    found = compare(side.ledger, Observed(projects=(project,), limits={"p-dossier": limits}))
    return [(str(one.name), one.item, one.expected, one.found, one.detail) for one in found]


def test_the_limit_that_a_blocked_change_wants_lower_stays_a_named_difference(blocked: tuple[App, str, str]) -> None:
    app, _, _ = blocked
    assert differences(app, 16384) == [("limit_mismatch", "ram", 8192, 16384, "blocked_by_usage")]
    assert differences(app, 8192) == []
    assert differences(app, 20480) == [("limit_mismatch", "ram", 16384, 20480, "")], "raised by hand above what is allocated"


def test_it_is_taken_up_again_once_and_its_difference_is_over_with_its_end(blocked: tuple[App, str, str]) -> None:
    app, number, operation = blocked
    with app.reading() as session:
        (waits,) = shrinking.waiting(session).values()
    assert waits.operation == operation

    assert shrinking.take_up(app, operation) is True
    assert shrinking.take_up(app, operation) is False

    assert requests.show(app, LEAD, number)["state"] == "fulfilling"
    assert operations.show(app, LEAD, operation)["state"] == "queued"
    with app.reading() as session:
        assert shrinking.waiting(session) == {}
    assert Run.begin(app, operation) is not None


def test_in_a_region_that_observes_it_waits_on(blocked: tuple[App, str, str]) -> None:
    app, _, operation = blocked
    regions.set_mode(app, person("operator", "dc_operator"), RegionModeIn(mode="observe", reason="sauvegarde restaurée"))
    assert shrinking.take_up(app, operation) is False


def test_a_change_that_failed_for_something_else_waits_for_a_person(built: App) -> None:  # noqa: F811
    number = ask(built, quota=GROWN)
    run = Run.begin(built, str(approve(built, number, examined(built, number), confirm=NAME)["operation"]))
    assert run is not None
    run.end(CloudError("DCCTL-403", project="p-dossier", results=["compute cores: refused (8 → 12: 8) quota exceeded"]))
    with built.reading() as session:
        assert shrinking.waiting(session) == {}


def test_use_has_fallen_when_nothing_stands_against_any_of_the_limits() -> None:
    ram, cores = ("compute", "ram"), ("compute", "cores")
    wanted = {ram: 8192, cores: 4}
    assert auditing.has_fallen(wanted, {ram: Use(in_use=8192, reserved=0), cores: Use(in_use=2, reserved=2)})
    assert not auditing.has_fallen(wanted, {ram: Use(in_use=8192, reserved=1), cores: Use(in_use=0, reserved=0)})
    assert not auditing.has_fallen(wanted, {ram: Use(in_use=0, reserved=0)}), "nobody says how many cores are used"

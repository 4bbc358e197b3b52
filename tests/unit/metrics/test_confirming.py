"""Whether a list that became short is believed, by what a service then says of a project's use."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from dcctl.cloud.connect import Cloud
from dcctl.errors import CloudError
from metrics import confirming
from metrics.readings import Project, Projects, Reading

NINE = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class Nova:
    """Answers as Nova does about a project's quota, and remembers which projects it was asked about."""

    def __init__(self, **in_use: int) -> None:
        self.in_use = in_use
        self.asked: list[str] = []

    def call(self, service: str, method: str, path: str, **_: Any) -> dict[str, Any]:
        project = path.split("/")[2]
        self.asked.append(project)
        assert (service, method, path) == ("compute", "GET", f"/os-quota-sets/{project}/detail")
        return {"quota_set": {"id": project, "instances": {"limit": 4, "in_use": self.in_use.get(project, 0), "reserved": 0}}}


def confirm(nova: Nova, fallen: list[tuple[str, str]], key: str = "instances", usage: dict[tuple[str, str], int] | None = None) -> None:
    short = Reading(service_type="compute", at=NINE, resources=("instances",), usage=usage or {}, lists={"instances": key})
    confirming.confirm(cast(Cloud, nova), short, fallen)


def test_an_empty_list_is_refused_while_one_project_still_uses_something():
    nova = Nova(patients=2)

    with pytest.raises(CloudError) as refused:
        confirm(nova, [("portail", "instances"), ("patients", "instances")])

    assert (refused.value.params["service"], refused.value.params["action"]) == ("Nova", "GET /servers/detail")
    assert refused.value.params["words"] == "a list became short and names 0, but project patients has 2 instances in use"


def test_it_is_believed_when_no_project_uses_anything_and_only_some_are_asked():
    nova = Nova()

    confirm(nova, [(f"p{number}", "instances") for number in range(30)])

    assert nova.asked == [f"p{number}" for number in range(confirming.WITNESSES)]


def test_where_nothing_had_been_there_nobody_is_asked():
    nova = Nova()

    confirm(nova, [])

    assert nova.asked == []


def test_a_service_that_does_not_say_confirms_nothing():
    with pytest.raises(CloudError, match="nothing is said of servers in use in project patients"):
        confirm(Nova(), [("patients", "instances")], key="servers")


def test_half_a_list_is_refused_by_what_the_service_counts_beyond_it():
    with pytest.raises(CloudError, match="names 3, but project patients has 8 instances in use"):
        confirm(Nova(patients=8), [("patients", "instances")], usage={("patients", "instances"): 3})


def test_a_list_that_became_short_is_believed_when_the_count_is_no_more_than_it_names():
    confirm(Nova(patients=3), [("patients", "instances")], usage={("patients", "instances"): 3})


@pytest.mark.parametrize(("there", "believed"), [(None, True), ({"project": {"id": "0a"}}, False)])
def test_a_short_list_of_projects_is_believed_when_the_others_are_not_there_by_id_either(there: Any, believed: bool):
    class Keystone:
        def call(self, *words: str, absent_ok: bool) -> Any:
            assert (words, absent_ok) == (("identity", "GET", "/projects/0a"), True)
            return there

    found = Projects(at=NINE, projects=(Project(id="0f", name="f", domain_id="d", domain_name="min-sante"),))
    if believed:
        confirming.confirm_projects(cast(Cloud, Keystone()), found, ["0a"])
        return
    with pytest.raises(CloudError, match="there is also 0a"):
        confirming.confirm_projects(cast(Cloud, Keystone()), found, ["0a"])


def test_a_cloud_without_a_project_cannot_be():
    with pytest.raises(ValueError, match="without a project"):
        Projects(at=NINE, projects=())

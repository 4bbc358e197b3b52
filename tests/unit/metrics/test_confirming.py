"""Whether an empty list is believed, by what a service then says of a project's use."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from dcctl.cloud.connect import Cloud
from dcctl.errors import CloudError
from metrics import collect
from metrics.counting import count_servers, unnamed
from metrics.readings import Projects, Reading

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


def confirm(nova: Nova, fallen: list[tuple[str, str]], key: str = "instances") -> None:
    empty = Reading(service_type="compute", at=NINE, resources=("instances",), usage={}, empty={"instances": key})
    collect.confirm(cast(Cloud, nova), empty, fallen)


def test_an_empty_list_is_refused_while_one_project_still_uses_something():
    nova = Nova(patients=2)

    with pytest.raises(CloudError) as refused:
        confirm(nova, [("portail", "instances"), ("patients", "instances")])

    assert (refused.value.params["service"], refused.value.params["action"]) == ("Nova", "GET /servers/detail")
    assert refused.value.params["words"] == "a list is empty, but project patients has 2 instances in use"


def test_it_is_believed_when_no_project_uses_anything_and_only_some_are_asked():
    nova = Nova()

    confirm(nova, [(f"p{number}", "instances") for number in range(30)])

    assert nova.asked == [f"p{number}" for number in range(collect.WITNESSES)]


def test_where_nothing_had_been_there_nobody_is_asked():
    nova = Nova()

    confirm(nova, [])

    assert nova.asked == []


def test_a_service_that_does_not_say_confirms_nothing():
    with pytest.raises(CloudError, match="nothing is said of servers in use in project patients"):
        confirm(Nova(), [("patients", "instances")], key="servers")


def test_a_resource_is_unnamed_when_nobody_has_any():
    server = {"id": "s", "tenant_id": "0f", "flavor": {"vcpus": 1, "ram": 512}}

    assert unnamed(count_servers([server]), {"instances": "instances"}) == {}
    assert unnamed(count_servers([]), {"instances": "instances"}) == {"instances": "instances"}


def test_a_cloud_without_a_project_cannot_be():
    with pytest.raises(ValueError, match="without a project"):
        Projects(at=NINE, projects=())

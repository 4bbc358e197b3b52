"""Use over HTTP: what each address answers, and what it refuses."""

import pytest

from tests.integration.api.stack import Api

SINCE = "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("path", "query", "keys"),
    [
        ("/v1/usage", {}, {"holder", "kind", "region", "items"}),
        ("/v1/usage", {"administration": "anpc"}, {"holder", "kind", "region", "items"}),
        ("/v1/usage/hours", {"since": SINCE, "until": "2026-01-08T00:00:00Z"}, {"administration", "region", "since", "until", "items"}),
        ("/v1/usage/top", {}, {"region", "resource", "by", "items"}),
        ("/v1/usage/top", {"resource": "gigabytes_ssd", "by": "project", "limit": "3"}, {"region", "resource", "by", "items"}),
        ("/v1/usage/ranking", {"since": SINCE, "resource": "ram"}, {"region", "since", "until", "known_hours", "items"}),
    ],
)
@pytest.mark.parametrize("person", ["operator", "auditor", "sante-agent"])
def test_an_answer_has_its_keys_and_a_version(standing: Api, person: str, path: str, query: dict[str, str], keys: set[str]) -> None:
    answer = standing("GET", path, person, **query)

    assert (answer.status, answer.body["apiVersion"]) == (200, "dcctl/v1")
    assert answer.body.keys() >= keys


def test_the_datacenters_use_has_its_capacity_and_an_administrations_has_none(standing: Api) -> None:
    whole = {item["resource"]: item for item in standing("GET", "/v1/usage", "operator").body["items"]}
    own = {item["resource"]: item for item in standing("GET", "/v1/usage", "sante-agent").body["items"]}

    assert (whole["cores"]["capacity"], whole["cores"]["granted"], whole["cores"]["usage"], whole["cores"]["at"]) == (4000, 160, None, None)
    assert (own["cores"]["capacity"], own["cores"]["granted"]) == (None, 80)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/usage/hours", {}),
        ("/v1/usage/hours", {"since": "hier"}),
        ("/v1/usage/hours", {"since": SINCE, "until": "2025-01-01T00:00:00Z"}),
        ("/v1/usage/hours", {"since": SINCE, "resource": "coeurs"}),
        ("/v1/usage/top", {"by": "person"}),
        ("/v1/usage/top", {"resource": "coeurs"}),
        ("/v1/usage/top", {"limit": "0"}),
        ("/v1/usage/ranking", {"since": "2020-01-01T00:00:00Z"}),
    ],
)
def test_what_cannot_be_is_refused_by_name(standing: Api, path: str, query: dict[str, str]) -> None:
    answer = standing("GET", path, "operator", **query)

    assert (answer.status, answer.code) == (422, "DCCTL-002")

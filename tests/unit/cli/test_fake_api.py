"""The fake API answers in the shapes of `dcctl.schemas`: what the command line is met with here is what the real one says."""

from typing import Any

import pytest
from pydantic import BaseModel

from dcctl import schemas
from tests.unit.cli.fake_api import Call, FakeApi

ONE = {
    "/v1/whoami": schemas.Whoami, "/v1/offers/standard": schemas.Offer, "/v1/quota": schemas.QuotaItems,
    "/v1/administrations/min-sante": schemas.Administration, "/v1/requests/R-2026-0042": schemas.RequestOut,
    "/v1/environments/-/dossier-patient": schemas.EnvironmentOut, "/v1/operations/O-2026-0042-1": schemas.OperationOut,
    "/v1/requests/R-2026-0042/events": schemas.Events, "/v1/acts/A-2026-0007": schemas.ActShown,
    "/v1/usage": schemas.UsageShown, "/v1/usage/hours": schemas.UsageHours, "/v1/usage/top": schemas.UsageTop,
    "/v1/usage/ranking": schemas.UsageRanking,
}  # fmt: skip
ITEMS = {
    "/v1/offers": schemas.Offer, "/v1/history": schemas.HistoryItem, "/v1/capacity": schemas.CapacityItem,
    "/v1/administrations": schemas.Administration, "/v1/administrations/min-sante/people": schemas.Person, "/v1/requests": schemas.RequestLine,
    "/v1/environments": schemas.EnvironmentOut, "/v1/acts": schemas.ActOut, "/v1/operations": schemas.OperationOut,
}  # fmt: skip


def answer(path: str) -> dict[str, Any]:
    api = FakeApi()
    api.request("R-2026-0042")
    api.environment()
    api.act("A-2026-0007")
    return api.answer(Call("GET", path, {}, {}, None))[1]


@pytest.mark.parametrize("path", ONE)
def test_an_answer_has_its_shape(path: str) -> None:
    model: type[BaseModel] = ONE[path]
    model.model_validate(answer(path))


@pytest.mark.parametrize("path", ITEMS)
def test_the_items_of_a_list_have_theirs(path: str) -> None:
    found = answer(path)
    assert found["apiVersion"] == schemas.API_VERSION
    for item in found["items"]:
        ITEMS[path].model_validate(item)

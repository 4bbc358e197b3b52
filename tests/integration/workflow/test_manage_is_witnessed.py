"""Who becomes an operator is in the audit trail: announced before Keystone is told, with its outcome after; without the first it is not done."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from dcctl import manage
from dcctl.errors import DcctlError
from dcctl.workflow.app import App

ASKED = {"users": ["adjovi", "dossou"], "role": "dc_operator", "project": "exploitation"}


def told(app: App) -> list[tuple[str, str, str, dict[str, Any]]]:
    with app.reading() as session:
        rows = session.execute(text("SELECT action, outcome, target, document FROM audit.event WHERE action LIKE 'operator:%' ORDER BY id")).all()
    return [(action, outcome, target, json.loads(document)) for action, outcome, target, document in rows]


def test_it_is_announced_and_its_outcome_follows(app: App) -> None:
    with manage._witnessed(app.settings, "operator:add", ASKED):
        assert [line[:3] for line in told(app)] == [("operator:add", "pending", "adjovi,dossou")]

    assert [line[1] for line in told(app)] == ["pending", "success"]
    assert told(app)[1][3]["body"] | {"account": "-"} == {**ASKED, "account": "-"}


AWAY = DcctlError("DCCTL-402", service="Keystone", words="503")


@pytest.mark.parametrize(("error", "code"), [(AWAY, "DCCTL-402"), (KeyboardInterrupt(), "DCCTL-500")])
def test_what_goes_wrong_is_told_as_well(app: App, error: BaseException, code: str) -> None:
    with pytest.raises(type(error)), manage._witnessed(app.settings, "operator:remove", ASKED):
        raise error
    assert [(line[1], line[3].get("error", {}).get("code")) for line in told(app)] == [("pending", None), ("failed", code)]


def test_where_the_trail_cannot_be_written_nobody_becomes_anything(app: App) -> None:
    nowhere = app.settings.database.model_copy(update={"application": "postgresql+psycopg://x@127.0.0.1:9/x"})
    away = app.settings.model_copy(update={"database": nowhere})
    done = []
    with pytest.raises(DcctlError) as refused, manage._witnessed(away, "operator:add", ASKED):
        done.append("given")
    assert (refused.value.code, done) == ("DCCTL-501", [])

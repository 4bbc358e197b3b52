"""Lists of requests: newest first, whole, nobody else's, and as quick among ten thousand as among a hundred."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text

from dcctl.errors import DcctlError
from dcctl.store import Administration
from dcctl.workflow import requests
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from tests.integration.workflow.conftest import JUSTICE_LEAD, LEAD, person

OPERATOR = person("operator", "dc_operator")
#: Every hundredth is the agency's of min-sante, the one after it min-justice's; three of one moment each.
_FILLED = text("""
    INSERT INTO request (number, kind, state, administration, environment, spec, demand, resolved, plan, notices, evidence, justification,
        requester, requester_id, created_at, updated_at)
    SELECT 'R-2025-' || lpad(i::text, 5, '0'), 'environment', CASE i % 2 WHEN 0 THEN 'refused' ELSE 'withdrawn' END,
        CASE i % 100 WHEN 0 THEN 'anpc' WHEN 1 THEN 'min-justice' ELSE 'min-sante' END, 'env-' || i, '{}', '{}', '{}', '[]', '[]', '{}', '',
        '{"user": "sante-agent"}', 'id', timestamptz '2025-01-01 00:00Z' + make_interval(mins => i / 3), now()
    FROM generate_series(1, :many) i""")


@pytest.fixture
def filled(app: App, database: str) -> App:
    with app.transaction() as session:
        session.add(Administration(code="anpc", name="ANPC", parent="min-sante", domain_id="anpc"))
        session.flush()
        session.execute(_FILLED, {"many": 3_000})
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("ANALYZE request")
    return app


def pages(app: App, actor: Actor, **asked: Any) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = requests.listing(app, actor, after=after, **asked)
        yield from page["items"]
        after = page["cursor"]
        if after is None:
            return


@pytest.mark.parametrize(
    ("actor", "asked", "many"),
    [
        (LEAD, {}, 2_970), (LEAD, {"administration": "anpc"}, 30), (JUSTICE_LEAD, {}, 30), (OPERATOR, {}, 3_000),
        (OPERATOR, {"administration": "min-sante", "state": "refused"}, 1_470),
    ],
    ids=["a ministry with an agency", "the agency alone", "a ministry", "everybody", "one of them in one state"],
)  # fmt: skip
def test_page_after_page_each_is_there_once_newest_first(filled: App, actor: Actor, asked: dict[str, Any], many: int) -> None:
    found = [(item["created_at"], item["number"]) for item in pages(filled, actor, limit=700, **asked)]
    assert len(set(found)) == len(found) == many
    assert found == sorted(found, reverse=True)


def test_no_list_reads_more_of_the_table_than_its_page(filled: App) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(filled.reading_engine, "before_cursor_execute", lambda c, cursor, statement, values, *_: asked.append((statement, values)))
    for actor in (LEAD, JUSTICE_LEAD, OPERATOR):
        first = requests.listing(filled, actor, limit=50)
        requests.listing(filled, actor, limit=50, after=first["cursor"])
        requests.listing(filled, actor, limit=50, administration=None if actor is OPERATOR else actor.administration)
    plans = []
    for statement, values in list(asked):
        with filled.reading() as session:
            plans.append("\n".join(row[0] for row in session.connection().exec_driver_sql(f"EXPLAIN {statement}", values)))
    assert len(plans) >= 9
    assert [plan for plan in plans if "Seq Scan on request" in plan] == []


def test_a_cursor_that_names_somebody_elses_request_is_one_that_does_not_exist(filled: App) -> None:
    refused = []
    for number in ("R-2025-00101", "R-2025-99999"):
        with pytest.raises(DcctlError) as error:
            requests.listing(filled, LEAD, after=number)
        refused.append((error.value.code, error.value.params | {"value": "–"}))
    assert refused[0] == refused[1]
    assert requests.listing(filled, JUSTICE_LEAD, after="R-2025-00101")["items"] != []

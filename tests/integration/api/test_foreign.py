"""What is not visible answers like what does not exist: the same words, the same status, the same statements; and lists leave it out.

sante's own administration is min-sante; anpc is below it; min-justice beside it.
"""

from itertools import count
from typing import Any

import pytest
from sqlalchemy import event

from tests.integration.api.stack import PAPER, SPEC, Answer, Api

ENVIRONMENT, NO_ENVIRONMENT = "/v1/environments/min-sante/portail", "/v1/environments/min-sante/zzzzzzz"
SANTE, NO_SANTE = "/v1/administrations/min-sante", "/v1/administrations/min-zzzzz"
REQUEST, NO_REQUEST = "/v1/requests/R-2026-9001", "/v1/requests/R-2026-9876"
OPERATION, NO_OPERATION = "/v1/operations/O-2026-9001-1", "/v1/operations/O-2026-9876-1"
DIGEST = "0" * 64

#: What justice-lead may not see, and what nobody can, for it is not there; method, the two addresses, and the body of each where there is one.
Row = tuple[str, str, str, Any, Any]
READ: list[Row] = [
    ("GET", foreign, unknown, None, None)
    for foreign, unknown in (
        (SANTE, NO_SANTE),
        (f"{SANTE}/contacts", f"{NO_SANTE}/contacts"),
        (REQUEST, NO_REQUEST),
        (f"{REQUEST}/events", f"{NO_REQUEST}/events"),
        (ENVIRONMENT, "/v1/environments/min-zzzzz/portail"),
        (ENVIRONMENT, NO_ENVIRONMENT),
        (f"{ENVIRONMENT}/cloud", f"{NO_ENVIRONMENT}/cloud"),
        (f"{ENVIRONMENT}/drift", f"{NO_ENVIRONMENT}/drift"),
        (f"{ENVIRONMENT}/certificate", f"{NO_ENVIRONMENT}/certificate"),
        (OPERATION, NO_OPERATION),
        ("/v1/quota?administration=min-sante", "/v1/quota?administration=min-zzzzz"),
        ("/v1/history?administration=min-sante", "/v1/history?administration=min-zzzzz"),
        ("/v1/usage?administration=min-sante", "/v1/usage?administration=min-zzzzz"),
        ("/v1/status?administration=min-sante", "/v1/status?administration=min-zzzzz"),
    )
]
CHANGE: list[Row] = [
    *(
        ("POST", f"{foreign}/{verb}", f"{unknown}/{verb}", body, body)
        for foreign, unknown, verb, body in (
            (ENVIRONMENT, NO_ENVIRONMENT, "plans", {}),
            (ENVIRONMENT, NO_ENVIRONMENT, "drift/accept", {"reason": "Migration"}),
            (ENVIRONMENT, NO_ENVIRONMENT, "state/looks", None),
            (ENVIRONMENT, NO_ENVIRONMENT, "state", {"digest": DIGEST, "reason": "DCCTL-421"}),
            (REQUEST, NO_REQUEST, "decisions", {"verdict": "refuse", "reason": "Non", "digest": DIGEST}),
            (REQUEST, NO_REQUEST, "withdraw", {}),
            (REQUEST, NO_REQUEST, "answer", {"accept": True}),
            (REQUEST, NO_REQUEST, "edit", {"kind": "environment", "spec": SPEC}),
            (REQUEST, NO_REQUEST, "comments", {"text": "Vu"}),
            (REQUEST, NO_REQUEST, "evidence", {}),
            (REQUEST, NO_REQUEST, "review", {"justified": True, "reason": "Vu"}),
            (OPERATION, NO_OPERATION, "retry", None),
            (OPERATION, NO_OPERATION, "cancel", None),
            (OPERATION, NO_OPERATION, "abandon", None),
            (SANTE, NO_SANTE, "contacts", {"address": "dsi@justice.bj"}),
            (SANTE, NO_SANTE, "people", {"user": "x", "role": "dc_agent"}),
            (SANTE, NO_SANTE, "parent", {"parent": None, **PAPER}),
        )
    ),
    ("DELETE", f"{SANTE}/contacts/x@sante.bj", f"{NO_SANTE}/contacts/x@sante.bj", None, None),
    *(
        ("POST", path, path, {"administration": "min-sante", **body}, {"administration": "min-zzzzz", **body})
        for path, body in (
            ("/v1/grants", {"resources": {"cores": 1}, **PAPER}),
            ("/v1/revocations", {"resources": {"cores": 1}, **PAPER}),
            ("/v1/requests", {"kind": "decommission", "environment": "portail"}),
        )
    ),
]
_serial = count(1)


def asked(api: Api, method: str, path: str, body: Any) -> Answer:
    address, _, query = path.partition("?")
    wanted = {"administration": query.partition("=")[2]} if query else {}
    return api(method, address, "justice-lead", body, headers={"Idempotency-Key": f"foreign-{next(_serial):08}"}, **wanted)


@pytest.mark.parametrize(("method", "foreign", "unknown", "of_foreign", "of_unknown"), READ + CHANGE)
def test_what_is_foreign_answers_like_what_does_not_exist(
    standing: Api, method: str, foreign: str, unknown: str, of_foreign: Any, of_unknown: Any
) -> None:
    def told(path: str, body: Any) -> str:
        answer = asked(standing, method, path, body)
        assert (answer.status, answer.body["error"]["exit"]) == (404, 6), answer.body
        said = str(answer.body)
        for name in ("min-sante", "min-zzzzz", "R-2026-9001", "R-2026-9876", "portail", "zzzzzzz", "O-2026-9001-1", "O-2026-9876-1"):
            said = said.replace(name, "NAME")
        return said

    assert told(foreign, of_foreign) == told(unknown, of_unknown)


@pytest.mark.parametrize(("method", "foreign", "unknown", "of_foreign", "of_unknown"), READ + CHANGE)
def test_what_is_foreign_takes_the_time_of_what_does_not_exist(
    standing: Api, method: str, foreign: str, unknown: str, of_foreign: Any, of_unknown: Any
) -> None:
    """No clock can show it on a busy machine, but the way can: the same statements, which find the same number of rows."""

    def statements(path: str, body: Any) -> list[tuple[str, int]]:
        done: list[tuple[str, int]] = []

        def noted(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
            done.append((statement, cursor.rowcount))

        for engine in (standing.app.engine, standing.app.reading_engine):
            event.listen(engine, "after_cursor_execute", noted)
        try:
            answer = asked(standing, method, path, body)
        finally:
            for engine in (standing.app.engine, standing.app.reading_engine):
                event.remove(engine, "after_cursor_execute", noted)
        assert answer.status == 404, answer.body
        assert done
        return done

    statements(foreign, of_foreign)  # what is read once for the process
    assert statements(foreign, of_foreign) == statements(unknown, of_unknown)


def test_lists_show_no_row_of_anothers_subtree(standing: Api) -> None:
    def codes(path: str, person: str) -> set[str]:
        items = standing("GET", path, person).body["items"]
        return {item.get("administration", item.get("code")) for item in items}

    seen = {"sante-agent": {"min-sante", "anpc"}, "anpc-agent": {"anpc"}, "justice-lead": set[str](), "auditor": {"min-sante", "anpc"}}
    for person, expected in seen.items():
        assert codes("/v1/environments", person) == expected
        assert codes("/v1/operations", person) == expected
        assert codes("/v1/requests", person) - {"min-justice"} == expected


@pytest.mark.parametrize("person", ["sante-manager", "operator-in-a-ministry", "lead-in-a-project", "unscoped"])
def test_a_role_in_the_wrong_scope_is_no_role(standing: Api, person: str) -> None:
    assert standing("GET", "/v1/whoami", person).body["roles"] == []
    assert standing("GET", "/v1/administrations", person).code == "DCCTL-106"
    assert standing("POST", "/v1/administrations/min-sante/people", person, {"user": "x", "role": "dc_agent"}).code == "DCCTL-107"

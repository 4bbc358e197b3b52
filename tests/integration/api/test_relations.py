"""The matrix of tests/matrix.py in one process, but for what needs Keystone itself; the acceptance tests ask all of it with real tokens."""

from collections.abc import Iterator

import pytest

from dcctl.store import Administration, Decision, Environment, Operation, Request
from quotas import ledger
from quotas import store as accounts
from tests.integration.api.stack import PEOPLE, Api, token
from tests.matrix import RELATIONS, Case, body, cases, said

CODES = {relation: f"mx-{relation}" for relation in RELATIONS}
PERSONS = {
    "agent": token("mx-agent", "dc_agent", domain="mx-own"), "lead": token("mx-lead", "dc_lead", domain="mx-own"),
    "operator": token("mx-operator", "dc_operator", project="asin/exploitation"),
    "auditor": token("mx-auditor", "dc_auditor", project="asin/exploitation"),
    "admin": token("mx-admin", "admin", "manager", project="Default/admin", home="Default"),
    "manager": token("mx-manager", "manager", domain="mx-own", home="mx-own"),
    "puppet": token("mx-puppet", "dc_lead", "dc_agent", domain="mx-own", home="mx-own"),
}  # fmt: skip


@pytest.fixture(scope="module")
def people() -> Iterator[None]:
    PEOPLE.update({f"mx-{name}": said for name, said in PERSONS.items()})
    yield
    for name in PERSONS:
        del PEOPLE[f"mx-{name}"]


@pytest.fixture(scope="module")
def world(standing: Api, people: None) -> Api:
    """Four administrations, each with an environment, its request and an operation."""
    with standing.app.bare_transaction() as session:
        for relation, above in (("parent", None), ("own", "parent"), ("sibling", "parent"), ("child", "own")):
            code, parent = CODES[relation], CODES[above] if above else None
            session.add(Administration(code=code, name=relation, parent=parent, domain_id=f"id-{code}"))
            session.flush()
            holder = accounts.find_holder(session, parent or "pool")
            assert holder is not None
            accounts.open_holder(session, ledger.HolderKind.ADMINISTRATION, code, holder)
            number = 9100 + RELATIONS.index(relation)
            environment = Environment(administration=code, request=f"R-2026-{number}", name="portail", state="active", project_id=f"p-{number}",
                                      offer="standard", offer_version=1)  # fmt: skip
            session.add(environment)
            session.flush()
            made = {"administration": code, "environment": "portail", "environment_id": environment.id, "state": "failed"}
            who = {"user": "x", "user_id": "x", "domain": "asin", "roles": []}
            asked = {"requester": who, "requester_id": "x", "digest": "0" * 64, "needs": [{"role": "dc_lead", "administration": code}]}
            request = Request(**made | {"state": "in_review"}, **asked, number=f"R-2026-{number}", kind="environment")
            session.add(request)
            session.flush()
            chief = {"user": "chief", "user_id": "chief", "domain": "asin", "roles": ["dc_lead"]}
            session.add(Decision(request=request.number, verdict="approve", digest="0" * 64, reason="conforme", user_id="chief", actor=chief,
                                 role="dc_lead", administration=code))  # fmt: skip
            session.flush()
            request.state = "failed"
            session.flush()
            session.add(Operation(**made, id=f"O-2026-{number}-1", kind="fulfil", request=f"R-2026-{number}"))
    return standing


def answered(world: Api, case: Case, number: int) -> str:
    of = 9100 + RELATIONS.index(case.relation)
    path, _, query = case.path.format(a=CODES[case.relation], r=f"R-2026-{of}", o=f"O-2026-{of}-1").partition("?")
    wanted = dict(pair.split("=") for pair in query.split("&")) if query else {}
    headers = {"Idempotency-Key": f"relations-{number:08}"}
    answer = world(case.method, path, f"mx-{case.person}", body(case, CODES[case.relation]), headers=headers, **wanted)
    return said(answer.status, answer.body)


def test_everybody_may_do_what_the_table_says_to_each_relation(world: Api) -> None:
    asked = [case for case in cases() if not (case.rule.startswith("person:") and case.expected == "+")]
    assert len(asked) > 1000
    wrong = []
    for number, case in enumerate(asked):
        if (found := answered(world, case, number)) != case.expected:
            wrong.append(f"{case.person} {case.method} {case.path} of {case.relation}: {found}, and not {case.expected}")
    assert not wrong, "\n".join(wrong)

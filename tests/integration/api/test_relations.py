"""The matrix of tests/matrix.py in one process, but for what needs Keystone itself; the acceptance tests ask all of it with real tokens."""

import threading
from collections.abc import Iterator

import pytest

from dcctl.api import server
from dcctl.api.asking import Service
from dcctl.api.policy import RULES, Policy
from dcctl.store import Administration
from quotas import ledger
from quotas import store as accounts
from tests.integration.api.stack import PEOPLE, Api, Keystone, token
from tests.matrix import RELATIONS, Case, body, cases, said
from tests.matrix_world import path, seed

CODES = {relation: f"mx-{relation}" for relation in RELATIONS}
PERSONS = {
    "agent": token("mx-agent", "dc_agent", domain="mx-own"), "lead": token("mx-lead", "dc_lead", domain="mx-own"),
    "operator": token("mx-operator", "dc_operator", project="asin/exploitation"),
    "auditor": token("mx-auditor", "dc_auditor", project="asin/exploitation"),
    "admin": token("mx-admin", "admin", "manager", project="Default/admin", home="Default"),
    "manager": token("mx-manager", "manager", domain="mx-own", home="mx-own"),
    "puppet": token("mx-puppet", "dc_lead", "dc_agent", domain="mx-own", home="mx-own"),
}  # fmt: skip
#: Who may needs OpenStack, and none is here.
NEEDS_KEYSTONE = frozenset({"person:list", "person:add", "person:remove"})
#: Everybody's already; and what the use case itself lets nobody do whom the request does not need, whatever the policy says.
NO_EASIER = frozenset({"whoami:show", "request:decide"})
CASES = cases()


@pytest.fixture(scope="module")
def people() -> Iterator[None]:
    PEOPLE.update({f"mx-{name}": said for name, said in PERSONS.items()})
    yield
    for name in PERSONS:
        del PEOPLE[f"mx-{name}"]


@pytest.fixture(scope="module")
def world(standing: Api, people: None) -> Api:
    with standing.app.bare_transaction() as session:
        for relation, above in (("parent", None), ("own", "parent"), ("sibling", "parent"), ("child", "own")):
            code, parent = CODES[relation], CODES[above] if above else None
            session.add(Administration(code=code, name=relation, parent=parent, domain_id=f"id-{code}"))
            session.flush()
            holder = accounts.find_holder(session, parent or "pool")
            assert holder is not None
            accounts.open_holder(session, ledger.HolderKind.ADMINISTRATION, code, holder)
    seed(standing.app, CODES)
    return standing


@pytest.fixture(scope="module")
def turned(world: Api) -> tuple[Api, Service]:
    """The API once more, with a policy that the tests change."""
    service = Service(app=world.app, policy=Policy(), waiting=threading.BoundedSemaphore(2))
    return Api(server.front(world.app, guard=Keystone, service=service), world.app), service


def answered(world: Api, case: Case) -> str:
    address, _, query = path(case, CODES).partition("?")
    wanted = dict(pair.split("=") for pair in query.split("&")) if query else {}
    headers = {"Idempotency-Key": f"relations-{CASES.index(case):08}"}
    answer = world(case.method, address, f"mx-{case.person}", body(case, CODES[case.relation]), headers=headers, **wanted)
    return said(answer.status, answer.body if answer.status >= 400 else {})


def test_the_table_has_every_rule_of_the_policy() -> None:
    assert {case.rule for case in CASES} == {rule.name for rule in RULES}


def test_everybody_may_do_what_the_table_says_to_each_relation(world: Api) -> None:
    asked = [case for case in CASES if not (case.rule in NEEDS_KEYSTONE and case.expected == "+")]
    assert len(asked) > 1000
    wrong = []
    for case in asked:
        if (found := answered(world, case)) != case.expected:
            wrong.append(f"{case.person} {case.method} {case.path} of {case.relation}: {found}, and not {case.expected}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [rule.name for rule in RULES])
def test_a_rule_that_is_turned_round_shows_in_the_table(turned: tuple[Api, Service], name: str) -> None:
    """Given to nobody, somebody who may is refused; given to everybody, somebody who may not is let through, or learns that they would not see it."""
    api, service = turned
    service.policy = Policy(overrides={name: "!"})
    assert any(answered(api, case) in "-0" for case in CASES if case.rule == name and case.expected == "+")
    service.policy = Policy(overrides={name: "@"})
    red = any(answered(api, case) != case.expected for case in CASES if case.rule == name and case.expected in "-0")
    assert red == (name not in NO_EASIER)

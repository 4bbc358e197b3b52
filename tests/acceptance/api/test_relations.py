"""The matrix of tests/matrix.py against the running API, each person with one real token of Keystone's."""

import tomllib
from dataclasses import dataclass

import pytest
import requests
from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3

from dcctl.api.policy import RULES
from dcctl.cloud import identity
from dcctl.config import Cloud, Database, Settings
from dcctl.workflow.app import App
from tests.acceptance.api.conftest import HOME, SEAT, Person, Service
from tests.matrix import NOBODIES, PERSONS, RELATIONS, body, cases, said
from tests.matrix_world import path, seed


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Codes by relation, and a token for each person."""

    codes: dict[str, str]
    tokens: dict[str, str]


@pytest.fixture(scope="module")
def world(service: Service, operator: str, person: Person) -> World:
    codes = {relation: f"apitest-{relation}-{service.mark}" for relation in RELATIONS}
    for relation, above in (("parent", None), ("own", "parent"), ("sibling", "parent"), ("child", "own")):
        made = {"code": codes[relation], "name": relation.title(), "parent": codes[above] if above else None}
        answer = service.call("POST", "/v1/administrations", operator, json=made)
        assert answer.status_code == 201, answer.text
    settings = tomllib.loads((service.log.parent / "dcctl.toml").read_text())
    app = App(Settings(database=Database(application=settings["database"]["application"]), cloud=Cloud(region="cotonou")))
    seed(app, codes)
    app.close()
    return World(codes=codes, tokens={"operator": operator, **tokens(service, codes["own"], person)})


def tokens(service: Service, own: str, person: Person) -> dict[str, str]:
    """Of everybody but the operator; roles are given in Keystone as an administrator of the cloud gives them."""
    admin, found = service.keystone.admin, {"admin": str(service.keystone.admin.session.get_token())}
    domain, home = identity.find_domain(admin, own), identity.find_domain(admin, HOME)
    assert domain is not None
    assert home is not None
    for who, role, account in (("agent", "dc_agent", HOME), ("lead", "dc_lead", HOME), ("manager", "manager", own), ("puppet", "dc_lead", own)):
        name, password = person(f"matrix-{who}", home=account)
        user = identity.find_user(admin, name, [account])
        assert user is not None
        identity.assign(admin, user.id, role, domain_id=domain)
        found[who] = token(service, name, password, account, domain_name=own)
    name, password = person("matrix-auditor")
    user = identity.find_user(admin, name, [HOME])
    assert user is not None
    identity.assign(admin, user.id, "dc_auditor", project_id=identity.ensure_project(admin, SEAT, home).id)
    return {**found, "auditor": token(service, name, password, HOME, project_name=SEAT, project_domain_name=HOME)}


def token(service: Service, name: str, password: str, account: str, **scope: str) -> str:
    auth = v3.Password(auth_url=service.keystone.auth_url, username=name, password=password, user_domain_name=account, **scope)
    return str(keystone_session.Session(auth=auth).get_token())


def test_a_thousand_calls_are_answered_as_the_table_says(service: Service, world: World) -> None:
    asked, wrong = cases(), []
    assert len(asked) >= 1000
    assert {case.person for case in asked} == {*PERSONS[:-1], *NOBODIES}
    assert {case.rule for case in asked} == {rule.name for rule in RULES}
    with requests.Session() as http:
        for number, case in enumerate(asked):
            headers = {"X-Auth-Token": world.tokens[case.person], "Accept-Language": "en", "Idempotency-Key": f"matrix-{number:08}"}
            sent = body(case, world.codes[case.relation])
            answer = http.request(case.method, service.url + path(case, world.codes), headers=headers, json=sent, timeout=30)
            if (found := said(answer.status_code, answer.json() if answer.status_code >= 400 else {})) != case.expected:
                wrong.append(f"{case.person} {case.method} {case.path} of {case.relation}: {found}, and not {case.expected}")
    assert wrong == []

"""The API behind a real Keystone: tokens, roles, people, and headers that a client makes up."""

import json
import time

import pytest

from dcctl.cloud import identity
from tests.acceptance.api.conftest import HOME, Person, Service

FORGED = {
    "X-Identity-Status": "Confirmed", "X-Roles": "dc_operator,admin", "X-User-Id": "0", "X-User-Name": "operator", "X-Project-Name": "exploitation",
    "X-Project-Domain-Name": "asin", "X-Project-Id": "1", "X-User-Domain-Name": "asin", "OpenStack-System-Scope": "all", "X-Role": "dc_operator",
    "X-Is-Admin-Project": "True", "X_Roles": "dc_operator",
}  # fmt: skip


@pytest.fixture(scope="module")
def lead(service: Service, operator: str, ministry: str, person: Person) -> tuple[str, str]:
    name, password = person("lead")
    answer = service.call("POST", f"/v1/administrations/{ministry}/people", operator, json={"user": name, "role": "dc_lead"})
    assert answer.status_code == 200, answer.text
    return name, password


def test_whoami_tells_the_roles_that_count_in_the_tokens_scope(service: Service, ministry: str, lead: tuple[str, str]) -> None:
    told = service.call("GET", "/v1/whoami", service.keystone.token(*lead, domain=ministry)).json()

    assert (told["user"], told["domain"], told["roles"], told["administrations"]) == (lead[0], HOME, ["dc_lead"], [ministry])
    assert told["scope"] == {"kind": "domain", "name": ministry}
    assert told["expires_at"]


def test_the_operators_token_sees_the_administration_and_its_people(service: Service, operator: str, ministry: str, lead: tuple[str, str]) -> None:
    people = service.call("GET", f"/v1/administrations/{ministry}/people", operator).json()["items"]

    # Other tests of the session give this administration people too.
    assert (lead[0], HOME, "dc_lead") in [(p["user"], p["domain"], p["role"]) for p in people]


@pytest.mark.parametrize("headers", [{}, {"X-Auth-Token": ""}, {"X-Auth-Token": "gAAAAABfalse"}, FORGED, FORGED | {"X-Auth-Token": "x"}])
def test_without_a_token_of_keystones_nobody_passes(service: Service, headers: dict[str, str]) -> None:
    answer = service.call("GET", "/v1/capacity", headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["exit"]) == (401, "DCCTL-103", 3)
    assert answer.headers["WWW-Authenticate"].startswith("Keystone uri=")


def test_headers_that_a_client_makes_up_beside_its_token_change_nothing(service: Service, ministry: str, lead: tuple[str, str]) -> None:
    token = service.keystone.token(*lead, domain=ministry)
    plain, forged = service.call("GET", "/v1/whoami", token).json(), service.call("GET", "/v1/whoami", token, headers=FORGED).json()

    assert forged == plain
    refused = service.call("GET", "/v1/capacity", token, headers=FORGED)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "DCCTL-106")


def test_a_cloud_administrator_is_nobody_here(service: Service, ministry: str) -> None:
    token = str(service.keystone.admin.session.get_token())

    assert service.call("GET", "/v1/whoami", token).json()["roles"] == []
    assert service.call("GET", "/v1/administrations", token).status_code == 403
    assert service.call("GET", f"/v1/administrations/{ministry}/people", token).status_code == 403


def test_an_account_of_a_ministrys_own_domain_gets_no_role_and_counts_for_nothing(
    service: Service, operator: str, ministry: str, person: Person
) -> None:
    name, password = person("puppet", home=ministry)
    refused = service.call("POST", f"/v1/administrations/{ministry}/people", operator, json={"user": name, "role": "dc_lead"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "DCCTL-002")
    assert refused.json()["error"]["message"] == f"user: {name}@{ministry} is not allowed ({name}@{HOME})."

    # Even where somebody gave it the role beside dcctl.
    admin = service.keystone.admin
    user, domain = identity.find_user(admin, name, [ministry]), identity.find_domain(admin, ministry)
    assert user is not None
    identity.assign(admin, user.id, "dc_lead", domain_id=str(domain))
    token = _token_of(service, name, password, ministry)
    assert service.call("GET", "/v1/whoami", token).json()["roles"] == []


def test_somebody_who_does_not_exist_gets_no_role(service: Service, operator: str, ministry: str) -> None:
    answer = service.call("POST", f"/v1/administrations/{ministry}/people", operator, json={"user": "apitest-nobody", "role": "dc_agent"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "DCCTL-107")
    assert answer.json()["error"]["message"] == "There is no user apitest-nobody."


def test_a_name_beyond_latin_letters_passes_through_every_layer(service: Service, operator: str, ministry: str, person: Person) -> None:
    name, password = person("Adébáyọ̀-日本")
    service.call("POST", f"/v1/administrations/{ministry}/people", operator, json={"user": name, "role": "dc_agent"})

    assert service.call("GET", "/v1/whoami", service.keystone.token(name, password, domain=ministry)).json()["user"] == name


def test_a_creation_that_was_cut_off_after_keystone_is_finished_by_repeating_it(service: Service, operator: str) -> None:
    code, admin = f"apitest-half-{service.mark}", service.keystone.admin
    domain = identity.ensure_domain(admin, code, "made, and then the power went")
    try:
        made = service.call("POST", "/v1/administrations", operator, json={"code": code, "name": "Moitié"})
        again = service.call("POST", "/v1/administrations", operator, json={"code": code, "name": "Moitié"})

        assert (made.status_code, made.json()["domain_id"]) == (201, domain)
        assert (again.status_code, again.json()["error"]["code"]) == (409, "DCCTL-306")
    finally:
        admin.call("identity", "PATCH", f"/domains/{domain}", body={"domain": {"enabled": False}})
        admin.call("identity", "DELETE", f"/domains/{domain}")


def test_every_answer_has_a_request_id_and_a_line_in_the_log(service: Service, operator: str) -> None:
    given = "req-0123abcd-0123-4abc-8abc-0123456789ab"

    answer = service.call("GET", "/v1/administrations", operator, headers={"X-Openstack-Request-Id": given})

    assert answer.headers["X-Openstack-Request-Id"] == given
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == given]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/administrations", 200)
    assert (line["user"], line["scope"]) == (f"apitest-operator-{service.mark}", "project:asin/exploitation")
    assert operator not in service.log.read_text()


def test_a_revoked_token_and_a_role_that_was_taken_stop_counting_within_a_minute(
    service: Service, operator: str, ministry: str, person: Person
) -> None:
    name, password = person("leaving")
    service.call("POST", f"/v1/administrations/{ministry}/people", operator, json={"user": name, "role": "dc_lead"})
    revoked, of_the_role = service.keystone.token(name, password, domain=ministry), service.keystone.token(name, password, domain=ministry)
    assert {service.call("GET", "/v1/quota", token).status_code for token in (revoked, of_the_role)} == {200}

    began = time.monotonic()
    service.keystone.admin.call("identity", "DELETE", "/auth/tokens", headers={"X-Subject-Token": revoked})
    taken = service.call("DELETE", f"/v1/administrations/{ministry}/people/{name}?role=dc_lead", operator)
    assert (taken.status_code, taken.json()["role"]) == (200, "dc_lead")

    statuses = {revoked: 200, of_the_role: 200}
    while 200 in statuses.values() and time.monotonic() - began < 60:
        time.sleep(1)
        statuses = {token: service.call("GET", "/v1/quota", token).status_code for token in statuses}
    assert set(statuses.values()) == {401}
    assert time.monotonic() - began < 60


def _token_of(service: Service, name: str, password: str, domain: str) -> str:
    from keystoneauth1 import session
    from keystoneauth1.identity import v3

    auth = v3.Password(auth_url=service.keystone.auth_url, username=name, password=password, user_domain_name=domain, domain_name=domain)
    return str(session.Session(auth=auth).get_token())

"""Nobody decides on their own wish: not with both roles, not by a puppet, not by a group that a domain manager fills, not by a role that was taken.

The people, their roles and their tokens are Keystone's own; the API is a process of its own before a database where only these tests ask.
"""

import time
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3

from dcctl.cloud import identity
from dcctl.config import Cloud, Database, Settings
from dcctl.store import Request
from dcctl.workflow.app import App
from tests.acceptance.api.conftest import HOME, Person, Service
from tests.integration.workflow.test_answering import examined
from tests.site import RunningSite

#: So long a revoked token or role may go on counting; and the time between two looks.
LONGEST_SECONDS, PAUSE = 60.0, 1.0
Member = Callable[..., str]


@pytest.fixture(scope="module")
def app(service: Service) -> Iterator[App]:
    """The database behind the API, for what the worker would do."""
    settings = tomllib.loads((service.log.parent / "dcctl.toml").read_text())
    made = App(Settings(database=Database(application=settings["database"]["application"]), cloud=Cloud(region="cotonou")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def member(service: Service, operator: str, ministry: str, person: Person) -> Member:
    """Make somebody with these roles for the ministry, given through dcctl; answers a token."""

    def made(name: str, *roles: str) -> str:
        user, password = person(name)
        for role in roles:
            answer = service.call("POST", f"/v1/administrations/{ministry}/people", operator, json={"user": user, "role": role})
            assert answer.status_code == 200, answer.text
        return service.keystone.token(user, password, domain=ministry)

    return made


@pytest.fixture(scope="module")
def agent(member: Member) -> str:
    return member("eyes-agent", "dc_agent")


def asked(service: Service, app: App, token: str, key: str) -> str:
    """A request of theirs for a larger envelope, as the worker leaves it."""
    body = {"kind": "envelope", "resources": {"cores": 1}, "reason": "Programme 2027"}
    answer = service.call("POST", "/v1/requests", token, json=body, headers={"Idempotency-Key": f"{key}-{service.mark}"})
    assert answer.status_code == 201, answer.text
    number = str(answer.json()["number"])
    examined(app, number)
    return number


def decide(service: Service, app: App, number: str, token: str, verdict: str = "approve") -> requests.Response:
    with app.reading() as session:
        digest = session.get_one(Request, number).digest
    return service.call("POST", f"/v1/requests/{number}/decisions", token, json={"verdict": verdict, "reason": "Conforme", "digest": digest})


def refused(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["error"]["code"])


def decisions(service: Service, number: str, token: str) -> list[dict[str, Any]]:
    return list(service.call("GET", f"/v1/requests/{number}", token).json()["decisions"])


def test_one_person_with_both_roles_decides_on_others_wishes_and_never_on_their_own(
    service: Service, app: App, operator: str, agent: str, member: Member
) -> None:
    """They asked as an agent, whose wish needs a lead's visa, and are a lead by the time; what they ask as a lead needs no lead at all."""
    own, others = asked(service, app, member("eyes-both", "dc_agent"), "own-of-both"), asked(service, app, agent, "for-both")
    both = member("eyes-both", "dc_agent", "dc_lead")
    later = asked(service, app, both, "later-of-both")

    for verdict in ("approve", "refuse", "return"):
        assert refused(decide(service, app, own, both, verdict)) == (409, "DCCTL-204")
        assert refused(decide(service, app, later, both, verdict)) == (409, "DCCTL-204")
    assert decide(service, app, others, both).status_code == 200
    assert decisions(service, own, operator) == decisions(service, later, operator) == []


def test_a_puppet_that_a_domain_manager_makes_is_nobody_whoever_gives_it_a_role(
    service: Service, app: App, operator: str, agent: str, ministry: str, person: Person
) -> None:
    admin, number = service.keystone.admin, asked(service, app, agent, "for-a-puppet")
    domain = str(identity.find_domain(admin, ministry))
    manager = manager_of(service, ministry, domain, person("eyes-puppeteer", home=ministry))
    puppet, password = person("eyes-puppet", home=ministry)
    user = identity.find_user(admin, puppet, [ministry])
    assert user is not None
    lead = role_of(service, "dc_lead")

    given = manager("PUT", f"/domains/{domain}/users/{user.id}/roles/{lead}")
    assert given.status_code == 403, "Keystone lets no manager give dcctl's roles"

    identity.assign(admin, user.id, "dc_lead", domain_id=domain)
    token = token_of(service, puppet, password, ministry, domain_name=ministry)
    assert refused(decide(service, app, number, token)) == (404, "DCCTL-107")
    assert service.call("GET", "/v1/whoami", token).json()["roles"] == []
    assert decisions(service, number, operator) == []


def test_a_role_of_a_group_that_a_domain_manager_fills_makes_nobody_a_decider(
    service: Service, app: App, operator: str, agent: str, ministry: str, person: Person
) -> None:
    admin, number = service.keystone.admin, asked(service, app, agent, "for-a-group")
    domain = str(identity.find_domain(admin, ministry))
    manager = manager_of(service, ministry, domain, person("eyes-manager", home=ministry))
    made = manager("POST", "/groups", {"group": {"name": f"chefs-{service.mark}", "domain_id": domain}})
    assert made.status_code == 201, made.text
    group = made.json()["group"]["id"]
    admin.call("identity", "PUT", f"/domains/{domain}/groups/{group}/roles/{role_of(service, 'dc_lead')}")
    own, password = person("eyes-filled", home=ministry)
    inside, outside = identity.find_user(admin, own, [ministry]), identity.find_user(admin, f"apitest-eyes-agent-{service.mark}", [HOME])
    assert inside is not None
    assert outside is not None

    assert manager("PUT", f"/groups/{group}/users/{outside.id}").status_code == 403, "nobody of another domain gets in by a manager"
    assert manager("PUT", f"/groups/{group}/users/{inside.id}").status_code == 204
    token = token_of(service, own, password, ministry, domain_name=ministry)

    assert service.call("GET", "/v1/whoami", token).json()["roles"] == []
    assert refused(decide(service, app, number, token)) == (404, "DCCTL-107")
    assert decisions(service, number, operator) == []
    admin.call("identity", "DELETE", f"/groups/{group}")


def test_a_lead_whose_role_or_token_is_taken_between_submit_and_decision_decides_nothing_a_minute_later(
    service: Service, app: App, operator: str, agent: str, ministry: str, member: Member, person: Person
) -> None:
    """In the middle of what they do: they decided a moment ago, and go on asking all the while, so that no cache is left to rest."""
    leaving, signed_out = member("eyes-leaving", "dc_lead"), member("eyes-signed-out", "dc_lead")
    before, after = asked(service, app, agent, "before"), asked(service, app, agent, "after")
    assert decide(service, app, before, leaving).status_code == 200
    assert service.call("GET", f"/v1/requests/{after}", signed_out).status_code == 200

    began = time.monotonic()
    name = f"apitest-eyes-leaving-{service.mark}"
    taken = service.call("DELETE", f"/v1/administrations/{ministry}/people/{name}?role=dc_lead", operator)
    assert taken.status_code == 200, taken.text
    service.keystone.admin.call("identity", "DELETE", "/auth/tokens", headers={"X-Subject-Token": signed_out})
    took: dict[str, float] = {}
    while len(took) < 2 and time.monotonic() - began < LONGEST_SECONDS + 10:
        for who, token in (("role", leaving), ("token", signed_out)):
            if who not in took and service.call("GET", f"/v1/requests/{after}", token).status_code == 401:
                took[who] = time.monotonic() - began
        time.sleep(PAUSE)

    print({who: round(seconds, 1) for who, seconds in took.items()})
    assert set(took) == {"role", "token"}
    assert max(took.values()) < LONGEST_SECONDS
    assert [decide(service, app, after, token).status_code for token in (leaving, signed_out)] == [401, 401]
    assert decisions(service, after, operator) == []


def test_by_the_command_line_a_lead_does_not_approve_what_they_asked_for(site: RunningSite) -> None:
    number = str(site.answer("sante-lead", "envelope", "request", "cores=1", "--reason", "programme 2027")["number"])
    site.until(lambda: site.answer("sante-lead", "request", "show", number)["state"] == "in_review", f"{number} is in review")
    digest = site.answer("sante-lead", "request", "show", number)["digest"]

    for words in (["approve", number, "--digest", digest], ["refuse", number]):
        done = site.dcctl("sante-lead", "request", *words, "--reason", "conforme")
        assert (done.returncode, "DCCTL-204" in done.stderr) == (5, True), done.stderr
    shown = site.answer("sante-lead", "request", "show", number)
    assert (shown["state"], shown["decisions"]) == ("in_review", [])
    site.answer("sante-lead", "request", "withdraw", number)


# -- Keystone, as a manager of a ministry's domain meets it -------------------------------------------------------------------------------------


def manager_of(service: Service, ministry: str, domain: str, who: tuple[str, str]) -> Callable[..., requests.Response]:
    """Call Keystone with the token of this user (name and password), who is made a manager of the ministry's domain."""
    admin, (name, password) = service.keystone.admin, who
    user = identity.find_user(admin, name, [ministry])
    assert user is not None
    identity.assign(admin, user.id, "manager", domain_id=domain)
    token = token_of(service, name, password, ministry, domain_name=ministry)

    url = service.keystone.auth_url.rstrip("/").removesuffix("/v3") + "/v3"

    def call(method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(method, url + path, headers={"X-Auth-Token": token}, json=body, timeout=30)

    return call


def role_of(service: Service, name: str) -> str:
    return str(identity.find_role(service.keystone.admin, name))


def token_of(service: Service, name: str, password: str, home: str, **scope: str) -> str:
    auth = v3.Password(auth_url=service.keystone.auth_url, username=name, password=password, user_domain_name=home, **scope)
    return str(keystone_session.Session(auth=auth).get_token())

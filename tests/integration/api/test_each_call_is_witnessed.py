"""Every call that may change something leaves one event, and every refusal does: asked of each route that the application has."""

import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text

from dcctl.api.application import READING, build
from dcctl.api.asking import Service
from dcctl.api.policy import RULES, Policy
from dcctl.store import Discrepancy, Environment, Operation, Request, now
from dcctl.workflow import actor, enlarging, facts, policies
from dcctl.workflow.fingerprint import fingerprint, note
from tests.integration.api.stack import ADDRESS, CAPACITY, PAPER, PEOPLE, SPEC, Answer, Api

DIGEST = "1" * 64
#: What nobody has, so that a path parameter can be filled for somebody who may not know of it anyway.
NOTHING = {"code": "min-sante", "administration": "min-sante", "name": "portail", "number": "R-2026-9001", "identifier": "O-2026-9001-1",
           "user": "nobody", "address": "dsi@sante.bj", "verb": "explain", "version": "1"}  # fmt: skip
Route = tuple[str, str]


def _shape(path: str) -> str:
    """An address without the names of its parameters."""
    return re.sub(r"\{\w+\}", "{}", path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One that is let through."""

    path: str
    person: str
    body: Any = None
    keyed: bool = False
    query: dict[str, Any] = field(default_factory=dict)


_serial = count(1)


def routes(api: Api) -> list[Route]:
    """Method and path of everything that the application answers to with a token."""
    service = Service(app=api.app, policy=Policy(), waiting=threading.BoundedSemaphore(1))
    return sorted((method, path) for method, path in _below(build(service).routes, "") if path.startswith("/v1/"))


def _below(known: Iterable[Any], prefix: str) -> Iterator[Route]:
    """What was included keeps its own table, which FastAPI looks into when it is asked."""
    for route in known:
        if isinstance(route, APIRoute):
            yield from ((method, prefix + route.path) for method in route.methods)
        elif (included := getattr(route, "original_router", None)) is not None:
            yield from _below(included.routes, prefix + route.include_context.prefix)


def ask(api: Api, method: str, call: Call) -> Answer:
    headers = {"Idempotency-Key": f"witnessed-{next(_serial):04}"} if call.keyed else {}
    return api(method, call.path, call.person, call.body, headers=headers, **call.query)


# -- what must be there for a call to be let through --------------------------------------------------------------------------------------------


def submitted(api: Api, **changes: Any) -> str:
    name = f"dossier-{next(_serial)}"
    spec = SPEC | {"quota": {"instances": 1, "cores": 1, "ram": 1024}, "name": name} | changes
    answer = ask(api, "POST", Call(path="/v1/requests", person="sante-agent", body={"kind": "environment", "spec": spec}, keyed=True))
    assert answer.status == 201, answer.body
    return str(answer.body["number"])


def reviewed(api: Api) -> str:
    """As the worker leaves it."""
    number = submitted(api)
    with api.app.transaction() as session:
        request = session.get_one(Request, number)
        request.state, request.digest = "in_review", DIGEST
        session.add(request)
    return number


def decided(api: Api, number: str, person: str, verdict: str, **more: Any) -> None:
    digest = api("GET", f"/v1/requests/{number}").body["digest"]
    body = {"verdict": verdict, "reason": "Conforme", "digest": digest, **more}
    answer = api("POST", f"/v1/requests/{number}/decisions", person, body)
    assert answer.status == 200, answer.body


def returned(api: Api) -> str:
    number = reviewed(api)
    decided(api, number, "sante-lead", "return")
    return number


def urgent(api: Api) -> str:
    number = reviewed(api)
    decided(api, number, "operator", "approve", emergency=True)
    return number


def proposed(api: Api) -> str:
    asked = {"kind": "envelope", "resources": {"cores": 8}, "reason": "Programme 2027"}
    number = str(ask(api, "POST", Call(path="/v1/requests", person="sante-agent", body=asked, keyed=True)).body["number"])
    with api.app.transaction() as session:
        request = session.get_one(Request, number)
        request.resolved = enlarging.resolved(session, request)
        request.digest = fingerprint(request, request.resolved, [], [])
        note(request, facts.of(api.app, session, request))
        request.state = "in_review"
        session.add(request)
    decided(api, number, "sante-lead", "approve")
    decided(api, number, "operator", "approve", grant={"cores": 4})
    return number


def operation(api: Api, state: str) -> str:
    """One of a request that is fulfilled or failed, as its state has it."""
    number = reviewed(api)
    decided(api, number, "sante-lead", "approve")
    of_request = {"queued": "approved", "failed": "failed"}[state]
    with api.app.transaction() as session:
        request = session.get_one(Request, number)
        for step in ("fulfilling", of_request) if of_request == "failed" else ():
            request.state = step
            session.flush()
        session.add(request)
    identifier = f"O{number[1:]}-1"
    with api.app.transaction() as session:
        found = session.get_one(Operation, identifier)
        found.state = state
        session.add(found)
    return identifier


def differing(api: Api, name: str = "drift", holder: str = "min-sante/portail") -> str:
    number = next(_serial)
    with api.app.transaction() as session:
        row = Discrepancy(region=api.app.region, name=name, subject="p-portail", item=f"server {number}", holder=holder, administration="min-sante")
        session.add(row)
        session.flush()
        return f"D-{row.id}"


def waiting_act(api: Api) -> Call:
    asked = {"administration": "min-sante", "resources": {"cores": 600}, **PAPER}
    act = api("POST", "/v1/grants", "operator", asked).body["act"]
    return Call(path=f"/v1/acts/{act['number']}/decisions", person="operator-2",
                body={"verdict": "refuse", "digest": act["digest"], "reason": "Trop"})  # fmt: skip


def first_entry(api: Api) -> Call:
    """An entry of a grant that was made for this."""
    api("POST", "/v1/grants", "operator", {"administration": "min-justice", "resources": {"cores": 3}, **PAPER})
    entry = api("GET", "/v1/history").body["items"][0]["entry"]
    return Call(path="/v1/corrections", person="operator", body={"entry": entry, "resources": {"cores": 2}, **PAPER})


def offer(api: Api) -> dict[str, Any]:
    return dict(api("GET", "/v1/offers/essai").body["document"]) | {"name": f"essai-{next(_serial)}"}


def publishable(api: Api) -> Call:
    return Call(path="/v1/offers", person="operator", body={"document": offer(api)})


def retirable(api: Api) -> Call:
    document = offer(api)
    assert api("POST", "/v1/offers", "operator", {"document": document}).status == 201
    return Call(path=f"/v1/offers/{document['name']}/retire", person="operator")


def policy(api: Api) -> dict[str, Any]:
    shown = policies.show(api.app, actor.from_token(api.app, PEOPLE["operator"]))["document"]
    rules = [{**shown["rules"][0], "name": f"rule-{next(_serial)}"}, *shown["rules"][1:]]
    return {"document": {**shown, "rules": rules}, "reason": "Note de service 12"}


def addressed(api: Api) -> Call:
    address = f"dsi-{next(_serial)}@sante.bj"
    assert api("POST", "/v1/administrations/min-sante/contacts", "sante-lead", {"address": address}).status == 200
    return Call(path=f"/v1/administrations/min-sante/contacts/{address}", person="sante-lead")


def built(api: Api) -> None:
    """An environment that knows what it was made of."""
    with api.app.transaction() as session:
        found = session.exec(text("SELECT id FROM environment WHERE name = 'portail'")).scalar_one()  # type: ignore[call-overload]
        environment = session.get_one(Environment, found)
        environment.spec, environment.made_by = SPEC | {"name": "portail"}, environment.request
        session.add(environment)


def plannable(path: str, body: Any) -> Callable[[Api], Call]:
    def made(api: Api) -> Call:
        built(api)
        return Call(path=f"/v1/environments/min-sante/portail/{path}", person="operator", body=body)

    return made


def two_that_drifted(api: Api) -> Call:
    differing(api), differing(api)
    return Call(path="/v1/environments/min-sante/portail/drift/accept", person="sante-lead", body={"reason": "Migration"})


def on_request(state: Callable[[Api], str], verb: str, person: str, body: Any = None) -> Callable[[Api], Call]:
    return lambda api: Call(path=f"/v1/requests/{state(api)}/{verb}", person=person, body=body, keyed=True)


def by_operator(path: str, body: Any) -> Callable[[Api], Call]:
    return lambda api: Call(path=path, person="operator", body=body)


def edited(api: Api) -> Call:
    number = returned(api)
    with api.app.reading() as session:
        wanted = session.get_one(Request, number).spec
    return Call(path=f"/v1/requests/{number}/edit", person="sante-agent", body={"kind": "environment", "spec": wanted}, keyed=True)


GRANTED = {"administration": "anpc", "resources": {"cores": 1}, **PAPER}
#: For each call that may change something, one that is let through. Those of `KEYSTONE` fail here, where there is none.
CALLS: dict[Route, Callable[[Api], Call]] = {
    ("POST", "/v1/requests"): lambda api: Call(
        path="/v1/requests", person="sante-agent", keyed=True,
        body={"kind": "environment", "spec": SPEC | {"name": f"dossier-{next(_serial)}", "quota": {"instances": 1, "cores": 1, "ram": 1024}}},
    ),
    ("POST", "/v1/requests/trials"): lambda api: Call(path="/v1/requests/trials", person="sante-agent",
                                                      body={"requests": [{"kind": "environment", "spec": SPEC}]}),
    ("POST", "/v1/requests/{number}/decisions"): on_request(reviewed, "decisions", "sante-lead",
                                                            {"verdict": "refuse", "reason": "Non", "digest": DIGEST}),
    ("POST", "/v1/requests/{number}/withdraw"): on_request(submitted, "withdraw", "sante-agent", {}),
    ("POST", "/v1/requests/{number}/edit"): edited,
    ("POST", "/v1/requests/{number}/answer"): on_request(proposed, "answer", "sante-agent", {"accept": True}),
    ("POST", "/v1/requests/{number}/comments"): on_request(submitted, "comments", "operator", {"text": "Vu"}),
    ("POST", "/v1/requests/{number}/evidence"): on_request(reviewed, "evidence", "operator", {}),
    ("POST", "/v1/requests/{number}/review"): on_request(urgent, "review", "auditor", {"justified": True, "reason": "Vu"}),
    ("POST", "/v1/environments/{administration}/{name}/drift/accept"): two_that_drifted,
    ("POST", "/v1/environments/{administration}/{name}/plans"): plannable("plans", {}),
    ("POST", "/v1/environments/{administration}/{name}/state/looks"): plannable("state/looks", None),
    ("POST", "/v1/environments/{administration}/{name}/state"): plannable("state", {"digest": DIGEST, "reason": "DCCTL-421"}),
    ("POST", "/v1/operations/{identifier}/retry"): lambda api: Call(path=f"/v1/operations/{operation(api, 'failed')}/retry", person="sante-lead"),
    ("POST", "/v1/operations/{identifier}/cancel"): lambda api: Call(path=f"/v1/operations/{operation(api, 'queued')}/cancel", person="sante-lead"),
    ("POST", "/v1/operations/{identifier}/abandon"): lambda api: Call(path=f"/v1/operations/{operation(api, 'failed')}/abandon",
                                                                      person="sante-lead"),
    ("POST", "/v1/acts/{number}/decisions"): waiting_act,
    ("POST", "/v1/imports"): by_operator("/v1/imports", {"envelopes": [{"administration": "anpc", "resources": {"cores": 1}}], **PAPER}),
    ("POST", "/v1/corrections"): first_entry,
    ("POST", "/v1/grants"): by_operator("/v1/grants", GRANTED),
    ("POST", "/v1/revocations"): by_operator("/v1/revocations", {"administration": "min-justice", "resources": {"cores": 1}, **PAPER}),
    ("PUT", "/v1/capacity"): by_operator("/v1/capacity", {"resources": {"cores": CAPACITY["cores"] + 1}, **PAPER}),
    ("POST", "/v1/administrations"): by_operator("/v1/administrations", {"code": "min-essai", "name": "Essai"}),
    ("POST", "/v1/administrations/{code}/parent"): by_operator("/v1/administrations/anpc/parent", {"parent": "min-justice", **PAPER}),
    ("POST", "/v1/administrations/{code}/people"): by_operator("/v1/administrations/anpc/people", {"user": "x", "role": "dc_agent"}),
    ("DELETE", "/v1/administrations/{code}/people/{user}"): lambda api: Call(path="/v1/administrations/anpc/people/x", person="operator",
                                                                             query={"role": "dc_agent"}),
    ("POST", "/v1/administrations/{code}/contacts"): by_operator("/v1/administrations/anpc/contacts", {"address": "dsi@anpc.bj"}),
    ("DELETE", "/v1/administrations/{code}/contacts/{address}"): addressed,
    ("POST", "/v1/offers"): publishable,
    ("POST", "/v1/offers/{name}/retire"): retirable,
    ("POST", "/v1/policies/check"): lambda api: Call(path="/v1/policies/check", person="auditor", body=policy(api)),
    ("POST", "/v1/policies"): lambda api: Call(path="/v1/policies", person="operator", body=policy(api)),
    ("POST", "/v1/reconciliations"): by_operator("/v1/reconciliations", {"apply": False}),
    ("POST", "/v1/discrepancies/{number}/{verb}"): lambda api: Call(path=f"/v1/discrepancies/{differing(api)}/explain", person="operator",
                                                                    body={"reason": "Migration"}),
    ("PUT", "/v1/region"): by_operator("/v1/region", {"mode": "observe", "reason": "Essai"}),
    ("PUT", "/v1/maintenance"): by_operator("/v1/maintenance", {"on": False}),
}  # fmt: skip
#: Here the event of what came of it is a failure; that an event *pending* goes before it where something is done in Keystone, test_audit.py
#: and the acceptance test of the real one show.
KEYSTONE = frozenset({("POST", "/v1/administrations"), ("POST", "/v1/administrations/{code}/people"),
                      ("DELETE", "/v1/administrations/{code}/people/{user}")})  # fmt: skip


#: Nothing of ours is made, changed or named by these.
NO_TARGET = frozenset({("POST", "/v1/requests/trials"), ("POST", "/v1/policies/check"), ("POST", "/v1/administrations")})
#: What is said stands in the body; no row of ours changes but the keeping of it.
SAID = frozenset({("POST", "/v1/requests/{number}/comments"), ("POST", "/v1/discrepancies/{number}/{verb}"), ("PUT", "/v1/maintenance"),
                  ("POST", "/v1/environments/{administration}/{name}/drift/accept")})  # fmt: skip
#: What may be done at each address, by the policy.
ACTIONS = {
    operation: {rule.name for rule in RULES if operation in [(method, _shape(path)) for method, path in rule.operations]}
    for operation in {(method, _shape(path)) for rule in RULES for method, path in rule.operations}
}


def witnessed(api: Api, since: int) -> list[dict[str, Any]]:
    with api.app.reading() as session:
        rows = session.execute(text("SELECT * FROM audit.event WHERE id > :id ORDER BY id"), {"id": since})
        return [dict(row._mapping) for row in rows]


def last(api: Api) -> int:
    with api.app.reading() as session:
        return int(session.execute(text("SELECT coalesce(max(id), 0) FROM audit.event")).scalar_one())


def test_every_route_that_may_change_something_is_asked_here(standing: Api) -> None:
    assert {route for route in routes(standing) if route[0] not in READING} == set(CALLS)


@pytest.mark.parametrize("route", sorted(CALLS), ids=" ".join)
def test_a_call_that_may_change_something_leaves_one_event_with_the_seven_w(standing: Api, route: Route) -> None:
    method, _ = route
    call = CALLS[route](standing)
    before = last(standing)

    answer = ask(standing, method, call)

    found = [event for event in witnessed(standing, before) if event["outcome"] != "pending"]
    assert len(found) == 1, found
    (event,), document, person = found, json.loads(found[0]["document"]), PEOPLE[call.person]
    # who, in which role and scope
    assert (event["actor"], event["actor_id"]) == (person["user"]["name"], person["user"]["id"])
    assert (document["roles"], document["audit_id"]) == ([role["name"] for role in person["roles"]], person["audit_ids"][0])
    assert event["scope"] == (f"domain:{person['domain']['name']}" if "domain" in person else "project:asin/exploitation")
    # what, and what came of it
    assert event["action"] in ACTIONS[method, _shape(route[1])]
    assert (event["outcome"], answer.status >= 400) == (("failed", True) if route in KEYSTONE else ("success", False)), answer.body
    if call.body and not isinstance(document.get("body"), str):
        assert set(document["body"]) == set(call.body)
    # on what, and whose
    named = re.fullmatch(re.sub(r"\{\w+\}", "([^/]+)", route[1]), call.path)
    assert named is not None
    assert all(part in str(event["target"]) for part in named.groups()), event["target"]
    assert bool(event["target"]) == (route not in NO_TARGET), event["target"]
    assert event["administration"] == "min-sante" or "domain" not in person
    # when, where it was seen, and from where it came
    assert timedelta(0) <= now() - event["at"] < timedelta(minutes=10)
    assert (event["observer"], event["address"], event["request_id"]) == ("api", ADDRESS, answer.headers["x-openstack-request-id"])
    assert "after" in document or route in NO_TARGET | KEYSTONE | SAID


def test_every_refused_call_leaves_one_event_whatever_it_would_have_done(standing: Api) -> None:
    """A puppet: dcctl's roles on an account of the ministry's own domain. Whoever one is, one may see."""
    wrong = {}
    for method, path in routes(standing):
        if path == "/v1/whoami":
            continue
        body = CALLS[method, path](standing).body if (method, path) in CALLS else None
        query = {"role": "dc_lead"} if method == "DELETE" and "people" in path else {"since": "2026-01-01T00:00:00Z"} if "usage" in path else {}
        filled = "2000000000" if path.startswith(("/v1/plans", "/v1/reconciliations", "/v1/audit")) else NOTHING["number"]
        before = last(standing)

        answer = ask(standing, method, Call(path=path.format(**{**NOTHING, "number": filled}), person="puppet", body=body, keyed=True, query=query))

        found = [(event["outcome"], event["actor"], event["action"] != "unknown") for event in witnessed(standing, before)]
        if answer.status not in (403, 404) or found != [("refused", "puppet", True)]:
            wrong[method, path] = (answer.status, answer.body, found)
    assert not wrong

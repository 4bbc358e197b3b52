"""Asking and deciding, on a real database: one transaction each, whatever happens at once."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dcctl.errors import DcctlError, NotVisible, QuotaShort, SpecRefused
from dcctl.schemas import DecisionIn, RequestIn, WithdrawIn
from dcctl.store import Request
from dcctl.workflow import decisions, evidence, requests
from dcctl.workflow.fingerprint import fingerprint
from quotas import store
from stacks.plan import Resolved, plan
from stacks.specs import parse
from tests.integration.workflow.conftest import AGENT, JUSTICE_LEAD, LEAD, person
from tests.unit.dcctl.test_speccheck import DOSSIER

DIGEST = "d" * 64


def body(**changes) -> RequestIn:
    return RequestIn(kind="environment", spec=copy.deepcopy(DOSSIER) | changes)


def available(app, resource="cores", administration="min-sante"):
    with app.reading() as session:
        return store.balances(session, store.find_holder(session, administration), "cotonou")[resource]


def reviewed(app, actor=AGENT, key="k1", *, resolved: Resolved | None = None, **changes) -> str:
    """A request as the worker would leave it after its review; `resolved`: with the plan and digest that it computes of these ids."""
    made, _ = requests.submit(app, actor, body(**changes), key)
    with app.transaction() as session:
        request = session.get_one(Request, made["number"])
        request.state, request.digest = "in_review", DIGEST
        if resolved is not None:
            request.resolved, request.plan = resolved.to_document(), evidence.described(plan(parse(request.spec), resolved))
            request.digest = fingerprint(request, request.resolved, request.plan)
        session.add(request)
    return made["number"]


def approve(app, actor, number, digest=DIGEST):
    return decisions.decide(app, actor, number, DecisionIn(verdict="approve", digest=digest, reason="conforme au schéma directeur"))


def jobs(app) -> list[tuple[str, str]]:
    with app.reading() as session:
        return [tuple(row) for row in session.execute(text("SELECT task_name, lock FROM procrastinate_jobs ORDER BY id"))]


def test_a_submit_holds_the_demand_gives_a_number_and_queues_the_review(app):
    made, created = requests.submit(app, AGENT, body(), "k1")

    assert created
    assert (made["state"], made["demand"]["cores"], made["missing"]) == ("submitted", 8, [{"role": "dc_lead", "administration": "min-sante"}])
    assert (available(app).available, available(app).held) == (72, 8)
    assert jobs(app) == [("review", f"request:{made['number']}")]


def test_the_same_key_and_body_is_the_same_request_and_another_body_is_refused(app):
    first, _ = requests.submit(app, AGENT, body(), "k1")
    again, created = requests.submit(app, AGENT, body(), "k1")

    assert (again["number"], created) == (first["number"], False)
    with pytest.raises(DcctlError) as refused:
        requests.submit(app, AGENT, body(name="autre"), "k1")
    assert refused.value.code == "DCCTL-303"
    assert available(app).held == 8


def test_the_same_key_at_the_same_instant_is_one_request(app):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: requests.submit(app, AGENT, body(), "k1"), range(8)))

    assert len({made["number"] for made, _ in answers}) == 1
    assert sum(created for _, created in answers) == 1
    assert available(app).held == 8


def test_a_name_in_use_is_refused_even_at_the_same_instant(app):
    def ask(key):
        try:
            return requests.submit(app, AGENT, body(), key)[0]["number"]
        except DcctlError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(ask, ["a", "b", "c", "d"]))

    assert answers[:3] == ["DCCTL-302"] * 3
    assert available(app).held == 8


def test_a_demand_beyond_the_envelope_names_every_shortfall_and_holds_nothing(app):
    with pytest.raises(QuotaShort) as refused:
        requests.submit(app, AGENT, body(quota=DOSSIER["quota"] | {"volumes": 99, "ram": 999999}), "k1")

    assert refused.value.params["shortfalls"] == [
        {"resource": "ram", "asked": 999999, "available": 163840},
        {"resource": "volumes", "asked": 99, "available": 40},
    ]
    assert refused.value.entry.exit == 5
    assert (available(app).held, jobs(app)) == (0, [])


def test_a_foreign_administration_looks_as_if_it_did_not_exist(app):
    with pytest.raises(NotVisible):
        requests.submit(app, AGENT, body(administration="min-justice"), "k1")
    number = reviewed(app)
    with pytest.raises(NotVisible):
        requests.show(app, JUSTICE_LEAD, number)
    with pytest.raises(NotVisible):
        approve(app, JUSTICE_LEAD, number)


def test_all_faults_of_a_spec_come_at_once(app):
    with pytest.raises(SpecRefused) as refused:
        requests.submit(app, AGENT, body(offer="standart", network={"cidr": "10.20.0.0/24", "external": "publik"}), "k1")

    assert [fault["code"] for fault in refused.value.params["faults"]] == ["spec.unknown_offer", "spec.unknown_network"]


def test_the_leads_approval_keeps_the_hold_and_queues_the_fulfilment(app):
    number = reviewed(app)

    decided = approve(app, LEAD, number)

    assert (decided["state"], decided["missing"], decided["operation"]) == ("approved", [], f"O{number[1:]}-1")
    assert jobs(app)[-1] == ("fulfil", "environment:min-sante/dossier-patient")
    with app.reading() as session:
        assert {hold.expires_at for hold in store.open_holds(session, reference=number)} == {None}


def test_a_refusal_gives_back_what_was_held(app):
    number = reviewed(app)

    decisions.decide(app, LEAD, number, DecisionIn(verdict="refuse", reason="hors budget"))

    assert (available(app).available, available(app).held) == (80, 0)


def test_nobody_decides_on_their_own_request_whatever_their_roles(app):
    both = person("sante-chef", "dc_agent", "dc_lead", administration="min-sante")
    number = reviewed(app, actor=both)

    with pytest.raises(DcctlError) as refused:
        approve(app, both, number)
    assert refused.value.code == "DCCTL-204"


def test_the_database_itself_refuses_a_decision_by_the_requester(app):
    number = reviewed(app)
    statement = text(
        "INSERT INTO decision (request, verdict, digest, reason, user_id, actor, decided_at) VALUES (:r, 'approve', :d, '-', :u, '{}', now())"
    )
    with pytest.raises(DBAPIError, match="cannot decide"), app.transaction() as session:
        session.execute(statement, {"r": number, "d": DIGEST, "u": AGENT.user_id})


def test_an_agent_cannot_approve(app):
    number = reviewed(app)

    with pytest.raises(DcctlError) as refused:
        approve(app, person("sante-agent-2", "dc_agent", administration="min-sante"), number)
    assert refused.value.code == "DCCTL-106"


def test_another_digest_than_the_current_one_approves_nothing(app):
    number = reviewed(app)

    with pytest.raises(DcctlError) as refused:
        approve(app, LEAD, number, digest="e" * 64)

    assert refused.value.code == "DCCTL-203"
    assert requests.show(app, AGENT, number)["state"] == "in_review"


def test_two_leads_at_the_same_instant_decide_once(app):
    number = reviewed(app)
    leads = [person(f"sante-lead-{n}", "dc_lead", administration="min-sante") for n in range(4)]

    def decide(lead):
        try:
            return approve(app, lead, number)["state"]
        except DcctlError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(decide, leads))

    assert answers == ["DCCTL-301"] * 3 + ["approved"]
    assert [job for job, _ in jobs(app)].count("fulfil") == 1


def test_a_withdrawn_request_gives_back_what_it_held_and_frees_its_name(app):
    number = reviewed(app)

    withdrawn = requests.withdraw(app, AGENT, number, WithdrawIn(reason="erreur"))

    assert withdrawn["state"] == "withdrawn"
    assert available(app).held == 0
    assert requests.submit(app, AGENT, body(), "k2")[1]


def test_decisions_and_events_cannot_be_changed_by_the_application(app):
    number = reviewed(app)
    approve(app, LEAD, number)
    for statement in (
        "UPDATE decision SET reason = 'autre'",
        "DELETE FROM decision",
        "TRUNCATE decision",
        "UPDATE event SET kind = 'autre'",
        "DELETE FROM event",
        "INSERT INTO quotas.entry DEFAULT VALUES",
        "UPDATE quotas.account SET balance = 0",
    ):
        with pytest.raises(DBAPIError), app.transaction() as session:
            session.execute(text(statement))


def test_the_last_units_are_given_exactly_once_to_many_at_once(app):
    quota = DOSSIER["quota"] | {"cores": 9, "floatingips": 2, "networks": 1, "routers": 1}

    def ask(number):
        try:
            requests.submit(app, AGENT, body(name=f"dossier-{number}", quota=quota), f"k{number}")
        except QuotaShort:
            return 0
        return 9

    with ThreadPoolExecutor(8) as pool:
        held = sum(pool.map(ask, range(24)))

    assert held == 72 == available(app).held
    assert available(app).available == 8

"""Several people decide on one request: whom the policy needs, each once, never who asked; and the database refuses what contradicts it."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from dcctl.errors import DcctlError, SpecRefused
from dcctl.schemas import DecisionIn, PolicyIn
from dcctl.store import Decision, Policy, Request
from dcctl.workflow import decisions, needs, policies, requests, standing
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from tests import postgres
from tests.integration.workflow.conftest import AGENT, ENVELOPE, JUSTICE_LEAD, LEAD, person
from tests.integration.workflow.test_requests import DIGEST, available, jobs, reviewed
from tests.unit.dcctl.test_rulebook import LAST, policy

OPERATOR, SECOND = person("exploitant", "dc_operator"), person("exploitante", "dc_operator")
TWO = {"name": "two", "needs": ["dc_lead", "dc_operator", "dc_operator"], "when": {"kinds": ["environment"]}}


def publish(app: App, *rules: dict[str, Any], actor: Actor = OPERATOR) -> int:
    made, _ = policies.publish(app, actor, PolicyIn(document=policy(*rules), reason="note de service 12"))
    return int(made["version"])


def say(app: App, actor: Actor, number: str, verdict: str = "approve", **more: Any) -> dict[str, Any]:
    digest = requests.show(app, AGENT, number)["digest"]
    return decisions.decide(app, actor, number, DecisionIn(verdict=verdict, digest=digest, reason="conforme", **more))


def refused(app: App, actor: Actor, number: str, verdict: str = "approve", **more: Any) -> str:
    with pytest.raises(DcctlError) as error:
        say(app, actor, number, verdict, **more)
    return error.value.code


def test_a_lead_and_two_operators_decide_in_any_order_and_the_last_one_begins_it(app: App) -> None:
    version = publish(app, TWO, LAST)
    number = reviewed(app)

    first = say(app, OPERATOR, number)
    assert (first["state"], [m["role"] for m in first["missing"]]) == ("in_review", ["dc_lead", "dc_operator"])
    assert say(app, LEAD, number)["missing"] == [{"role": "dc_operator", "administration": "min-sante"}]
    assert "fulfil" not in [job for job, _ in jobs(app)]
    last = say(app, SECOND, number)

    assert (last["state"], last["missing"], last["policy"]) == ("approved", [], version)
    assert [job for job, _ in jobs(app)].count("fulfil") == 1
    assert {d["policy"] for d in last["decisions"]} == {version}
    with app.reading() as session:
        kept = session.execute(text("SELECT evidence FROM decision")).scalars().all()
    assert set(kept) == {"{}"}  # nobody had computed any here; the review does


def test_nobody_decides_twice_nor_in_the_place_of_somebody_else(app: App) -> None:
    publish(app, TWO, LAST)
    number = reviewed(app)
    say(app, OPERATOR, number)
    say(app, LEAD, number)

    assert refused(app, OPERATOR, number) == "DCCTL-205"
    assert refused(app, person("sante-lead-2", "dc_lead", administration="min-sante"), number) == "DCCTL-600"
    assert refused(app, person("auditeur", "dc_auditor"), number) == "DCCTL-106"
    assert refused(app, AGENT, number) == "DCCTL-204"
    both = person("exploitant", "dc_operator", "dc_lead")
    assert refused(app, both, number) == "DCCTL-205"


def test_an_operator_has_no_say_where_the_policy_needs_none_and_a_lead_none_elsewhere(app: App) -> None:
    number = reviewed(app)

    assert refused(app, OPERATOR, number) == "DCCTL-106"
    assert refused(app, OPERATOR, number, "refuse") == "DCCTL-106"
    with pytest.raises(DcctlError) as foreign:
        decisions.decide(app, JUSTICE_LEAD, number, DecisionIn(verdict="approve", digest=DIGEST, reason="conforme"))
    assert foreign.value.code == "DCCTL-107"


def test_two_operators_at_the_same_instant_fill_two_places_and_a_third_none(app: App) -> None:
    publish(app, TWO, LAST)
    number = reviewed(app)
    say(app, LEAD, number)
    operators = [person(f"exploitant-{n}", "dc_operator") for n in range(5)]

    def decide(operator: Actor) -> str:
        try:
            return str(decisions.decide(app, operator, number, DecisionIn(verdict="approve", digest=DIGEST, reason="conforme"))["state"])
        except DcctlError as error:
            return error.code

    with ThreadPoolExecutor(5) as pool:
        answers = sorted(pool.map(decide, operators))

    assert answers == ["DCCTL-301"] * 3 + ["approved", "in_review"]
    assert [job for job, _ in jobs(app)].count("fulfil") == 1


def test_what_was_examined_keeps_its_version_and_what_is_asked_later_has_the_new_one(app: App) -> None:
    number = reviewed(app)

    publish(app, TWO, LAST)

    assert say(app, LEAD, number)["state"] == "approved"
    later = reviewed(app, key="k2", name="dossier-2")
    assert say(app, LEAD, later)["state"] == "in_review"


def test_a_faulty_policy_names_every_fault_and_the_one_in_force_stays(app: App) -> None:
    document = policy({"name": "a", "needs": ["nobody"], "when": {"offers": ["standart"]}}, LAST)
    with pytest.raises(SpecRefused) as wrong:
        policies.publish(app, OPERATOR, PolicyIn(document=document, reason="essai"))
    assert [fault["code"] for fault in wrong.value.params["faults"]] == ["policy.unknown_value"]

    names = policy({"name": "a", "needs": ["dc_lead"], "when": {"offers": ["standart"], "administrations": ["min-santé"]}}, LAST)
    with pytest.raises(SpecRefused) as unknown:
        policies.check(app, OPERATOR, PolicyIn(document=names))
    paths = [".".join(map(str, fault["path"])) for fault in unknown.value.params["faults"]]
    assert paths == ["rules.0.when.offers.0", "rules.0.when.administrations.0"]

    assert policies.show(app, AGENT)["version"] == 1


def test_a_policy_in_force_is_no_new_version_and_two_at_once_are_two(app: App) -> None:
    shipped = policies.show(app, AGENT)["document"]
    assert policies.publish(app, OPERATOR, PolicyIn(document=shipped, reason="encore"))[1] is False

    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(lambda n: publish(app, {**TWO, "name": f"two-{n}"}, LAST), range(4)))

    assert sorted(versions) == [2, 3, 4, 5]
    assert policies.show(app, AGENT)["version"] == 5
    assert policies.show(app, AGENT, 1)["document"] == shipped


def test_where_the_policy_needs_nobody_its_version_is_the_author(app: App) -> None:
    bounds = dict.fromkeys(ENVELOPE, 10**6)
    publish(app, {"name": "small", "needs": [], "when": {"kinds": ["environment"], "at_most": bounds}}, LAST)
    number = reviewed(app)
    with app.transaction() as session:
        decisions.by_policy(app, session, session.get_one(Request, number))

    shown = requests.show(app, AGENT, number)
    assert (shown["state"], shown["decisions"][0]["user"], shown["decisions"][0]["reason"]) == ("approved", "policy@2", "small")


# -- what the database itself refuses

_INSERT = """INSERT INTO decision (request, verdict, digest, reason, user_id, actor, role, administration, round, policy, emergency, evidence_seen,
    decided_at) VALUES (:request, :verdict, :digest, :reason, :user, CAST(:actor AS jsonb), :role, 'min-sante', :round, :policy, :emergency,
    :evidence_seen, now())"""
RIGHT = {"verdict": "approve", "digest": DIGEST, "reason": "-", "user": "id-x", "role": "dc_lead", "round": 1, "policy": 1, "emergency": False,
         "evidence_seen": None}  # fmt: skip


def insert(app_or_url: Any, number: str, roles: tuple[str, ...] = ("dc_lead", "dc_operator"), actor: str | None = None, **changes: Any) -> None:
    values = {**RIGHT, "request": number, **changes}
    values["actor"] = actor or f'{{"user_id": "{values["user"]}", "user": "x", "roles": {str(list(roles)).replace(chr(39), chr(34))}}}'
    engine = create_engine(app_or_url)
    try:
        with engine.begin() as connection:
            connection.execute(text(_INSERT), values)
    finally:
        engine.dispose()


@pytest.fixture
def roles(postgresql: postgres.Server, database: str, app: App) -> dict[str, str]:
    """The address of the database for each of its roles."""
    name = database.partition("@/")[2].partition("?")[0]
    known = ("dcctl_app", "dcctl_collector", "dcctl_exporter", "dcctl_auditor", "dcctl_sealer")
    return {role: postgresql.url(name, role) for role in known} | {"owner": postgres.alchemy(database)}


CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"user": AGENT.user_id}, "cannot decide"),
    ({"digest": "e" * 64}, "not the current one"),
    ({"round": 2}, "not in review"),
    ({"actor": '{"user_id": "id-y", "roles": ["dc_lead"]}'}, "two people"),
    ({"roles": ("dc_agent",)}, "nobody who may"),
    ({"role": None}, "nobody who may"),
    ({"role": "dc_operator"}, "nobody is needed"),
    ({"user": "policy:1"}, "does not decide"),
    ({"verdict": "bless"}, "decision_verdict"),
    ({"emergency": True}, "decision_emergency"),
]


def test_rows_that_contradict_four_eyes_are_refused_whatever_role_writes_them(app: App, roles: dict[str, str]) -> None:
    number = reviewed(app)
    for role in ("dcctl_app", "owner"):
        for changes, words in CONTRADICTIONS:
            with pytest.raises(DBAPIError, match=words):
                insert(roles[role], number, **changes)
    for role in ("dcctl_collector", "dcctl_exporter", "dcctl_auditor", "dcctl_sealer"):
        with pytest.raises(DBAPIError, match=r"permission denied|does not exist"):
            insert(roles[role], number)
    assert requests.show(app, AGENT, number)["decisions"] == []

    insert(roles["dcctl_app"], number)
    with pytest.raises(DBAPIError, match="nobody is needed"):
        insert(roles["dcctl_app"], number, user="id-z")
    with pytest.raises(DBAPIError, match=r"decision_once_a_person|nobody is needed"):
        insert(roles["owner"], number)


UNDECIDED = [
    "UPDATE request SET state = 'approved' WHERE number = :n",
    "UPDATE request SET state = 'fulfilling' WHERE number = :n",
    "UPDATE request SET state = 'fulfilled' WHERE number = :n",
    "UPDATE request SET needs = '[]' WHERE number = :n",
    "UPDATE request SET requester_id = 'somebody' WHERE number = :n",
    "UPDATE request SET kind = 'extension' WHERE number = :n",
    "UPDATE request SET round = 0 WHERE number = :n",
    """INSERT INTO request SELECT (jsonb_populate_record(r, jsonb_build_object('number', 'R-2026-9999', 'state', 'approved', 'kind', 'repair'))).*
    FROM request r WHERE number = :n""",
]


def all_refused(roles: dict[str, str], statements: Iterable[str], number: str, words: str) -> None:
    """Each statement about the request, by each role: in these words to whom may write requests, anybody else may not come near them."""
    for role, address in roles.items():
        engine = create_engine(address)
        said = words if role in ("dcctl_app", "owner") else "permission denied|does not exist"
        for statement in statements:
            with pytest.raises(DBAPIError, match=said), engine.begin() as connection:
                connection.execute(text(statement), {"n": number})
        engine.dispose()


def test_a_request_leads_nowhere_by_sql_before_those_whom_it_needs_have_decided(app: App, roles: dict[str, str]) -> None:
    publish(app, TWO, LAST)
    number = reviewed(app)
    say(app, LEAD, number)
    say(app, OPERATOR, number)

    all_refused(roles, UNDECIDED, number, "not decided|not changed")


def test_a_failed_review_is_no_way_round_the_decision(app: App) -> None:
    number = reviewed(app)
    with app.transaction() as session:
        session.execute(text("UPDATE request SET state = 'failed' WHERE number = :n"), {"n": number})

    with pytest.raises(DBAPIError, match="not decided"), app.transaction() as session:
        session.execute(text("UPDATE request SET state = 'fulfilling' WHERE number = :n"), {"n": number})


def test_versions_of_policies_and_offers_cannot_be_changed_by_any_role(app: App, roles: dict[str, str]) -> None:
    changes = ("UPDATE policy SET document = '{}'", "DELETE FROM policy", "TRUNCATE policy", "UPDATE offer SET document = '{}'", "DELETE FROM offer")
    for address in roles.values():
        engine = create_engine(address)
        for statement in changes:
            with pytest.raises(DBAPIError, match=r"append-only|not changed|permission denied|does not exist"), engine.begin() as connection:
                connection.execute(text(statement))
        engine.dispose()


def test_a_policys_decision_is_refused_where_somebody_is_needed(app: App) -> None:
    number = reviewed(app)
    with app.transaction() as session:
        request = session.get_one(Request, number)
        assert needs.of(request) != []
        with pytest.raises(DBAPIError, match="does not decide"):
            decisions.by_policy(app, session, request)
        session.rollback()
    with app.reading() as session:
        assert (session.get_one(Policy, 1).version, standing.in_force(session).version) == (1, 1)
        assert session.exec(select(Decision)).all() == []
    assert available(app).held == 8

"""What a decision binds: the facts that were shown, the wish as it was examined, use that somebody measured; and who answers to less."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from dcctl.errors import DcctlError
from dcctl.lifecycle import RequestState
from dcctl.schemas import AnswerIn, DecisionIn, RequestIn
from dcctl.store import Decision, Environment, ProjectObservation, Request, Source, now
from dcctl.workflow import decisions, evidence, facts, needs, requests, resubmitting
from dcctl.workflow.app import App
from dcctl.workflow.fingerprint import canonical
from quotas import ledger, store
from tests.integration.workflow.conftest import AGENT, ENVELOPE, LEAD, person
from tests.integration.workflow.test_answering import COLLEAGUE, edit, envelope, examined
from tests.integration.workflow.test_deciding import OPERATOR, all_refused, insert, publish, roles, say
from tests.integration.workflow.test_requests import DIGEST, body, reviewed
from tests.unit.dcctl.test_rulebook import LAST

__all__ = ["roles"]
USED = {"name": "used", "needs": [], "when": {"kinds": ["environment"], "at_most": dict.fromkeys(ENVELOPE, 10**6), "used_at_least": 60}}


# -- the facts that were shown


def looked_at(app: App) -> tuple[str, dict[str, Any]]:
    number = reviewed(app)
    return number, evidence.look_again(app, OPERATOR, number)


def test_a_decision_keeps_exactly_the_facts_that_its_decider_was_shown(app: App) -> None:
    number, shown = looked_at(app)
    assert shown["evidence_digest"] == hashlib.sha256(canonical(shown["evidence"]).encode()).hexdigest()
    assert requests.show(app, LEAD, number)["evidence_digest"] == shown["evidence_digest"]

    say(app, LEAD, number, evidence=shown["evidence_digest"])

    with app.reading() as session:
        (made,) = session.exec(select(Decision)).all()
    assert (made.evidence_seen, '"pool":{' in made.evidence) == (shown["evidence_digest"], True)


def test_facts_that_were_looked_at_anew_meanwhile_are_shown_again_before_anybody_decides(app: App) -> None:
    number, shown = looked_at(app)
    again = evidence.look_again(app, OPERATOR, number)

    for verdict in ("approve", "refuse", "return"):
        with pytest.raises(DcctlError) as old:
            say(app, LEAD, number, verdict, evidence=shown["evidence_digest"])
        assert (old.value.code, old.value.params["digest"]) == ("DCCTL-615", again["evidence_digest"])
    assert requests.show(app, AGENT, number)["decisions"] == []


# -- use that was measured


def used(app: App, *, age: timedelta) -> None:
    """An environment with 10 cores, of which 9 are in use; Nova was read so long ago."""
    with app.transaction() as session:
        parent = store.find_holder(session, "min-sante")
        assert parent is not None
        holder = store.open_holder(session, ledger.HolderKind.ENVIRONMENT, "portail", parent)
        who, cause = ledger.Actor(user_id="x", user_name="x", scope="none"), ledger.Cause(kind=ledger.CauseKind.REQUEST, reference="R-2026-0001")
        store.post(session, ledger.hold(parent, "cotonou", {"cores": 10}, "R-2026-0001", None), actor=who, cause=cause)
        store.post(session, ledger.allocate(parent, holder, "cotonou", {"cores": 10}, "R-2026-0001"), actor=who, cause=cause)
        session.add(Environment(administration="min-sante", request="R-2026-0001", name="portail", state="active", project_id="p-portail",
                                offer="standard", offer_version=1))  # fmt: skip
        at = now() - age
        session.add(ProjectObservation(project_id="p-portail", region="cotonou", service_type="compute", resource="cores", usage=9,
                                       usage_at=at, quota_at=at))  # fmt: skip
        session.merge(Source(name="compute", last_success_at=at, last_attempt_at=now()))


@pytest.mark.parametrize(("minutes", "rule"), [(1, "used"), (28, "used"), (31, LAST["name"]), (60 * 24, LAST["name"])])
def test_use_that_was_read_too_long_ago_decides_nothing_by_itself(app: App, minutes: int, rule: str) -> None:
    publish(app, USED, LAST)
    used(app, age=timedelta(minutes=minutes))
    number = requests.submit(app, AGENT, body(), "k1")[0]["number"]

    with app.transaction() as session:
        request = session.get_one(Request, number)
        needs.settle(app, session, request, examined=True)
        settled, found = request.rule, facts.of(app, session, request)
        session.rollback()

    assert settled == rule
    assert (found["use"]["cores"]["used"], found["use"]["cores"]["allocated"]) == (9, 10)  # people see it, with its age
    assert found["use"]["cores"]["seen_at"] < now().isoformat()


def test_use_that_nobody_ever_read_decides_nothing_by_itself(app: App) -> None:
    publish(app, USED, LAST)
    used(app, age=timedelta(minutes=1))
    with app.transaction() as session:
        session.execute(text("DELETE FROM source"))
    number = requests.submit(app, AGENT, body(), "k1")[0]["number"]

    with app.transaction() as session:
        request = session.get_one(Request, number)
        needs.settle(app, session, request, examined=True)
        assert (request.rule, len(request.needs)) == (LAST["name"], 1)
        session.rollback()


# -- who answers to less


def test_only_whoever_asked_or_edited_says_yes_or_no_to_less(app: App) -> None:
    number = envelope(app, cores=64)
    say(app, LEAD, number, "return")
    resubmitted(app, number)
    say(app, LEAD, number)
    assert say(app, OPERATOR, number, grant={"cores": 32})["state"] == "proposed"

    for somebody in (LEAD, COLLEAGUE, person("sante-agent-2", "dc_agent", administration="min-sante")):
        for accept in (True, False):
            with pytest.raises(DcctlError) as other:
                resubmitting.answer(app, somebody, number, AnswerIn(accept=accept))
            assert other.value.code == "DCCTL-616"
    assert resubmitting.answer(app, AGENT, number, AnswerIn(accept=True))["state"] == "fulfilled"


def resubmitted(app: App, number: str) -> None:
    resubmitting.edit(app, AGENT, number, RequestIn(kind="envelope", resources={"cores": 64}, reason="programme 2027"), "edit-e")
    examined(app, number)


def test_an_author_who_edited_may_answer_and_a_decider_never(app: App) -> None:
    number = reviewed(app)
    say(app, LEAD, number, "return")
    edit(app, COLLEAGUE, number)
    with app.reading() as session:
        assert session.get_one(Request, number).authors == [COLLEAGUE.user_id]


# -- what the database keeps

#: Of a request that is examined, partly decided or approved: none of it is changed by anybody.
OTHER = [
    """UPDATE request SET spec = spec || '{"name": "autre"}' WHERE number = :n""",
    """UPDATE request SET demand = '{"cores": 64}' WHERE number = :n""",
    "UPDATE request SET offer_version = 9 WHERE number = :n",
    """UPDATE request SET resolved = '{"payer": "min-justice"}' WHERE number = :n""",
    """UPDATE request SET plan = '[{"name": "autre"}]' WHERE number = :n""",
    """UPDATE request SET steps = '[{"op": "destroy"}]' WHERE number = :n""",
    "UPDATE request SET environment = 'autre' WHERE number = :n",
    "UPDATE request SET digest = repeat('e', 64) WHERE number = :n",
    "UPDATE request SET digest = NULL WHERE number = :n",
    """UPDATE request SET granted = '{"cores": 4}' WHERE number = :n""",
    """UPDATE request SET granted = '{"cores": 4}', digest = repeat('e', 64) WHERE number = :n""",
]


def attacked(addresses: dict[str, str], number: str) -> None:
    all_refused(addresses, OTHER, number, "is not changed once|is what a decision says|does not lead")


def test_what_is_asked_is_not_changed_by_sql_while_or_after_it_is_decided(app: App, roles: dict[str, str]) -> None:
    publish(app, {"name": "two", "needs": ["dc_lead", "dc_operator"], "when": {"kinds": ["environment"]}}, LAST)
    number = reviewed(app)
    attacked(roles, number)
    say(app, LEAD, number)
    attacked(roles, number)
    say(app, OPERATOR, number)
    attacked(roles, number)
    assert requests.show(app, AGENT, number)["state"] == RequestState.APPROVED
    for state in ("submitted", "returned", "in_review"):
        with pytest.raises(DBAPIError, match="does not lead"), app.transaction() as session:
            session.execute(text("UPDATE request SET state = :s WHERE number = :n"), {"s": state, "n": number})


def test_what_is_granted_is_only_what_a_decision_of_the_round_says(app: App, roles: dict[str, str]) -> None:
    number = envelope(app, cores=64)
    say(app, LEAD, number)
    say(app, OPERATOR, number, grant={"cores": 32})

    for granted in ('{"cores": 33}', "null"):
        with pytest.raises(DBAPIError, match="is what a decision says"), app.transaction() as session:
            session.execute(text("UPDATE request SET granted = CAST(:g AS jsonb) WHERE number = :n"), {"g": granted, "n": number})
    assert resubmitting.answer(app, AGENT, number, AnswerIn(accept=True))["granted"] == {"cores": 32}


def test_an_emergency_without_a_reason_and_facts_that_are_others_are_refused_by_the_database(app: App, roles: dict[str, str]) -> None:
    number = reviewed(app)
    for address in (roles["dcctl_app"], roles["owner"]):
        for reason, shown, words in (("", None, "emergency_reason"), (" \t\n", None, "emergency_reason"), ("panne", "e" * 64, "evidence_seen")):
            with pytest.raises(DBAPIError, match=words):
                insert(address, number, role="dc_operator", emergency=True, reason=reason, evidence_seen=shown)


def test_an_event_that_is_not_sealed_yet_is_deleted_by_nobody(app: App, roles: dict[str, str]) -> None:
    with app.transaction() as session:
        session.execute(text("SELECT audit.record('x', 'success', 'id', 'x', 'none', 'api', NULL, NULL, NULL, NULL, '{}')"))
    for address in roles.values():
        engine = create_engine(address)
        for statement in ("DELETE FROM audit.event", "UPDATE audit.event SET actor = 'y'", "TRUNCATE audit.event", "DROP TABLE audit.event",
                          "ALTER TABLE audit.event DISABLE TRIGGER ALL"):  # fmt: skip
            owner = address == roles["owner"]
            if owner and statement.startswith(("DROP", "ALTER")):  # whoever owns the tables is answered by the auditor's checkpoints
                continue
            with pytest.raises(DBAPIError, match=r"is refused|permission denied|must be owner|does not exist"), engine.begin() as connection:
                connection.execute(text(statement))
        engine.dispose()
    with app.reading() as session:
        assert session.execute(text("SELECT count(*) FROM audit.event WHERE action = 'x'")).scalar_one() == 1


def test_a_decision_by_its_digest_alone_still_counts_and_names_no_facts(app: App) -> None:
    number, _ = looked_at(app)
    decisions.decide(app, LEAD, number, DecisionIn(verdict="approve", digest=DIGEST, reason="conforme"))
    with app.reading() as session:
        (made,) = session.exec(select(Decision)).all()
    assert (made.evidence_seen, made.evidence != "{}") == (None, True)

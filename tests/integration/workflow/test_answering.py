"""Returned and edited, granted less and accepted, reminded and lapsed, approved in an emergency and reviewed; on a real database."""

import copy
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from dcctl.errors import DcctlError, NotVisible, QuotaShort
from dcctl.schemas import AnswerIn, CommentIn, DecisionIn, RequestIn, ReviewIn, TrialsIn, WithdrawIn
from dcctl.store import EmergencyReview, Event, Request, now
from dcctl.workflow import (
    decisions,
    emergencies,
    enlarging,
    evidence,
    expiry,
    facts,
    needs,
    reading,
    requests,
    resubmitting,
    trials,
    waiting,
)  # fmt: skip
from dcctl.workflow.app import App
from dcctl.workflow.fingerprint import fingerprint, note
from quotas import store
from tests.integration.workflow.conftest import AGENT, JUSTICE_AGENT, LEAD, person, with_agency
from tests.integration.workflow.test_deciding import OPERATOR, SECOND, publish, refused, say
from tests.integration.workflow.test_requests import DIGEST, available, body, jobs, reviewed
from tests.unit.dcctl.test_rulebook import LAST
from tests.unit.dcctl.test_speccheck import DOSSIER

COLLEAGUE = person("sante-lead-2", "dc_lead", "dc_agent", administration="min-sante")
SMALLER = DOSSIER["quota"] | {"cores": 6}
TWO_GIVE = {"name": "large", "needs": ["dc_lead", "grantor", "grantor"], "when": {"kinds": ["envelope"], "above": {"cores": 100}}}


def edit(app: App, actor: Any, number: str, key: str = "edit-1", **changes: Any) -> dict[str, Any]:
    return resubmitting.edit(app, actor, number, body(**changes), key)


def examined(app: App, number: str) -> None:
    """As the worker leaves an envelope's request."""
    with app.transaction() as session:
        request = session.get_one(Request, number)
        request.resolved = enlarging.resolved(session, request)
        request.digest = fingerprint(request, request.resolved, [], [])
        request.state = "in_review"
        note(request, facts.of(app, session, request))
        session.add(request)


def envelope(app: App, actor: Any = AGENT, key: str = "e1", **resources: int) -> str:
    asked = RequestIn(kind="envelope", resources=dict(resources), reason="programme 2027")
    number = str(requests.submit(app, actor, asked, key)[0]["number"])
    examined(app, number)
    return number


def pool(app: App, resource: str = "cores") -> store.Capacity:
    with app.reading() as session:
        return store.capacity(session, "cotonou")[resource]


def kinds(app: App, number: str) -> list[str]:
    return [one["kind"] for one in requests.show(app, AGENT, number)["story"]]


def later(app: App, number: str, days: int) -> None:
    """So many days have passed for the request."""
    with app.transaction() as session:
        request = session.get_one(Request, number)
        request.waits_since -= timedelta(days=days)
        assert request.lapses_at is not None
        request.lapses_at -= timedelta(days=days)
        session.add(request)


# -- returned and edited


def test_a_returned_request_is_edited_with_its_hold_and_decided_anew(app: App) -> None:
    number = reviewed(app)
    assert say(app, LEAD, number, "return")["state"] == "returned"
    assert available(app).held == 8

    again = edit(app, AGENT, number, quota=SMALLER)

    assert (again["state"], again["digest"], again["round"], again["demand"]["cores"]) == ("submitted", None, 2, 6)
    assert (available(app).held, available(app).available) == (6, 74)
    assert jobs(app)[-1] == ("review", f"request:{number}")
    assert edit(app, AGENT, number, quota=SMALLER)["round"] == 2  # the same key again
    with app.transaction() as session:
        request = session.get_one(Request, number)
        request.state, request.digest = "in_review", "e" * 64
        session.add(request)
    assert say(app, LEAD, number)["state"] == "approved"  # who returned it decides on what came of that
    told = [kind for kind in kinds(app, number) if kind != "ledger"]
    assert told == ["submitted", "returned", "edited", "approved", "queued"]
    with app.reading() as session:
        assert store.differences(session) == []


def test_whoever_edits_is_an_author_and_decides_no_more_than_whoever_asked(app: App) -> None:
    number = reviewed(app)
    say(app, LEAD, number, "return")
    edit(app, COLLEAGUE, number, quota=SMALLER)
    with app.transaction() as session:
        request = session.get_one(Request, number)
        request.state, request.digest = "in_review", DIGEST
        session.add(request)

    assert refused(app, COLLEAGUE, number) == "DCCTL-204"
    statement = text("""INSERT INTO decision (request, round, verdict, digest, reason, user_id, actor, role, administration, decided_at)
        VALUES (:n, 2, 'approve', :d, '-', :u, CAST(:a AS jsonb), 'dc_lead', 'min-sante', now())""")
    with pytest.raises(DBAPIError, match="cannot decide"), app.transaction() as session:
        session.execute(statement, {"n": number, "d": DIGEST, "u": COLLEAGUE.user_id, "a": json.dumps(COLLEAGUE.document())})
    with pytest.raises(DBAPIError, match="not changed"), app.transaction() as session:
        session.execute(text("UPDATE request SET authors = '[]'"))


def test_an_edit_that_does_not_fit_changes_nothing(app: App) -> None:
    number = reviewed(app)
    say(app, LEAD, number, "return")

    with pytest.raises(QuotaShort) as short:
        edit(app, AGENT, number, quota=DOSSIER["quota"] | {"ram": 163841})
    assert short.value.params["shortfalls"] == [{"resource": "ram", "asked": 163841, "available": 163840}]
    with pytest.raises(DcctlError) as other:
        edit(app, AGENT, number, key="edit-2", name="autre-projet")
    assert other.value.code == "DCCTL-604"
    with pytest.raises(NotVisible):
        edit(app, JUSTICE_AGENT, number, key="edit-3")

    shown = requests.show(app, AGENT, number)
    assert (shown["state"], shown["round"], shown["demand"]["cores"], available(app).held) == ("returned", 1, 8, 8)
    assert edit(app, AGENT, number, key="edit-4", quota=DOSSIER["quota"] | {"ram": 163840})["round"] == 2  # what it held counts for it


def test_only_a_returned_request_is_edited(app: App) -> None:
    number = reviewed(app)
    with pytest.raises(DcctlError) as early:
        edit(app, AGENT, number)
    can = early.value.params["possible"]
    assert (early.value.code, can) == ("DCCTL-301", ["approve", "refuse", "return", "propose", "evidence", "withdraw", "lapse"])


def test_a_comment_stands_in_the_story_and_decides_nothing(app: App) -> None:
    number = reviewed(app)
    resubmitting.comment(app, OPERATOR, number, CommentIn(text="le schéma directeur est joint"))

    shown = requests.show(app, AGENT, number)
    assert shown["state"] == "in_review"
    assert [one["text"] for one in shown["story"] if one["kind"] == "commented"] == ["le schéma directeur est joint"]
    with pytest.raises(NotVisible):
        resubmitting.comment(app, JUSTICE_AGENT, number, CommentIn(text="?"))


def test_the_story_has_decisions_with_their_evidence_and_the_entries_of_the_ledger(app: App) -> None:
    number = reviewed(app)
    evidence.look_again(app, OPERATOR, number)
    say(app, LEAD, number, "refuse")

    story = requests.show(app, AGENT, number)["story"]

    assert [one["at"] for one in story] == sorted(one["at"] for one in story)
    decision = next(one for one in story if one["kind"] == "refused")
    assert (decision["user"], decision["role"], decision["policy"], decision["reason"]) == ("sante-lead", "dc_lead", 1, "conforme")
    assert '"pool":{' in decision["evidence"]
    moved = {(one["what"], one["resource"], one["amount"]) for one in story if one["kind"] == "ledger"}
    assert {("hold", "cores", 8), ("release", "cores", 8)} <= moved


# -- envelopes


def test_an_envelope_holds_nothing_at_submit_and_is_granted_by_the_last_approval(app: App) -> None:
    before = pool(app)
    number = envelope(app, cores=64)
    assert (pool(app).available, pool(app).held) == (before.available, 0)

    assert say(app, LEAD, number)["state"] == "in_review"
    assert pool(app).held == 0  # the visa of who asks freezes nothing of the pool
    done = say(app, OPERATOR, number)

    assert (done["state"], done["operation"], done["granted"]) == ("fulfilled", None, None)
    assert (available(app).granted, available(app).available) == (144, 144)
    assert (pool(app).available, pool(app).held) == (before.available - 64, 0)
    assert [one["what"] for one in done_story(app, number)] == ["grant"]


def done_story(app: App, number: str) -> list[dict[str, Any]]:
    return [one for one in requests.show(app, AGENT, number)["story"] if one["kind"] == "ledger"]


def test_the_first_of_several_who_give_holds_at_the_grantor(app: App) -> None:
    publish(app, TWO_GIVE, LAST)
    before = pool(app)
    number = envelope(app, cores=120)
    say(app, LEAD, number)

    say(app, OPERATOR, number)
    assert (pool(app).available, pool(app).held) == (before.available - 120, 120)
    assert refused(app, OPERATOR, number) == "DCCTL-205"
    done = say(app, SECOND, number)

    assert (done["state"], available(app).available, pool(app).held) == ("fulfilled", 200, 0)
    with app.reading() as session:
        assert store.differences(session) == []


def test_a_refused_or_returned_envelope_gives_the_grantor_back_what_was_held(app: App) -> None:
    publish(app, TWO_GIVE, LAST)
    before = pool(app)
    for verdict, key in (("refuse", "e1"), ("return", "e2")):
        number = envelope(app, key=key, cores=120)
        say(app, OPERATOR, number)
        assert pool(app).held == 120
        say(app, SECOND, number, verdict)
        assert (pool(app).available, pool(app).held) == (before.available, 0)


def test_less_than_was_asked_is_proposed_and_the_requester_says_yes_or_no(app: App) -> None:
    before = pool(app)
    number = envelope(app, cores=64, ram=4096)
    say(app, LEAD, number)

    proposed = say(app, OPERATOR, number, grant={"cores": 32})

    assert (proposed["state"], proposed["demand"], proposed["granted"]) == ("proposed", {"cores": 64, "ram": 4096}, {"cores": 32, "ram": 4096})
    assert (pool(app).available, pool(app).held, available(app).granted) == (before.available - 32, 32, 80)
    with pytest.raises(DcctlError) as stale:
        resubmitting.answer(app, AGENT, number, AnswerIn(accept=True, digest=DIGEST))
    assert stale.value.code == "DCCTL-203"
    accepted = resubmitting.answer(app, AGENT, number, AnswerIn(accept=True, digest=proposed["digest"]))
    assert (accepted["state"], available(app).granted, pool(app).held) == ("fulfilled", 112, 0)

    other = envelope(app, key="e2", cores=64)
    say(app, LEAD, other)
    say(app, OPERATOR, other, grant={"cores": 1})
    declined = resubmitting.answer(app, AGENT, other, AnswerIn(accept=False, reason="trop peu"))
    assert (declined["state"], available(app).granted, pool(app).held) == ("withdrawn", 112, 0)
    with app.reading() as session:
        assert store.differences(session) == []


def test_a_proposal_that_nobody_answers_lapses_and_the_grantor_has_it_back(app: App) -> None:
    before = pool(app)
    number = envelope(app, cores=64)
    say(app, LEAD, number)
    say(app, OPERATOR, number, grant={"cores": 32})

    later(app, number, 15)
    assert expiry.expire(app) == 1

    assert requests.show(app, AGENT, number)["state"] == "lapsed"
    assert (pool(app).available, pool(app).held) == (before.available, 0)


@pytest.mark.parametrize(
    ("grant", "code"), [({"cores": 65}, "DCCTL-602"), ({"ram": 1}, "DCCTL-602"), ({"cores": 0}, "DCCTL-606"), ({"coeurs": 1}, "DCCTL-002")]
)
def test_only_as_much_as_is_asked_or_less_can_be_granted(app: App, grant: dict[str, int], code: str) -> None:
    number = envelope(app, cores=64)
    say(app, LEAD, number)
    assert refused(app, OPERATOR, number, grant=grant) == code
    assert refused(app, person("sante-lead-3", "dc_lead", administration="min-sante"), number, grant={"cores": 1}) == "DCCTL-600"
    assert requests.show(app, AGENT, number)["state"] == "in_review"


def test_a_pool_that_is_not_enough_is_named_and_nothing_is_decided(app: App) -> None:
    number = envelope(app, cores=641)
    say(app, LEAD, number)
    with pytest.raises(QuotaShort) as short:
        say(app, OPERATOR, number)
    assert (short.value.code, short.value.params["shortfalls"]) == ("DCCTL-206", [{"resource": "cores", "asked": 641, "available": 640}])
    assert len(requests.show(app, AGENT, number)["decisions"]) == 1


def test_below_another_administration_its_lead_gives_and_no_operator(app: App) -> None:
    with_agency(app)
    agent, lead = (person(f"anpc-{role}", f"dc_{role}", administration="anpc") for role in ("agent", "lead"))
    number = envelope(app, actor=agent, cores=10)

    assert refused(app, OPERATOR, number) == "DCCTL-106"
    say(app, lead, number)
    assert say(app, LEAD, number)["state"] == "fulfilled"
    assert (available(app).available, available(app, administration="anpc").available) == (69, 11)


# -- waiting


def test_whoever_is_waited_for_is_reminded_once_for_each_of_the_policys_days_and_then_it_lapses(app: App) -> None:
    number = reviewed(app)
    assert list(waiting.remind(app)) == []
    later(app, number, 8)

    assert list(waiting.remind(app)) == [(number, 7)]
    assert list(waiting.remind(app)) == []
    with app.reading() as session:
        told = session.exec(select(Event).where(Event.kind == "reminder")).one().document
    assert (told["days"], told["waited_for"]) == (7, [{"role": "dc_lead", "administration": "min-sante"}])

    assert expiry.expire(app) == 0
    later(app, number, 23)
    assert expiry.expire(app) == 1
    assert requests.show(app, AGENT, number)["state"] == "lapsed"
    assert (available(app).held, available(app).available) == (0, 80)


def test_a_returned_request_waits_anew_and_lapses_too(app: App) -> None:
    number = reviewed(app)
    later(app, number, 29)
    say(app, LEAD, number, "return")
    later(app, number, 29)

    assert expiry.expire(app) == 0
    assert list(waiting.remind(app)) == [(number, 21)]
    later(app, number, 2)
    assert expiry.expire(app) == 1
    assert requests.show(app, AGENT, number)["state"] == "lapsed"


def test_what_was_submitted_anew_since_it_was_found_late_does_not_lapse(app: App) -> None:
    number = reviewed(app)
    later(app, number, 31)
    with app.transaction() as session:
        request = session.get_one(Request, number)
        request.lapses_at = now() + timedelta(days=1)
        session.add(request)
    assert expiry._lapse(app, number) is False


# -- emergencies


def test_an_operator_may_approve_alone_in_an_emergency_and_somebody_else_reviews_it(app: App) -> None:
    number = reviewed(app)
    assert refused(app, OPERATOR, number) == "DCCTL-106"
    assert refused(app, LEAD, number, emergency=True) == "DCCTL-601"

    approved = say(app, OPERATOR, number, emergency=True)

    assert (approved["state"], approved["decisions"][0]["emergency"]) == ("approved", True)
    open_ = reading.status(app, SECOND)["emergencies"]
    assert [(one["number"], one["user"], one["reason"]) for one in open_] == [(number, "exploitant", "conforme")]
    assert reading.status(app, JUSTICE_AGENT)["emergencies"] == []
    for actor, code in ((OPERATOR, "DCCTL-608"), (AGENT, "DCCTL-204")):
        with pytest.raises(DcctlError) as own:
            emergencies.review(app, actor, number, ReviewIn(justified=True, reason="vu"))
        assert own.value.code == code
    with pytest.raises(DBAPIError, match="somebody else"), app.transaction() as session:
        session.add(EmergencyReview(request=number, verdict="justified", reason="-", user_id=OPERATOR.user_id, actor=OPERATOR.document()))

    emergencies.review(app, LEAD, number, ReviewIn(justified=False, reason="personne n'a été appelé"))

    assert reading.status(app, SECOND)["emergencies"] == []
    with pytest.raises(DcctlError) as again:
        emergencies.review(app, SECOND, number, ReviewIn(justified=True, reason="vu"))
    assert again.value.code == "DCCTL-301"
    assert kinds(app, number)[-1] == "emergency_reviewed"


def test_nobody_approves_their_own_request_in_an_emergency(app: App) -> None:
    both = person("exploitant", "dc_operator", "dc_agent", administration="min-sante")
    number = reviewed(app, actor=both)
    assert refused(app, both, number, emergency=True) == "DCCTL-204"


# -- trials


def test_a_trial_says_for_each_what_it_needs_and_whether_it_fits_with_those_before_it_and_leaves_nothing(app: App) -> None:
    def asked(name: str, cores: int) -> dict[str, Any]:
        spec = copy.deepcopy(DOSSIER) | {"name": name, "quota": DOSSIER["quota"] | {"cores": cores}}
        return {"kind": "environment", "spec": spec}

    wanted = [asked("un", 50), asked("deux", 50), asked("un", 10), asked("trois", 30), {"kind": "environment", "spec": {}}, {"kind": "?"}]
    with app.transaction() as session:
        before = session.execute(text("SELECT last_value FROM request_number")).scalar_one()

    items = trials.attempt(app, AGENT, TrialsIn(requests=wanted))["items"]

    assert [one["fits"] for one in items] == [True, False, False, True, False, False]
    assert items[0]["needs"] == [{"role": "dc_lead", "administration": "min-sante"}]
    assert items[0]["demand"]["cores"] == 50
    codes = [one["error"] and one["error"]["code"] for one in items]
    assert codes == [None, "DCCTL-201", "DCCTL-302", None, "DCCTL-001", "DCCTL-002"]
    assert items[1]["error"]["params"]["shortfalls"] == [{"resource": "cores", "asked": 50, "available": 30}]
    assert requests.listing(app, AGENT)["items"] == []
    assert (available(app).held, available(app).available) == (0, 80)
    with app.reading() as session:
        assert session.execute(text("SELECT last_value FROM request_number")).scalar_one() == before


def test_a_withdrawn_envelope_gives_back_what_the_grantor_held(app: App) -> None:
    publish(app, TWO_GIVE, LAST)
    number = envelope(app, cores=120)
    say(app, OPERATOR, number)
    requests.withdraw(app, AGENT, number, WithdrawIn(reason="plus besoin"))
    assert pool(app).held == 0
    with app.reading() as session:
        assert needs.of(session.get_one(Request, number))
    with pytest.raises(DcctlError):
        decisions.decide(app, SECOND, number, DecisionIn(verdict="approve", digest=DIGEST, reason="-"))


def test_a_hold_whose_time_has_passed_expires_with_its_request_and_only_once(app: App) -> None:
    """By the ledger's own clock, however long the request itself might wait."""
    number = reviewed(app)
    before = available(app)
    with app.transaction() as session:
        kept = session.execute(text("SELECT quotas.keep_holds(:number, clock_timestamp() + interval '0.2 seconds')"), {"number": number}).scalar_one()
        assert kept["holds"] > 1
    with app.transaction() as session:
        session.execute(text("SELECT pg_sleep(0.3)"))

    assert expiry.expire(app) == 1
    assert expiry.expire(app) == 0

    assert requests.show(app, AGENT, number)["state"] == "lapsed"
    assert (available(app).held, available(app).available) == (0, before.available + before.held)
    with app.reading() as session:
        of = {"number": number}
        states = session.execute(text("SELECT DISTINCT state::text FROM quotas.hold WHERE reference = :number"), of).scalars().all()
        query = text("SELECT resource, cause_kind::text FROM quotas.entry WHERE kind = 'expire' AND reference = :number")
        entries = session.execute(query, of).all()
        assert store.differences(session) == []
    assert states == ["expired"]
    assert {cause for _, cause in entries} == {"expiry"}
    assert len(entries) == len({resource for resource, _ in entries}) > 1

"""Requests and the people around them, in any order: whatever they do, the model and the database agree on whose word led where."""

import copy
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlmodel import col, select

from dcctl.errors import DcctlError
from dcctl.lifecycle import RequestState, request_after
from dcctl.schemas import AnswerIn, DecisionIn, RequestIn, ReviewIn, WithdrawIn
from dcctl.store import Decision, Request
from dcctl.workflow import binding, decisions, emergencies, expiry, holding, needs, operations, requests, resubmitting
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.fingerprint import fingerprint
from quotas import store
from tests import postgres
from tests.integration.workflow.conftest import AGENT, ENVELOPE, JUSTICE_LEAD, LEAD, application, filled, person
from tests.integration.workflow.test_answering import examined, later
from tests.integration.workflow.test_deciding import OPERATOR, SECOND, publish
from tests.integration.workflow.test_requests import available
from tests.unit.dcctl.test_rulebook import LAST
from tests.unit.dcctl.test_speccheck import DOSSIER

EXAMPLES = 8
BOTH = person("sante-chef", "dc_agent", "dc_lead", administration="min-sante")
PEOPLE = (AGENT, LEAD, BOTH, JUSTICE_LEAD, OPERATOR, SECOND)
#: Of envelopes: two who give beyond 32 cores.
LARGE = {"name": "large", "needs": ["dc_lead", "grantor", "grantor"], "when": {"kinds": ["envelope"], "above": {"cores": 32}}}
GIVEN = {"name": "given", "needs": ["dc_lead", "grantor"], "when": {"kinds": ["envelope"]}}
TWO = {"name": "two", "needs": ["dc_lead", "dc_operator"], "when": {"above": {"cores": 6}}}
#: States in which what was asked has begun, and may only have come about by the word of those whom it needed.
BEGUN = ("proposed", "approved", "fulfilling", "fulfilled")
REFUSED = {
    "DCCTL-106", "DCCTL-107", "DCCTL-201", "DCCTL-203", "DCCTL-204", "DCCTL-205", "DCCTL-206", "DCCTL-301", "DCCTL-302", "DCCTL-305", "DCCTL-600",
    "DCCTL-601", "DCCTL-602", "DCCTL-604", "DCCTL-606", "DCCTL-607", "DCCTL-608", "DCCTL-616", "DCCTL-618",
}  # fmt: skip


def attempt(call: Callable[[], Any]) -> Any:
    """What came of it, or the code of its refusal; anything else is a defect."""
    try:
        return call()
    except DcctlError as error:
        if error.code not in REFUSED:
            raise
        return error.code


class Life(RuleBasedStateMachine):
    """Everybody acts on every request; `authors` remembers whose each is.

    Each example has a copy of one database for itself: so what goes wrong in one goes wrong again when it is tried again, and becomes shorter.
    """

    postgresql: postgres.Server
    numbers = Bundle("numbers")

    def __init__(self) -> None:
        super().__init__()
        self.authors: dict[str, set[str]] = {}
        self.serial = 0
        self.database = self.postgresql.database(begun)
        self.app = application(self.database)

    def teardown(self) -> None:
        self.app.close()
        self.postgresql.drop(self.database)

    def spec(self, name: str, cores: int) -> RequestIn:
        return RequestIn(kind="environment", spec=copy.deepcopy(DOSSIER) | {"name": name, "quota": DOSSIER["quota"] | {"cores": cores}})

    def next(self) -> int:
        self.serial += 1
        return self.serial

    @rule(target=numbers, who=st.sampled_from((AGENT, BOTH)), cores=st.sampled_from((4, 8, 40)), again=st.booleans())
    def submit(self, who: Actor, cores: int, again: bool) -> Any:
        """Under a name of its own, or `again` under one that was asked for before and of which nothing is built."""
        name = f"dossier-{self.next()}"
        if again:
            with self.app.reading() as session:
                known = session.exec(select(Request).where(Request.kind == "environment").order_by(col(Request.number).desc())).all()
            name = next((one.environment for one in known if not self.built(one.environment, known)), name)
        made = attempt(lambda: requests.submit(self.app, who, self.spec(name, cores), f"key-{self.next()}")[0]["number"])
        if str(made).startswith("DCCTL"):
            return ""
        self.authors[made] = {who.user_id}
        self.review(made)
        return made

    @staticmethod
    def built(name: str, known: Iterable[Request]) -> bool:
        return any(one.environment == name and one.state == "fulfilled" for one in known)

    @rule(target=numbers, who=st.sampled_from((AGENT, BOTH, LEAD)), cores=st.sampled_from((8, 64)))
    def ask_for_more(self, who: Actor, cores: int) -> Any:
        body = RequestIn(kind="envelope", resources={"cores": cores, "ram": 1024}, reason="programme 2027")
        made = attempt(lambda: requests.submit(self.app, who, body, f"key-more-{self.next()}")[0]["number"])
        if str(made).startswith("DCCTL"):
            return ""
        self.authors[made] = {who.user_id}
        self.review(made)
        return made

    def review(self, number: str) -> None:
        """As the worker would."""
        with self.app.reading() as session:
            found = session.get_one(Request, number)
        if found.kind == "envelope":
            examined(self.app, number)
            return
        with self.app.transaction() as session:
            request = session.get_one(Request, number)
            if request.state == "submitted":
                request.state, request.digest = "in_review", fingerprint(request, request.resolved, request.plan)
                session.add(request)

    @rule(
        number=numbers, who=st.sampled_from(PEOPLE), verdict=st.sampled_from(("approve", "approve", "refuse", "return")),
        stale=st.integers(0, 9), emergency=st.integers(0, 9), less=st.sampled_from((None, None, 0, 4, 10**6)),
    )  # fmt: skip
    def decide(self, number: str, who: Actor, verdict: str, stale: int, emergency: int, less: int | None) -> None:
        with self.app.reading() as session:
            found = session.get(Request, number)
        if found is None:
            return
        digest = "f" * 64 if stale == 0 else found.digest
        grant = {"cores": less} if less is not None else None
        body = DecisionIn(verdict=verdict, digest=digest, reason="conforme", emergency=emergency == 0, grant=grant)
        said = attempt(lambda: decisions.decide(self.app, who, number, body)["state"])
        if who.user_id in self.authors[number] or who is JUSTICE_LEAD or stale == 0:
            assert str(said).startswith("DCCTL")

    @rule(number=numbers, less=st.sampled_from((None, 4)))
    def whoever_is_needed_approves(self, number: str, less: int | None) -> None:
        """One after the other, as far as they are not the same or its authors: by chance alone, few would come so far."""
        for who in (LEAD, BOTH, OPERATOR, SECOND) if number else ():
            with self.app.reading() as session:
                found = session.get_one(Request, number)
                roles = {need.role for need in needs.missing(found, decisions.of_round(session, found))}
            if found.state == "in_review" and who.roles & roles:
                gives = less is not None and (found.kind == "environment" or "dc_operator" in who.roles)
                body = DecisionIn(verdict="approve", digest=found.digest, reason="conforme", grant={"cores": 4} if gives else None)
                attempt(lambda who=who, body=body: decisions.decide(self.app, who, number, body))  # type: ignore[misc]

    @rule(number=numbers, verdicts=st.lists(st.sampled_from(("approve", "refuse", "return")), min_size=3, max_size=3))
    def all_at_once(self, number: str, verdicts: list[str]) -> None:
        with self.app.reading() as session:
            found = session.get(Request, number)
        if found is None or found.digest is None:
            return
        calls = list(zip((LEAD, OPERATOR, SECOND), verdicts, strict=True))
        with ThreadPoolExecutor(3) as pool:
            body = {v: DecisionIn(verdict=v, digest=found.digest, reason="conforme") for v in verdicts}
            list(pool.map(lambda one: attempt(lambda: decisions.decide(self.app, one[0], number, body[one[1]])), calls))

    @rule(number=numbers, who=st.sampled_from(PEOPLE), yes=st.booleans(), stale=st.integers(0, 5))
    def answer(self, number: str, who: Actor, yes: bool, stale: int) -> None:
        with self.app.reading() as session:
            found = session.get(Request, number)
        if found is None:
            return
        body = AnswerIn(accept=yes, digest="f" * 64 if stale == 0 else found.digest)
        said = attempt(lambda: resubmitting.answer(self.app, who, number, body)["state"])
        assert str(said).startswith("DCCTL") or (found.state == "proposed" and who.user_id in self.authors[number])

    @rule(number=numbers)
    def answers_at_once(self, number: str) -> None:
        """One says yes, another no, the third takes it back: one of them is right."""
        with self.app.reading() as session:
            found = session.get(Request, number)
        if found is None or found.state != "proposed":
            return
        calls: list[Callable[[], Any]] = [
            lambda: resubmitting.answer(self.app, AGENT, number, AnswerIn(accept=True)),
            lambda: resubmitting.answer(self.app, BOTH, number, AnswerIn(accept=False)),
            lambda: requests.withdraw(self.app, LEAD, number, WithdrawIn(reason="erreur")),
        ]
        with ThreadPoolExecutor(3) as pool:
            yes, no, back = (not isinstance(said, str) for said in pool.map(attempt, calls))
        then_taken_back = found.kind == "environment" and (yes, no, back) == (True, False, True)  # approved, and nothing is built yet
        assert yes + no + back == 1 or then_taken_back

    @rule(number=numbers, who=st.sampled_from((AGENT, BOTH, OPERATOR)), cores=st.sampled_from((4, 8)))
    def edit(self, number: str, who: Actor, cores: int) -> None:
        with self.app.reading() as session:
            found = session.get(Request, number)
        if found is None:
            return
        more = RequestIn(kind="envelope", resources={"cores": cores}, reason="programme 2027, corrigé")
        body, key = more if found.kind == "envelope" else self.spec(found.environment, cores), f"edit-{number}-{self.next()}"
        if not str(attempt(lambda: resubmitting.edit(self.app, who, number, body, key))).startswith("DCCTL"):
            self.authors[number].add(who.user_id)
            self.review(number)

    @rule(number=numbers, who=st.sampled_from(PEOPLE))
    def withdraw(self, number: str, who: Actor) -> None:
        if number:
            attempt(lambda: requests.withdraw(self.app, who, number, WithdrawIn(reason="erreur")))

    @rule(number=numbers, who=st.sampled_from(PEOPLE))
    def review_emergency(self, number: str, who: Actor) -> None:
        if number:
            attempt(lambda: emergencies.review(self.app, who, number, ReviewIn(justified=True, reason="vu")))

    @rule(number=numbers, well=st.booleans())
    def carry_out(self, number: str, well: bool) -> None:
        """As the worker ends an operation, in the store: there is no engine here. Only what every approval named is carried out."""
        with self.app.transaction() as session:
            request = session.get(Request, number, with_for_update=True) if number else None
            operation = decisions.last_operation(session, number) if request is not None else None
            if request is None or operation is None or operation.state != "queued":
                return
            binding.require_approved(session, request)
            if request.state == "approved":
                request.state = request_after(number, RequestState(request.state), "fulfil")
                session.flush()
            if well:
                holding.allocate(session, request)
            request.state = request_after(number, RequestState(request.state), "succeed" if well else "fail")
            operation.state = "succeeded" if well else "failed"
            session.add_all([request, operation])

    @rule(number=numbers, who=st.sampled_from(PEOPLE), verb=st.sampled_from((operations.retry, operations.cancel, operations.abandon)))
    def steer(self, number: str, who: Actor, verb: Callable[[App, Actor, str], Any]) -> None:
        if number:
            attempt(lambda: verb(self.app, who, f"O{number[1:]}-1"))

    @rule(number=numbers, days=st.sampled_from((5, 31)))
    def days_pass(self, number: str, days: int) -> None:
        if number:
            later(self.app, number, days)
            expiry.expire(self.app)

    @invariant()
    def whose_word_led_where(self) -> None:
        with self.app.reading() as session:
            found = session.exec(select(Request)).all()
            made = session.exec(select(Decision)).all()
            held = {hold.reference for hold in store.open_holds(session)}
            assert store.differences(session) == []
        for request in found:
            of_it = [one for one in made if one.request == request.number]
            counted = [one for one in of_it if one.round == request.round]
            assert len({(one.round, one.user_id) for one in of_it}) == len(of_it)
            assert not {one.user_id for one in counted} & self.authors.get(request.number, set())
            approvals = [one for one in counted if one.verdict == "approve"]
            if request.state in BEGUN:
                needed = sorted(need["role"] for need in request.needs)
                assert any(one.emergency for one in approvals) or sorted(str(one.role) for one in approvals) == needed
                # What is given may become less on the way; then the requester's own yes names the last digest.
                assert {one.digest for one in approvals} == {request.digest} or request.granted is not None
            if request.state in ("refused", "withdrawn", "lapsed", "abandoned") or (request.kind, request.state) == ("environment", "fulfilled"):
                assert request.number not in held
            elif request.kind == "envelope":
                gives = request.state == "in_review" and any(one.role == "dc_operator" for one in approvals)
                assert (request.number in held) == (gives or request.state == "proposed")
                assert request.state != "proposed" or request.granted not in (None, request.demand)
            elif request.demand:
                assert request.number in held
        given = [request.granted or request.demand for request in found if request.kind == "envelope" and request.state == "fulfilled"]
        assert available(self.app).granted == ENVELOPE["cores"] + sum(one.get("cores", 0) for one in given)


def begun(dsn: str) -> None:
    """The database that every example begins with."""
    filled(dsn)
    app = application(dsn)
    publish(app, LARGE, GIVEN, TWO, LAST)
    app.close()


def live(postgresql: postgres.Server, examples: int) -> None:
    Life.postgresql = postgresql
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Life,
        settings=settings(max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), database=None),
    )


def test_whatever_several_people_do_the_rules_of_deciding_hold(postgresql: postgres.Server) -> None:
    """A thousand of them: tests/chaos."""
    live(postgresql, EXAMPLES)


@pytest.mark.parametrize("verdicts", [("approve", "refuse"), ("refuse", "refuse"), ("return", "approve")])
def test_two_deciders_at_the_same_instant_decide_once(app: App, verdicts: tuple[str, str]) -> None:
    made = requests.submit(app, AGENT, RequestIn(kind="environment", spec=copy.deepcopy(DOSSIER)), "k1")[0]["number"]
    with app.transaction() as session:
        request = session.get_one(Request, made)
        request.state, request.digest = "in_review", "1" * 64
        session.add(request)
    leads = [person(f"sante-lead-{n}", "dc_lead", administration="min-sante") for n in range(2)]

    def decide(one: tuple[Actor, str]) -> str:
        body = DecisionIn(verdict=one[1], digest="1" * 64, reason="conforme")
        return str(attempt(lambda: decisions.decide(app, one[0], made, body)["state"]))

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(decide, zip(leads, verdicts, strict=True)))

    assert answers[0] == "DCCTL-301"
    assert len(requests.show(app, AGENT, made)["decisions"]) == 1

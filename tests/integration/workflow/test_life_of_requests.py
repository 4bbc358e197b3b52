"""Requests and the people around them, in any order: whatever they do, the model and the database agree on whose word led where."""

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlmodel import select

from dcctl.errors import DcctlError
from dcctl.schemas import DecisionIn, RequestIn, ReviewIn, WithdrawIn
from dcctl.store import Decision, Request
from dcctl.workflow import decisions, emergencies, expiry, requests, resubmitting
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from quotas import store
from tests.integration.workflow.conftest import AGENT, JUSTICE_LEAD, LEAD, person
from tests.integration.workflow.test_answering import later
from tests.integration.workflow.test_deciding import OPERATOR, SECOND, publish
from tests.unit.dcctl.test_rulebook import LAST
from tests.unit.dcctl.test_speccheck import DOSSIER

BOTH = person("sante-chef", "dc_agent", "dc_lead", administration="min-sante")
PEOPLE = (AGENT, LEAD, BOTH, JUSTICE_LEAD, OPERATOR, SECOND)
TWO = {"name": "two", "needs": ["dc_lead", "dc_operator"], "when": {"above": {"cores": 6}}}
#: States in which what was asked has begun, and may only have come about by the word of those whom it needed.
BEGUN = ("proposed", "approved", "fulfilling", "fulfilled")
REFUSED = {
    "DCCTL-106", "DCCTL-107", "DCCTL-201", "DCCTL-203", "DCCTL-204", "DCCTL-205", "DCCTL-301", "DCCTL-302", "DCCTL-600", "DCCTL-601", "DCCTL-604",
    "DCCTL-608",
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
    """Everybody acts on every request; `asked` remembers whose each is."""

    app: App
    numbers = Bundle("numbers")

    def __init__(self) -> None:
        super().__init__()
        self.authors: dict[str, set[str]] = {}
        self.count = 0

    @initialize()
    def begin(self) -> None:
        with self.app.transaction() as session:
            left = [r.number for r in session.exec(select(Request)).all() if r.state in ("submitted", "in_review", "returned", "approved")]
        for number in left:
            attempt(lambda number=number: requests.withdraw(self.app, AGENT, number, WithdrawIn(reason="fin de l'essai")))

    def spec(self, name: str, cores: int) -> RequestIn:
        return RequestIn(kind="environment", spec=copy.deepcopy(DOSSIER) | {"name": name, "quota": DOSSIER["quota"] | {"cores": cores}})

    @rule(target=numbers, who=st.sampled_from((AGENT, BOTH)), cores=st.sampled_from((4, 8, 40)))
    def submit(self, who: Actor, cores: int) -> Any:
        type(self).serial += 1
        name = f"dossier-{type(self).serial}"
        made = attempt(lambda: requests.submit(self.app, who, self.spec(name, cores), f"key-{name}")[0]["number"])
        if str(made).startswith("DCCTL"):
            return ""
        self.authors[made] = {who.user_id}
        self.review(made)
        return made

    serial = 0

    def review(self, number: str) -> None:
        """As the worker would."""
        with self.app.transaction() as session:
            request = session.get_one(Request, number)
            if request.state == "submitted":
                request.state, request.digest = "in_review", f"{request.round}" * 64
                session.add(request)

    @rule(
        number=numbers, who=st.sampled_from(PEOPLE), verdict=st.sampled_from(("approve", "approve", "refuse", "return")),
        stale=st.integers(0, 9), emergency=st.integers(0, 9),
    )  # fmt: skip
    def decide(self, number: str, who: Actor, verdict: str, stale: int, emergency: int) -> None:
        with self.app.reading() as session:
            found = session.get(Request, number)
        if found is None:
            return
        digest = "f" * 64 if stale == 0 else found.digest
        body = DecisionIn(verdict=verdict, digest=digest, reason="conforme", emergency=emergency == 0)
        said = attempt(lambda: decisions.decide(self.app, who, number, body)["state"])
        if who.user_id in self.authors[number] or who is JUSTICE_LEAD or stale == 0:
            assert str(said).startswith("DCCTL")

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

    @rule(number=numbers, who=st.sampled_from((AGENT, BOTH, OPERATOR)), cores=st.sampled_from((4, 8)))
    def edit(self, number: str, who: Actor, cores: int) -> None:
        with self.app.reading() as session:
            found = session.get(Request, number)
        if found is None:
            return
        self.count += 1
        body, key = self.spec(found.environment, cores), f"edit-{number}-{type(self).serial}-{self.count}"
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
                assert {one.digest for one in approvals} == {request.digest}
            if request.state in ("refused", "withdrawn", "lapsed"):
                assert request.number not in held
            elif request.demand:
                assert request.number in held


def test_whatever_several_people_do_the_rules_of_deciding_hold(app: App) -> None:
    publish(app, TWO, LAST)
    Life.app = app
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Life,
        settings=settings(max_examples=6, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck), database=None),
    )


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

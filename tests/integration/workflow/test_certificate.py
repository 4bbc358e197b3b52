"""What stays of an environment when nothing of it is left, and the states that are kept of its stacks, on a real database."""

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import select, text

from dcctl.cloud.listings import Thing
from dcctl.errors import DcctlError, NotVisible
from dcctl.store import Environment, KeptState, Operation, Request
from dcctl.workflow import certificate, holding, states
from dcctl.workflow.app import App
from dcctl.workflow.run import Run
from tests.integration.workflow.conftest import AGENT, JUSTICE_LEAD, LEAD
from tests.integration.workflow.test_operations import approved

STATE = {"version": 3, "deployment": {"resources": [{"urn": "urn:pulumi:s::dcctl::openstack:networking/network:Network::network",
                                                     "type": "openstack:networking/network:Network", "id": "n-1"}]}}  # fmt: skip


def ended(app: App) -> str:
    """An environment that had its units and gave them back, with its certificate; its request's number."""
    number, operation = approved(app)
    run = Run.begin(app, operation)
    assert run is not None
    with app.transaction() as session:
        request = session.get_one(Request, number)
        environment = Environment(
            administration="min-sante", name=request.environment, state="decommissioning", project_id="p-1", offer="standard", offer_version=1,
            request=number,
        )  # fmt: skip
        session.add(environment)
        session.flush()
        found = session.get_one(Operation, operation)
        found.environment_id = environment.id
        session.add(found)
        holding.allocate(session, request)
    things = [thing("server", "s-1", "compute", "min-sante-dossier-patient-web-1"), thing("network", "n-9", "network", "<b>à moi</b>")]
    certificate.note(run, things, {"s-1"})
    certificate.note(run, [things[0], thing("volume", "v-1", "block-storage", "")], set())
    with app.transaction() as session:
        request = session.get_one(Request, number)
        holding.free(app, session, request)
        certificate.issue(app, session, run, session.get_one(Environment, environment.id), request)
    return number


def thing(type: str, id: str, service: str, name: str) -> Thing:
    return Thing(service=service, type=type, id=id, name=name, status="", detail="", project_id="p-1", attributes={})


def test_a_certificate_says_what_was_destroyed_by_whose_word_and_which_entries_gave_the_units_back(app: App) -> None:
    number = ended(app)

    shown = certificate.show(app, AGENT, "-", "dossier-patient")

    document = shown["certificate"]
    assert [(found["type"], found["id"], found["dcctl"]) for found in document["destroyed"]] == [
        ("volume", "v-1", False), ("server", "s-1", True), ("network", "n-9", False),
    ]  # fmt: skip
    assert document["word"]["request"] == number
    assert document["word"]["by"] == "sante-agent"
    assert [(said["by"], said["verdict"]) for said in document["word"]["decisions"]] == [("sante-lead", "approve")]
    with app.reading() as session:
        demand = session.get_one(Request, number).demand
    assert {entry["resource"]: entry["amount"] for entry in document["given_back"]} == {r: n for r, n in demand.items() if n}
    assert all(entry["to"] == "min-sante" and entry["entry"] > 0 for entry in document["given_back"])
    assert len(shown["digest"]) == 64


def test_it_is_its_administrations_and_nobody_can_change_it(app: App) -> None:
    ended(app)

    assert certificate.show(app, LEAD, "min-sante", "dossier-patient")["digest"]
    with pytest.raises(NotVisible):
        certificate.show(app, JUSTICE_LEAD, "min-sante", "dossier-patient")
    for attack in ("UPDATE certificate SET digest = 'x'", "DELETE FROM certificate"):
        with pytest.raises(DBAPIError), app.transaction() as session:
            session.execute(text(attack))


def test_what_has_not_ended_has_none(app: App) -> None:
    with app.transaction() as session:
        session.add(Environment(administration="min-sante", name="portail", state="active", offer="standard", offer_version=1, request="R-2026-0001"))

    with pytest.raises(DcctlError) as caught:
        certificate.show(app, AGENT, "-", "portail")

    assert caught.value.code == "DCCTL-423"


class Exports:
    """An engine that can only tell its state."""

    backend = "file:///nowhere"

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)

    def export(self, stack: str) -> object:
        return self.answers.pop(0)


def test_the_last_states_are_kept_and_older_ones_go(app: App) -> None:
    app.settings = app.settings.model_copy(update={"engine": app.settings.engine.model_copy(update={"kept_states": 2})})
    engine = Exports({"version": 3, "deployment": None}, STATE, {**STATE, "n": 3}, None, {"deployment": "rien"})

    for _ in range(5):
        states.keep(app, engine, "cotonou.min-sante.portail.workload", "O-2026-0001-1", app.transaction, done=True)  # type: ignore[arg-type]

    with app.reading() as session:
        kept = session.exec(select(KeptState).order_by(KeptState.id)).all()  # type: ignore[arg-type]
        assert [one.state for one in kept] == [STATE, {**STATE, "n": 3}]
        assert states.expected(session, "cotonou.min-sante.portail.workload")
        assert not states.expected(session, "cotonou.min-sante.portail.tenant")
    with app.transaction() as session:
        states.forget(session, "cotonou.min-sante.portail.workload")
        assert not states.expected(session, "cotonou.min-sante.portail.workload")


def test_a_state_that_was_lost_does_not_pass_for_the_newest_however_often_it_is_tried(app: App) -> None:
    empty = {"version": 3, "deployment": {"resources": []}}
    engine = Exports(STATE, *[empty] * 9)
    stack, done = "cotonou.min-sante.portail.workload", (True, *[False] * 8)

    for one in done:
        states.keep(app, engine, stack, "O-2026-0001-1", app.transaction, done=one)  # type: ignore[arg-type]

    with app.reading() as session:
        assert states.latest(session, stack) == STATE
    states.keep(app, engine, stack, "O-2026-0001-1", app.transaction, done=True)  # type: ignore[arg-type]
    with app.reading() as session:
        assert not states.expected(session, stack)  # a change took the last thing away

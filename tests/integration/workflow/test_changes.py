"""Changes and extensions of an environment on a real database: what is held, refused and freed; OpenStack and the engine are not there."""

import copy
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlmodel import select

from dcctl.config import Engine
from dcctl.errors import DcctlError, NotVisible, QuotaShort, SpecRefused
from dcctl.provisioner.engine import PLUGIN
from dcctl.schemas import AcceptIn, AnswerIn, ContactIn, DecisionIn, PlanIn, RebuildIn, RequestIn, WithdrawIn
from dcctl.store import Environment, Event, Letter, Operation, PlanRun, Request
from dcctl.workflow import (
    altering,
    changes,
    contacts,
    decisions,
    discrepancies,
    drift,
    environments,
    evidence,
    extensions,
    facts,
    granting,
    holding,
    letters,
    life,
    operations,
    previews,
    rebuilding,
    requests,
    resubmitting,
)  # fmt: skip
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from dcctl.workflow.fingerprint import fingerprint, note
from quotas.reconcile import Difference, Looked, Name
from stacks import tokens
from stacks.plan import plan
from stacks.specs import parse
from tests import postgres
from tests.integration.workflow.conftest import AGENT, JUSTICE_AGENT, LEAD
from tests.integration.workflow.test_deciding import OPERATOR as EXPLOITANT
from tests.integration.workflow.test_deciding import publish
from tests.integration.workflow.test_discrepancies import OPERATOR
from tests.integration.workflow.test_operations import RESOLVED
from tests.integration.workflow.test_requests import available, body, jobs, reviewed
from tests.integration.workflow.test_review import keystone_at
from tests.unit.dcctl.test_rulebook import LAST
from tests.unit.dcctl.test_speccheck import DOSSIER

NAME = "dossier-patient"
GROWN = {**DOSSIER["quota"], "cores": 12, "ram": 8192}
SOON = datetime.now(UTC) + timedelta(days=400)


@pytest.fixture
def built(app: App, tmp_path: Path) -> App:
    """The example as an active environment with its units; Keystone does not answer, and what stands where the engine would be does nothing."""
    engine = Engine(home=tmp_path / "pulumi", passphrase_file=tmp_path / "passphrase", backend=f"file://{tmp_path}")
    for program in (engine.home / "bin" / "pulumi", engine.home / PLUGIN, engine.passphrase_file):
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/false\n")
        program.chmod(0o700)
    app.settings = app.settings.model_copy(update={"cloud": keystone_at(tmp_path, 9), "engine": engine})
    number = reviewed(app, key="first", resolved=RESOLVED)
    digest = requests.show(app, AGENT, number)["digest"]
    decisions.decide(app, LEAD, number, DecisionIn(verdict="approve", digest=digest, reason="conforme"))
    with app.transaction() as session:
        session.execute(text("UPDATE operation SET state = 'succeeded'"))
        request = session.get_one(Request, number)
        request.state = "fulfilled"
        holding.allocate(session, request)
        environment = Environment(
            administration="min-sante", name=NAME, state="active", project_id="p-dossier", group_id="g-dossier", offer="standard", offer_version=1,
            spec=request.spec, request=number, expires_at=SOON, created_at=datetime.now(UTC) - timedelta(days=90),
        )  # fmt: skip
        session.add(environment)
        session.flush()
        request.environment_id = environment.id
        session.add(request)
    return app


def edited(**changed: object) -> RequestIn:
    return body(justification="Phase 2", **changed)


def ask(app: App, key: str = "change", confirm: str | None = None, **changed: object) -> str:
    asked = edited(**changed).model_copy(update={"confirm": confirm})
    return str(requests.submit(app, AGENT, asked, key)[0]["number"])


def examined(app: App, number: str, *steps: dict[str, object]) -> str:
    """The request as the worker would leave it after its review; its digest."""
    with app.transaction() as session:
        request = session.get_one(Request, number)
        request.resolved = RESOLVED.to_document()
        request.plan = [] if request.kind == "extension" else evidence.described(plan(parse(request.spec), RESOLVED))
        request.steps = list(steps) or request.steps
        request.digest = fingerprint(request, request.resolved, request.plan, request.steps)
        if request.kind != "extension":
            note(request, facts.of(app, session, request))
        request.state = "in_review"
        session.add(request)
        return request.digest


def approve(app: App, number: str, digest: str, confirm: str | None = None) -> dict[str, object]:
    return decisions.decide(app, LEAD, number, DecisionIn(verdict="approve", digest=digest, reason="conforme", confirm=confirm))


def has(app: App, resource: str) -> int:
    with app.reading() as session:
        return holding.allocated(app, session, "min-sante", NAME).get(resource, 0)


def refused(app: App, **asked: object) -> str:
    with pytest.raises(DcctlError) as error:
        ask(app, **asked)
    return error.value.code


def environment(app: App) -> Environment:
    with app.reading() as session:
        return session.get_one(Environment, 1)


GONE = {
    "op": "destroy", "stack": "workload", "type": tokens.VOLUME, "name": "volume-base-1-1", "cloud_name": "min-sante-dossier-patient-base-1-data-1",
    "properties": {}, "differs": [], "data": True,
}  # fmt: skip


def test_the_edited_spec_of_an_environment_is_a_change_that_holds_only_what_it_grows_by(built: App) -> None:
    before = available(built).available

    number = ask(built, quota=GROWN)

    shown = requests.show(built, AGENT, number)
    assert (shown["kind"], shown["state"], shown["demand"]) == ("change", "submitted", {"cores": 4})
    assert (available(built).available, available(built).held) == (before - 4, 4)
    assert (has(built, "cores"), has(built, "ram")) == (8, 16384)
    assert jobs(built)[-1] == ("review", f"request:{number}")


def test_what_grows_beyond_the_envelope_is_refused_with_the_difference_only(built: App) -> None:
    with pytest.raises(QuotaShort) as short:
        ask(built, quota=DOSSIER["quota"] | {"volumes": 42})

    assert short.value.params["shortfalls"] == [{"resource": "volumes", "asked": 38, "available": 36}]
    assert available(built).held == 0


def test_a_spec_that_changes_nothing_is_refused_even_with_other_reasons(built: App) -> None:
    assert refused(built) == "DCCTL-310"


def test_what_cannot_be_changed_is_told_before_anything_is_held(built: App) -> None:
    with pytest.raises(SpecRefused) as faults:
        ask(built, quota=GROWN, duration="24 months", network={"cidr": "10.99.0.0/24", "external": "public"})

    assert [fault["code"] for fault in faults.value.params["faults"]] == ["spec.change_of_network", "spec.change_of_duration"]
    assert available(built).held == 0


def test_a_server_that_goes_leaves_its_volumes_which_stay_counted(built: App) -> None:
    number = ask(built, servers=copy.deepcopy(DOSSIER["servers"][:1]))

    with built.reading() as session:
        request = session.get_one(Request, number)
    assert request.spec["kept_volumes"] == [{"name": "base-1-data-1", "size": 20, "type": "ssd"}]
    assert [notice["code"] for notice in request.notices] == ["spec.server_without_key", "spec.volume_kept"]
    assert available(built).held == 0


def test_data_go_only_when_the_spec_leaves_them_out_and_whoever_asks_types_the_name(built: App) -> None:
    gone: dict[str, object] = {"servers": copy.deepcopy(DOSSIER["servers"][:1]), "kept_volumes": []}

    with pytest.raises(DcctlError) as protected:
        ask(built, **gone)
    assert (protected.value.code, protected.value.params["volumes"]) == ("DCCTL-313", ["min-sante-dossier-patient-base-1-data-1"])
    assert refused(built, key="other", confirm="dossier", **gone) == "DCCTL-313"

    assert requests.show(built, AGENT, ask(built, key="third", confirm=NAME, **gone))["kind"] == "change"


def test_a_quota_without_room_for_what_is_kept_is_told_why(built: App) -> None:
    with pytest.raises(SpecRefused) as short:
        ask(built, servers=copy.deepcopy(DOSSIER["servers"][:1]), quota=DOSSIER["quota"] | {"volumes": 0})

    faults = short.value.params["faults"]
    assert [(fault["path"], fault["code"]) for fault in faults] == [
        (["quota", "volumes"], "spec.does_not_fit"), (["kept_volumes"], "spec.kept_is_counted"),
    ]  # fmt: skip
    assert faults[1]["params"] == {"volumes": ["base-1-data-1"]}


def test_a_new_environment_keeps_nothing_from_before(built: App) -> None:
    with pytest.raises(SpecRefused) as nothing:
        ask(built, name="autre", kept_volumes=["base-7-data-1"])

    assert [fault["code"] for fault in nothing.value.params["faults"]] == ["spec.nothing_to_keep"]


def test_two_changes_at_the_same_instant_are_one(built: App) -> None:
    def one(position: int) -> str:
        try:
            return ask(built, key=f"change-{position}", quota=DOSSIER["quota"] | {"cores": 9 + position})
        except DcctlError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(one, range(4)))

    assert answers[:3] == ["DCCTL-312"] * 3
    assert answers[3].startswith("R-")


def test_a_foreign_environment_is_as_if_it_did_not_exist(built: App) -> None:
    with pytest.raises(NotVisible):
        requests.submit(built, JUSTICE_AGENT, edited(quota=GROWN), "k1")
    with pytest.raises(NotVisible):
        requests.submit(built, JUSTICE_AGENT, RequestIn(kind="extension", environment=NAME, duration="1 month"), "k2")
    with pytest.raises(NotVisible):
        requests.submit(built, JUSTICE_AGENT, RequestIn(kind="repair", administration="min-sante", environment=NAME), "k3")


@pytest.mark.parametrize(("changed", "steps"), [({"quota": GROWN}, ()), ({"quota": DOSSIER["quota"] | {"cores": 9}}, (GONE,))], ids=["less", "gone"])
def test_what_is_lessened_or_destroyed_is_approved_only_with_the_name(built: App, changed: dict[str, object], steps: tuple[dict[str, object], ...]) -> None:  # noqa: E501
    number = ask(built, **changed)
    digest = examined(built, number, *steps)

    with pytest.raises(DcctlError) as unsaid:
        approve(built, number, digest)
    assert unsaid.value.code == "DCCTL-314"
    with pytest.raises(DcctlError) as misspelt:
        approve(built, number, digest, confirm="dossier")
    assert misspelt.value.code == "DCCTL-304"

    assert approve(built, number, digest, confirm=NAME)["state"] == "approved"


def test_the_digest_covers_what_the_engine_would_do(built: App) -> None:
    number = ask(built, quota=DOSSIER["quota"] | {"cores": 9})
    harmless = examined(built, number)

    with built.reading() as session:
        request = session.get_one(Request, number)
    assert fingerprint(request, request.resolved, request.plan) == harmless
    assert fingerprint(request, request.resolved, request.plan, [GONE]) != harmless


def test_a_change_that_fails_leaves_the_environment_active_with_the_larger_of_both_and_is_given_up_or_taken_up_again(built: App) -> None:
    number = ask(built, quota=GROWN)
    operation = str(approve(built, number, examined(built, number), confirm=NAME)["operation"])

    altering.change(built, operation)

    shown = requests.show(built, LEAD, number)
    assert (shown["state"], shown["error"]["code"]) == ("failed", "DCCTL-402")
    assert environment(built).state == "active"
    assert (has(built, "cores"), has(built, "ram")) == (12, 16384)
    assert refused(built, key="another", quota=DOSSIER["quota"] | {"cores": 20}) == "DCCTL-312"
    assert operations.retry(built, AGENT, operation)["state"] == "queued"
    altering.change(built, operation)
    assert (has(built, "cores"), available(built).held) == (12, 0)

    given_up = operations.abandon(built, LEAD, operation)

    assert given_up["kind"] == "undo"
    assert environment(built).state == "active"
    assert jobs(built)[-1] == ("undo", f"environment:min-sante/{NAME}")


def test_a_change_that_is_taken_back_releases_its_hold(built: App) -> None:
    number = ask(built, quota=GROWN)
    approve(built, number, examined(built, number), confirm=NAME)

    assert requests.withdraw(built, AGENT, number, WithdrawIn(reason="plus tard"))["state"] == "withdrawn"

    assert (available(built).held, has(built, "cores")) == (0, 8)
    assert ask(built, key="again", quota=GROWN) != number


def test_an_end_of_the_environment_ends_what_was_still_asked_of_it(built: App) -> None:
    number = ask(built, quota=GROWN)

    with built.transaction() as session:
        assert changes.end_with(session, session.get_one(Environment, 1), "R-2026-9999") == [number]

    assert requests.show(built, AGENT, number)["state"] == "withdrawn"
    assert available(built).held == 0


# -- extensions


def extension(app: App, length: str, key: str = "extension") -> str:
    asked = RequestIn(kind="extension", environment=NAME, duration=length, reason="Phase 2")
    return str(requests.submit(app, AGENT, asked, key)[0]["number"])


def test_an_extension_is_counted_from_the_present_end_and_holds_nothing(built: App) -> None:
    number = extension(built, "30 days")
    operation = str(approve(built, number, examined(built, number))["operation"])

    extensions.extend(built, operation)

    assert requests.show(built, AGENT, number)["state"] == "fulfilled"
    found = environment(built)
    assert (found.state, found.expires_at) == ("active", SOON + timedelta(days=30))
    assert (requests.show(built, AGENT, number)["demand"], available(built).held) == ({}, 0)


def test_an_extension_whose_end_was_changed_after_its_approval_is_not_carried_out(built: App, database: str) -> None:
    number = extension(built, "30 days")
    operation = str(approve(built, number, examined(built, number))["operation"])
    owner = create_engine(postgres.alchemy(database))
    with owner.begin() as connection:  # only who owns the tables comes past what the database itself refuses
        connection.execute(text("ALTER TABLE request DISABLE TRIGGER request_bound"))
    owner.dispose()
    with built.transaction() as session:
        request = session.get_one(Request, number)
        request.steps = [{**request.steps[0], "until": (SOON + timedelta(days=3000)).isoformat()}]
        request.digest = fingerprint(request, request.resolved, request.plan, request.steps)
        session.add(request)

    extensions.extend(built, operation)

    shown = requests.show(built, AGENT, number)
    assert (shown["state"], shown["error"]["code"]) == ("failed", "DCCTL-203")
    assert environment(built).expires_at == SOON


def test_an_extension_reaches_no_further_than_the_offer_does_from_today(built: App) -> None:
    with pytest.raises(DcctlError) as too_long:
        extension(built, "36 months")

    assert too_long.value.code == "DCCTL-311"


@pytest.mark.parametrize("length", ["demain", "0 days", "6 months; drop table", ""])
def test_what_is_no_duration_is_refused_with_examples(built: App, length: str) -> None:
    with pytest.raises(SpecRefused) as fault:
        extension(built, length)

    assert fault.value.params["faults"][0]["path"] == ["duration"]


def ends(app: App, **left: float) -> None:
    with app.transaction() as session:
        found = session.get_one(Environment, 1)
        found.expires_at = datetime.now(UTC) + timedelta(**left)
        session.add(found)


def told(app: App) -> list[int]:
    from sqlmodel import select

    with app.reading() as session:
        return [event.document["days"] for event in session.exec(select(Event).where(Event.kind == "expiring").order_by(Event.id)).all()]


def test_an_end_that_comes_near_is_told_four_times_and_an_extension_leads_back_to_active(built: App) -> None:
    for days, expected in ((31, []), (29.5, [30]), (29, [30]), (13.5, [30, 14]), (6.5, [30, 14, 7]), (0.5, [30, 14, 7, 1]), (0.4, [30, 14, 7, 1])):
        ends(built, days=days)
        list(life.tend(built))
        list(life.tend(built))
        assert told(built) == expected
    assert environment(built).state == "warning"
    assert environments.show(built, AGENT, "-", NAME)["days_left"] == 1

    number = extension(built, "6 months")
    extensions.extend(built, str(approve(built, number, examined(built, number))["operation"]))

    assert (environment(built).state, environment(built).life) == ("active", {})
    assert list(life.tend(built)) == []


def test_letters_of_an_end_that_is_near_of_what_is_ready_and_of_what_failed_are_written_by_the_deed_itself(built: App) -> None:
    contacts.add(built, LEAD, "min-sante", ContactIn(address="dsi@sante.gouv.bj"))
    ends(built, days=6.5)
    list(life.tend(built))
    list(life.tend(built))
    until = environment(built).expires_at
    assert until is not None
    assert letters_of(built, "expiring") == [{"days": 7, "until": letters.day(until)}]

    number = extension(built, "30 days")
    extensions.extend(built, str(approve(built, number, examined(built, number))["operation"]))
    assert len(letters_of(built, "ready")) == 1

    number = ask(built, quota=GROWN)
    altering.change(built, str(approve(built, number, examined(built, number), confirm=NAME)["operation"]))  # no engine, no Keystone
    assert requests.show(built, AGENT, number)["state"] == "failed"
    (failed,) = letters_of(built, "failed")
    assert str(failed["error"]["code"]).startswith("DCCTL-4")


def letters_of(app: App, occasion: str) -> list[dict[str, Any]]:
    """What the letters of an occasion tell beside the request they are about."""
    with app.reading() as session:
        found = session.exec(select(Letter).where(Letter.occasion == occasion)).all()
    assert {letter.address for letter in found} <= {"dsi@sante.gouv.bj"}
    return [{key: letter.params[key] for key in ("days", "until", "error") if letter.params.get(key) is not None} for letter in found]


def test_an_end_that_comes_during_an_operation_waits_for_it(built: App) -> None:
    number = ask(built, quota=GROWN)
    approve(built, number, examined(built, number), confirm=NAME)
    ends(built, seconds=-1)

    assert list(life.tend(built)) == []

    assert environment(built).state == "warning"
    with built.reading() as session:
        assert session.get_one(Operation, f"O{number[1:]}-1").state == "queued"


def test_plans_of_one_administration_wait_for_each_other_and_not_too_many_of_them(built: App) -> None:
    asked = PlanIn(spec=edited(quota=GROWN).spec)
    rows = [previews.ask(built, AGENT, "-", NAME, asked) for _ in range(previews.MOST_WAITING)]

    with pytest.raises(DcctlError) as many:
        previews.ask(built, AGENT, "-", NAME, asked)

    assert many.value.code == "DCCTL-431"
    assert {row["state"] for row in rows} == {"queued"}
    assert {job for job in jobs(built) if job[0] == "plan"} == {("plan", "plan:min-sante")}
    with pytest.raises(NotVisible):
        previews.show(built, JUSTICE_AGENT, rows[0]["number"])
    assert available(built).held == 0


def test_a_plan_of_another_environments_spec_or_of_a_faulty_one_is_refused_at_once(built: App) -> None:
    with pytest.raises(DcctlError) as other:
        previews.ask(built, AGENT, "-", NAME, PlanIn(spec=edited(name="autre").spec))
    assert other.value.code == "DCCTL-002"
    with pytest.raises(SpecRefused) as faulty:
        previews.ask(built, AGENT, "-", NAME, PlanIn(spec=edited(duration="1 month").spec))
    assert [fault["code"] for fault in faulty.value.params["faults"]] == ["spec.change_of_duration"]


@pytest.mark.parametrize("engine", ["#!/bin/false\n", "#!/bin/sh\nkill -9 $$\n"], ids=["fails", "is killed"])
def test_an_environment_that_cannot_be_compared_keeps_nobody_from_the_others(built: App, engine: str) -> None:
    (built.settings.engine.home / "bin" / "pulumi").write_text(engine)
    with built.transaction() as session:
        first = session.exec(select(Environment)).one()
        told = first.model_dump(exclude={"id", "name", "project_id", "expires_at", "created_at"})
        session.add(Environment(**told, name="portail", project_id="p-portail"))

    assert drift.compare_all(built) == {"environments": 2, "differing": 0, "failed": 2}
    assert drift.listing(built, AGENT)["items"] == []


def test_nothing_drifted_is_nothing_to_accept(built: App) -> None:
    assert drift.listing(built, AGENT)["items"] == []
    with pytest.raises(DcctlError) as nothing:
        drift.accept(built, LEAD, "-", NAME, AcceptIn(reason="connu"))
    assert nothing.value.code == "DCCTL-430"


def test_drift_is_kept_accepted_and_open_again_when_it_becomes_another_and_only_for_those_who_may_see_it(built: App) -> None:
    def found(at: datetime, *details: str) -> None:
        different = [
            Difference(
                name=Name.DRIFT, subject="p-dossier", item="server-web-1", holder=f"min-sante/{NAME}", administration="min-sante", detail=detail,
            )
            for detail in details
        ]
        with built.transaction() as session:
            looked = Looked(subjects=frozenset({"p-dossier"}), names=frozenset({Name.DRIFT}))
            discrepancies.keep(session, built.region, at, different, looked)

    def states(actor: Actor = AGENT) -> list[tuple[str, str]]:
        return [(item["detail"], item["state"]) for item in drift.listing(built, actor)["items"]]

    begun = datetime.now(UTC)
    found(begun, "Instance web-1: missing")
    assert states() == [("Instance web-1: missing", "open")]
    assert states(JUSTICE_AGENT) == []
    drift.accept(built, LEAD, "-", NAME, AcceptIn(reason="connu"))
    found(begun + timedelta(seconds=1), "Instance web-1: missing")
    assert states() == [("Instance web-1: missing", "explained")]

    found(begun + timedelta(seconds=2), "Instance web-1: different (flavorId)")
    assert states() == [("Instance web-1: different (flavorId)", "open")]

    found(begun + timedelta(seconds=3))
    assert states() == []


def test_plans_of_long_ago_are_forgotten(built: App) -> None:
    with built.transaction() as session:
        environment = session.exec(select(Environment.id)).one()
        for days, state in ((40, "done"), (31, "queued"), (29, "done")):
            at = datetime.now(UTC) - timedelta(days=days)
            session.add(PlanRun(environment_id=environment, administration="min-sante", state=state, created_at=at, result={"days": days}))

    assert previews.forget(built) == 2
    with built.reading() as session:
        assert session.exec(select(PlanRun.result)).all() == [{"days": 29}]


def test_a_state_is_rebuilt_for_whoever_saw_what_becomes_of_it_and_by_no_request(built: App) -> None:
    shown = RebuildIn(digest="a" * 64, reason="DCCTL-421, revu avec la DSI")
    operation = rebuilding.ask(built, OPERATOR, "min-sante", NAME, shown)

    with built.reading() as session:
        row = session.get_one(Operation, operation.id)
        made = session.get_one(Request, row.request)
        [asked] = session.exec(select(Event).where(Event.operation == row.id, Event.kind == "rebuild_asked")).all()
    assert (row.kind, row.state, made.state) == ("rebuild", "queued", "fulfilled")
    assert {key: asked.document[key] for key in ("digest", "reason", "user")} == {"digest": "a" * 64, "reason": shown.reason, "user": "operator"}
    assert jobs(built)[-1] == ("rebuild", f"environment:min-sante/{NAME}")
    with pytest.raises(DcctlError) as busy:
        rebuilding.ask(built, OPERATOR, "min-sante", NAME, shown)
    assert (busy.value.code, busy.value.params["operation"]) == ("DCCTL-660", row.id)

    # The engine of this test cannot do anything: the operation fails, the request that it is listed under stays what it was. What was seen is
    # seen anew for another attempt.
    rebuilding.rebuild(built, row.id)
    with built.reading() as session:
        failed, made = session.get_one(Operation, row.id), session.get_one(Request, row.request)
    assert (failed.state, made.state, made.error) == ("failed", "fulfilled", None)
    assert failed.error is not None
    for again in (operations.retry, operations.abandon):
        with pytest.raises(DcctlError) as no_request:
            again(built, OPERATOR, row.id)
        assert no_request.value.code == "DCCTL-301"
    assert rebuilding.ask(built, OPERATOR, "min-sante", NAME, shown).id == f"{row.id[:-1]}{int(row.id[-1]) + 1}"


def test_only_what_is_built_has_states_to_rebuild(built: App) -> None:
    with built.transaction() as session:
        environment = session.exec(select(Environment)).one()
        environment.state = "decommissioning"
        session.add(environment)

    with pytest.raises(DcctlError) as refused:
        rebuilding.ask(built, OPERATOR, "min-sante", NAME, RebuildIn(digest="a" * 64, reason="DCCTL-421"))
    assert refused.value.code == "DCCTL-305"


# -- the engine's preview, made anew for whoever decides


def previewed_again(app: App, number: str, *steps: dict[str, object]) -> None:
    """As the worker does it, with what the engine said this time."""
    with app.reading() as session:
        seen = session.get_one(Request, number)
    found = evidence.Examined(resolved=seen.resolved, plan=seen.plan, steps=list(steps))
    evidence.found_again(app, seen, found)


def test_facts_on_demand_have_the_engine_preview_the_change_again_and_only_once_at_a_time(built: App) -> None:
    number = ask(built, quota=GROWN)
    examined(built, number)

    evidence.look_again(built, OPERATOR, number)
    evidence.look_again(built, AGENT, number)

    assert jobs(built).count(("evidence", "plan:min-sante")) == 1


def test_the_same_preview_again_leaves_digest_and_decisions_and_says_when_it_was_made(built: App) -> None:
    number = ask(built, quota=GROWN)
    step = {"op": "change", "type": "openstack:compute/instance:Instance", "name": "base-1"}
    digest = examined(built, number, step)

    previewed_again(built, number, step)

    shown = requests.show(built, AGENT, number)
    assert (shown["state"], shown["digest"], shown["round"]) == ("in_review", digest, 1)
    assert shown["evidence"]["change"]["previewed_at"] > shown["created_at"].isoformat()
    assert [one["kind"] for one in shown["story"] if one["kind"] == "previewed"] == ["previewed"]
    assert approve(built, number, digest, confirm=NAME)["state"] == "approved"


def test_another_preview_begins_another_round_and_nobodys_approval_counts_for_it(built: App) -> None:
    two = {"name": "two", "needs": ["dc_lead", "dc_operator"], "when": {"kinds": ["change"]}}
    publish(built, two, LAST)
    number = ask(built, quota=GROWN)
    digest = examined(built, number, {"op": "change", "type": "openstack:compute/instance:Instance", "name": "base-1"})
    approve(built, number, digest, confirm=NAME)

    previewed_again(built, number, GONE)

    shown = requests.show(built, AGENT, number)
    assert (shown["state"], shown["round"], [m["role"] for m in shown["missing"]]) == ("in_review", 2, ["dc_lead", "dc_operator"])
    assert shown["digest"] != digest
    with pytest.raises(DcctlError) as old:
        decisions.decide(built, EXPLOITANT, number, DecisionIn(verdict="approve", digest=digest, reason="conforme"))
    assert old.value.code == "DCCTL-203"
    assert approve(built, number, shown["digest"], confirm=NAME)["state"] == "in_review"  # the lead once more, for what is shown now


def test_a_preview_that_comes_after_the_decision_changes_nothing(built: App) -> None:
    number = ask(built, quota=GROWN)
    digest = examined(built, number)
    with built.reading() as session:
        seen = session.get_one(Request, number)
    approve(built, number, digest, confirm=NAME)

    evidence.found_again(built, seen, evidence.Examined(resolved=seen.resolved, plan=[], steps=[]))

    shown = requests.show(built, AGENT, number)
    assert (shown["state"], shown["digest"], shown["round"]) == ("approved", digest, 1)


# -- less than was asked


def test_of_an_extension_a_shorter_one_is_granted_when_the_requester_says_yes(built: App) -> None:
    number = extension(built, "30 days")
    digest = examined(built, number)
    body = DecisionIn(verdict="approve", digest=digest, reason="conforme", grant={"duration": "10 days"})

    proposed = decisions.decide(built, LEAD, number, body)

    assert (proposed["state"], proposed["granted"]) == ("proposed", {"until": (SOON + timedelta(days=10)).isoformat()})
    operation = str(resubmitting.answer(built, AGENT, number, AnswerIn(accept=True, digest=str(proposed["digest"])))["operation"])
    extensions.extend(built, operation)
    assert (requests.show(built, AGENT, number)["state"], environment(built).expires_at) == ("fulfilled", SOON + timedelta(days=10))


@pytest.mark.parametrize(
    ("grant", "code"), [({"duration": "60 days"}, "DCCTL-602"), ({"duration": "demain"}, "DCCTL-002"), ({"cores": 1}, "DCCTL-002")]
)
def test_no_longer_extension_and_nothing_else_is_granted_than_was_asked(built: App, grant: dict[str, Any], code: str) -> None:
    number = extension(built, "30 days")
    digest = examined(built, number)
    with pytest.raises(DcctlError) as beyond:
        decisions.decide(built, LEAD, number, DecisionIn(verdict="approve", digest=digest, reason="conforme", grant=grant))
    assert beyond.value.code == code


def test_of_a_change_fewer_units_are_granted_and_become_its_spec(built: App) -> None:
    number = ask(built, quota=DOSSIER["quota"] | {"cores": 12})
    digest = examined(built, number)
    proposed = decisions.decide(built, LEAD, number, DecisionIn(verdict="approve", digest=digest, reason="conforme", grant={"cores": 2}))
    assert (proposed["state"], proposed["granted"], available(built).held) == ("proposed", {"cores": 2}, 4)

    resubmitting.answer(built, AGENT, number, AnswerIn(accept=True))

    with built.reading() as session:
        request = session.get_one(Request, number)
        assert (granting.spec_of(request)["quota"]["cores"], available(built).held) == (10, 2)
    altering.change(built, f"O{number[1:]}-1")  # as far as the first call of OpenStack, which is not there
    assert (has(built, "cores"), available(built).held) == (10, 0)

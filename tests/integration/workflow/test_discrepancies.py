"""Discrepancies as they are kept from one comparison to the next, and the mode of a region; on a real PostgreSQL."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from dcctl import words
from dcctl.config import Worker
from dcctl.errors import DcctlError, NotVisible
from dcctl.schemas import RegionModeIn, SayIn
from dcctl.store import now
from dcctl.workflow import discrepancies, reconciling, regions
from dcctl.workflow.app import App
from quotas import ledger, store
from quotas.reconcile import Difference, Looked, Name
from tests import postgres
from tests.integration.workflow.conftest import BOOTSTRAP, person

OPERATOR = person("operator", "dc_operator")
CORES = Difference(
    name=Name.LIMIT_MISMATCH, subject="p-1", item="cores", holder="min-sante/dossier-patient", administration="min-sante", expected=4, found=8,
    rests_on=frozenset({"compute"}),
)  # fmt: skip
ORPHAN = Difference(name=Name.ORPHAN_PROJECT, subject="p-2", holder="min-sante/oublie", administration="min-sante", rests_on=frozenset({"keystone"}))
STALE = Difference(name=Name.STALE_SOURCE, subject="compute", detail="Nova GET /servers/detail 500")


def found(app: App, *differences: Difference, at: datetime | None = None, looked: Looked | None = None) -> None:
    """As a comparison stores it."""
    with app.transaction() as session:
        discrepancies.keep(session, app.region, at or now(), differences, looked or Looked())


def listed(app: App, state: str | None = None) -> list[tuple[str, str, str, int | None]]:
    return [(row["name"], row["subject"], row["state"], row["found"]) for row in discrepancies.listing(app, state=state)["items"]]


def test_a_difference_is_one_row_however_often_it_is_found_and_its_first_day_stays(app: App) -> None:
    found(app, CORES, ORPHAN)
    first = discrepancies.listing(app)["items"]

    found(app, replace(CORES, found=9), ORPHAN)

    again = discrepancies.listing(app)["items"]
    assert [(row["number"], row["first_seen"]) for row in again] == [(row["number"], row["first_seen"]) for row in first]
    assert [row["found"] for row in again] == [9, None]
    assert all(row["last_seen"] > before["last_seen"] for row, before in zip(again, first, strict=True))


def test_two_comparisons_at_once_make_no_second_row(app: App) -> None:
    gate, failed = threading.Barrier(4), []

    def compare() -> None:
        gate.wait()
        try:
            found(app, CORES, ORPHAN, STALE)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=compare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(listed(app)) == 3


def test_what_is_no_longer_found_is_resolved_by_dcctl_and_an_earlier_look_does_not_bring_it_back(app: App) -> None:
    early = now()
    found(app, CORES, ORPHAN)

    found(app, ORPHAN)
    found(app, CORES, ORPHAN, at=early)

    assert listed(app) == [("orphan_project", "p-2", "open", None)]
    (resolved,) = discrepancies.listing(app, state="resolved")["items"]
    assert (resolved["said_by"], resolved["reason"]) == ("dcctl", "no longer found")


def test_a_source_that_failed_ends_nothing_that_rests_on_it(app: App) -> None:
    found(app, CORES, ORPHAN)

    found(app, STALE, looked=Looked(failed=frozenset({"compute", "keystone"})))
    assert listed(app) == [("limit_mismatch", "p-1", "open", 8), ("orphan_project", "p-2", "open", None), ("stale_source", "compute", "open", None)]

    found(app)
    assert listed(app) == []


def test_what_a_person_said_holds_until_the_figures_change(app: App) -> None:
    found(app, CORES)
    number = discrepancies.listing(app)["items"][0]["number"]
    discrepancies.say(app, OPERATOR, number, discrepancies.EXPLAINED, SayIn(reason="migration du portail, note 114"))

    found(app, CORES)
    assert listed(app) == [("limit_mismatch", "p-1", "explained", 8)]

    found(app, replace(CORES, found=16))
    shown = discrepancies.show(app, number)
    assert shown["state"] == "open"
    assert [(note["actor"], note["state"]) for note in shown["notes"]] == [("operator", "explained"), ("dcctl", "open")]


def test_a_waiver_ends_on_its_day(app: App) -> None:
    found(app, CORES)
    number = discrepancies.listing(app)["items"][0]["number"]
    until = now() + timedelta(days=3)
    discrepancies.say(app, OPERATOR, number, discrepancies.WAIVED, SayIn(reason="serveur en route", until=until))

    found(app, CORES, at=until - timedelta(minutes=1))
    assert listed(app)[0][2] == "waived"
    found(app, CORES, at=until + timedelta(minutes=1))
    assert listed(app)[0][2] == "open"


@pytest.mark.parametrize(
    ("state", "until", "code"),
    [
        (discrepancies.WAIVED, None, "DCCTL-562"),
        (discrepancies.WAIVED, datetime(2022, 6, 1, tzinfo=UTC), "DCCTL-562"),
        (discrepancies.EXPLAINED, datetime(2999, 1, 1, tzinfo=UTC), "DCCTL-562"),
    ],
)
def test_a_day_that_cannot_be_is_refused_and_nothing_is_written(app: App, state: str, until: datetime | None, code: str) -> None:
    found(app, CORES)
    number = discrepancies.listing(app)["items"][0]["number"]

    with pytest.raises(DcctlError) as refused:
        discrepancies.say(app, OPERATOR, number, state, SayIn(reason="essai", until=until))

    assert refused.value.code == code
    assert discrepancies.show(app, number)["notes"] == []


def test_what_is_resolved_is_closed_and_comes_again_under_another_number(app: App) -> None:
    found(app, CORES)
    number = discrepancies.listing(app)["items"][0]["number"]
    discrepancies.say(app, OPERATOR, number, discrepancies.RESOLVED, SayIn(reason="limite remise"))

    with pytest.raises(DcctlError) as refused:
        discrepancies.say(app, OPERATOR, number, discrepancies.EXPLAINED, SayIn(reason="encore"))
    assert refused.value.code == "DCCTL-561"

    found(app, CORES)
    assert [row["number"] != number for row in discrepancies.listing(app)["items"]] == [True]


@pytest.mark.parametrize("number", ["D-999999", "D-", "D--1", "17; drop", "D-" + "9" * 40, "٣"])
def test_a_number_that_is_none_does_not_exist(app: App, number: str) -> None:
    with pytest.raises(NotVisible):
        discrepancies.show(app, number)


def test_what_was_said_cannot_be_unsaid(app: App, database: str) -> None:
    found(app, CORES)
    number = discrepancies.listing(app)["items"][0]["number"]
    discrepancies.say(app, OPERATOR, number, discrepancies.EXPLAINED, SayIn(reason="note 114"))

    for role in ("dcctl_app", postgres.OWNER):
        engine = create_engine(postgres.alchemy(database).replace(postgres.OWNER, role))
        for statement in ("UPDATE discrepancy_note SET reason = 'autre'", "DELETE FROM discrepancy_note"):
            with pytest.raises(DBAPIError), engine.begin() as connection:
                connection.execute(text(statement))
        engine.dispose()


@pytest.fixture
def remembering(app: App, tmp_path: Path) -> App:
    app.settings.worker = Worker(state_dir=tmp_path / "worker")
    return app


def declare(app: App, cores: int) -> None:
    with app.transaction() as session:
        pool, world = store.find_holder(session, "pool"), store.find_holder(session, "world")
        assert pool is not None
        assert world is not None
        cause = ledger.Cause(kind=ledger.CauseKind.ACT, reference="A-2026-0002", document="PV 2022-07")
        store.post(session, ledger.declare(world, pool, app.region, {"cores": cores}), actor=BOOTSTRAP, cause=cause)


def test_a_ledger_that_goes_on_is_not_taken_for_a_restored_one(remembering: App) -> None:
    for cores in (1, 2, 3):
        assert regions.watch(remembering) is False
        declare(remembering, cores)

    assert regions.show(remembering)["mode"] == "enforce"


def test_a_ledger_behind_what_was_seen_of_it_observes_until_a_person_says_otherwise(remembering: App) -> None:
    regions.watch(remembering)
    file = remembering.settings.worker.state_dir / "ledger-position-cotonou.json"
    declare(remembering, 1)
    regions.watch(remembering)
    remembered = file.read_text().replace('"entry": ', '"entry": 9')
    file.write_text(remembered)

    assert regions.watch(remembering) is True
    assert regions.show(remembering)["mode"] == "observe"
    assert regions.watch(remembering) is False
    with pytest.raises(DcctlError) as refused:
        reconciling.ask(remembering, OPERATOR, apply=True)
    assert refused.value.code == "DCCTL-560"
    assert refused.value.params["reason"]["code"] == "DCCTL-564"
    for lang, why in (("fr", "il a été restauré"), ("en", "it was restored")):
        assert why in words.render_error("DCCTL-560", refused.value.params, lang)
    assert reconciling.ask(remembering, OPERATOR, apply=False)["state"] == "queued"

    regions.set_mode(remembering, OPERATOR, RegionModeIn(mode="enforce", reason="écarts vus"))
    assert reconciling.ask(remembering, OPERATOR, apply=True)["state"] == "queued"


def test_a_ledger_that_has_overtaken_what_was_seen_but_is_another_is_noticed_too(remembering: App) -> None:
    regions.watch(remembering)
    file = remembering.settings.worker.state_dir / "ledger-position-cotonou.json"
    file.write_text(file.read_text().replace('"content": "', '"content": "0'))
    declare(remembering, 1)

    assert regions.watch(remembering) is True


def test_a_damaged_file_says_so_and_nothing_is_decided(remembering: App) -> None:
    regions.watch(remembering)
    file = remembering.settings.worker.state_dir / "ledger-position-cotonou.json"
    file.write_text("{")

    with pytest.raises(DcctlError) as refused:
        regions.watch(remembering)
    assert refused.value.code == "DCCTL-563"
    assert file.read_text() == "{"

"""A restored backup with a decommission and an ended environment in it: the worker looks before its first job, and nothing is done in the cloud."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from dcctl import signature, worker
from dcctl.config import Database, Settings
from dcctl.errors import CloudError
from dcctl.schemas import MaintenanceIn, RegionModeIn, RequestIn
from dcctl.store import Request
from dcctl.workflow import decisions, life, maintenance, operations, reading, regions, requests, stalled
from dcctl.workflow.app import App
from dcctl.workflow.run import Run
from quotas import proof
from tests.integration.workflow.conftest import LEAD, migrate, person
from tests.integration.workflow.test_changes import NAME, built, ends, environment  # noqa: F401 - a fixture
from tests.integration.workflow.test_requests import DIGEST
from tests.postgres import OWNER, Server, alchemy

OPERATOR = person("operator", "dc_operator")


@pytest.fixture
def restored(built: App, tmp_path: Path) -> tuple[App, str]:  # noqa: F811
    """What the worker has seen is newer than what the database knows; its environment has ended, and a decommission of it is queued."""
    built.settings.worker = built.settings.worker.model_copy(update={"state_dir": tmp_path / "worker"})
    regions.watch(built)
    file = built.settings.worker.state_dir / "ledger-position-cotonou.json"
    file.write_text(file.read_text().replace('"entry": ', '"entry": 9'))
    ends(built, days=-1)
    asked = RequestIn(kind="decommission", environment=NAME, confirm=NAME, reason="fin de la recette")
    number = str(requests.submit(built, LEAD, asked, "ending")[0]["number"])
    with built.transaction() as session:
        request = session.get_one(Request, number)
        request.state, request.digest = "in_review", DIGEST
        decisions.by_policy(built, session, request)
        session.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = 'review'"))
    return built, str(requests.show(built, LEAD, number)["operation"])


def state(app: App, operation: str) -> str:
    return str(operations.show(app, LEAD, operation)["state"])


def jobs(app: App, operation: str) -> list[str]:
    with app.reading() as session:
        query = text("SELECT status::text FROM procrastinate_jobs WHERE args ->> 'operation' = :operation")
        return list(session.execute(query, {"operation": operation}).scalars())


def worked(app: App, operation: str) -> None:
    """A worker takes jobs as it does when it is started, until that of the operation is over; then it is told to end."""

    async def until_done() -> None:
        working = asyncio.create_task(worker._work(app, worker.Ledger(app)))
        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                while await asyncio.to_thread(jobs, app, operation) and not working.done():
                    await asyncio.sleep(0.2)
        if not working.done():  # else nobody listens any more, and the signal would end this whole process
            os.kill(os.getpid(), signal.SIGTERM)
        await working

    asyncio.run(until_done())


def test_a_worker_over_a_restored_database_begins_no_decommission(restored: tuple[App, str]) -> None:
    app, operation = restored
    assert regions.show(app)["mode"] == "enforce"  # nobody has looked yet

    worked(app, operation)

    assert regions.show(app)["mode"] == "observe"
    assert (jobs(app, operation), state(app, operation)) == ([], "queued")
    assert stalled.take_up(app) == []
    assert environment(app).state == "active"


def test_an_end_that_only_the_backup_knows_stops_no_server(built: App) -> None:  # noqa: F811
    ends(built, days=-1)
    regions.set_mode(built, OPERATOR, RegionModeIn(mode="observe", reason="sauvegarde restaurée"))

    assert life._tend(built, 1) is None
    assert list(life.tend(built)) == []
    assert environment(built).state == "active"

    regions.set_mode(built, OPERATOR, RegionModeIn(mode="enforce", reason="écarts vus"))
    with pytest.raises(CloudError):  # it asks for the servers now, and nobody answers
        life._tend(built, 1)


def test_what_waits_says_so_to_whoever_asked_for_it_and_why_is_for_operators(restored: tuple[App, str]) -> None:
    app, operation = restored
    number = str(operations.show(app, LEAD, operation)["request"])

    def said() -> list[dict[str, object] | None]:
        asked = (requests.show(app, LEAD, number), operations.show(app, LEAD, operation), reading.status(app, LEAD))
        followed = (requests.events(app, LEAD, number), operations.events(app, LEAD, operation))
        return [answer["resting"] for answer in (*asked, *followed)]

    assert said() == [None] * 5, "it waits for its turn, and for nobody"
    worked(app, operation)
    since = regions.show(app)["since"]

    assert said() == [{"why": "observe", "since": since, "reason": None}] * 5

    maintenance.put(app, OPERATOR, MaintenanceIn(on=True, reason="mise à jour de Neutron"))
    assert [told and (told["why"], told["reason"]) for told in said()] == [("maintenance", "mise à jour de Neutron")] * 5
    maintenance.put(app, OPERATOR, MaintenanceIn(on=False))
    assert said()[0] is not None
    operations.cancel(app, LEAD, operation)
    assert [told is None for told in said()] == [True, True, False, True, True], "what is over waits for nothing; the status is everybody's"


def test_whoever_asks_meanwhile_is_told_at_once(built: App) -> None:  # noqa: F811
    regions.set_mode(built, OPERATOR, RegionModeIn(mode="observe", reason="sauvegarde restaurée"))
    ending = RequestIn(kind="decommission", environment=NAME, confirm=NAME, reason="fin de la recette")

    asked = requests.submit(built, LEAD, ending, "ending")[0]

    assert asked["resting"]["why"] == "observe"
    assert requests.show(built, LEAD, str(asked["number"]))["resting"] is None, "it waits for its examination, which goes on"


def test_a_person_who_has_looked_lets_what_waited_go_on(restored: tuple[App, str]) -> None:
    app, operation = restored
    worked(app, operation)
    assert Run.begin(app, operation) is None

    regions.set_mode(app, OPERATOR, RegionModeIn(mode="enforce", reason="écarts vus"))

    assert stalled.take_up(app) == [operation]
    assert Run.begin(app, operation) is not None


def test_a_run_that_was_under_way_when_the_backup_was_made_stays_queued(restored: tuple[App, str]) -> None:
    app, operation = restored
    assert Run.begin(app, operation) is not None
    with app.transaction() as session:
        session.execute(text("UPDATE lease SET expires_at = now() - interval '1 hour'"))
    regions.watch(app)

    stalled.take_up(app)

    assert state(app, operation) == "queued"
    assert Run.begin(app, operation) is None


def test_a_worker_that_cannot_compare_takes_no_job(restored: tuple[App, str]) -> None:
    app, operation = restored
    file = app.settings.worker.state_dir / "ledger-position-cotonou.json"
    file.write_text("{")

    assert worker.Ledger(app).looked() is False
    assert jobs(app, operation) == ["todo"]


def begun(app: App, folder: Path, by: Callable[[worker.Ledger], None] = worker.Ledger.look, **more: object) -> str:
    """The mode after a worker with a state directory of its own has looked for the first time."""
    app.settings.worker = app.settings.worker.model_copy(update={"state_dir": folder, **more})
    by(worker.Ledger(app))
    return str(regions.show(app)["mode"])


def test_a_worker_that_remembers_nothing_of_a_ledger_with_entries_observes_unless_another_lives(built: App, tmp_path: Path) -> None:  # noqa: F811
    with built.transaction() as session:
        session.execute(text("INSERT INTO procrastinate_workers DEFAULT VALUES"))
    assert begun(built, tmp_path / "second") == "enforce"

    with built.transaction() as session:
        session.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '10 minutes'"))
    assert begun(built, tmp_path / "second") == "enforce", "it remembers"
    assert begun(built, tmp_path / "lost", by=worker.Ledger.watch) == "observe", "the thread that only watches may be the first to look"
    assert regions.show(built)["finding"] == {"code": "DCCTL-566", "params": {"path": str(tmp_path / "lost")}}

    said = regions.set_mode(built, OPERATOR, RegionModeIn(mode="enforce", reason="premier démarrage"))
    assert (said["reason"], said["finding"]) == ("premier démarrage", None)
    assert begun(built, tmp_path / "lost") == "enforce", "what a person has said holds for what is remembered since"


def test_a_checkpoint_from_elsewhere_that_the_chain_does_not_lead_to_makes_it_observe(built: App, tmp_path: Path) -> None:  # noqa: F811
    regions.watch(with_state(built, tmp_path / "worker"))
    owner = create_engine(built.settings.database.application.replace("dcctl_app@", f"{OWNER}@"), poolclass=NullPool)
    with owner.begin() as connection:
        proof.seal(connection)
        made = proof.head(connection, datetime.now(UTC))
    owner.dispose()
    assert made is not None
    key = Ed25519PrivateKey.generate()
    right, wrong = tmp_path / "kept.json", tmp_path / "other.json"
    right.write_text(json.dumps(signature.sign(key, made).document()))
    wrong.write_text(json.dumps(signature.sign(key, replace(made, chain_hash=bytes(32))).document()))

    assert begun(built, tmp_path / "worker", checkpoint=right) == "enforce"
    assert begun(built, tmp_path / "worker", checkpoint=wrong) == "observe"
    said = regions.show(built)
    assert (said["reason"], said["finding"]) == (None, {"code": "DCCTL-565", "params": {"path": str(wrong), "position": made.position}})


def with_state(app: App, folder: Path) -> App:
    app.settings.worker = app.settings.worker.model_copy(update={"state_dir": folder})
    return app


def test_an_empty_ledger_is_remembered_too(postgresql: Server, tmp_path: Path) -> None:
    dsn = postgresql.database(migrate, key="migrations")
    app = App(Settings(database=Database(application=alchemy(dsn).replace(OWNER, "dcctl_app")), cloud={"region": "cotonou"}))
    assert begun(app, tmp_path / "worker") == "enforce"
    assert (tmp_path / "worker" / "ledger-position-cotonou.json").exists()
    assert begun(app, tmp_path / "worker") == "enforce"
    app.close()
    postgresql.drop(dsn)

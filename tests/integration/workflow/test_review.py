"""Reviews by the worker's own tasks on a real queue: what may pass is tried again, what stays ends the request, which can be taken back."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
from sqlalchemy import text

from dcctl import worker
from dcctl.config import Cloud
from dcctl.errors import DcctlError
from dcctl.schemas import DecisionIn, WithdrawIn
from dcctl.store import CatalogueItem, now
from dcctl.workflow import decisions, requests
from dcctl.workflow.app import App
from dcctl.workflow.queue import SHORT
from tests.integration.workflow.conftest import AGENT, LEAD
from tests.integration.workflow.test_requests import DIGEST, available, body, reviewed


def keystone_at(directory: Path, port: int) -> Cloud:
    """Settings by which Keystone is at this port."""
    clouds = directory / "clouds.yaml"
    auth = f"{{auth_url: 'http://127.0.0.1:{port}/v3', username: dcctl, password: x, project_name: admin}}"
    clouds.write_text(f"clouds: {{dcctl-admin: {{auth: {auth}}}, dcctl-build: {{auth: {auth}}}}}\n")
    return Cloud(region="cotonou", clouds_yaml=clouds)


@pytest.fixture
def away(app: App, tmp_path: Path) -> Iterator[App]:
    """The same with a Keystone that does not answer: nobody listens on port 9."""
    made = App(app.settings.model_copy(update={"cloud": keystone_at(tmp_path, 9)}))
    yield made
    made.close()


def work(app: App) -> None:
    """Run every job that is due, as the worker does."""

    async def run() -> None:
        queue = worker.tasks(app)
        async with queue.open_async():
            await queue.run_worker_async(queues=[SHORT], wait=False, install_signal_handlers=False, delete_jobs="successful")

    asyncio.run(run())


def waiting(app: App) -> list[tuple[str, int, timedelta]]:
    """The jobs of reviews: status, attempts so far, how long until the next."""
    query = text("SELECT status::text, attempts, scheduled_at FROM procrastinate_jobs WHERE task_name = 'review'")
    with app.reading() as session:
        return [(status, attempts, at - now()) for status, attempts, at in session.execute(query)]


def come(app: App, attempts: int) -> None:
    """It is time again, after so many attempts."""
    with app.transaction() as session:
        session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL, attempts = :attempts"), {"attempts": attempts})


def test_a_submit_does_not_wait_for_a_keystone_that_hangs(app: App, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections are taken, and never answered
        hanging = App(app.settings.model_copy(update={"cloud": keystone_at(tmp_path, silent.getsockname()[1])}))
        began = monotonic()

        made, _ = requests.submit(hanging, AGENT, body(members=["sante-agent"]), "k1")

        hanging.close()
    assert made["state"] == "submitted"
    assert monotonic() - began < 50  # one call alone may otherwise take a minute


def test_a_review_is_tried_again_for_as_long_as_openstack_is_away(away: App) -> None:
    number = requests.submit(away, AGENT, body(), "k1")[0]["number"]

    work(away)

    ((status, attempts, pause),) = waiting(away)
    assert (status, attempts) == ("todo", 1)
    assert pause <= timedelta(seconds=2)
    shown = requests.show(away, AGENT, number)
    assert (shown["state"], shown["error"]["code"]) == ("submitted", "DCCTL-402")
    assert available(away).held == 8

    come(away, attempts=10_000)
    work(away)

    ((status, attempts, pause),) = waiting(away)
    assert (status, attempts) == ("todo", 10_001)
    assert timedelta(seconds=45) < pause <= timedelta(seconds=60)
    assert requests.show(away, AGENT, number)["state"] == "submitted"


def test_a_review_that_waits_ends_with_its_request(away: App) -> None:
    number = requests.submit(away, AGENT, body(), "k1")[0]["number"]
    work(away)

    requests.withdraw(away, AGENT, number, WithdrawIn(reason="plus besoin"))
    come(away, attempts=3)
    work(away)

    assert waiting(away) == []
    assert requests.show(away, AGENT, number)["state"] == "withdrawn"


@pytest.mark.parametrize("person", [AGENT, LEAD], ids=["requester", "lead"])
def test_a_review_that_can_never_succeed_fails_at_once_and_its_request_can_be_taken_back(away: App, person) -> None:
    number = requests.submit(away, AGENT, body(), "k1")[0]["number"]
    with away.transaction() as session:
        session.delete(session.get_one(CatalogueItem, ("flavor", "m1.small")))

    work(away)

    shown = requests.show(away, AGENT, number)
    assert (shown["state"], shown["operation"], shown["error"]["code"]) == ("failed", None, "DCCTL-308")
    assert [fault["params"]["flavor"] for fault in shown["error"]["params"]["faults"]] == ["m1.small"]
    assert (available(away).held, available(away).available) == (0, 80)
    with away.transaction() as session:
        session.add(CatalogueItem(kind="flavor", name="m1.small", cloud_id="id-m1.small", document={"vcpus": 1, "ram_mib": 2048}))
    with pytest.raises(DcctlError) as in_use:
        requests.submit(away, AGENT, body(), "k2")
    assert in_use.value.code == "DCCTL-302"

    withdrawn = requests.withdraw(away, person, number, WithdrawIn(reason="corrigé"))

    assert withdrawn["state"] == "withdrawn"
    again, created = requests.submit(away, AGENT, body(), "k3")
    assert (created, again["state"], available(away).held) == (True, "submitted", 8)


def test_a_review_that_meets_something_unforeseen_leaves_no_request_behind_that_nobody_can_end(away: App) -> None:
    number = requests.submit(away, AGENT, body(), "k1")[0]["number"]
    with away.transaction() as session:
        session.execute(text("UPDATE request SET spec = '{}'"))

    work(away)

    shown = requests.show(away, AGENT, number)
    assert (shown["state"], shown["error"]) == ("failed", {"code": "DCCTL-500", "params": {"reference": number}})
    assert requests.withdraw(away, LEAD, number, WithdrawIn(reason="à refaire"))["state"] == "withdrawn"
    assert available(away).held == 0


def test_a_request_that_failed_after_its_approval_is_abandoned_and_not_withdrawn(app: App) -> None:
    number = reviewed(app)
    decisions.decide(app, LEAD, number, DecisionIn(verdict="approve", digest=DIGEST, reason="conforme"))
    with app.transaction() as session:
        session.execute(text("UPDATE request SET state = 'failed'"))

    with pytest.raises(DcctlError) as refused:
        requests.withdraw(app, AGENT, number, WithdrawIn(reason="erreur"))

    assert (refused.value.code, refused.value.params["possible"]) == ("DCCTL-301", ["retry", "abandon"])
    assert available(app).held == 8

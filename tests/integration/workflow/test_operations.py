"""Ending an operation that has not begun, and taking it up again, on a real database; OpenStack and the engine are not there."""

from pathlib import Path

import pytest
from sqlalchemy import text

from dcctl.config import Engine
from dcctl.errors import DcctlError
from dcctl.schemas import DecisionIn, RequestIn, WithdrawIn
from dcctl.store import Environment, Request
from dcctl.words import render_error
from dcctl.workflow import decisions, decommission, fulfilment, operations, requests
from dcctl.workflow.app import App
from stacks.plan import Resolved
from tests.integration.workflow.conftest import AGENT, LEAD
from tests.integration.workflow.test_requests import DIGEST, available, jobs, reviewed
from tests.integration.workflow.test_review import keystone_at

RESOLVED = Resolved(
    region="cotonou", administration="min-sante", environment="dossier-patient", request="–", domain_id="min-sante", member_role_id="id-member",
    build_user_id="id-dcctl-build", default_volume_type="standard", external_network_id="id-public",
    flavor_ids={"m1.small": "id-m1.small", "m1.medium": "id-m1.medium"}, image_ids={"cirros": "id-cirros"},
    volume_types={"ssd": "id-ssd", "standard": "id-standard"},
)  # fmt: skip


@pytest.fixture
def bare(app: App, tmp_path: Path) -> App:
    """A worker's machine without an engine, and a Keystone that does not answer: nobody listens on port 9."""
    engine = Engine(home=tmp_path / "pulumi", passphrase_file=tmp_path / "passphrase", backend=f"file://{tmp_path}")
    app.settings = app.settings.model_copy(update={"cloud": keystone_at(tmp_path, 9), "engine": engine})
    return app


def approved(app: App) -> tuple[str, str]:
    """A request with the plan and digest that a review computes, and its operation that waits for its turn."""
    number = reviewed(app, resolved=RESOLVED)
    digest = requests.show(app, AGENT, number)["digest"]
    made = decisions.decide(app, LEAD, number, DecisionIn(verdict="approve", digest=digest, reason="conforme"))
    return number, made["operation"]


def state(app: App, number: str) -> tuple[str, str]:
    """Of the request and of its operation."""
    request = requests.show(app, LEAD, number)
    return request["state"], operations.show(app, LEAD, request["operation"])["state"]


def kinds(app: App, number: str) -> list[str]:
    return [event["kind"] for event in requests.show(app, LEAD, number)["events"]]


def test_a_fulfilment_that_is_cancelled_before_it_began_fails_its_request_and_a_retry_takes_it_up(bare: App) -> None:
    number, operation = approved(bare)

    operations.cancel(bare, AGENT, operation)

    assert state(bare, number) == ("failed", "cancelled")
    assert kinds(bare, number)[-2:] == ["cancel_requested", "cancelled"]
    assert available(bare).held == 8
    fulfilment.fulfil(bare, operation)  # the job that was queued finds nothing to do
    assert state(bare, number) == ("failed", "cancelled")

    operations.retry(bare, AGENT, operation)

    assert state(bare, number) == ("fulfilling", "queued")
    assert [task for task, _ in jobs(bare)].count("fulfil") == 2
    fulfilment.fulfil(bare, operation)
    assert state(bare, number) == ("failed", "failed")
    assert "running" in kinds(bare, number)


def test_a_cancelled_fulfilment_can_be_abandoned_and_gives_back_what_it_held(bare: App) -> None:
    number, operation = approved(bare)
    operations.cancel(bare, LEAD, operation)

    operations.abandon(bare, LEAD, operation)

    assert requests.show(bare, LEAD, number)["state"] == "abandoned"
    assert (available(bare).held, available(bare).available) == (0, 80)
    with pytest.raises(DcctlError) as refused:
        operations.retry(bare, LEAD, operation)
    assert refused.value.code == "DCCTL-301"


def test_a_decommission_that_is_cancelled_before_it_began_fails_its_request_and_a_retry_takes_it_up(bare: App) -> None:
    made, _ = approved(bare)
    with bare.transaction() as session:
        environment = Environment(
            administration="min-sante", name="dossier-patient", state="active", project_id="p-1", offer="standard", offer_version=1, request=made
        )
        session.add(environment)
        session.execute(text("UPDATE request SET state = 'fulfilled'"))
        session.execute(text("UPDATE operation SET state = 'succeeded'"))
    body = RequestIn(kind="decommission", environment="dossier-patient", confirm="dossier-patient", reason="fin de la recette")
    number = requests.submit(bare, LEAD, body, "k2")[0]["number"]
    with bare.transaction() as session:
        request = session.get_one(Request, number)
        request.state, request.digest = "in_review", DIGEST
        decisions.by_policy(bare, session, request)
    operation = requests.show(bare, LEAD, number)["operation"]
    assert state(bare, number) == ("approved", "queued")

    operations.cancel(bare, LEAD, operation)

    assert state(bare, number) == ("failed", "cancelled")
    with bare.reading() as session:
        assert session.get_one(Environment, environment.id).state == "active"
    with pytest.raises(DcctlError) as too_late:
        requests.withdraw(bare, LEAD, number, WithdrawIn(reason="erreur"))
    assert too_late.value.code == "DCCTL-301"

    operations.retry(bare, LEAD, operation)

    assert state(bare, number) == ("fulfilling", "queued")
    decommission.decommission(bare, operation)
    assert state(bare, number) == ("failed", "failed")
    assert requests.show(bare, LEAD, number)["error"]["code"] == "DCCTL-409"
    with bare.reading() as session:  # nothing was begun on a machine without an engine
        assert session.get_one(Environment, environment.id).state == "active"


def test_an_engine_that_is_not_there_is_named_in_the_readers_language(bare: App) -> None:
    number, operation = approved(bare)

    fulfilment.fulfil(bare, operation)

    error = requests.show(bare, LEAD, number)["error"]
    home = bare.settings.engine.home
    assert (error["code"], error["params"]["why"], error["params"]["path"]) == ("DCCTL-409", "Pulumi engine", str(home / "bin" / "pulumi"))
    assert render_error(error["code"], error["params"], "en") == f"The worker's machine lacks this: Pulumi engine ({home}/bin/pulumi)."
    assert render_error(error["code"], error["params"], "fr") == f"Il manque à la machine du worker\u00a0: moteur Pulumi ({home}/bin/pulumi)."

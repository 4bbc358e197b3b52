"""A submit and a review against a real Keystone: members are looked up, and a review that had to wait works once Keystone is there."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from sqlalchemy import text

from dcctl import migrations
from dcctl.cloud import identity
from dcctl.config import Cloud as CloudSettings
from dcctl.config import Database, Settings
from dcctl.errors import SpecRefused
from dcctl.schemas import RequestIn
from dcctl.store import Administration
from dcctl.workflow import catalogue, offers, requests
from dcctl.workflow.actor import Actor
from dcctl.workflow.app import App
from quotas import ledger
from quotas import store as accounts
from tests import postgres
from tests.acceptance.api.conftest import Keystone
from tests.integration.workflow.test_review import come, waiting, work

CODE = "min-sante"
AGENT = Actor(
    user_id="id-sante-agent", user="sante-agent", domain_id="asin", domain="asin", roles=frozenset({"dc_agent"}), scope_kind="domain",
    scope_domain_id=CODE, expires_at=datetime.now(UTC) + timedelta(hours=1), administration=CODE, scope=f"domain:{CODE}", audit_id="audit",
)  # fmt: skip


@pytest.fixture
def app(keystone: Keystone, postgresql: postgres.Server) -> Iterator[App]:
    """A database of its own: min-sante as Keystone has it, the shipped offers, the cloud's catalogue."""
    dsn = postgresql.database(lambda dsn: migrations.upgrade(postgres.alchemy(dsn)), key="migrations")
    url = postgresql.url(dsn.partition("@/")[2].partition("?")[0], "dcctl_app")
    # The one that builds is not made in every trial cloud; for a review any account will do.
    cloud = CloudSettings(clouds_yaml=keystone.file, admin=keystone.entry, build=str(keystone.auth["username"]), region="cotonou")
    made = App(Settings(database=Database(application=url), cloud=cloud))
    domain = identity.find_domain(keystone.admin, CODE)
    assert domain is not None
    with made.transaction() as session:
        pool = accounts.find_holder(session, "pool")
        assert pool is not None
        own = accounts.open_holder(session, ledger.HolderKind.ADMINISTRATION, CODE, pool)
        world = accounts.find_holder(session, "world")
        assert world is not None
        act = ledger.Cause(kind=ledger.CauseKind.ACT, reference="A-2026-0001", document="PV 2022-06")
        operator = ledger.Actor(user_id="operator", user_name="operator", scope="project:asin/exploitation")
        for moves in (ledger.declare(world, pool, "cotonou", {"cores": 8}), ledger.grant(pool, own, "cotonou", {"cores": 4})):
            accounts.post(session, moves, actor=operator, cause=act)
        session.add(Administration(code=CODE, name="Ministère de la Santé", domain_id=domain))
    offers.load(made)
    catalogue.refresh(made)
    yield made
    made.close()
    postgresql.drop(dsn)


@pytest.fixture
def away(app: App, tmp_path: Path) -> Iterator[App]:
    """The same, with a Keystone that does not answer: nobody listens on port 9."""
    clouds = YAML(typ="safe").load(app.settings.cloud.clouds_yaml)
    clouds["clouds"][app.settings.cloud.admin]["auth"]["auth_url"] = "http://127.0.0.1:9/v3"
    file = tmp_path / "clouds.yaml"
    file.write_text(json.dumps(clouds))
    made = App(app.settings.model_copy(update={"cloud": app.settings.cloud.model_copy(update={"clouds_yaml": file})}))
    yield made
    made.close()


def body(*members: str) -> RequestIn:
    spec = {
        "apiVersion": "dcctl/v1", "kind": "Environment", "administration": CODE, "name": "dossier-patient", "offer": "standard",
        "quota": {"cores": 1}, "members": list(members), "duration": "3 months", "justification": "Dossier patient partagé, phase 1",
    }  # fmt: skip
    return RequestIn(kind="environment", spec=spec)


def test_a_submit_refuses_members_whom_nobody_knows_and_leaves_no_trace(app: App) -> None:
    with pytest.raises(SpecRefused) as refused:
        requests.submit(app, AGENT, body("sante-agent", "sante-agnet"), "k1")

    assert refused.value.code == "DCCTL-001"
    ((path, code, member),) = [(f["path"], f["code"], f["params"]["member"]) for f in refused.value.params["faults"]]
    assert (path, code, member) == (["members", 1], "spec.unknown_member", "sante-agnet")
    with app.reading() as session:
        assert [session.execute(text(f"SELECT count(*) FROM {table}")).scalar() for table in ("request", "idempotency")] == [0, 0]


def test_a_review_that_waited_for_keystone_works_once_it_is_there(app: App, away: App) -> None:
    number = requests.submit(away, AGENT, body("sante-agent"), "k1")[0]["number"]
    work(away)
    assert (len(waiting(app)), requests.show(app, AGENT, number)["error"]["code"]) == (1, "DCCTL-402")

    come(app, attempts=40)
    work(app)

    shown = requests.show(app, AGENT, number)
    assert (shown["state"], shown["error"], waiting(app)) == ("in_review", None, [])


def test_a_member_whom_keystone_could_not_be_asked_about_is_found_by_the_review(app: App, away: App) -> None:
    number = requests.submit(away, AGENT, body("sante-agnet"), "k1")[0]["number"]

    work(app)

    shown = requests.show(app, AGENT, number)
    assert (shown["state"], shown["error"]["code"], shown["operation"]) == ("failed", "DCCTL-308", None)
    assert [(f["path"], f["params"]["member"]) for f in shown["error"]["params"]["faults"]] == [(["members", 0], "sante-agnet")]

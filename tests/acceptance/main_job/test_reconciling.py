"""What somebody does beside dcctl is named; after a backup is restored, every difference is named and nothing in the cloud is touched."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dcctl.config import Cloud as CloudSettings
from dcctl.config import Database, Settings, Worker
from dcctl.errors import DcctlError
from dcctl.schemas import SayIn
from dcctl.store import Reconciliation
from dcctl.workflow import auditing, discrepancies, reconciling, regions
from dcctl.workflow.app import App
from infra.site import postgres
from infra.site.layout import REGION
from tests.acceptance.main_job.conftest import QUOTA, ByHand, Connect, Ministry
from tests.acceptance.metrics.faults import Proxy, faulty
from tests.integration.workflow.conftest import person
from tests.site import RunningSite
from tests.watching.looking import Eyes

OPERATOR = person("operator", "dc_operator")
BARE: dict[str, Any] = {"network": None, "servers": [], "members": []}
SMALL: dict[str, Any] = {"servers": [{"name": "web", "flavor": "m1.small", "image": "cirros"}]}


@dataclass(frozen=True, slots=True)
class Drill:
    """A copy of the site's database in the same server, as a restored backup; and dcctl over it, against the real cloud."""

    site: RunningSite
    name: str
    folder: Path

    def dump(self) -> None:
        """A backup as operators make it."""
        self._run("pg_dump", "--format=custom", "--file", str(self.folder / "dcctl.dump"), "--dbname", self._dsn(postgres.DATABASE))

    def restore(self) -> App:
        with postgres.connect(self.site.layout) as connection:
            connection.execute(f'CREATE DATABASE "{self.name}" OWNER {postgres.OWNER} TEMPLATE template0')
        self._run("pg_restore", "--exit-on-error", "--dbname", self._dsn(self.name), str(self.folder / "dcctl.dump"))
        return self.app(self.name)

    def app(self, database: str, clouds_yaml: Path | None = None) -> App:
        layout = self.site.layout
        return App(
            Settings(
                database=Database(application=layout.url(database, postgres.APPLICATION)),
                cloud=CloudSettings(clouds_yaml=clouds_yaml or layout.etc / "clouds.yaml", region=REGION),
                worker=Worker(state_dir=self.folder / "worker"),
            )
        )

    @contextmanager
    def spoiled(self, compute: str) -> Iterator[tuple[App, Proxy]]:
        """dcctl over the restored database, with a proxy before Nova that spoils its answers."""
        own = YAML(typ="safe").load((self.site.layout.etc / "clouds.yaml").read_text())["clouds"]["dcctl-admin"]
        with faulty(compute) as proxy:
            file = self.folder / "spoiled.yaml"
            file.touch(mode=0o600)
            file.write_text(json.dumps({"clouds": {"dcctl-admin": own | {"compute_endpoint_override": proxy.url}}}))
            app = self.app(self.name, file)
            try:
                yield app, proxy
            finally:
                app.close()

    def _dsn(self, database: str) -> str:
        return self.site.layout.dsn(database, postgres.SUPERUSER)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run([str(postgres.program(program)), *arguments], capture_output=True, text=True, env=postgres.environment(), check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def drill(site: RunningSite, tmp_path: Path) -> Iterator[Drill]:
    made = Drill(site=site, name=f"dcctl_drill_{os.getpid()}", folder=tmp_path)
    yield made
    with postgres.connect(site.layout) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{made.name}" WITH (FORCE)')


def of(ministry: Ministry, items: list[dict[str, Any]]) -> set[tuple[str, str, int | None, int | None]]:
    """Name, what, expected and found of the administration's differences; ids are left out of what."""
    mine = [item for item in items if item["administration"] == ministry.code]
    return {(item["name"], item["item"].split(" ")[0], item["expected"], item["found"]) for item in mine}


def test_what_is_done_beside_dcctl_is_named_and_a_restored_backup_touches_nothing(
    ministry: Ministry, connect: Connect, drill: Drill, by_hand: ByHand
):
    site = ministry.site
    ministry.provide("avant", **BARE)

    drill.dump()
    present = drill.app(postgres.DATABASE)
    ending = ministry.decommission("avant")
    made = ministry.provide("apres", **SMALL)
    ended = ministry.ended(ending)
    assert ended["state"] == "fulfilled", ended["error"]
    regions.watch(present)
    present.close()

    # In Horizon's stead.
    tenant = connect(ministry.agent, made["project_id"])
    (server,) = tenant.compute.servers(details=False)
    by_hand(made["project_id"])
    site.openstack("quota", "set", "--cores", "40", "--ram", "20480", made["project_id"])
    _the_watcher_would_say_so(ministry, made["project_id"])
    tenant.compute.delete_server(server.id)
    tenant.compute.wait_for_delete(server)
    network = next(tenant.network.networks(project_id=made["project_id"]))
    image = next(tenant.image.images(name="cirros"))
    flavor = tenant.compute.find_flavor("m1.xlarge")  # more than was allocated
    intruder = tenant.compute.create_server(name="intrus", image_id=image.id, flavor_id=flavor.id, networks=[{"uuid": network.id}])
    tenant.compute.wait_for_server(intruder)

    found = site.answer("operator", "reconcile")["items"]

    assert of(ministry, found) == {
        ("limit_mismatch", "cores", QUOTA["cores"], 40), ("limit_mismatch", "ram", QUOTA["ram"], 20480),
        ("missing_resource", "server", None, None), ("foreign_resource", "server", None, None),
    }  # fmt: skip
    details = {item["name"]: item["item"] for item in found if item["administration"] == ministry.code}
    assert details["foreign_resource"] == f"server {intruder.id}"
    assert details["missing_resource"] == f"server {server.name}"
    assert any(item["name"] == "capacity_overpromised" for item in found), "the tests declare more than the trial cloud has"
    assert site.limits(made["project_id"])["cores"] == 40, "without --apply nothing is written"
    assert site.dcctl(ministry.lead, "reconcile").returncode == 3
    assert site.dcctl(ministry.lead, "discrepancy", "list").returncode == 3

    restored = drill.restore()
    try:
        assert regions.watch(restored) is True, "the ledger is behind what was seen of it"
        with pytest.raises(DcctlError) as refused:
            reconciling.ask(restored, OPERATOR, apply=True)
        assert refused.value.code == "DCCTL-560"
        _compared(restored)
        named = discrepancies.listing(restored, administration=ministry.code, limit=1000)["items"]
        asked = restored.cloud().requests()
        assert {method for _, method, _ in asked} == {"GET"}, "nothing is written, nothing deleted"
        _each_is_answered(ministry, restored, named)
        usage = {item["item"]: item["found"] for item in named if item["name"] == "unowned_usage"}
        assert (usage["instances"], usage["cores"], usage["ram"], usage["networks"]) == (1, 8, 16384, 1)
        assert {(name, item) for name, item, _, _ in of(ministry, named)} == {
            ("missing_resource", "project"), ("orphan_project", ""), *(("unowned_usage", resource) for resource in usage),
        }  # fmt: skip
        _a_spoiled_answer_ends_nothing(ministry, drill, connect)
    finally:
        restored.close()
    assert tenant.compute.get_server(intruder.id).status == "ACTIVE"
    _a_shrink_waits_for_use(ministry, drill.app(postgres.DATABASE), tenant, intruder, made["project_id"])


def _the_watcher_would_say_so(ministry: Ministry, project_id: str) -> None:
    """The eyes that look at the site for the whole run see each limit above the ledger, and who has a role."""
    with Eyes(ministry.site.layout) as eyes:
        seen = eyes.look(only=project_id)
    assert {said.partition(" at ")[0] for said in seen.broken} >= {
        f"{ministry.code}/apres cores: limit 40, allocated {QUOTA['cores']}", f"{ministry.code}/apres ram: limit 20480, allocated {QUOTA['ram']}",
    }  # fmt: skip
    assert (seen.projects, seen.peopled) == (1, 1)


def _compared(app: App) -> None:
    """What the worker does with a comparison that was asked for."""
    number = reconciling.ask(app, OPERATOR, apply=False)["number"]
    reconciling.run(app, number)
    with app.reading() as session:
        row = session.get_one(Reconciliation, number)
    assert row.state == "done", row.error


def _each_is_answered(ministry: Ministry, app: App, named: list[dict[str, Any]]) -> None:
    """A person explains what is right, resolves what is done with; nothing of the administration is open then."""
    verbs = Counter[str]()
    for item in named:
        state = discrepancies.EXPLAINED if item["name"] == "orphan_project" else discrepancies.RESOLVED
        done = discrepancies.say(app, OPERATOR, item["number"], state, SayIn(reason="après la sauvegarde, exercice de restauration"))
        verbs[done["state"]] += 1
    assert verbs["explained"] == 1
    assert discrepancies.listing(app, state="open", administration=ministry.code)["items"] == []


def _a_spoiled_answer_ends_nothing(ministry: Ministry, drill: Drill, connect: Connect) -> None:
    """What rests on a source that answers 500, half a list or an empty one stays as it was; the source is named."""
    compute = connect().compute.get_endpoint()
    for fault in ("500", "cut short", "empty list"):
        with drill.spoiled(compute) as (app, proxy):
            before = _of_compute(ministry, app)
            proxy.fault = fault
            reconciling.compare(app)
            assert proxy.spoiled > 0
            assert _of_compute(ministry, app) == before != set()
            stale = discrepancies.listing(app, name="stale_source")["items"]
            assert [item["subject"] for item in stale] == ["compute"], fault


def _of_compute(ministry: Ministry, app: App) -> set[tuple[str, str, Any]]:
    """Number, what and last seen of the unowned use of servers; what was resolved by hand comes again first."""
    items = discrepancies.listing(app, name="unowned_usage", administration=ministry.code)["items"]
    if not items:
        reconciling.compare(app)
        items = discrepancies.listing(app, name="unowned_usage", administration=ministry.code)["items"]
    return {(item["number"], item["item"], item["last_seen"]) for item in items if item["item"] in ("instances", "cores", "ram")}


def _a_shrink_waits_for_use(ministry: Ministry, app: App, tenant: Any, server: Any, project_id: str) -> None:
    """Written from the ledger, but not below use; once the use has fallen it is tried again, and the difference is over."""
    outcome = reconciling.write(app, f"{ministry.code}/apres")
    assert "cores: blocked_by_usage (40 → 6: 40)" in outcome, outcome
    reconciling.compare(app, [project_id])
    blocked = discrepancies.listing(app, name="limit_mismatch", administration=ministry.code)["items"]
    assert {(item["item"], item["detail"], item["found"]) for item in blocked} == {
        ("cores", "blocked_by_usage", 40), ("ram", "blocked_by_usage", 20480)
    }  # fmt: skip
    auditing.shrink_again(app)
    assert _cores_and_ram(ministry, project_id) == (40, 20480), "its use has not changed"

    tenant.compute.delete_server(server.id)
    tenant.compute.wait_for_delete(server)

    def over() -> bool:
        auditing.shrink_again(app)  # the site's worker does so, too, every five minutes: then nothing is left to do for this one
        named = discrepancies.listing(app, name="limit_mismatch", administration=ministry.code)["items"]
        return (_cores_and_ram(ministry, project_id), named) == ((QUOTA["cores"], QUOTA["ram"]), [])

    ministry.site.until(over, "its limits are the ledger's, and no difference is open", seconds=120, pause=2)
    app.close()


def _cores_and_ram(ministry: Ministry, project_id: str) -> tuple[int | None, int | None]:
    """The limits that OpenStack enforces."""
    limits = ministry.site.limits(project_id)
    return limits["cores"], limits["ram"]

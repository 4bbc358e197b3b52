"""Whoever dies or freezes, one worker at a time has an environment: two workers with short leases on a real cloud, and what people see of it."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from dcctl.provisioner import processes as provisioner
from infra.site import postgres
from infra.site.layout import REGION
from stacks import naming
from tests.acceptance.main_job.conftest import Connect, Ministry
from tests.acceptance.main_job.witness import things
from tests.acceptance.main_job.workers import Workers, in_place_of_its_own
from tests.site import RunningSite

#: Long enough that a machine which others keep busy does not lose one by itself.
LEASE_SECONDS = 8.0
#: No servers: what is made here is made in a few seconds.
BARE = {"servers": [], "quota": {"networks": 1, "routers": 1, "floatingips": 1}}
ONE_SERVER = {"servers": [{"name": "web", "flavor": "m1.small", "image": "cirros"}]}


@pytest.fixture
def workers(site_alone: RunningSite) -> Iterator[Workers]:
    """Two workers with short leases, in the place of the site's own."""
    with in_place_of_its_own(site_alone, "worker-a", "worker-b", more={"DCCTL_WORKER__LEASE_SECONDS": str(LEASE_SECONDS)}) as both:
        yield both


def asked(mine: Ministry, name: str, **changes: object) -> str:
    """A request that is approved."""
    number = str(mine.site.answer(mine.agent, "request", "submit", str(mine.spec(name, **changes)))["number"])
    mine.site.until(lambda: mine.site.answer(mine.agent, "request", "show", number)["state"] == "in_review", "in review", seconds=90)
    mine.approve(number)
    return number


def parts(mine: Ministry, name: str, *layers: naming.Layer) -> list[int]:
    """Everything that runs for the environment's stacks now: for its workload, unless other layers are named."""
    stacks = [naming.stack_name(REGION, mine.code, name, layer) for layer in layers or ("workload",)]
    return [pid for stack in stacks for pid in provisioner.marked("DCCTL_STACK", stack)]


def guardians(pids: list[int]) -> list[int]:
    return [pid for pid in pids if provisioner.is_guardian(pid)]


def at_work(workers: Workers, mine: Ministry, name: str, *, processes: int = 1) -> tuple[str, list[int]]:
    """As soon as so many processes make the environment's workload: which worker has it, and the guardian of what runs."""
    found: list[tuple[str, list[int]]] = []

    def seen() -> bool:
        running = parts(mine, name)
        if len(running) >= processes and (watching := guardians(running)) and (holder := workers.holder(mine.code, name)):
            found.append((holder, watching))
        return bool(found)

    mine.site.until(seen, f"the workload of {name} is being made", seconds=240, pause=0.05)
    return found[0]


def events(mine: Ministry, number: str, kind: str) -> list[dict[str, object]]:
    return [event for event in mine.site.answer(mine.lead, "request", "show", number)["events"] if event["kind"] == kind]


def test_a_frozen_worker_loses_its_environment_and_writes_nothing_when_it_wakes(workers: Workers, ministry: Ministry, connect: Connect):
    site, admin = ministry.site, connect()
    number = asked(ministry, "recette", **ONE_SERVER)
    frozen, watching = at_work(workers, ministry, "recette", processes=4)  # the engine and its provider, too

    os.kill(workers.started[frozen], signal.SIGSTOP)
    for guardian in watching:
        os.kill(guardian, signal.SIGSTOP)
    site.until(lambda: workers.holder(ministry.code, "recette") not in (None, frozen), "the other worker has it", seconds=120, pause=0.2)
    ended = ministry.ended(number)
    os.kill(workers.started[frozen], signal.SIGCONT)
    site.until(lambda: "lease_lost" in workers.log(frozen), "the frozen one noticed", seconds=120)

    assert ended["state"] == "fulfilled", ended["error"]
    assert events(ministry, number, "requeued")[0]["attempt"] == 1
    assert len(events(ministry, number, "succeeded")) == 1
    found = things(admin, ministry.environment("recette")["project_id"])
    assert {kind: len(ids) for kind, ids in found.items() if kind in ("servers", "networks", "subnets", "routers")} == {
        "servers": 1, "networks": 1, "subnets": 1, "routers": 1,
    }  # fmt: skip
    assert {resource: item["allocated"] for resource, item in site.quota(ministry.lead).items() if item["allocated"]} == {
        resource: amount for resource, amount in ended["demand"].items() if amount
    }
    assert workers.living(frozen)
    assert parts(ministry, "recette") == []


def test_a_killed_worker_is_succeeded_once_its_lease_has_lapsed_and_a_drained_one_ends_what_it_does(workers: Workers, ministry: Ministry):
    """How soon is measured by `make bench` (recovery after kill -9)."""
    site = ministry.site
    number = asked(ministry, "portail", **BARE)
    killed, watching = at_work(workers, ministry, "portail")
    for pid in (workers.started[killed], *watching):
        with suppress(ProcessLookupError):  # a guardian ends with its worker
            os.kill(pid, signal.SIGKILL)
    site.until(lambda: len(events(ministry, number, "running")) >= 2, "the other one has begun", seconds=120, pause=0.2)
    assert events(ministry, number, "requeued")[0]["why"] == "lapsed"
    [left] = [name for name in workers.started if name != killed]

    os.kill(workers.started[left], signal.SIGTERM)
    ended = ministry.ended(number)

    assert ended["state"] == "fulfilled", ended["error"]
    site.until(lambda: not workers.living(left), "the drained worker has ended", seconds=120)
    assert "ended" in workers.log(left)


def test_a_running_operation_that_is_cancelled_ends_in_order_and_a_retry_continues(ministry: Ministry):
    site = ministry.site
    number = asked(ministry, "xroad", **BARE)
    operation = site.answer(ministry.lead, "request", "show", number)["operation"]
    site.until(lambda: bool(parts(ministry, "xroad", *naming.LAYERS)), "it is being made", seconds=240, pause=0.05)

    site.answer(ministry.agent, "operation", "cancel", operation)  # by a fork, which needs no second: all of it takes but a few

    ended = ministry.ended(number)
    assert (ended["state"], site.answer(ministry.agent, "operation", "show", operation)["state"]) == ("failed", "cancelled")
    assert parts(ministry, "xroad", *naming.LAYERS) == []
    site.answer(ministry.lead, "operation", "retry", operation)
    again = ministry.ended(number)
    assert again["state"] == "fulfilled", again["error"]
    assert ministry.environment("xroad")["state"] == "active"


def test_maintenance_is_the_operators_to_begin_and_is_said_to_whoever_asks(site_alone: RunningSite, ministry: Ministry):
    """That nothing begins before its end is shown beside the queue's own functions (tests/integration/workflow/test_stalled.py)."""
    site = ministry.site
    try:
        assert site.answer("operator", "maintenance", "on", "--reason", "mise à jour de Neutron")["on"] is True
        assert site.dcctl(ministry.agent, "maintenance", "off").returncode == 3
        assert "mise à jour de Neutron" in site.dcctl(ministry.agent, "status", lang="fr").stdout
        submitted = site.dcctl(ministry.agent, "request", "submit", str(ministry.spec("calme", **BARE)), lang="fr")
        assert submitted.returncode == 0, submitted.stderr
        assert "mise à jour de Neutron" in submitted.stderr
    finally:
        assert site.answer("operator", "maintenance", "off")["on"] is False
    assert "mise à jour de Neutron" not in site.dcctl(ministry.agent, "status", lang="fr").stdout


def test_the_fence_stands_in_the_sites_own_database_of_the_engines_state(site: RunningSite):
    write = "INSERT INTO pulumi_state (key, data) VALUES ('.pulumi/stacks/dcctl/cotonou.min-sante.personne.workload.json', '{}')"
    with postgres.connect(site.layout, postgres.ENGINE_DATABASE) as connection:
        connection.execute("INSERT INTO dcctl_fence (stack, token) VALUES ('cotonou.min-sante.personne.workload', 7)")
        try:
            with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="fenced: no token"):
                connection.execute(write)
        finally:
            connection.execute("DELETE FROM dcctl_fence WHERE stack = 'cotonou.min-sante.personne.workload'")

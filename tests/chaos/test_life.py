"""One environment through its life: planned, changed in place, drifted and repaired, its state lost and rebuilt by hand, shrunk, stopped at its end
and renewed; OpenStack's own clients look at what becomes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from infra.site import postgres
from infra.site.layout import REGION
from stacks import naming
from tests.acceptance.main_job.conftest import QUOTA, Connect, Ministry
from tests.acceptance.main_job.test_changes import GROWN, MORE, NAME, WEB, approved, asked, ops, reviewed, spec
from tests.acceptance.provisioner.world import WITNESS_WARNINGS
from tests.chaos.conftest import Agree

pytestmark = WITNESS_WARNINGS

#: It starts from a volume, and would share its machine with no other of its kind.
CACHE = {"name": "cache", "flavor": "m1.tiny", "image": "cirros", "placement": "strict", "boot_volume": {"size": 1}}


def lose_state(ministry: Ministry) -> None:
    """The engine's state of the workload is gone, as by somebody's mistake in its database."""
    stack = naming.stack_name(REGION, ministry.code, NAME, "workload")
    with postgres.connect(ministry.site.layout, postgres.ENGINE_DATABASE) as connection:
        connection.execute("SET session_replication_role = replica")  # past the fence
        assert connection.execute("DELETE FROM pulumi_state WHERE key LIKE %s", (f"%/{stack}.json",)).rowcount == 1


def test_an_environment_changes_in_place_drifts_is_repaired_shrinks_ends_and_is_renewed(ministry: Ministry, connect: Connect, agree: Agree) -> None:
    site = ministry.site
    project = ministry.provide(NAME, servers=[WEB])["project_id"]
    cloud = connect()

    def servers() -> dict[str, Any]:
        return {server.name.rpartition(f"{NAME}-")[2]: server for server in cloud.compute.servers(all_projects=True, project_id=project)}

    def volumes(kind: str = "-data-1") -> list[tuple[str, int, str]]:
        found = cloud.block_storage.volumes(all_projects=True, project_id=project)
        return [(volume.id, volume.size, volume.status) for volume in found if volume.name.endswith(kind)]

    def rules() -> set[int]:
        groups = {group.id for group in cloud.network.security_groups(project_id=project) if group.name != "default"}
        found = cloud.network.security_group_rules(project_id=project, direction="ingress")
        return {rule.port_range_min for rule in found if rule.security_group_id in groups}

    web, ((disk, _, _),) = servers()["web-1"].id, volumes()

    # -- nothing to change when all is well, and a plan of what an edited spec would do
    assert site.answer(ministry.agent, "environment", "plan", NAME)["steps"] == []
    grown = spec(ministry, [GROWN, CACHE], MORE)
    plan = site.answer(ministry.agent, "environment", "plan", NAME, str(grown))
    assert ops(plan["steps"]) == {
        ("make", "server-cache-1"), ("make", "port-cache-1"), ("make", "group-cache"), ("make", "rule-web-tcp-80-0.0.0.0_0"),
        ("make", "boot-cache-1"), ("make", "placement-cache"), ("make", "address-web-1"), ("make", "association-web-1"),
        ("change", "server-web-1"), ("change", "volume-web-1-1"), ("destroy", "rule-web-tcp-443-0.0.0.0_0"),
    }  # fmt: skip
    assert {step["name"]: step["properties"].get("size") for step in plan["steps"] if step["op"] == "change"}["volume-web-1-1"] == [1, 3]
    assert plan["quota"] == {"cores": [6, 8], "ram": [12288, 10240]}
    assert set(servers()) == {"web-1"}

    # -- the change that it was a plan of
    number = asked(ministry, grown)
    request = reviewed(ministry, number)
    assert (request["kind"], request["state"], request["digest"], request["demand"]) == ("change", "in_review", plan["digest"], {"cores": 2})
    unsaid = site.dcctl(ministry.lead, "request", "approve", number, "--digest", plan["digest"], "--reason", "conforme", lang="en")
    assert (unsaid.returncode, "DCCTL-314" in unsaid.stderr, "ram 12288" in unsaid.stderr) == (5, True, True)
    approved(ministry, number, "--confirm", NAME)

    assert (set(servers()), servers()["web-1"].id) == ({"web-1", "cache-1"}, web)
    assert {name: (server.status, server.flavor.original_name) for name, server in servers().items()} == {
        "web-1": ("ACTIVE", "m1.small"), "cache-1": ("ACTIVE", "m1.tiny"),
    }  # fmt: skip
    assert volumes() == [(disk, 3, "in-use")]
    assert rules() == {80}
    assert len(list(cloud.network.ips(project_id=project))) == 1
    quota = site.quota(ministry.agent, f"{ministry.code}/{NAME}")
    limits = site.limits(project)
    assert {resource: row["allocated"] for resource, row in quota.items() if row["allocated"]} == MORE
    assert {resource: limits[resource] for resource in MORE} == MORE
    assert site.answer(ministry.agent, "environment", "plan", NAME)["steps"] == []

    agree()

    # -- somebody changes it beside dcctl
    [rule] = [rule for rule in cloud.network.security_group_rules(project_id=project, direction="ingress") if rule.port_range_min == 80]
    cloud.network.delete_security_group_rule(rule.id)
    cloud.compute.delete_server(servers()["cache-1"].id)
    site.until(lambda: "cache-1" not in servers(), "the server is gone")
    drifted = site.answer(ministry.agent, "environment", "drift", NAME)["items"]
    assert {item["item"] for item in drifted} >= {"rule-web-tcp-80-0.0.0.0_0", "server-cache-1"}
    assert {item["state"] for item in site.answer(ministry.lead, "environment", "accept", NAME, "--reason", "essai")["items"]} == {"explained"}
    repair = str(site.answer(ministry.agent, "environment", "repair", NAME, "--reason", "remise en état")["number"])
    assert ministry.ended(repair, seconds=400)["state"] == "fulfilled"
    assert (set(servers()), rules()) == ({"web-1", "cache-1"}, {80})
    assert site.answer(ministry.agent, "environment", "drift", NAME)["items"] == []

    agree()

    # -- what the engine knows is lost, and an operator has it read from the cloud
    lose_state(ministry)
    before = {name: (server.id, server.updated_at) for name, server in servers().items()}
    shown = site.dcctl("operator", "operation", "repair", f"{ministry.code}/{NAME}", "--reason", "essai", lang="en")
    assert (shown.returncode, "DCCTL-662" in shown.stderr, "server-cache-1" in shown.stderr or "cache-1" in shown.stderr) == (2, True, True)
    digest = shown.stderr.partition("--digest is required: ")[2].split(".")[0]
    operation = str(site.answer("operator", "operation", "repair", f"{ministry.code}/{NAME}", "--digest", digest, "--reason", "essai")["id"])
    site.until(lambda: site.answer("operator", "operation", "show", operation)["state"] == "succeeded", "the state is rebuilt", seconds=240, pause=1)
    assert {name: (server.id, server.updated_at) for name, server in servers().items()} == before
    # What a look at things does not tell, tags, is all that the next run would write.
    assert {op for op, _ in ops(site.answer(ministry.agent, "environment", "plan", NAME)["steps"])} <= {"change"}

    agree()

    # -- data volumes are protected
    bare = ministry.spec(NAME, servers=[{key: value for key, value in GROWN.items() if key != "volumes"}], quota=QUOTA, kept_volumes=[])
    refused = site.dcctl(ministry.agent, "request", "submit", str(bare), lang="en")
    assert (refused.returncode, "DCCTL-313" in refused.stderr, f"{NAME}-web-1-data-1" in refused.stderr) == (5, True, True)
    assert f"{NAME}-cache-1-boot" in refused.stderr
    number = asked(ministry, bare, "--confirm", NAME)
    assert {("destroy", "volume-web-1-1"), ("destroy", "server-cache-1")} <= ops(reviewed(ministry, number)["steps"])
    approved(ministry, number, "--confirm", NAME)
    assert (set(servers()), volumes()) == ({"web-1"}, [])
    assert {resource: site.limits(project)[resource] for resource in QUOTA} == QUOTA
    assert site.quota(ministry.agent)["cores"]["held"] == 0

    agree()

    # -- its end, by the database's clock
    def ends(moment: datetime) -> None:
        with postgres.connect(site.layout, postgres.DATABASE) as connection:
            connection.execute("UPDATE environment SET expires_at = %s WHERE project_id = %s", (moment, project))

    ends(datetime.now(UTC) - timedelta(minutes=1))
    site.until(lambda: ministry.environment(NAME)["state"] == "stopped", "its end has stopped it", seconds=300, pause=3)
    assert servers()["web-1"].status == "SHUTOFF"
    number = str(site.answer(ministry.agent, "request", "extend", NAME, "--duration", "6 months", "--reason", "phase 2")["number"])
    approved(ministry, number)
    site.until(lambda: servers()["web-1"].status == "ACTIVE", "it runs again", pause=1)
    renewed = ministry.environment(NAME)
    assert renewed["state"] == "active"
    assert datetime.fromisoformat(renewed["expires_at"]) > datetime.now(UTC) + timedelta(days=170)
    agree()

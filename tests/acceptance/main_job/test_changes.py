"""An environment is planned anew and changed in place; OpenStack's own clients look at what became of it."""

from pathlib import Path
from typing import Any

from tests.acceptance.main_job.conftest import QUOTA, Connect, Ministry
from tests.acceptance.provisioner.world import WITNESS_WARNINGS

pytestmark = WITNESS_WARNINGS

NAME = "registre"
WEB: dict[str, Any] = {
    "name": "web", "flavor": "m1.tiny", "image": "cirros", "ports": [443], "volumes": [{"size": 1, "type": "ssd"}],
}  # fmt: skip
CACHE = {"name": "cache", "flavor": "m1.tiny", "image": "cirros"}
#: A larger flavor, a port less and one more, an address, a volume that grows, another server, more cores, less memory than it was granted.
GROWN = WEB | {"flavor": "m1.small", "ports": [80], "floating_ip": True, "volumes": [{"size": 3, "type": "ssd"}]}
MORE = QUOTA | {"cores": 8, "ram": 10240}


def spec(ministry: Ministry, servers: list[dict[str, Any]], quota: dict[str, int]) -> Path:
    return ministry.spec(NAME, servers=servers, quota=quota)


def asked(ministry: Ministry, path: Path, *more: str) -> str:
    return str(ministry.site.answer(ministry.agent, "request", "submit", str(path), *more)["number"])


def shown(ministry: Ministry, number: str) -> dict[str, Any]:
    found: dict[str, Any] = ministry.site.answer(ministry.lead, "request", "show", number)
    return found


def reviewed(ministry: Ministry, number: str) -> dict[str, Any]:
    ministry.site.until(lambda: shown(ministry, number)["state"] != "submitted", f"{number} is examined", seconds=300)
    return shown(ministry, number)


def approved(ministry: Ministry, number: str, *more: str) -> dict[str, Any]:
    digest = reviewed(ministry, number)["digest"]
    ministry.site.answer(ministry.lead, "request", "approve", number, "--digest", digest, "--reason", "conforme", *more)
    ended = ministry.ended(number, seconds=400)
    assert ended["state"] == "fulfilled", ended["error"]
    return ended


def ops(steps: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(step["op"], step["name"]) for step in steps}


def test_an_environment_changes_in_place_as_its_plan_said(ministry: Ministry, connect: Connect) -> None:
    site = ministry.site
    project = ministry.provide(NAME, servers=[WEB])["project_id"]
    cloud = connect()

    def servers() -> dict[str, Any]:
        return {server.name.rpartition(f"{NAME}-")[2]: server for server in cloud.compute.servers(all_projects=True, project_id=project)}

    def volumes() -> list[tuple[str, int, str]]:
        return [(volume.id, volume.size, volume.status) for volume in cloud.block_storage.volumes(all_projects=True, project_id=project)]

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
        ("make", "address-web-1"), ("make", "association-web-1"),
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

    # -- somebody changes it beside dcctl: found, said to be known, brought back
    [rule] = [rule for rule in cloud.network.security_group_rules(project_id=project, direction="ingress") if rule.port_range_min == 80]
    cloud.network.delete_security_group_rule(rule.id)
    drifted = site.answer(ministry.agent, "environment", "drift", NAME)["items"]
    assert [(item["item"], item["state"]) for item in drifted] == [("rule-web-tcp-80-0.0.0.0_0", "open")]
    assert rules() == set()
    accepted = site.answer(ministry.lead, "environment", "accept", NAME, "--reason", "audit, note 118")["items"]
    assert [(item["state"], item["reason"]) for item in accepted] == [("explained", "audit, note 118")]
    repair = str(site.answer(ministry.agent, "environment", "repair", NAME, "--reason", "remise en état")["number"])
    assert ministry.ended(repair, seconds=400)["state"] == "fulfilled"
    assert rules() == {80}
    assert site.answer(ministry.agent, "environment", "drift", NAME)["items"] == []

    # -- a server lets go of its volume: it stays, named and counted, and goes on at another server
    bare_web = {key: value for key, value in GROWN.items() if key != "volumes"}
    without = ministry.spec(NAME, servers=[bare_web, CACHE], quota=MORE)
    plan = site.answer(ministry.agent, "environment", "plan", NAME, str(without))
    assert ops(plan["steps"]) == {("keep", "volume-web-1-1"), ("destroy", "attachment-web-1-1")}
    small = ministry.spec(NAME, servers=[CACHE], quota=MORE | {"volumes": 0})
    refused = site.dcctl(ministry.agent, "request", "submit", str(small), lang="en")
    assert (refused.returncode, "web-1-data-1" in refused.stderr, "kept_volumes" in refused.stderr) == (2, True, True)
    approved(ministry, asked(ministry, ministry.spec(NAME, servers=[bare_web, CACHE], quota=MORE)))
    assert volumes() == [(disk, 3, "available")]
    assert ministry.environment(NAME)["kept_volumes"] == ["web-1-data-1"]
    assert site.limits(project)["gigabytes_ssd"] == MORE["gigabytes_ssd"]
    moved = {**CACHE, "volumes": [{"size": 3, "name": "web-1-data-1"}]}
    number = asked(ministry, ministry.spec(NAME, servers=[bare_web, moved], quota=MORE))
    assert ops(reviewed(ministry, number)["steps"]) == {("make", "attachment-web-1-data-1")}
    approved(ministry, number)
    assert volumes() == [(disk, 3, "in-use")]
    assert {a["server_id"] for a in cloud.block_storage.get_volume(disk).attachments} == {servers()["cache-1"].id}
    assert site.answer(ministry.agent, "environment", "plan", NAME)["steps"] == []

    # -- it is given back by a written word only, and the plan says what that is
    gone = ministry.spec(NAME, servers=[bare_web, CACHE], quota=MORE, kept_volumes=[])
    lost = [step["name"] for step in site.answer(ministry.agent, "environment", "plan", NAME, str(gone))["steps"] if step["data"]]
    assert lost == ["volume-web-1-1"]
    refused = site.dcctl(ministry.agent, "request", "submit", str(gone), lang="en")
    assert (refused.returncode, "DCCTL-313" in refused.stderr, f"{NAME}-web-1-data-1" in refused.stderr) == (5, True, True)
    number = asked(ministry, gone, "--confirm", NAME)
    approved(ministry, number, "--confirm", NAME)
    assert volumes() == []

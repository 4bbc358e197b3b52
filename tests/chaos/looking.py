"""What is there, as openstacksdk says it and as the engine's database says it: dcctl's own code is not asked."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

from stacks import tokens
from stacks.plan import Resolved
from tests.chaos.judging import Item

_ROUTERS = "network:router_interface"
#: Of the ports that services make for themselves.
_SERVICE = ("network:dhcp", "network:router_gateway", "network:floatingip", "network:distributed")
_AT_REST = {"ACTIVE", "SHUTOFF"}


def workload(admin: Any, project_id: str, resolved: Resolved) -> list[Item]:
    """Everything in the project, in all services; of what Neutron makes by itself (default group, egress rules) nothing."""
    volumes = list(admin.block_storage.volumes(all_projects=True, project_id=project_id))
    found = [*_servers(admin, project_id, resolved, volumes), *_volumes(admin, project_id, volumes)]
    return [*found, *_network(admin, project_id), *_others(admin, project_id)]


def _servers(admin: Any, project_id: str, resolved: Resolved, volumes: list[Any]) -> Iterator[Item]:
    ports = {port.device_id: port.id for port in admin.network.ports(project_id=project_id) if str(port.device_owner).startswith("compute")}
    booted = {place["server_id"]: volume.id for volume in volumes for place in volume.attachments if volume.is_bootable}
    for server in admin.compute.servers(all_projects=True, project_id=project_id):
        busy = "" if server.status in _AT_REST and not server.task_state else f"{server.status} {server.task_state or ''}".strip()
        flavor = resolved.flavor_ids.get(server.flavor.original_name)
        facts = {"flavor_id": flavor, "port": ports.get(server.id), "boot_volume": booted.get(server.id)}
        yield Item(type=tokens.SERVER, id=server.id, name=server.name, facts=facts, busy=busy)
    for group in admin.compute.server_groups(all_projects=True):
        if group.project_id == project_id:
            yield Item(type=tokens.SERVER_GROUP, id=group.id, name=group.name)


def _volumes(admin: Any, project_id: str, volumes: list[Any]) -> Iterator[Item]:
    for volume in volumes:
        busy = "" if volume.status in ("available", "in-use") else volume.status
        yield Item(type=tokens.VOLUME, id=volume.id, name=volume.name, facts={"size": volume.size, "type": volume.volume_type}, busy=busy)
        for place in volume.attachments:
            if not volume.is_bootable:  # what a server starts from is attached by its making
                yield Item(type=tokens.VOLUME_ATTACHMENT, id=f"{place['server_id']}/{volume.id}")
    for snapshot in admin.block_storage.snapshots(all_projects=True, project_id=project_id):
        yield Item(type="", id=snapshot.id, name=snapshot.name or "")


def _network(admin: Any, project_id: str) -> Iterator[Item]:
    network, mine = admin.network, {"project_id": project_id}
    for found in network.networks(**mine):
        yield Item(type=tokens.NETWORK, id=found.id, name=found.name, busy="" if found.status == "ACTIVE" else found.status)
    for subnet in network.subnets(**mine):
        yield Item(type=tokens.SUBNET, id=subnet.id, name=subnet.name, facts={"cidr": subnet.cidr, "network": subnet.network_id})
    for router in network.routers(**mine):
        yield Item(type=tokens.ROUTER, id=router.id, name=router.name)
    for port in network.ports(**mine):
        if port.device_owner == _ROUTERS:
            [place] = port.fixed_ips
            yield Item(type=tokens.ROUTER_INTERFACE, id=port.id, facts={"router": port.device_id, "subnet": place["subnet_id"]})
        elif port.device_owner not in _SERVICE:
            yield Item(
                type=tokens.PORT, id=port.id, name=port.name, facts={"network": port.network_id, "groups": tuple(port.security_group_ids)},
                busy="" if port.device_id else "bound to nothing",
            )  # fmt: skip
    # All of them, looked through here: asked for those of one project, Neutron would make its default group anew.
    groups = [group for group in network.security_groups() if group.project_id == project_id and group.name != "default"]
    for group in groups:
        yield Item(type=tokens.SECURITY_GROUP, id=group.id, name=group.name)
        for rule in network.security_group_rules(security_group_id=group.id, direction="ingress"):
            facts = {"group": group.id, "protocol": rule.protocol, "port": rule.port_range_min, "source": rule.remote_ip_prefix or "0.0.0.0/0"}
            yield Item(type=tokens.SECURITY_GROUP_RULE, id=rule.id, facts=facts)
    for address in network.ips(**mine):
        yield Item(type=tokens.FLOATING_IP, id=address.id)
        if address.port_id:
            yield Item(type=tokens.FLOATING_IP_ASSOCIATION, id=address.id, facts={"port": address.port_id})


def _others(admin: Any, project_id: str) -> Iterator[Item]:
    for image in admin.image.images(owner=project_id):
        if image.owner_id == project_id:
            yield Item(type="", id=image.id, name=image.name or "")


def tenant(admin: Any, resolved: Resolved, group: str) -> list[Item]:
    """Projects and groups of the environment's names in its administration's domain, and the build user's roles on such a project."""
    domain = resolved.domain_id
    projects = [project for project in admin.identity.projects(domain_id=domain) if project.name == resolved.environment]
    found = [Item(type=tokens.PROJECT, id=project.id, name=project.name) for project in projects]
    found += [Item(type=tokens.GROUP, id=one.id, name=one.name) for one in admin.identity.groups(domain_id=domain) if one.name == group]
    for project in projects:
        for one in admin.identity.role_assignments(scope_project_id=project.id, user_id=resolved.build_user_id):
            # As the engine names a role of a user on a project: domain, project, group, user and role.
            found.append(Item(type=tokens.ROLE_ASSIGNMENT, id=f"/{project.id}//{resolved.build_user_id}/{one.role['id']}"))
    return found


def credentials(admin: Any) -> list[str]:
    """Names of the credentials of both service users."""
    users = [user.id for name in ("dcctl-admin", "dcctl-build") for user in admin.identity.users(name=name)]
    found = [admin.identity.get(f"/users/{user}/application_credentials").json()["application_credentials"] for user in users]
    return [str(one["name"]) for known in found for one in known]


def recorded(engine: psycopg.Connection[Any], stack: str) -> tuple[dict[str, str], list[str]]:
    """Ids in the engine's state by logical name, and what is wrong about it: things begun or half deleted, a lock that nobody holds any more."""
    rows = engine.execute("SELECT data FROM pulumi_state WHERE key LIKE %s", (f"%.pulumi/stacks/dcctl/{stack}.json",)).fetchall()
    latest: Mapping[str, Any] = {}
    for (data,) in rows:
        latest = json.loads(base64.b64decode(data["data"])).get("checkpoint", {}).get("latest") or {}
    ids, wrong = {}, []
    for resource in latest.get("resources") or ():
        name = resource["urn"].rpartition("::")[2]
        if resource["type"] in tokens.ALL:
            if resource.get("delete"):
                wrong.append(f"half deleted in the state of {stack}: {name}")
            else:
                ids[name] = str(resource["id"])
            wrong += [f"half made in the state of {stack}: {name}: {error}" for error in resource.get("initErrors") or ()]
    wrong += [f"begun in the state of {stack}: {one['type']} {one['resource']['urn']}" for one in latest.get("pending_operations") or ()]
    locks = engine.execute("SELECT key FROM pulumi_state WHERE key LIKE %s", (f"%.pulumi/locks/%/{stack}/%",)).fetchall()
    return ids, wrong + [f"stuck: the engine's lock {key}" for (key,) in locks]

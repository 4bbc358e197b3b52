"""Reading the use of a whole cloud with as few calls as there are pages, whatever the number of projects.

Asking each service about each project costs five calls a project. Nova's and Cinder's own limits cannot be listed for all projects, so they are not
read here (`project_limit` has what was written and read back); Neutron's can, and Keystone's, which bind where Nova runs with unified limits.

A reading is whole or it is an error: every function here raises rather than return a part. Whether a short list is whole cannot be seen in it:
`metrics.confirming` asks the service's own count, which does not come from the list.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dcctl.cloud.connect import Cloud
from metrics.counting import (
    NETWORK_KEYS,
    STRUCTURAL_LISTS,
    UNIFIED_LIMITS,
    Incomplete,
    Unsettled,
    Usage,
    count_owned,
    count_snapshots,
    count_volumes,
    network_limits,
    resources_of,
    structural,
)
from metrics.listing import items, settled
from metrics.readings import Project, Projects, Reading
from metrics.servers import Servers
from quotas.resources import BLOCK_STORAGE, COMPUTE, NETWORK, TYPED_GIGABYTES, TYPED_STRUCTURAL, find

#: `consumes_quota` came with 3.65.
CINDER_MICROVERSION = "3.65"

KEYSTONE = "keystone"

#: How a person knows each service, and the call that its failure names.
NAMES = {COMPUTE: ("Nova", "GET /servers/detail"), BLOCK_STORAGE: ("Cinder", "GET /volumes/detail"), NETWORK: ("Neutron", "GET /networks")}


def projects(cloud: Cloud, page_size: int | None = None) -> Projects:
    """Every project with its domain's name, from Keystone."""
    at = datetime.now(UTC)

    def read() -> Projects:
        domains = {str(domain["id"]): str(domain["name"]) for domain in items(cloud, "identity", "/domains", "domains", page_size)}
        found = []
        for item in items(cloud, "identity", "/projects", "projects", page_size):
            domain = str(item["domain_id"])
            if domain not in domains:
                raise Unsettled(f"project {item['id']} is of domain {domain}, which was not in the list of domains")
            found.append(Project(id=str(item["id"]), name=str(item["name"]), domain_id=domain, domain_name=domains[domain]))
        if cloud.own_project_id not in {project.id for project in found}:
            raise Incomplete(f"the list of {len(found)} projects lacks our own")
        return Projects(at=at, projects=tuple(found))

    return settled("Keystone", "GET /projects", read)


def compute(cloud: Cloud, servers: Servers, page_size: int | None = None) -> Reading:
    """Servers, cores and memory of every project, from Nova, and the limits that Keystone has of them; `servers` remembers what was listed."""
    at = datetime.now(UTC)

    def read() -> Reading:
        usage = servers.listed(cloud, at, page_size)
        limits = {
            (str(limit["project_id"]), UNIFIED_LIMITS[str(limit["resource_name"])]): int(limit["resource_limit"])
            for limit in items(cloud, "identity", "/limits", "limits", page_size)
            if limit.get("project_id") and limit.get("resource_name") in UNIFIED_LIMITS and limit.get("region_id") in (None, cloud.region)
        }
        return Reading(service_type=COMPUTE, at=at, resources=resources_of(COMPUTE), usage=usage, limits=limits, lists={"instances": "instances"})

    return settled(*NAMES[COMPUTE], read)


def changed_servers(cloud: Cloud, servers: Servers, last: Reading, page_size: int | None = None) -> Reading:
    """The last reading of Nova brought up to date by what has changed since; its limits stay of their own time."""
    at = datetime.now(UTC)

    def read() -> Reading:
        usage = servers.changed(cloud, at, page_size)
        return replace(last, at=at, usage=usage, limits_at=last.limits_at or last.at)

    return settled(*NAMES[COMPUTE], read)


def block_storage(cloud: Cloud, page_size: int | None = None) -> Reading:
    """Volumes, snapshots and gigabytes of both, in all and by type, of every project, from Cinder."""
    at = datetime.now(UTC)

    def listed(path: str, key: str, **query: str) -> Iterator[Mapping[str, Any]]:
        return items(cloud, "block-storage", path, key, page_size, query, CINDER_MICROVERSION)

    def read() -> Reading:
        prefixes = (TYPED_GIGABYTES, *TYPED_STRUCTURAL)
        kinds = [prefix + str(kind["name"]) for kind in listed("/types", "volume_types", is_public="None") for prefix in prefixes]
        type_of: dict[str, str | None] = {}
        usage = count_volumes(listed("/volumes/detail", "volumes", all_tenants="1"), type_of)
        usage.update(count_snapshots(listed("/snapshots/detail", "snapshots", all_tenants="1"), type_of))
        typed = {resource for _, resource in usage} | set(kinds)
        named = sorted(name for name in typed if name not in resources_of(BLOCK_STORAGE) and (find(name) or structural(name)) is not None)
        return Reading(
            service_type=BLOCK_STORAGE, at=at, resources=tuple(dict.fromkeys((*resources_of(BLOCK_STORAGE), "snapshots", *named))), usage=usage,
            lists={"volumes": "volumes", "snapshots": "snapshots"},
        )  # fmt: skip

    return settled(*NAMES[BLOCK_STORAGE], read)


def network(cloud: Cloud, page_size: int | None = None) -> Reading:
    """Networks, routers, floating IPs, ports and security groups of every project, and what is enforced on each, from Neutron.

    Neutron has no changes since a moment that would name what was deleted, but two fields of each item are enough, and its pages have no end
    unless the site gave them one: five calls read everything.
    """
    at = datetime.now(UTC)

    def read() -> Reading:
        usage: Usage = Counter()
        lists: dict[str, str] = {}
        for path, key in {**{resource: key for key, resource in NETWORK_KEYS.items()}, **STRUCTURAL_LISTS}.items():
            resource = path.replace("-", "_")
            query = [("fields", "id"), ("fields", "project_id"), ("sort_key", "id"), ("sort_dir", "asc")]
            usage.update(count_owned(items(cloud, "network", f"/{path}", resource, page_size, query), resource))
            lists[resource] = key
        limits = {
            (str(quota["project_id"]), resource): value
            for quota in items(cloud, "network", "/quotas", "quotas", None, identity="project_id")
            for resource, value in network_limits(quota).items()
        }
        default = cloud.session_json("network", f"/quotas/{cloud.own_project_id}/default")["quota"]
        return Reading(
            service_type=NETWORK, at=at, resources=tuple(dict.fromkeys((*resources_of(NETWORK), *lists))), usage=usage, limits=limits,
            default_limits=network_limits(default), lists=lists,
        )  # fmt: skip

    return settled(*NAMES[NETWORK], read)


#: Reads one service: the cloud, and how many items a page has at most (None: as the service likes).
Read = Callable[[Cloud, int | None], Reading]

#: Services that are only ever read whole. Keystone's projects come before all, Nova's servers (`compute`) after them.
WHOLE: Mapping[str, Read] = {BLOCK_STORAGE: block_storage, NETWORK: network}

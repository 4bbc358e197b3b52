"""Reading the use of a whole cloud with as few calls as there are pages, whatever the number of projects.

Asking each service about each project costs five calls a project. Nova's and Cinder's own limits cannot be listed for all projects, so they are not
read here (`project_limit` has what was written and read back); Neutron's can, and Keystone's, which bind where Nova runs with unified limits.

A reading is whole or it is an error: every function here raises rather than return a part. Whether a short list is whole cannot be seen in it:
`metrics.confirming` asks the service's own count, which does not come from the list.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from dcctl.cloud.connect import Cloud
from metrics.counting import (
    NETWORK_KEYS,
    STRUCTURAL_LISTS,
    UNIFIED_LIMITS,
    Incomplete,
    Unsettled,
    Usage,
    count_owned,
    network_limits,
    resources_of,
    structural,
)
from metrics.listing import items, settled
from metrics.readings import Project, Projects, Reading
from metrics.servers import Servers
from metrics.volumes import CINDER_MICROVERSION, Untold, Volumes
from quotas.resources import BLOCK_STORAGE, COMPUTE, NETWORK, TYPED_GIGABYTES, TYPED_STRUCTURAL, find

#: How a person knows each service, and the call that its failure names.
NAMES = {COMPUTE: ("Nova", "GET /servers/detail"), BLOCK_STORAGE: ("Cinder", "GET /volumes/detail"), NETWORK: ("Neutron", "GET /networks")}


def projects(cloud: Cloud, page_size: int | None = None, domains: Mapping[str, str] | None = None) -> Projects:
    """Every project with its domain's name, from Keystone.

    Args:
        domains: names that are known, by id; domains are listed when a project is of another one.
    """
    at = datetime.now(UTC)

    def read() -> Projects:
        listed = list(items(cloud, "identity", "/projects", "projects", page_size))
        names = dict(domains or {})
        if any(str(item["domain_id"]) not in names for item in listed):
            names = {str(domain["id"]): str(domain["name"]) for domain in items(cloud, "identity", "/domains", "domains", page_size)}
        found = []
        for item in listed:
            domain = str(item["domain_id"])
            if domain not in names:
                raise Unsettled(f"project {item['id']} is of domain {domain}, which was not in the list of domains")
            found.append(Project(id=str(item["id"]), name=str(item["name"]), domain_id=domain, domain_name=names[domain]))
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


def block_storage(cloud: Cloud, volumes: Volumes, page_size: int | None = None) -> Reading:
    """Volumes, snapshots and gigabytes of both, in all and by type, of every project, from Cinder; `volumes` remembers what was listed."""
    at = datetime.now(UTC)

    def read() -> Reading:
        found = items(cloud, "block-storage", "/types", "volume_types", page_size, {"is_public": "None"}, CINDER_MICROVERSION)
        kinds = [prefix + str(kind["name"]) for kind in found for prefix in (TYPED_GIGABYTES, *TYPED_STRUCTURAL)]
        usage = volumes.listed(cloud, at, page_size)
        return Reading(
            service_type=BLOCK_STORAGE, at=at, resources=_with_types(usage, kinds), usage=usage,
            lists={"volumes": "volumes", "snapshots": "snapshots"},
        )  # fmt: skip

    return settled(*NAMES[BLOCK_STORAGE], read)


def changed_volumes(cloud: Cloud, volumes: Volumes, last: Reading, most_calls: int, page_size: int | None = None) -> Reading | None:
    """The last reading of Cinder brought up to date; None where that would cost more than so many calls, or Cinder does not tell enough for it."""
    at = datetime.now(UTC)

    def read() -> Reading:
        usage = volumes.changed(cloud, at, most_calls, page_size)
        return replace(last, at=at, resources=_with_types(usage, last.resources), usage=usage)

    try:
        return settled(*NAMES[BLOCK_STORAGE], read)
    except Untold:
        return None


def _with_types(usage: Usage, named: Iterable[str]) -> tuple[str, ...]:
    """What is counted of Cinder: the same everywhere, then what each volume type adds."""
    everywhere = (*resources_of(BLOCK_STORAGE), "snapshots")
    typed = {*(resource for _, resource in usage), *named} - set(everywhere)
    return (*everywhere, *sorted(name for name in typed if (find(name) or structural(name)) is not None))


def network(cloud: Cloud, page_size: int | None = None, last: Reading | None = None) -> Reading:
    """Networks, routers, floating IPs, ports and security groups of every project, and what is enforced on each, from Neutron.

    Neutron has no changes since a moment that would name what was deleted, but two fields of each item are enough, and its pages have no end
    unless the site gave them one: seven calls read everything.

    Args:
        last: a reading whose default limits still hold; None: they are read too.
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
        if last is not None:
            defaults = last.default_limits
        else:
            defaults = network_limits(cloud.session_json("network", f"/quotas/{cloud.own_project_id}/default")["quota"])
        return Reading(
            service_type=NETWORK, at=at, resources=tuple(dict.fromkeys((*resources_of(NETWORK), *lists))), usage=usage, limits=limits,
            default_limits=defaults, lists=lists,
        )  # fmt: skip

    return settled(*NAMES[NETWORK], read)

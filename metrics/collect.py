"""Reading the use of a whole cloud with as few calls as there are pages, whatever the number of projects.

Lists of everything, as plain JSON: the SDK's objects cost milliseconds each, and asking each service about each project costs five calls a
project. Nova's and Cinder's limits cannot be listed for all projects, so they are not read here; `project_limit` has what was written and
read back. Pages are as long as the service likes: Nova tells of a cell that does not answer only where no page length is asked for.

A reading is whole or it is an error: every function here raises rather than return a part. Whether an empty list is whole cannot be seen in it, so
`confirm` asks the service's own count, which does not come from the list.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from dcctl.cloud.connect import Cloud
from dcctl.cloud.failures import status_of
from dcctl.cloud.paging import next_page
from dcctl.cloud.quota_apis import QUOTA_APIS
from dcctl.cloud.wording import clean
from dcctl.errors import CloudError
from metrics.counting import (
    NETWORK_KEYS,
    Incomplete,
    Unsettled,
    Usage,
    count_owned,
    count_servers,
    count_snapshots,
    count_volumes,
    network_limits,
    resources_of,
    unnamed,
)
from metrics.readings import Project, Projects, Reading
from quotas.resources import BLOCK_STORAGE, COMPUTE, NETWORK, TYPED_GIGABYTES, find

#: Embedded flavors came with 2.47, servers of silent cells with 2.69; 2.72 and later only add.
NOVA_MICROVERSION = "2.69"
#: `consumes_quota` came with 3.65.
CINDER_MICROVERSION = "3.65"
ATTEMPTS = 3
#: How many projects a service is asked about, those that had most first, before a list is believed to be empty.
WITNESSES = 10

KEYSTONE = "keystone"

Query = Mapping[str, str] | Sequence[tuple[str, str]]
T = TypeVar("T")


def projects(cloud: Cloud, page_size: int | None = None) -> Projects:
    """Every project with its domain's name, from Keystone."""
    at = datetime.now(UTC)

    def read() -> Projects:
        domains = {str(domain["id"]): str(domain["name"]) for domain in _items(cloud, "identity", "/domains", "domains", page_size)}
        found = []
        for item in _items(cloud, "identity", "/projects", "projects", page_size):
            domain = str(item["domain_id"])
            if domain not in domains:
                raise Unsettled(f"project {item['id']} is of domain {domain}, which was not in the list of domains")
            found.append(Project(id=str(item["id"]), name=str(item["name"]), domain_id=domain, domain_name=domains[domain]))
        if cloud.own_project_id not in {project.id for project in found}:
            raise Incomplete(f"the list of {len(found)} projects lacks our own")
        return Projects(at=at, projects=tuple(found))

    return _settled("Keystone", "GET /projects", read)


def compute(cloud: Cloud, page_size: int | None = None) -> Reading:
    """Servers, cores and memory of every project, from Nova."""
    at = datetime.now(UTC)

    def read() -> Reading:
        servers = _items(cloud, "compute", "/servers/detail", "servers", page_size, {"all_tenants": "1"}, NOVA_MICROVERSION)
        usage = count_servers(servers)
        return Reading(service_type=COMPUTE, at=at, resources=resources_of(COMPUTE), usage=usage, empty=unnamed(usage, {"instances": "instances"}))

    return _settled("Nova", "GET /servers/detail", read)


def block_storage(cloud: Cloud, page_size: int | None = None) -> Reading:
    """Volumes, and gigabytes of volumes and snapshots in all and by type, of every project, from Cinder."""
    at = datetime.now(UTC)

    def listed(path: str, key: str, **query: str) -> Iterator[Mapping[str, Any]]:
        return _items(cloud, "block-storage", path, key, page_size, query, CINDER_MICROVERSION)

    def read() -> Reading:
        kinds = [TYPED_GIGABYTES + str(kind["name"]) for kind in listed("/types", "volume_types", is_public="None")]
        type_of: dict[str, str | None] = {}
        usage = count_volumes(listed("/volumes/detail", "volumes", all_tenants="1"), type_of)
        snapshots = count_snapshots(listed("/snapshots/detail", "snapshots", all_tenants="1"), type_of)
        empty = unnamed(usage, {"volumes": "volumes"}) | unnamed(snapshots, {"gigabytes": "snapshots"})
        usage.update(snapshots)
        typed = {resource for _, resource in usage if resource.startswith(TYPED_GIGABYTES)} | set(kinds)
        resources = (*resources_of(BLOCK_STORAGE), *sorted(name for name in typed if find(name) is not None))
        return Reading(service_type=BLOCK_STORAGE, at=at, resources=resources, usage=usage, empty=empty)

    return _settled("Cinder", "GET /volumes/detail", read)


def network(cloud: Cloud, page_size: int | None = None) -> Reading:
    """Networks, routers and floating IPs of every project, and what is enforced on each, from Neutron."""
    at = datetime.now(UTC)

    def read() -> Reading:
        usage: Usage = Counter()
        for resource in NETWORK_KEYS.values():
            query = [("fields", "id"), ("fields", "project_id"), ("sort_key", "id"), ("sort_dir", "asc")]
            usage |= count_owned(_items(cloud, "network", f"/{resource}", resource, page_size, query), resource)
        limits = {
            (str(quota["project_id"]), resource): value
            for quota in _items(cloud, "network", "/quotas", "quotas", None, identity="project_id")
            for resource, value in network_limits(quota).items()
        }
        default = cloud.session_json("network", f"/quotas/{cloud.own_project_id}/default")["quota"]
        return Reading(
            service_type=NETWORK, at=at, resources=resources_of(NETWORK), usage=usage, limits=limits, default_limits=network_limits(default),
            empty=unnamed(usage, {resource: key for key, resource in NETWORK_KEYS.items()}),
        )  # fmt: skip

    return _settled("Neutron", "GET /networks", read)


#: Reads one service: the cloud, and how many items a page has at most (None: as the service likes).
Read = Callable[[Cloud, int | None], Reading]

#: Each service's source by its name. Keystone's, which says what projects there are, comes before them.
SERVICES: Mapping[str, Read] = {COMPUTE: compute, BLOCK_STORAGE: block_storage, NETWORK: network}


#: How a person knows each service, and the call that its failure names.
_NAMES = {COMPUTE: ("Nova", "GET /servers/detail"), BLOCK_STORAGE: ("Cinder", "GET /volumes/detail"), NETWORK: ("Neutron", "GET /networks")}


def confirm(cloud: Cloud, reading: Reading, fallen: Sequence[tuple[str, str]]) -> None:
    """Believe the empty lists of a reading only when the service counts nothing either in projects that had something.

    Args:
        fallen: (project id, resource) of which less was found than before, for resources in `reading.empty`; those that had most first.

    Raises:
        CloudError: the service counts what its list does not name, or does not say.
    """
    quotas = next(api for api in QUOTA_APIS if api.service_type == reading.service_type)
    service, action = _NAMES[reading.service_type]
    for project in list(dict.fromkeys(project for project, _ in fallen))[:WITNESSES]:
        _, used = quotas.read_use(cloud, project)
        for resource in (resource for owner, resource in fallen if owner == project):
            key = reading.empty[resource]
            if key not in used:
                raise _unusable(service, action, f"a list is empty, and nothing is said of {key} in use in project {project}")
            if used[key].in_use > 0:
                raise _unusable(service, action, f"a list is empty, but project {project} has {used[key].in_use} {key} in use")


def _settled(service: str, action: str, read: Callable[[], T]) -> T:
    """What `read` returns; read again from the start when the lists changed meanwhile, so that nothing is counted of two moments.

    Raises:
        CloudError: the service refused, did not answer, answered in part or with something else than was asked for.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return read()
        except Unsettled as error:
            if attempt == ATTEMPTS:
                raise _unusable(service, action, str(error)) from error
        except CloudError as error:
            # The last item of a page was deleted before the next page was asked for.
            if attempt == ATTEMPTS or status_of(error) not in (400, 404) or "marker" not in str(error.params.get("words", "")).casefold():
                raise
        except Incomplete as error:
            raise _unusable(service, action, str(error)) from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _unusable(service, action, f"the answer is not of the expected form ({type(error).__name__}: {error})") from error
    raise AssertionError("unreachable: the last attempt raises")  # pragma: no cover


def _unusable(service: str, action: str, words: str) -> CloudError:
    return CloudError("DCCTL-402", service=service, action=action, status=None, words=clean(words))


def _items(
    cloud: Cloud, service: str, path: str, key: str, page_size: int | None, query: Query = (), microversion: str | None = None, identity: str = "id"
) -> Iterator[Mapping[str, Any]]:
    """Every item of a list, once, page after page; only one page is held at a time."""
    params = list(query.items() if isinstance(query, Mapping) else query)
    if page_size is not None:
        params.append(("limit", str(page_size)))
    seen: set[str] = set()
    while True:
        document = cloud.call(service, "GET", path, params=params, microversion=microversion)
        if not isinstance(document, dict) or not isinstance(document.get(key), list):
            raise Incomplete(f"the answer to GET {path} has no list {key}")
        known = len(seen)
        for item in document[key]:
            if str(item[identity]) not in seen:
                seen.add(str(item[identity]))
                yield item
        following = next_page(document)
        if following is None:
            if document.get("truncated"):
                raise Incomplete(f"the answer to GET {path} is cut off by the service's own limit")
            return
        if len(seen) == known:
            if document[key]:
                raise Unsettled(f"the pages of GET {path} repeat themselves")
            return
        params = following


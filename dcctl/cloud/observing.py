"""What reconciling looks at in OpenStack: projects, things, real capacity in bulk; limits and use of one project after the other.

Nova and Cinder tell limits and use of one project in one call, and of several projects in none. Neutron tells the limits of all in one; so where
several projects are looked at and nothing else, as in the hourly audit, their networks, routers and addresses are listed once and counted here.

Each source stands alone: what one did not say, in full or at all, is in `failed` with its words, and nothing of it is in the rest.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dcctl.cloud import identity
from dcctl.cloud.connect import Cloud
from dcctl.cloud.limit_rules import NETWORK, LimitKey, Use, counted, ledger_name
from dcctl.cloud.quota_apis import QUOTA_APIS, QuotaApi
from dcctl.cloud.wording import clean
from dcctl.errors import CloudError
from quotas.reconcile import KEYSTONE, PLACEMENT, Observed, Project, Thing
from quotas.resources import TYPED_GIGABYTES, find
from stacks.naming import TAG_ENVIRONMENT

#: Projects that are asked about at the same time.
THREADS = 4
#: What is counted of Neutron's, by its own keys. Lists of them cost as many calls as asking about so many projects.
_OF_NETWORK = ("network", "router", "floatingip")
_LONGEST_WORDS = 300


@dataclass(slots=True, kw_only=True)
class Look:
    """What was seen so far; `read` has every limit under the service's own key, with when it was read."""

    projects: tuple[Project, ...] | None = None
    things: tuple[Thing, ...] | None = None
    limits: dict[str, dict[str, int]] = field(default_factory=dict)
    usage: dict[str, dict[str, int]] = field(default_factory=dict)
    capacity: dict[str, int] = field(default_factory=dict)
    defaults: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    read: dict[tuple[str, LimitKey], tuple[int, datetime]] = field(default_factory=dict)

    def observed(self) -> Observed:
        return Observed(
            projects=self.projects, things=self.things, limits=self.limits, usage=self.usage, capacity=self.capacity, defaults=self.defaults,
            failed=self.failed,
        )  # fmt: skip


def look(cloud: Cloud, *, domains: Mapping[str, str], project_ids: Iterable[str], whole: bool) -> Look:
    """Look at these projects' limits and use; with `whole` at everything else too, and at the use of projects that nobody owns.

    Args:
        domains: the administration of each Keystone domain.
    """
    seen, owned = Look(), sorted(set(project_ids))
    _tried(seen, KEYSTONE, lambda: _see_projects(cloud, seen, domains, owned))
    if whole:
        _see_things(cloud, seen)
        _see_capacity(cloud, seen)
    present = None if seen.projects is None else {project.id for project in seen.projects}
    asked = [project for project in owned if present is None or project in present]
    if whole and present:
        asked += sorted(present - set(owned))
    _see_limits(cloud, seen, asked, listed=not whole and len(asked) > len(_OF_NETWORK))
    if whole:
        for api in QUOTA_APIS:
            _tried(seen, api.service_type, lambda api=api: _see_defaults(cloud, seen, api))  # type: ignore[misc]
    return seen


def _see_projects(cloud: Cloud, seen: Look, domains: Mapping[str, str], owned: Iterable[str]) -> None:
    listed = cloud.pages("identity", "/projects", "projects")
    found = {
        str(item["id"]): Project(id=str(item["id"]), name=clean(str(item["name"])), administration=domains[str(item["domain_id"])])
        for item in listed
        if str(item.get("domain_id")) in domains
    }
    if listed:  # an empty list is judged by who compares
        for missing in set(owned) - found.keys():
            if identity.project(cloud, missing) is not None:
                raise CloudError("DCCTL-402", service="Keystone", action="GET /projects", status=None, words=f"the list lacks project {missing}")
    seen.projects = tuple(found[key] for key in sorted(found))


def _see_things(cloud: Cloud, seen: Look) -> None:
    """Servers and volumes of everybody; networks, routers and addresses as Neutron lists them to an administrator."""
    found: list[Thing] = []

    def listed(kind: str, service: str, path: str, key: str, owner: str, query: Iterable[tuple[str, str]], microversion: str | None = None) -> None:
        for item in cloud.pages(service, path, key, query, microversion=microversion):
            marks = item.get("metadata") or dict(tag.partition("=")[::2] for tag in item.get("tags") or ())
            found.append(
                Thing(
                    id=str(item["id"]), kind=kind, name="" if kind == "floatingip" else clean(str(item.get("name") or "")),
                    project_id=str(item.get(owner) or ""), ours=TAG_ENVIRONMENT in marks,
                )
            )  # fmt: skip

    everybody = (("all_tenants", "1"), ("limit", "1000"))
    _tried(seen, "compute", lambda: listed("server", "compute", "/servers/detail", "servers", "tenant_id", everybody, "2.47"))
    volume_owner = "os-vol-tenant-attr:tenant_id"
    _tried(seen, "block-storage", lambda: listed("volume", "block-storage", "/volumes/detail", "volumes", volume_owner, everybody))
    for kind in _OF_NETWORK:
        fields = [("fields", name) for name in ("id", "name", "project_id", "tags")]
        _tried(seen, NETWORK, lambda kind=kind, fields=fields: listed(kind, NETWORK, f"/{kind}s", f"{kind}s", "project_id", fields))  # type: ignore[misc]
    seen.things = tuple(found)


def _see_limits(cloud: Cloud, seen: Look, project_ids: list[str], *, listed: bool) -> None:
    """Limits and use of each project; Neutron's limits of all of them in one call, and with `listed` their use in one list of each kind."""
    own: dict[str, Mapping[str, object]] = {}
    counts: dict[str, Counter[str]] = {}

    def neutron() -> None:
        own.update({str(quota["project_id"]): quota for quota in cloud.pages(NETWORK, "/quotas", "quotas")})
        if listed:
            counts.update(_counted_of_network(cloud))

    _tried(seen, NETWORK, neutron)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="limits") as pool:
        for _ in pool.map(lambda project_id: _see_project(cloud, seen, project_id, own.get(project_id), counts), project_ids):
            pass


def _counted_of_network(cloud: Cloud) -> dict[str, Counter[str]]:
    """How many networks, routers and addresses each project has."""
    fields = (("fields", "project_id"),)
    found = {kind: Counter(str(item["project_id"]) for item in cloud.pages(NETWORK, f"/{kind}s", f"{kind}s", fields)) for kind in _OF_NETWORK}
    if not found["network"]:  # no datacenter without a network, but an answer without one
        raise CloudError("DCCTL-402", service="Neutron", action="GET /networks", status=None, words="the list is empty")
    return found


def _see_project(
    cloud: Cloud, seen: Look, project_id: str, own: Mapping[str, object] | None, counts: Mapping[str, Counter[str]]
) -> None:
    limit_of: dict[str, int] = {}
    use_of: dict[str, int] = {}
    for api in QUOTA_APIS:
        service = api.service_type
        if service in seen.failed:
            continue

        def ask(api: QuotaApi = api) -> None:
            found: dict[str, int]
            if api.service_type == NETWORK and counts:
                found, used = {}, {kind: Use(in_use=of[project_id], reserved=0) for kind, of in counts.items()}
            else:
                found, used = api.read_use(cloud, project_id)
            if api.service_type == NETWORK:
                found |= {k: v for k, v in own.items() if isinstance(v, int)} if own is not None else api.read(cloud, project_id)
            at = datetime.now(UTC)
            for name, limit in found.items():
                key = (api.service_type, name)
                seen.read[project_id, key] = (limit, at)
                if counted(key):
                    limit_of[ledger_name(key)] = limit
            use_of.update({ledger_name((api.service_type, name)): u.total for name, u in used.items() if counted((api.service_type, name))})

        _tried(seen, service, ask)
    seen.limits[project_id], seen.usage[project_id] = limit_of, use_of


def _see_defaults(cloud: Cloud, seen: Look, api: QuotaApi) -> None:
    found = {(api.service_type, name): limit for name, limit in api.read_defaults(cloud).items()}
    seen.defaults |= {ledger_name(key): limit for key, limit in found.items() if counted(key) and find(ledger_name(key))}


def _see_capacity(cloud: Cloud, seen: Look) -> None:
    """What the hypervisors and the storage pools really have, with the site's own over-commitment."""
    _tried(seen, PLACEMENT, lambda: seen.capacity.update(_hypervisors(cloud)))
    _tried(seen, "block-storage", lambda: seen.capacity.update(_pools(cloud)))


def _hypervisors(cloud: Cloud) -> dict[str, int]:
    providers = cloud.call("placement", "GET", "/resource_providers")["resource_providers"]
    if not providers:  # no datacenter without a hypervisor, but an answer without one
        raise CloudError("DCCTL-402", service="Placement", action="GET /resource_providers", status=None, words="the list is empty")
    paths = [f"/resource_providers/{provider['uuid']}/inventories" for provider in providers]
    return computed([cloud.call("placement", "GET", path)["inventories"] for path in paths])


def computed(inventories: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """What hypervisors have, with their over-commitment; a resource that none of them tells of is left out."""
    found: dict[str, float] = {}
    for inventory in inventories:
        for resource, name in (("cores", "VCPU"), ("ram", "MEMORY_MB")):
            if name in inventory:
                has = inventory[name]
                found[resource] = found.get(resource, 0.0) + (has["total"] - has["reserved"]) * has["allocation_ratio"]
    return {resource: int(amount) for resource, amount in found.items()}


def _pools(cloud: Cloud) -> dict[str, int]:
    pools = cloud.call("block-storage", "GET", "/scheduler-stats/get_pools", params={"detail": "True"})["pools"]
    types = cloud.call("block-storage", "GET", "/types", params={"is_public": "None"})["volume_types"]
    says = [pool.get("capabilities") or {} for pool in pools]
    return stored(says, {kind["name"]: (kind.get("extra_specs") or {}).get("volume_backend_name") for kind in types})


def stored(pools: Iterable[Mapping[str, Any]], types: Mapping[str, str | None]) -> dict[str, int]:
    """What storage pools hold, in all and of each volume type that names its backend, by the ledger's names.

    A figure is left out where a pool that counts in it does not say how large it is ("unknown", "infinite"), or where no pool is of that backend.

    Args:
        pools: the capabilities of each, as Cinder's scheduler tells them.
        types: of each volume type the `volume_backend_name` that it asks for; None: it may go to any.
    """
    sizes: dict[str, list[float | None]] = {}
    for says in pools:
        size = says.get("total_capacity_gb")
        known = float(size) if isinstance(size, int | float) and not isinstance(size, bool) else None
        ratio = float(says.get("max_over_subscription_ratio") or 1) if says.get("thin_provisioning_support") else 1.0
        sizes.setdefault(str(says.get("volume_backend_name")), []).append(None if known is None else known * ratio)
    wanted = {"gigabytes": [size for backend in sizes.values() for size in backend]}
    wanted |= {f"{TYPED_GIGABYTES}{name}": sizes[backend] for name, backend in types.items() if backend in sizes}
    return {resource: int(sum(size or 0 for size in found)) for resource, found in wanted.items() if found and None not in found}


def _tried(seen: Look, source: str, ask: Callable[[], None]) -> None:
    """Ask a source; what goes wrong is noted under its name, in its own words."""
    try:
        ask()
    except CloudError as error:
        words = " ".join(str(error.params[key]) for key in ("service", "action", "status", "words") if error.params.get(key) is not None)
        seen.failed.setdefault(source, clean(words, _LONGEST_WORDS))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        seen.failed.setdefault(source, clean(f"the answer is not of the expected form ({type(error).__name__}: {error})", _LONGEST_WORDS))

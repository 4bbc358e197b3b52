"""Everything that is in one project, over all services, whoever made it: what the sweep deletes and what reconciling compares.

The lists are asked for one project and looked through once more here: a service that does not know a filter ignores it and answers with
everybody's things.
"""

from collections.abc import Callable, Collection, Iterable

from dcctl.cloud import limits
from dcctl.cloud.connect import Cloud
from dcctl.cloud.listings import LISTINGS, ORDER, Item, Listing, Thing
from dcctl.cloud.wording import clean

_SERVER_GROUPS_PAGE = 1000


def things(cloud: Cloud, project_id: str, types: Collection[str] | None = None) -> list[Thing]:
    """Everything in the project, in the order in which it can be deleted. Key pairs are not there: they belong to people.

    Args:
        types: look at these kinds only.
    """
    if not project_id:
        raise ValueError("no project")
    found = [thing for listing in LISTINGS if types is None or listing.type in types for thing in listed(cloud, listing, project_id)]
    if types is None or "transfer" in types:
        found += _transfers(cloud, {thing.id for thing in found if thing.type == "volume"}, project_id)
    if types is None or "server_group" in types:
        found += _server_groups(cloud, project_id)
    return sorted(found, key=lambda thing: ORDER[thing.type])


def listed(cloud: Cloud, listing: Listing, project_id: str) -> list[Thing]:
    """The things of one kind in the project."""
    if listing.extension and listing.extension not in cloud.network_extensions():
        return []
    query = [(name, value.format(project_id)) for name, value in listing.query]
    if listing.type == "security_group":
        # Neutron makes the missing default group of the first project that a list of security groups names; so our own is named first.
        query = [("project_id", cloud.own_project_id), *query]
    items = cloud.pages(listing.service, listing.path, listing.key, query, microversion=listing.microversion)
    return [_thing(listing.service, listing.type, item, project_id) for item in items if _owner(item, listing.owner) == project_id]


def foreign_ports(cloud: Cloud, project_id: str) -> list[Thing]:
    """Ports of other projects on this project's networks. `detail` says on which network, whose they are, and what they are for.

    A service's own ports (DHCP, floating IPs) belong to nobody or to the network's project and are not among them; an interface of another
    project's router is: it holds the subnet as any other port does.
    """
    if not project_id:
        raise ValueError("no project")
    names: dict[str, str] = {}
    found = []
    for network in cloud.pages("network", "/networks", "networks", {"project_id": project_id}):
        if _owner(network, ("project_id", "tenant_id")) != project_id:
            continue
        for port in cloud.pages("network", "/ports", "ports", {"network_id": network["id"]}):
            whose = _owner(port, ("project_id", "tenant_id"))
            if not whose or whose == project_id or port.get("device_owner") in _SERVICE_PORTS:
                continue
            if whose not in names:
                names[whose] = _project_name(cloud, whose)
            thing = _thing("network", "port", port, whose)
            where = f"network {clean(str(network.get('name') or network['id']))}, project {names[whose]} ({whose})"
            found.append(_with_detail(thing, ", ".join(filter(None, (where, thing.detail)))))
    return found


def usage(cloud: Cloud, project_id: str) -> dict[str, int]:
    """What the services count in the project, used and reserved, under the ledger's names."""
    return {limits.ledger_name(key): used.total for key, used in limits.use(cloud, project_id).items()}


_SERVICE_PORTS = frozenset({"network:dhcp", "network:distributed", "network:floatingip", "network:floatingip_agent_gateway", "network:metadata"})


def _transfers(cloud: Cloud, volume_ids: set[str], project_id: str) -> list[Thing]:
    """Offers of the project's volumes to others; they name the volume, not always the project."""
    if not volume_ids:
        return []
    items = cloud.pages("block-storage", "/os-volume-transfer/detail", "transfers", {"all_tenants": "1"}, microversion="3.58")
    return [_thing("block-storage", "transfer", item, project_id) for item in items if item.get("volume_id") in volume_ids]


def _server_groups(cloud: Cloud, project_id: str) -> list[Thing]:
    """Nova lists server groups for everybody only, page by page without links."""
    found: list[Thing] = []
    offset = 0
    while True:
        query = {"all_projects": "True", "limit": _SERVER_GROUPS_PAGE, "offset": offset}
        page = cloud.call("compute", "GET", "/os-server-groups", params=query, microversion="2.47")["server_groups"]
        found += [_thing("compute", "server_group", item, project_id) for item in page if item.get("project_id") == project_id]
        offset += len(page)
        if len(page) < _SERVER_GROUPS_PAGE:
            return found


def _thing(service: str, type: str, item: Item, project_id: str) -> Thing:
    detail = _DETAIL.get(type, _nothing)(item)
    name, status = clean(str(item.get("name") or "")), clean(str(item.get("status") or ""))
    return Thing(
        service=service, type=type, id=str(item["id"]), name=name, status=status, detail=clean(detail), project_id=project_id, attributes=item
    )


def _with_detail(thing: Thing, detail: str) -> Thing:
    return Thing(
        service=thing.service, type=thing.type, id=thing.id, name=thing.name, status=thing.status, detail=detail,
        project_id=thing.project_id, attributes=thing.attributes,
    )  # fmt: skip


def _owner(item: Item, keys: Iterable[str]) -> str:
    return next((str(item[key]) for key in keys if item.get(key)), "")


def _project_name(cloud: Cloud, project_id: str) -> str:
    document = cloud.call("identity", "GET", f"/projects/{project_id}", absent_ok=True)
    return clean(str(document["project"]["name"])) if document else "?"


def _nothing(_: Item) -> str:
    return ""


#: What tells people which one it is, beside its name.
_DETAIL: dict[str, Callable[[Item], str]] = {
    "server": lambda item: str(item.get("OS-EXT-STS:task_state") or ""),
    "floatingip": lambda item: str(item.get("floating_ip_address") or ""),
    "volume": lambda item: " ".join([f"{item.get('size')} GiB", *(f"server {a.get('server_id')}" for a in item.get("attachments") or ())]),
    "snapshot": lambda item: f"volume {item.get('volume_id')}",
    "backup": lambda item: f"volume {item.get('volume_id')}",
    "transfer": lambda item: f"volume {item.get('volume_id')}",
    "port": lambda item: " ".join(filter(None, (str(item.get("device_owner") or ""), str(item.get("device_id") or "")))),
    "subnet": lambda item: str(item.get("cidr") or ""),
    "security_group": lambda item: "default" if item.get("name") == "default" else "",
    "image": lambda item: " ".join(filter(None, (str(item.get("visibility") or ""), "protected" if item.get("protected") else ""))),
    "rbac_policy": lambda item: f"{item.get('object_type')} {item.get('object_id')} {item.get('action')} {item.get('target_tenant')}",
}

"""What to call so that one thing goes away, by its kind and state. This module is pure: things in, calls out.

No call is a wait: nothing to do now, its end is under way or follows from another's.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from dcctl.cloud.listings import Thing

#: Cinder's microversion with attachments, groups and transfers; Nova's with what `forceDelete` and `unlock` need.
_CINDER_VERSION = "3.58"
_JSON_PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}

#: Ports that go away with what made them.
_SERVICE_PORTS = ("network:dhcp", "network:distributed", "network:floatingip", "network:router_gateway", "network:metadata")
_ROUTER_INTERFACES = ("network:router_interface", "network:ha_router_replicated_interface", "network:router_centralized_snat")

#: States of volumes, snapshots and backups that end by themselves.
_UNDER_WAY = frozenset({
    "creating", "deleting", "downloading", "uploading", "extending", "attaching", "detaching", "reserved", "retyping", "maintenance",
    "backing-up", "restoring", "restoring-backup", "unmanaging", "managing", "updating",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call; a `lenient` one may be refused without the thing's end being in doubt, its follower then decides."""

    service: str
    method: str
    path: str
    body: Any = None
    microversion: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    lenient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the sweep knows of the rest of the project.

    Attributes:
        servers: ids of the project's servers that are still there; `kept`: ids of everything that is to stay.
        stalled: ids of what has been in the same state for long.
        routed: ids of the project's routers that have routes.
    """

    servers: Collection[str] = ()
    kept: Collection[str] = ()
    stalled: Collection[str] = ()
    routed: Collection[str] = ()


def calls(thing: Thing, around: Around) -> tuple[Call, ...]:
    """The calls that end `thing`, in order."""
    return _STEPS.get(thing.type, _deleted)(thing, around)


def _server(thing: Thing, around: Around) -> tuple[Call, ...]:
    """Forced, for a cloud may keep deleted servers for days; plain deletion follows where the first is refused (a server not yet built)."""
    if thing.attributes.get("OS-EXT-STS:task_state") == "deleting" and thing.id not in around.stalled:
        return ()
    action = f"/servers/{thing.id}/action"
    locked = thing.attributes.get("locked", True)
    unlock = (Call(service="compute", method="POST", path=action, body={"unlock": None}, lenient=True),) if locked else ()
    force = Call(service="compute", method="POST", path=action, body={"forceDelete": None}, lenient=True)
    return (*unlock, force, Call(service="compute", method="DELETE", path=f"/servers/{thing.id}"))


def _volume(thing: Thing, around: Around) -> tuple[Call, ...]:
    """Attachments to servers that stay are taken off; those to servers that go end with them."""
    servers = [str(attachment.get("server_id")) for attachment in thing.attributes.get("attachments") or ()]
    off = tuple(
        Call(service="compute", method="DELETE", path=f"/servers/{server}/os-volume_attachments/{thing.id}")
        for server in servers
        if server in around.servers and server in around.kept
    )
    if off or any(server in around.servers for server in servers):
        return off
    if thing.status == "in-use":
        return ()  # the sweep finds out who has it: another project's server, or one that is gone
    return _cinder(thing, around)


def detached_volume(thing: Thing) -> tuple[Call, ...]:
    """The calls that end a volume whose attachments belong to servers that do not exist."""
    action = f"/volumes/{thing.id}/action"
    ended = {"os-reset_status": {"status": "available", "attach_status": "detached"}}
    attachments = (str(attachment.get("attachment_id") or "") for attachment in thing.attributes.get("attachments") or ())
    return (
        *(_block("DELETE", f"/attachments/{attachment}", lenient=True) for attachment in attachments if attachment),
        _block("POST", action, ended, lenient=True),
        _block("DELETE", f"/volumes/{thing.id}"),
    )


def _cinder(thing: Thing, around: Around) -> tuple[Call, ...]:
    """Volumes, snapshots, backups: deleted; what hangs in a state is put into error first, and forced."""
    path = f"/{thing.type}s/{thing.id}"
    stuck = thing.id in around.stalled
    if thing.status in _UNDER_WAY and not stuck:
        return ()
    delete = _block("DELETE", path)
    if thing.status == "error_deleting" or stuck:
        reset = _block("POST", f"{path}/action", {"os-reset_status": {"status": "error"}}, lenient=True)
        force = _block("POST", f"{path}/action", {"os-force_delete": None}, lenient=True)
        return (reset, force, delete)
    return (delete,)


def _group(thing: Thing, around: Around) -> tuple[Call, ...]:
    return (_block("POST", f"/groups/{thing.id}/action", {"delete": {"delete-volumes": True}}),)


def _port(thing: Thing, around: Around) -> tuple[Call, ...]:
    owner, device = str(thing.attributes.get("device_owner") or ""), str(thing.attributes.get("device_id") or "")
    if owner.startswith(_ROUTER_INTERFACES):
        routes = (_routeless(device),) if device in around.routed and device not in around.kept else ()
        return (*routes, _net("PUT", f"/routers/{device}/remove_router_interface", {"port_id": thing.id})) if device else ()
    if owner.startswith(_SERVICE_PORTS):
        return ()
    if device in around.servers and device not in around.kept and thing.id not in around.stalled:
        return ()  # Nova ends it with its server
    return (_net("DELETE", f"/ports/{thing.id}"),)


def _router(thing: Thing, around: Around) -> tuple[Call, ...]:
    """The gateway goes with the router; routes hold interfaces, which go before it."""
    routes = (_routeless(thing.id),) if thing.id in around.routed else ()
    return (*routes, _net("DELETE", f"/routers/{thing.id}"))


def _routeless(router_id: str) -> Call:
    return _net("PUT", f"/routers/{router_id}", {"router": {"routes": []}}, lenient=True)


def _image(thing: Thing, around: Around) -> tuple[Call, ...]:
    delete = Call(service="image", method="DELETE", path=f"/images/{thing.id}")
    if not thing.attributes.get("protected"):
        return (delete,)
    unprotect = [{"op": "replace", "path": "/protected", "value": False}]
    return (Call(service="image", method="PATCH", path=f"/images/{thing.id}", body=unprotect, headers=_JSON_PATCH), delete)


#: Where things without a rule of their own are deleted.
_PATHS = {
    "floatingip": "/floatingips", "trunk": "/trunks", "rbac_policy": "/rbac-policies", "subnet": "/subnets", "network": "/networks",
    "subnetpool": "/subnetpools", "address_scope": "/address-scopes", "security_group": "/security-groups", "address_group": "/address-groups",
    "qos_policy": "/qos/policies", "server_group": "/os-server-groups", "group_snapshot": "/group_snapshots", "transfer": "/os-volume-transfer",
}  # fmt: skip


def _deleted(thing: Thing, around: Around) -> tuple[Call, ...]:
    path = f"{_PATHS[thing.type]}/{thing.id}"
    return (Call(service=thing.service, method="DELETE", path=path, microversion=_CINDER_VERSION if thing.service == "block-storage" else None),)


def _net(method: str, path: str, body: Any = None, *, lenient: bool = False) -> Call:
    return Call(service="network", method=method, path=path, body=body, lenient=lenient)


def _block(method: str, path: str, body: Any = None, *, lenient: bool = False) -> Call:
    return Call(service="block-storage", method=method, path=path, body=body, microversion=_CINDER_VERSION, lenient=lenient)


_STEPS: dict[str, Callable[[Thing, Around], tuple[Call, ...]]] = {
    "server": _server, "volume": _volume, "snapshot": _cinder, "backup": _cinder, "group": _group,
    "port": _port, "router": _router, "image": _image,
}  # fmt: skip

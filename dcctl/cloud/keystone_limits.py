"""Keystone's limits of Nova's things: what Nova enforces when it runs with unified limits, and then takes no word of its own quota API for.

A limit is a row of project, region, service and name; where a project has none the registered limit counts. Three things differ from a quota API:
a limit below what is used is accepted, a change to 0 answers 200 and keeps the old value (so it is deleted and made anew), and amounts end at
2^31 - 1. Of the rest of Nova's keys (`SITE_WIDE`) only the registered limit is asked for, so no project can have its own.
Source: keystone's /v3/limits and /v3/registered_limits, nova.limit.
"""

from collections.abc import Mapping

from dcctl.cloud.connect import Cloud
from dcctl.errors import CloudError

#: Nova's key, and Keystone's name of it.
NAMES = {"instances": "servers", "cores": "class:VCPU", "ram": "class:MEMORY_MB"}
#: Keys that Nova with unified limits knows for the whole site only.
SITE_WIDE = frozenset({
    "key_pairs", "metadata_items", "server_groups", "server_group_members", "injected_files", "injected_file_content_bytes",
    "injected_file_path_bytes",
})  # fmt: skip
_KEYS = {name: key for key, name in NAMES.items()}


def registered(cloud: Cloud) -> dict[str, int]:
    """The registered limit of each of Nova's keys that has one in this region."""
    found = cloud.pages("identity", "/registered_limits", "registered_limits", _here(cloud))
    return {_KEYS[item["resource_name"]]: int(item["default_limit"]) for item in found if item.get("resource_name") in _KEYS}


def register(cloud: Cloud) -> None:
    """Make the registered limits that are missing: 0, since nobody has anything unless it was given."""
    missing = NAMES.keys() - registered(cloud).keys()
    if missing:
        body = [{**_here(cloud), "resource_name": NAMES[key], "default_limit": 0} for key in sorted(missing)]
        cloud.call("identity", "POST", "/registered_limits", body={"registered_limits": body})


def write(cloud: Cloud, project_id: str, limits: Mapping[str, int]) -> dict[str, str]:
    """Set the project's limits, key by key; returns Keystone's words for each that it refused. The caller has looked at the use."""
    own = {item["resource_name"]: item for item in cloud.pages("identity", "/limits", "limits", {**_here(cloud), "project_id": project_id})}
    defaults = registered(cloud)
    refused: dict[str, str] = {}
    for key, amount in limits.items():
        try:
            _set(cloud, project_id, NAMES[key], amount, own.get(NAMES[key]), defaults.get(key))
        except CloudError as error:
            if error.code != "DCCTL-401":
                raise
            refused[key] = str(error.params["words"])
    return refused


def _set(cloud: Cloud, project_id: str, name: str, amount: int, present: Mapping[str, object] | None, default: int | None) -> None:
    if present is not None and present.get("resource_limit") == amount:
        return
    if present is not None and amount > 0:
        cloud.call("identity", "PATCH", f"/limits/{present['id']}", body={"limit": {"resource_limit": amount}})
        return
    if present is not None:
        if default != 0:
            return  # without its own limit the project would have the registered one for a moment; the read-back names what stays
        cloud.call("identity", "DELETE", f"/limits/{present['id']}", absent_ok=True)
    row = {**_here(cloud), "project_id": project_id, "resource_name": name, "resource_limit": amount}
    cloud.call("identity", "POST", "/limits", body={"limits": [row]})


def _here(cloud: Cloud) -> dict[str, str]:
    """Nova in this region, as Keystone's limits name it."""
    return {"service_id": cloud.service_id("compute"), "region_id": cloud.region}

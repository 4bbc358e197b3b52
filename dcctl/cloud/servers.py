"""Nova's servers: why those in ERROR failed, in Nova's own words; and all of a project's stopped or started."""

from collections.abc import Iterable
from typing import Any

from dcctl.cloud.connect import Cloud
from dcctl.cloud.failures import status_of
from dcctl.cloud.listings import Thing
from dcctl.cloud.wording import clean
from dcctl.errors import CloudError

_RESIZED = "VERIFY_RESIZE"


def faults(cloud: Cloud, project_id: str) -> dict[str, str]:
    """The fault of each server of the project that is in ERROR, by the server's name (with its id where two share one)."""
    if not project_id:
        raise ValueError("no project")
    query = {"all_tenants": "1", "project_id": project_id, "status": "ERROR", "limit": 1000}
    found: dict[str, str] = {}
    for server in cloud.pages("compute", "/servers/detail", "servers", query):
        if server.get("status") == "ERROR" and server.get("tenant_id") == project_id:
            name = clean(str(server.get("name") or server["id"]))
            key = f"{name} ({server['id']})" if name in found else name
            found[key] = clean(str((server.get("fault") or {}).get("message") or "")) or "ERROR"
    return found


def stop(cloud: Cloud, project_id: str, already: Iterable[str] = ()) -> list[str]:
    """Stop every server of the project that runs; the ids of those that were told to, or had been by an earlier attempt (`already`)."""
    told = set(already)
    for server in _all(cloud, project_id):
        if server.get("status") == "ACTIVE" and not server.get("OS-EXT-STS:task_state"):
            _act(cloud, server["id"], "os-stop")
            told.add(str(server["id"]))
    return sorted(told)


def running(cloud: Cloud, project_id: str) -> list[str]:
    """Ids of the project's servers that are ACTIVE."""
    return sorted(str(server["id"]) for server in _all(cloud, project_id) if server.get("status") == "ACTIVE")


def start(cloud: Cloud, project_id: str, identifiers: Iterable[str]) -> None:
    """Start those of the servers that are there and do not run."""
    wanted = set(identifiers)
    for server in _all(cloud, project_id):
        if server["id"] in wanted and server.get("status") == "SHUTOFF" and not server.get("OS-EXT-STS:task_state"):
            _act(cloud, server["id"], "os-start")


def resizing(things: Iterable[Thing]) -> list[Thing]:
    """Servers that were told to become another size and have not ended it: nobody confirms it for a run that was killed meanwhile."""
    return [thing for thing in things if thing.type == "server" and thing.attributes.get("status") in ("RESIZE", _RESIZED)]


def confirm(cloud: Cloud, servers: Iterable[Thing]) -> None:
    """Confirm the new size of those that have it."""
    for server in servers:
        if server.attributes.get("status") == _RESIZED and not server.attributes.get("OS-EXT-STS:task_state"):
            _act(cloud, server.id, "confirmResize")


def _all(cloud: Cloud, project_id: str) -> list[dict[str, Any]]:
    if not project_id:
        raise ValueError("no project")
    query = {"all_tenants": "1", "project_id": project_id, "limit": 1000}
    # A Nova that does not know a filter ignores it and answers with everybody's servers.
    return [server for server in cloud.pages("compute", "/servers/detail", "servers", query) if server.get("tenant_id") == project_id]


def _act(cloud: Cloud, identifier: str, action: str) -> None:
    """Tell a server to do something; one that is gone, or is at something else already (409), is no hindrance: whoever asks looks again."""
    try:
        cloud.call("compute", "POST", f"/servers/{identifier}/action", body={action: None}, absent_ok=True)
    except CloudError as error:
        if status_of(error) != 409:
            raise

"""Nova's servers: why those in ERROR failed, in Nova's own words."""

from dcctl.cloud.connect import Cloud
from dcctl.cloud.wording import clean


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

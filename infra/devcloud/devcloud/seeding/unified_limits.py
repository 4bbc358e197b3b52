"""What Nova's unified-limits driver needs in Keystone: a registered limit for each thing that it counts, 0 for everybody.

May be repeated. Names of Nova's own things are those of `nova.limit`; a resource class that is not registered (`class:DISK_GB`) is not limited.
"""

from devcloud.api import Administrator
from devcloud.cloud import REGION

#: What a project holds: nobody has anything unless it was given.
COUNTED = ("servers", "class:VCPU", "class:MEMORY_MB")
#: What one request, one user or one server may be; Nova asks Keystone for the registered value only, so nobody can be given more of it.
LOCAL = {
    "server_metadata_items": 128,
    "server_injected_files": 5,
    "server_injected_file_content_bytes": 10240,
    "server_injected_file_path_bytes": 255,
    "server_key_pairs": 100,
    "server_groups": 10,
    "server_group_members": 10,
}
UNLIMITED = -1


def seed(admin: Administrator) -> None:
    service = str(admin.get("keystone", "/services?type=compute")["services"][0]["id"])
    here = {"service_id": service, "region_id": REGION}
    query = f"?service_id={service}&region_id={REGION}"
    present = {limit["resource_name"] for limit in admin.get("keystone", f"/registered_limits{query}")["registered_limits"]}
    wanted = dict.fromkeys(COUNTED, 0) | LOCAL
    if missing := [here | {"resource_name": name, "default_limit": limit} for name, limit in wanted.items() if name not in present]:
        admin.post("keystone", "/registered_limits", {"registered_limits": missing})
    # The cloud's own project has no limits: what it holds belongs to nobody's envelope.
    project = next(p["id"] for p in admin.get("keystone", "/projects?name=admin&domain_id=default")["projects"])
    own = {limit["resource_name"] for limit in admin.get("keystone", f"/limits{query}&project_id={project}")["limits"]}
    if lacking := [here | {"project_id": project, "resource_name": name, "resource_limit": UNLIMITED} for name in COUNTED if name not in own]:
        admin.post("keystone", "/limits", {"limits": lacking})

"""Looking for what a plan means in OpenStack: the lists that its finders need, and the end of things that must not stay."""

import time
from collections.abc import Collection, Iterable
from typing import Any

from dcctl.cloud import inventory
from dcctl.cloud.connect import Cloud
from dcctl.cloud.failures import status_of
from dcctl.cloud.finders import FINDERS, Seen, looks_at
from dcctl.cloud.listings import Thing
from dcctl.cloud.sweep_steps import Around, calls
from dcctl.cloud.wording import clean
from dcctl.errors import CloudError
from stacks.plan import PlannedResource, Resolved

_IDENTITY = frozenset({"project", "group", "role_assignment"})
_PAUSE_SECONDS = 0.7


def look(cloud: Cloud, planned: Collection[PlannedResource], resolved: Resolved, project_id: str | None) -> Seen:
    """Everything that may be one of the planned resources: a list of each kind, of the environment's project; of the tenant's, out of its domain.

    Raises:
        CloudError: a service does not answer.
        KeyError: a type of the plan has no finder.
    """
    kinds = looks_at(resource.type for resource in planned)
    found = inventory.things(cloud, project_id, kinds - _IDENTITY) if project_id and kinds - _IDENTITY else []
    return Seen([*found, *(_identity(cloud, planned, resolved) if kinds & _IDENTITY else ())])


def _identity(cloud: Cloud, planned: Collection[PlannedResource], resolved: Resolved) -> Iterable[Thing]:
    """Projects and groups of the planned names in the administration's domain, and the roles on such projects."""
    for kind in ("project", "group"):
        names = {resource.cloud_name for resource in planned if FINDERS[resource.type].looks_at == (kind,)}
        for name in sorted(filter(None, names)):
            for item in cloud.pages("identity", f"/{kind}s", f"{kind}s", {"name": name, "domain_id": resolved.domain_id}):
                yield _thing(kind, str(item["id"]), item)
                if kind == "project" and item.get("name") == name:
                    yield from _roles(cloud, str(item["id"]))


def _roles(cloud: Cloud, project_id: str) -> Iterable[Thing]:
    """Roles that were given to users on a project, by the engine's id of such a thing."""
    for item in cloud.pages("identity", "/role_assignments", "role_assignments", {"scope.project.id": project_id}):
        user, role = item.get("user") or {}, item.get("role") or {}
        if user.get("id") and role.get("id") and "OS-INHERIT:inherited_to" not in (item.get("scope") or {}):
            yield _thing("role_assignment", f"/{project_id}//{user['id']}/{role['id']}", item)


def _thing(kind: str, id: str, item: dict[str, Any]) -> Thing:
    name = clean(str(item.get("name") or ""))
    return Thing(service="identity", type=kind, id=id, name=name, status="", detail="", project_id="", attributes=item)


def end(cloud: Cloud, things: Collection[Thing], *, seconds: float) -> dict[str, str]:
    """Delete things of one project, those first that hold others, and wait until they are gone.

    Returns:
        By id what is still there, and why in the service's own words.

    Raises:
        CloudError: a service does not answer.
    """
    until = time.monotonic() + seconds
    kinds, around = {thing.type for thing in things}, Around(stalled=frozenset(thing.id for thing in things))
    [project_id] = {thing.project_id for thing in things}
    while True:
        wanted = {thing.id for thing in things}
        left = [found for found in inventory.things(cloud, project_id, kinds) if found.id in wanted]
        if not left:
            return {}
        refused = {thing.id: _told(cloud, thing, around) or thing.status for thing in left}
        if time.monotonic() > until:
            return refused
        time.sleep(_PAUSE_SECONDS)


def _told(cloud: Cloud, thing: Thing, around: Around) -> str:
    """Tell one thing to go; why it does not, empty when nothing was said against it."""
    if thing.attributes.get("OS-EXT-STS:task_state") == "deleting" or thing.status == "deleting":
        return ""
    for step in calls(thing, around):
        try:
            cloud.call(step.service, step.method, step.path, body=step.body, microversion=step.microversion, headers=step.headers, absent_ok=True)
        except CloudError as error:
            if status_of(error) is None:
                raise
            if not step.lenient:
                return str(error.params["words"])
    return ""

"""Keystone: domains of administrations, their people and roles, the groups of projects, projects, and the service catalogue.

Everything here may be repeated: what is already as wanted stays as it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dcctl.cloud.connect import Cloud
from dcctl.cloud.failures import status_of
from dcctl.errors import CloudError


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: str
    name: str
    domain_id: str
    domain: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: str
    name: str
    domain_id: str
    enabled: bool
    description: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Assignment:
    """A role that a user (never a group) was given."""

    user_name: str
    user_domain: str
    role: str
    user_id: str


def find_domain(cloud: Cloud, name: str) -> str | None:
    """The id of the domain of exactly that name."""
    found = _named(cloud.pages("identity", "/domains", "domains", {"name": name}), name)
    return str(found["id"]) if found else None


def ensure_domain(cloud: Cloud, code: str, description: str) -> str:
    """Return the id of the domain named `code`, made if it is missing; an existing one is adopted as it is, and enabled."""
    existing = _named(cloud.pages("identity", "/domains", "domains", {"name": code}), code)
    if existing is None:
        body = {"domain": {"name": code, "description": description, "enabled": True}}
        existing = _made(cloud, "/domains", body, "domain", lambda: cloud.pages("identity", "/domains", "domains", {"name": code}))
    if not existing.get("enabled", True):
        cloud.call("identity", "PATCH", f"/domains/{existing['id']}", body={"domain": {"enabled": True}})
    return str(existing["id"])


def find_user(cloud: Cloud, name: str, domains: Iterable[str]) -> User | None:
    """The user of exactly that name in the first of the `domains` (names) that has one."""
    return dict(find_users(cloud, [name], domains))[name]


def find_users(cloud: Cloud, names: Iterable[str], domains: Iterable[str]) -> Iterator[tuple[str, User | None]]:
    """Each name with its user in the first of the `domains` (names) that has one, as Keystone answers; a domain is looked for once."""
    in_order, ids = tuple(domains), dict[str, str | None]()
    for name in names:
        user: User | None = None
        for domain in in_order:
            if domain not in ids:
                ids[domain] = find_domain(cloud, domain)
            if (domain_id := ids[domain]) is not None and (user := _user(cloud, name, domain, domain_id)) is not None:
                break
        yield name, user


def user_names(cloud: Cloud, domain_id: str) -> list[str]:
    """Names of all users of a domain."""
    return [str(user["name"]) for user in cloud.pages("identity", "/users", "users", {"domain_id": domain_id})]


def find_role(cloud: Cloud, name: str) -> str | None:
    """The id of the global role of exactly that name (a domain's own roles never count)."""
    roles = cloud.pages("identity", "/roles", "roles", {"name": name})
    found = _named([role for role in roles if not role.get("domain_id")], name)
    return str(found["id"]) if found else None


def ensure_role(cloud: Cloud, name: str) -> str:
    """Return the id of the global role, made if it is missing."""
    existing = find_role(cloud, name)
    if existing is not None:
        return existing
    made = _made(cloud, "/roles", {"role": {"name": name}}, "role", lambda: cloud.pages("identity", "/roles", "roles", {"name": name}))
    return str(made["id"])


def assign(cloud: Cloud, user_id: str, role: str, *, domain_id: str = "", project_id: str = "") -> None:
    """Give the user the role (by name) on one domain or one project."""
    cloud.call("identity", "PUT", _grant_path(cloud, "users", user_id, role, domain_id, project_id))


def unassign(cloud: Cloud, user_id: str, role: str, *, domain_id: str = "", project_id: str = "") -> None:
    """Take the role from the user; not having it is as good."""
    cloud.call("identity", "DELETE", _grant_path(cloud, "users", user_id, role, domain_id, project_id), absent_ok=True)


def assignments(cloud: Cloud, roles: Iterable[str], *, domain_id: str = "", project_id: str = "") -> list[Assignment]:
    """Who was given one of the `roles` (names) on the domain or project itself: users only, what groups have does not count."""
    kind, target = _target(domain_id, project_id)
    wanted = set(roles)
    query = [(f"scope.{kind[:-1]}.id", target), ("include_names", "true")]
    found = []
    for item in cloud.pages("identity", "/role_assignments", "role_assignments", query):
        user, role, scope = item.get("user"), item.get("role") or {}, item.get("scope") or {}
        if user and role.get("name") in wanted and not role.get("domain") and "OS-INHERIT:inherited_to" not in scope:
            domain = str((user.get("domain") or {}).get("name", ""))
            found.append(Assignment(user_id=str(user["id"]), user_name=str(user.get("name", "")), user_domain=domain, role=str(role["name"])))
    return sorted(found)


def fill_group(cloud: Cloud, group_id: str, user_ids: Iterable[str]) -> None:
    """Make exactly these users the group's members: others leave first, missing ones join."""
    wanted = set(user_ids)
    present = {str(user["id"]) for user in cloud.pages("identity", f"/groups/{group_id}/users", "users")}
    for user_id in sorted(present - wanted):
        cloud.call("identity", "DELETE", f"/groups/{group_id}/users/{user_id}", absent_ok=True)
    for user_id in sorted(wanted - present):
        cloud.call("identity", "PUT", f"/groups/{group_id}/users/{user_id}")


def group_members(cloud: Cloud, group_id: str) -> dict[str, str]:
    """Names of the group's members, by their ids."""
    return {str(user["id"]): str(user.get("name", "")) for user in cloud.pages("identity", f"/groups/{_id(group_id)}/users", "users")}


def grant_group(cloud: Cloud, project_id: str, group_id: str, role: str = "member") -> None:
    """Give the group's members the role on the project."""
    cloud.call("identity", "PUT", _grant_path(cloud, "groups", group_id, role, "", project_id))


def revoke_group(cloud: Cloud, project_id: str, group_id: str, role: str = "member") -> None:
    """Take the role on the project from the group; not having it is as good."""
    cloud.call("identity", "DELETE", _grant_path(cloud, "groups", group_id, role, "", project_id), absent_ok=True)


def project(cloud: Cloud, project_id: str) -> Project | None:
    """The project, or None when there is none of that id."""
    document = cloud.call("identity", "GET", f"/projects/{_id(project_id)}", absent_ok=True)
    return _project(document["project"]) if document else None


def find_project(cloud: Cloud, name: str, domain_id: str) -> Project | None:
    """The project of exactly that name in the domain."""
    found = _named(cloud.pages("identity", "/projects", "projects", {"name": name, "domain_id": domain_id}), name)
    return _project(found) if found else None


def ensure_project(cloud: Cloud, name: str, domain_id: str, description: str = "") -> Project:
    """Return the project of that name in the domain, made if it is missing (environments' projects are made by their tenant stack)."""
    existing = find_project(cloud, name, domain_id)
    if existing is not None:
        return existing
    body = {"project": {"name": name, "domain_id": domain_id, "description": description}}
    query = {"name": name, "domain_id": domain_id}
    return _project(_made(cloud, "/projects", body, "project", lambda: cloud.pages("identity", "/projects", "projects", query)))


def delete_project(cloud: Cloud, project_id: str) -> None:
    """Delete the project; that it is gone already is as good. Empty it first (sweep): Keystone does not look."""
    cloud.call("identity", "DELETE", f"/projects/{_id(project_id)}", absent_ok=True)


def delete_group(cloud: Cloud, group_id: str) -> None:
    """Delete the group; that it is gone already is as good."""
    cloud.call("identity", "DELETE", f"/groups/{_id(group_id)}", absent_ok=True)


def _project(item: dict[str, Any]) -> Project:
    return Project(
        id=str(item["id"]),
        name=str(item["name"]),
        domain_id=str(item["domain_id"]),
        enabled=bool(item.get("enabled", True)),
        description=str(item.get("description") or ""),
        tags=tuple(str(tag) for tag in item.get("tags") or ()),
    )


def _user(cloud: Cloud, name: str, domain: str, domain_id: str) -> User | None:
    found = _named(cloud.pages("identity", "/users", "users", {"name": name, "domain_id": domain_id}), name)
    if found is None:
        return None
    return User(id=str(found["id"]), name=name, domain_id=domain_id, domain=domain, enabled=bool(found.get("enabled", True)))


def _made(cloud: Cloud, path: str, body: Any, key: str, listing: Any) -> dict[str, Any]:
    """The object that POST makes; when another made one of that name in between (409), that one."""
    try:
        made: dict[str, Any] = cloud.call("identity", "POST", path, body=body)[key]
    except CloudError as error:
        existing = _named(listing(), body[key]["name"]) if status_of(error) == 409 else None
        if existing is None:
            raise
        return existing
    return made


def _named(items: Iterable[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """The item of exactly that name: some databases compare without regard to case."""
    return next((item for item in items if item.get("name") == name), None)


def _grant_path(cloud: Cloud, whose: str, who: str, role: str, domain_id: str, project_id: str) -> str:
    role_id = find_role(cloud, role)
    if role_id is None:
        raise CloudError("DCCTL-401", service="Keystone", action=f"GET /roles?name={role}", status=404, words=f"no role {role}")
    kind, target = _target(domain_id, project_id)
    return f"/{kind}/{target}/{whose}/{_id(who)}/roles/{role_id}"


def _target(domain_id: str, project_id: str) -> tuple[str, str]:
    if bool(domain_id) == bool(project_id):
        raise ValueError("exactly one of domain_id and project_id")
    return ("domains", _id(domain_id)) if domain_id else ("projects", _id(project_id))


def _id(value: str) -> str:
    """An id that may stand in a path: never empty, for a path without it would mean the whole collection, never with a slash."""
    if not value or not value.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"not an id: {value!r}")
    return value

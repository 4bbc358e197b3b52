"""The first domains, projects, users, roles and the catalogue; passwords come later, one set for each cloud."""

import secrets

from devcloud import people
from devcloud.api import Administrator
from devcloud.cloud import REGION, Cloud
from devcloud.services import KEYSTONE, SERVICES, Service


def seed(cloud: Cloud, admin: Administrator) -> None:
    roles = {role["name"]: role["id"] for role in admin.get("keystone", "/roles")["roles"]}
    service_project = _project(admin, "service", "default")
    for name in people.SERVICE_USERS:
        user = _user(admin, name, "default")
        for role in ("admin", "service"):
            admin.put("keystone", f"/projects/{service_project}/users/{user}/roles/{roles[role]}")
    for service in SERVICES:
        if service is not KEYSTONE:
            _catalogue(cloud, admin, service)
    domains = {name: admin.post("keystone", "/domains", {"domain": {"name": name}})["domain"]["id"] for name in (people.HOME, *people.MINISTRIES)}
    operations = _project(admin, people.OPERATIONS, domains[people.HOME])
    for person in people.PEOPLE:
        user = _user(admin, person.name, domains[people.HOME])
        if person.domain is None:
            # A token in this scope needs some role; what its bearer may do in dcctl is dcctl's own roles' affair.
            admin.put("keystone", f"/projects/{operations}/users/{user}/roles/{roles['reader']}")


def _project(admin: Administrator, name: str, domain: str) -> str:
    return str(admin.post("keystone", "/projects", {"project": {"name": name, "domain_id": domain}})["project"]["id"])


def _user(admin: Administrator, name: str, domain: str) -> str:
    user = {"name": name, "domain_id": domain, "password": secrets.token_urlsafe(24)}
    return str(admin.post("keystone", "/users", {"user": user})["user"]["id"])


def _catalogue(cloud: Cloud, admin: Administrator, service: Service) -> None:
    made = admin.post("keystone", "/services", {"service": {"name": service.name, "type": service.type}})["service"]["id"]
    for interface in ("public", "internal", "admin"):
        endpoint = {"service_id": made, "interface": interface, "url": service.url(cloud), "region_id": REGION}
        admin.post("keystone", "/endpoints", {"endpoint": endpoint})

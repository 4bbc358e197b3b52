"""Who and what stands in Keystone from the first day: domains, projects, users, and the clouds.yaml by which they sign in."""

from dataclasses import dataclass

from devcloud.cloud import REGION, Cloud
from devcloud.services import KEYSTONE, SERVICES

#: The datacenter's own domain. Everybody's account is in it, and no ministry manages it: a domain manager could reset a lead's password.
HOME = "asin"
MINISTRIES = ("min-sante", "min-justice")
#: The project in which operators and auditors get a token.
OPERATIONS = "exploitation"

ADMIN = "admin"
#: Service users sign in for the services; Nova and Cinder use Keystone's role `service` besides.
SERVICE_USERS = tuple(service.name for service in SERVICES if service is not KEYSTONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user in domain `asin`. `domain` is the scope of its tokens; without one it is the project `exploitation`."""

    name: str
    domain: str | None = None


PEOPLE = (
    Person(name="operator"),
    Person(name="operator-2"),
    Person(name="auditor"),
    Person(name="sante-lead", domain="min-sante"),
    Person(name="sante-agent", domain="min-sante"),
    Person(name="justice-lead", domain="min-justice"),
    Person(name="justice-agent", domain="min-justice"),
)

USERS = (ADMIN, *SERVICE_USERS, *(person.name for person in PEOPLE))


def clouds_yaml(cloud: Cloud, passwords: dict[str, str]) -> str:
    """The text of clouds.yaml. Passwords are of letters and digits, so that nothing needs quoting."""
    entries = [_entry(cloud, "cloud-admin", ADMIN, "Default", passwords[ADMIN], "project_name: admin", "project_domain_name: Default")]
    for person in PEOPLE:
        scope = (f"domain_name: {person.domain}",) if person.domain else (f"project_name: {OPERATIONS}", f"project_domain_name: {HOME}")
        entries.append(_entry(cloud, person.name, person.name, HOME, passwords[person.name], *scope))
    return "clouds:\n" + "".join(entries)


def _entry(cloud: Cloud, name: str, user: str, domain: str, password: str, *scope: str) -> str:
    auth = (f"auth_url: {KEYSTONE.url(cloud)}", f"username: {user}", f"user_domain_name: {domain}", f"password: {password}", *scope)
    lines = [f"  {name}:", "    auth:", *(f"      {line}" for line in auth)]
    lines += [f"    region_name: {REGION}", "    identity_api_version: 3"]
    return "\n".join(lines) + "\n"

"""What Keystone must know before dcctl can serve: its own roles, the users that its servers sign in as, and its place in the catalogue.

Passwords are made here, put into files that only their owner may read, and never shown. Everything may be repeated: a password that works
stays, one that is lost is replaced.

    dcctl-admin      admin on the project `admin`: domains, tenant stacks, limits, inventory
    dcctl-build      no role anywhere: each environment's tenant stack makes it a member of that project
    dcctl-collector  admin, but only by an application credential that can do nothing but GET the lists that are read
    dcctl-api        service on the project `service`: it may ask Keystone what a token is worth
"""

import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3
from ruamel.yaml import YAML

from dcctl.cloud import access_rules, identity, registry
from dcctl.cloud.connect import Cloud
from dcctl.cloud.failures import translated
from dcctl.config import Settings
from dcctl.errors import CloudError
from dcctl.words import _

ROLES = ("dc_agent", "dc_lead", "dc_operator", "dc_auditor")
SERVICE_DOMAIN = "Default"
#: Where the user was there before, the new password revokes its tokens to the second: one that is issued within it is refused, too.
REVOKED_SECONDS = 1.1
COLLECTOR = "dcctl-collector"
API = "dcctl-api"

def bootstrap(settings: Settings, admin: Cloud, say: Any) -> None:
    """Make roles, service users, their files and the catalogue's entry.

    Args:
        admin: the cloud's administrator.
        say: called with a sentence and its parameters for each thing done.
    """
    for role in ROLES:
        identity.ensure_role(admin, role)
    auth_url = admin.auth_url
    clouds = _read_clouds(settings.cloud.clouds_yaml)
    entries = {
        settings.cloud.admin: _administrator(admin, settings, clouds, auth_url),
        settings.cloud.build: _builder(admin, settings, clouds, auth_url),
        COLLECTOR: _collector(admin, settings, clouds, auth_url),
    }
    if clouds != entries:
        head = "# Written by dcctl-manage bootstrap; run it again after a change of Keystone's address.\n"
        write_private(settings.cloud.clouds_yaml, head + json.dumps({"clouds": entries}, indent=2) + "\n")
    _api(admin, settings, auth_url)
    registry.ensure_service(admin, url=settings.api.url, region=settings.cloud.region)
    known = _("Keystone knows {roles}, the service users and {url} as self-service in {region}.")
    say(known, roles=ROLES, url=settings.api.url, region=settings.cloud.region)


def _administrator(admin: Cloud, settings: Settings, clouds: Mapping[str, Any], auth_url: str) -> dict[str, Any]:
    user, password = _user(admin, settings.cloud.admin, clouds, "dcctl: domains, limits, inventory")
    project = identity.ensure_project(admin, "admin", _default_domain(admin))
    identity.assign(admin, user, "admin", project_id=project.id)
    scope = {"project_name": "admin", "project_domain_name": SERVICE_DOMAIN}
    return _entry(settings, auth_url, settings.cloud.admin, password, scope)


def _builder(admin: Cloud, settings: Settings, clouds: Mapping[str, Any], auth_url: str) -> dict[str, Any]:
    _, password = _user(admin, settings.cloud.build, clouds, "dcctl: builds in the projects that it is a member of")
    return _entry(settings, auth_url, settings.cloud.build, password, {})


def _collector(admin: Cloud, settings: Settings, clouds: Mapping[str, Any], auth_url: str) -> dict[str, Any]:
    """Reads across all projects need the role admin, so the collector never holds a password, only a credential that can read."""
    auth = clouds.get(COLLECTOR, {}).get("auth", {})
    known = {key: str(auth.get(key, "")) for key in ("application_credential_id", "application_credential_secret")}
    works = all(known.values()) and auth.get("auth_url") == auth_url and _credential_works(admin, auth_url, known)
    if not works or not _credential_is_narrow(admin, known["application_credential_id"]):
        known = _new_credential(admin, auth_url)
    return {"auth_type": "v3applicationcredential", "auth": {"auth_url": auth_url, **known}, **_place(settings)}


def _new_credential(admin: Cloud, auth_url: str) -> dict[str, str]:
    password = secrets.token_urlsafe(32)  # known to nobody after this
    user = registry.ensure_user(admin, COLLECTOR, SERVICE_DOMAIN, password, description="dcctl: reads use and limits")
    project = identity.ensure_project(admin, "admin", _default_domain(admin))
    identity.assign(admin, user, "admin", project_id=project.id)
    time.sleep(REVOKED_SECONDS)
    auth = v3.Password(auth_url=auth_url, user_id=user, password=password, project_id=project.id)
    session = keystone_session.Session(auth=auth, verify=admin.session.verify, timeout=30, app_name="dcctl")
    path = f"{auth_url}/users/{user}/application_credentials"
    with translated("identity", "POST /application_credentials"):
        for old in session.get(path).json()["application_credentials"]:
            session.delete(f"{path}/{old['id']}")
        rules = [{"service": service, "method": method, "path": path} for service, method, path in access_rules.rules()]
        wanted = {"name": "reads", "description": "GET of lists only", "access_rules": rules, "roles": [{"name": "admin"}]}
        made = session.post(path, json={"application_credential": wanted}).json()["application_credential"]
    return {"application_credential_id": str(made["id"]), "application_credential_secret": str(made["secret"])}


def _credential_works(admin: Cloud, auth_url: str, known: Mapping[str, str]) -> bool:
    auth = v3.ApplicationCredential(
        auth_url=auth_url,
        application_credential_id=known["application_credential_id"],
        application_credential_secret=known["application_credential_secret"],
    )
    session = keystone_session.Session(auth=auth, verify=admin.session.verify, timeout=30, app_name="dcctl")
    try:
        with translated("identity", "POST /auth/tokens"):
            session.get_token()
    except CloudError as error:
        if error.params.get("status") in (401, 404):
            return False
        raise
    return True


def _credential_is_narrow(admin: Cloud, identifier: str) -> bool:
    """Whether the credential may do what this release reads, and no more: an older release's is replaced."""
    user = identity.find_user(admin, COLLECTOR, [SERVICE_DOMAIN])
    path = f"/users/{user.id if user else '-'}/application_credentials/{identifier}"
    found = admin.call("identity", "GET", path, absent_ok=True)
    given = found["application_credential"].get("access_rules") or [] if isinstance(found, dict) else []
    return sorted((rule["service"], rule["method"], rule["path"]) for rule in given) == sorted(access_rules.rules())


def _api(admin: Cloud, settings: Settings, auth_url: str) -> None:
    path = settings.api.authtoken_conf
    password = _password_in(path) or secrets.token_urlsafe(32)
    user = registry.ensure_user(admin, API, SERVICE_DOMAIN, password, description="dcctl: checks tokens")
    project = identity.ensure_project(admin, "service", _default_domain(admin))
    identity.ensure_role(admin, "service")
    identity.assign(admin, user, "service", project_id=project.id)
    lines = [
        "[keystone_authtoken]",
        "service_type = self-service",
        f"www_authenticate_uri = {auth_url}",
        f"auth_url = {auth_url}",
        "auth_type = password",
        f"username = {API}",
        f"user_domain_name = {SERVICE_DOMAIN}",
        f"password = {password}",
        "project_name = service",
        f"project_domain_name = {SERVICE_DOMAIN}",
        f"region_name = {settings.cloud.region}",
        "# A revoked token is refused within this time.",
        "token_cache_time = 30",
        "service_token_roles_required = true",
    ]
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_private(path, text)


def _user(admin: Cloud, name: str, clouds: Mapping[str, Any], description: str) -> tuple[str, str]:
    """A service user's id, and its password: the one that its file has where it has one."""
    password = str(clouds.get(name, {}).get("auth", {}).get("password") or secrets.token_urlsafe(32))
    return registry.ensure_user(admin, name, SERVICE_DOMAIN, password, description=description), password


def _entry(settings: Settings, auth_url: str, user: str, password: str, scope: Mapping[str, str]) -> dict[str, Any]:
    auth = {"auth_url": auth_url, "username": user, "user_domain_name": SERVICE_DOMAIN, "password": password, **scope}
    return {"auth": auth, **_place(settings)}


def _place(settings: Settings) -> dict[str, Any]:
    return {"region_name": settings.cloud.region, "identity_api_version": 3}


def _default_domain(admin: Cloud) -> str:
    found = identity.find_domain(admin, SERVICE_DOMAIN)
    return found or identity.ensure_domain(admin, SERVICE_DOMAIN, "")


def _read_clouds(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    clouds = document.get("clouds") if isinstance(document, dict) else None
    return {str(name): entry for name, entry in clouds.items() if isinstance(entry, dict)} if isinstance(clouds, dict) else {}


def _password_in(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "password"), "")


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner may read, at no instant readable by others or half written."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)

"""Keystone's service catalogue and service users: what `dcctl-manage bootstrap` registers. Everything here may be repeated."""

from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3

from dcctl.cloud.connect import Cloud
from dcctl.cloud.failures import status_of, translated
from dcctl.cloud.identity import ensure_domain, find_domain, find_user
from dcctl.errors import CloudError

INTERFACES = ("public", "internal", "admin")


def ensure_service(cloud: Cloud, *, url: str, region: str, type: str = "self-service", name: str = "dcctl") -> str:
    """Return the id of the service of that type, with an endpoint for each interface in the region; a different url is changed."""
    services = cloud.pages("identity", "/services", "services", {"type": type})
    if services:
        service_id = str(services[0]["id"])
    else:
        body = {"service": {"type": type, "name": name, "enabled": True, "description": "dcctl"}}
        service_id = str(cloud.call("identity", "POST", "/services", body=body)["service"]["id"])
    if cloud.call("identity", "GET", f"/regions/{region}", absent_ok=True) is None:
        cloud.call("identity", "POST", "/regions", body={"region": {"id": region}})
    listed = cloud.pages("identity", "/endpoints", "endpoints", {"service_id": service_id, "region_id": region})
    present = {str(endpoint["interface"]): endpoint for endpoint in listed}
    for interface in INTERFACES:
        endpoint = present.get(interface)
        if endpoint is None:
            wanted = {"interface": interface, "service_id": service_id, "region_id": region, "url": url, "enabled": True}
            cloud.call("identity", "POST", "/endpoints", body={"endpoint": wanted})
        elif endpoint.get("url") != url or not endpoint.get("enabled", True):
            cloud.call("identity", "PATCH", f"/endpoints/{endpoint['id']}", body={"endpoint": {"url": url, "enabled": True}})
    return service_id


def ensure_user(cloud: Cloud, name: str, domain: str, password: str, *, description: str = "") -> str:
    """Return the id of the user in the domain (by name), made if missing, enabled, with that password.

    A password that works already is not set again: Keystone revokes a user's tokens whenever it is set, and running services have some.
    """
    domain_id = find_domain(cloud, domain) or ensure_domain(cloud, domain, "")
    user = find_user(cloud, name, [domain])
    if user is None:
        body = {"user": {"name": name, "domain_id": domain_id, "password": password, "enabled": True, "description": description}}
        return str(cloud.call("identity", "POST", "/users", body=body)["user"]["id"])
    if not user.enabled:
        cloud.call("identity", "PATCH", f"/users/{user.id}", body={"user": {"enabled": True}})
    if not password_works(cloud, user.id, password):
        cloud.call("identity", "PATCH", f"/users/{user.id}", body={"user": {"password": password}})
    return user.id


def password_works(cloud: Cloud, user_id: str, password: str) -> bool:
    """Whether Keystone accepts the user's password."""
    session = keystone_session.Session(
        auth=v3.Password(auth_url=cloud.auth_url, user_id=user_id, password=password, unscoped=True),
        verify=cloud.session.verify,
        timeout=30,
        app_name="dcctl",
    )
    try:
        with translated("identity", "POST /auth/tokens"):
            session.get_token()
    except CloudError as error:
        if status_of(error) == 401:
            return False
        raise
    return True

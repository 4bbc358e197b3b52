"""Calls to the cloud's services as the cloud's administrator, in plain JSON."""

from typing import Any

from keystoneauth1 import session
from keystoneauth1.exceptions import ClientException
from keystoneauth1.identity import v3

from devcloud import people
from devcloud.cloud import Cloud, DevcloudError
from devcloud.services import BY_NAME, KEYSTONE

#: The newest microversions that we use: flavors with descriptions (2.55), zones in aggregates; volume types unchanged since 3.0.
_HEADERS = {"nova": {"OpenStack-API-Version": "compute 2.90"}, "cinder": {"OpenStack-API-Version": "volume 3.70"},
            "placement": {"OpenStack-API-Version": "placement 1.39"}}  # fmt: skip


class Administrator:
    """Signed in as user admin, project admin. The token is fetched with the first call and renewed as needed."""

    def __init__(self, cloud: Cloud, password: str) -> None:
        auth = v3.Password(auth_url=KEYSTONE.url(cloud), username=people.ADMIN, password=password, user_domain_name="Default",
                           project_name="admin", project_domain_name="Default")  # fmt: skip
        self._cloud = cloud
        self._session = session.Session(auth=auth, timeout=60)

    def call(self, service: str, method: str, path: str, body: Any = None, **arguments: Any) -> Any:
        """Return the answer's JSON (None where it has none). Raises DevcloudError with the service's own words."""
        headers = {"Accept": "application/json", **_HEADERS.get(service, {}), **arguments.pop("headers", {})}
        if body is not None:
            arguments["json"] = body
        try:
            answer = self._session.request(
                path, method, endpoint_override=BY_NAME[service].url(self._cloud), headers=headers, authenticated=True, **arguments
            )
        except ClientException as failure:
            words = getattr(getattr(failure, "response", None), "text", "") or str(failure)
            raise DevcloudError(f"{service}: {method} {path}: {words[:500]}") from failure
        return answer.json() if answer.content and "json" in answer.headers.get("Content-Type", "") else None

    def get(self, service: str, path: str) -> Any:
        return self.call(service, "GET", path)

    def post(self, service: str, path: str, body: Any) -> Any:
        return self.call(service, "POST", path, body)

    def put(self, service: str, path: str, body: Any = None) -> Any:
        return self.call(service, "PUT", path, body)

"""Signing in to Keystone with a cloud of clouds.yaml, and finding the API in its catalogue. Every failure of Keystone's ends here.

Imports keystoneauth1: only what speaks to the API imports this.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from keystoneauth1 import exceptions, loading
from keystoneauth1.session import Session

from dcctl.cloudsyaml import SERVICE_TYPE, Cloud
from dcctl.errors import DcctlError

#: What means that nothing answers, or nothing that speaks TLS as it should.
UNREACHABLE = (exceptions.ConnectFailure, exceptions.SSLError, exceptions.UnknownConnectionError, exceptions.RetriableConnectionFailure)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session that has a token, its connections, and the API's address without its version."""

    session: Session
    http: requests.Session
    endpoint: str


class _Session(Session):
    """A session that does not ask for a token while it is asking for one.

    keystoneauth1's discovery of Keystone repeats a GET that was answered 401 with a token; to have one it waits for a lock that it holds itself, for
    ever. Whatever answers 401 at the auth_url of a clouds.yaml would hang the command.
    """

    signing_in = True

    def get_auth_headers(self, auth: Any = None, **kwargs: Any) -> Any:
        if self.signing_in:
            raise exceptions.DiscoveryFailure("401")
        return super().get_auth_headers(auth, **kwargs)


def sign_in(cloud: Cloud, *, seconds: float) -> SignedIn:
    """Ask Keystone for a token, unless the cloud has one; find the API.

    Raises:
        DcctlError: 102, 114 refused; 104 no answer; 108 no API in the catalogue; 110, 113 an entry that cannot be used.
    """
    # Its warnings would stand between our sentences; what they tell is in the error that follows.
    logging.getLogger("keystoneauth").addHandler(logging.NullHandler())
    logging.getLogger("keystoneauth").propagate = False
    plugin = _plugin(cloud)
    http = requests.Session()
    session = _Session(session=http, auth=plugin, verify=cloud.verify, cert=cloud.cert, timeout=seconds, app_name="dcctl")
    try:
        endpoint = cloud.endpoint or _catalogued(session, cloud)
        plugin.get_token(session)
    except BaseException as error:
        http.close()
        if isinstance(error, exceptions.ClientException):
            raise _translated(error, cloud) from error
        raise
    session.signing_in = False
    return SignedIn(session=session, http=http, endpoint=endpoint.rstrip("/"))


def _catalogued(session: Session, cloud: Cloud) -> str:
    """The API's address in the token's catalogue, whatever its version: nothing is asked of it."""
    url = session.get_endpoint(service_type=SERVICE_TYPE, interface=cloud.interface, region_name=cloud.region, skip_discovery=True)
    if not url:
        raise exceptions.EndpointNotFound
    return str(url).removesuffix("/").removesuffix("/v1")


def _translated(error: exceptions.ClientException, cloud: Cloud) -> DcctlError:
    if isinstance(error, exceptions.Unauthorized) or _not_known(error):
        return cloud.refused()
    if isinstance(error, UNREACHABLE) or (isinstance(error, exceptions.HttpError) and (error.http_status or 0) >= 500):
        return DcctlError("DCCTL-104", url=cloud.auth_url)
    if isinstance(error, (exceptions.EmptyCatalog, exceptions.EndpointNotFound)):
        return DcctlError("DCCTL-108")
    return DcctlError("DCCTL-110", cloud=cloud.name, file=cloud.file, reason=str(error.message))


def _not_known(error: exceptions.ClientException) -> bool:
    """Whether Keystone itself says 404: of a token that has ended, or an application credential that is not there any more, and not of a path."""
    if not isinstance(error, exceptions.NotFound) or error.response is None:
        return False
    try:
        said = error.response.json()
    except ValueError:
        return False
    return isinstance(said, dict) and isinstance(said.get("error"), dict)


def _plugin(cloud: Cloud) -> Any:
    """keystoneauth1's plugin for the cloud, with those of the entry's values that it knows."""
    try:
        loader: Any = loading.get_plugin_loader(cloud.auth_type)
        return loader.load_from_options(**plugin_options(loader, cloud.config))
    except exceptions.MissingRequiredOptions as error:
        missing = ", ".join(option.dest for option in error.options)
        raise DcctlError("DCCTL-113", cloud=cloud.name, file=cloud.file, missing=missing) from error
    except (exceptions.ClientException, TypeError, ValueError) as error:
        raise DcctlError("DCCTL-110", cloud=cloud.name, file=cloud.file, reason=str(error)) from error


def plugin_options(loader: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """The plugin's options out of `auth`, else out of the entry itself (where variables of the environment stand)."""
    auth = dict(config.get("auth") or {})
    for option in loader.get_options():
        names = [name.replace("-", "_") for name in [option.name, *(old.name for old in option.deprecated)]]
        found = next((place[name] for place in (auth, config) for name in names if place.get(name)), None)
        for name in names:
            auth.pop(name, None)
        if found:
            auth[option.dest] = found
    return auth

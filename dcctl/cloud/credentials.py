"""An application credential in the place of a password, for one run: it can be taken away while whoever has it is frozen.

    made(entry, name) ──▶ the entry that the run gets ──▶ ended        removed(entry, prefix) ──▶ which others of that user were taken away

`entry` is one of a clouds.yaml, with a user's password; one without (a site may have application credentials there itself) is given as it is, for
such a credential may not make others. A credential has the user's roles on the entry's project, cannot make credentials or trusts, and ends by
itself.
"""

import contextlib
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any

from keystoneauth1 import exceptions, loading
from keystoneauth1.session import Session

from dcctl.cloud.failures import persistently, translated

_TIMEOUT_SECONDS = 30.0
#: For each call; and to make a credential, where Keystone gave it another call's roles.
ATTEMPTS = 3
Choose = Callable[[Collection[str]], Collection[str]]


def _anything() -> None:
    """Nothing keeps a call from being sent."""


def made(entry: Mapping[str, Any], name: str, *, seconds: float, check: Callable[[], None] = _anything) -> dict[str, Any]:
    """The entry with a fresh credential of that name, which ends by itself after so many seconds.

    Args:
        check: asked directly before each attempt; what it raises keeps the call from being sent.

    Raises:
        CloudError: Keystone refuses or does not answer.
    """
    auth = entry["auth"]
    if "password" not in auth:
        return dict(entry)
    session = _session(entry, auth)
    with translated("identity", "POST /application_credentials"):
        address = f"{_address(auth)}/users/{_user(session)}/application_credentials"
        # Counted from when Keystone issued the token, a moment ago: by this machine's clock it might be over before it began.
        signed_in: Any = session.auth
        end = (signed_in.get_access(session).issued + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body = {"application_credential": {"name": name, "description": "one run of dcctl", "expires_at": end}}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = _told(session, "POST", address, check=check, json=body).json()["application_credential"]
            except exceptions.HttpError as error:
                if attempt == ATTEMPTS or error.response is None or "role assignment" not in error.response.text:
                    raise
                # A role that the token names was taken from the user meanwhile, or was another call's: a fresh token has those that are left.
                session.invalidate()
                continue
            # A Keystone with several threads may take another call's roles for the token's (docs/openstack.md); nobody signs in without one.
            if answer["roles"] or attempt == ATTEMPTS:
                break
            _gone(session, f"{address}/{answer['id']}")
    own = {"auth_url": auth["auth_url"], "application_credential_id": answer["id"], "application_credential_secret": answer["secret"]}
    return {**entry, "auth_type": "v3applicationcredential", "auth": own}


def ended(entry: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Take away the credential that `made` gave `own`, with the password of `entry`; one that is not there is no hindrance.

    Raises:
        CloudError: Keystone refuses or does not answer.
    """
    identifier = own["auth"].get("application_credential_id")
    if "password" not in entry["auth"] or identifier is None:
        return
    session = _unscoped(entry)
    with translated("identity", "DELETE /application_credentials"):
        _gone(session, f"{_address(entry['auth'])}/users/{_user(session)}/application_credentials/{identifier}")


def removed(entry: Mapping[str, Any], prefix: str, choose: Choose = lambda names: names) -> list[str]:
    """Take away every credential of the entry's user whose name begins so; what was issued by it ends with it, as far as services ask again.

    Args:
        choose: of these names those that are to go.

    Raises:
        CloudError: Keystone refuses or does not answer.
    """
    auth = entry["auth"]
    if "password" not in auth:
        return []
    session = _unscoped(entry)
    with translated("identity", "DELETE /application_credentials"):
        own = f"{_address(auth)}/users/{_user(session)}/application_credentials"
        known = _told(session, "GET", own).json()["application_credentials"]
        found = {str(item["name"]): str(item["id"]) for item in known if str(item["name"]).startswith(prefix)}
        going = sorted(choose(found)) if found else []
        for name in going:
            _gone(session, f"{own}/{found[name]}")
    return going


def _gone(session: Session, address: str) -> None:
    """Delete what is at the address; that it is not there is as good."""
    with contextlib.suppress(exceptions.NotFound):
        _told(session, "DELETE", address)


def _user(session: Session) -> str:
    """The id of who signs in, which asks for the token; a token more is no harm."""
    return str(persistently("GET", attempts=ATTEMPTS)(session.get_user_id))


def _told(session: Session, method: str, address: str, *, check: Callable[[], None] = _anything, **more: Any) -> Any:
    """The answer to one call, made again where that does nothing twice: whoever deletes again finds nothing, which is as good."""

    def once() -> Any:
        check()
        return session.request(address, method, **more)

    return persistently("GET" if method == "DELETE" else method, attempts=ATTEMPTS)(once)


def _unscoped(entry: Mapping[str, Any]) -> Session:
    """The project of a former run may be gone, and the user's role in it."""
    return _session(entry, {key: value for key, value in entry["auth"].items() if not key.startswith(("project", "tenant", "domain"))})


def _session(entry: Mapping[str, Any], auth: Mapping[str, Any]) -> Session:
    loader: Any = loading.get_plugin_loader("password")
    known = {option.dest for option in loader.get_options()}
    plugin = loader.load_from_options(**{key: value for key, value in auth.items() if key in known})
    return Session(auth=plugin, verify=entry.get("cacert") or entry.get("verify", True), timeout=_TIMEOUT_SECONDS, app_name="dcctl")


def _address(auth: Mapping[str, Any]) -> str:
    url = str(auth["auth_url"]).rstrip("/")
    return url if url.endswith("/v3") else f"{url}/v3"

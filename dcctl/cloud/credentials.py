"""An application credential in the place of a password, for one run: it can be taken away while whoever has it is frozen.

    made(entry, name) ──▶ the entry that the run gets ──▶ ended        removed(entry, prefix) ──▶ how many others of that user were taken away

`entry` is one of a clouds.yaml, with a user's password; one without (a site may have application credentials there itself) is given as it is, for
such a credential may not make others. A credential has the user's roles on the entry's project, cannot make credentials or trusts, and ends by
itself.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from keystoneauth1 import exceptions, loading
from keystoneauth1.session import Session

from dcctl.cloud.failures import translated

_TIMEOUT_SECONDS = 30.0
#: To make a credential, while roles of its user come and go.
ATTEMPTS = 3


def made(entry: Mapping[str, Any], name: str, *, seconds: float) -> dict[str, Any]:
    """The entry with a fresh credential of that name, which ends by itself after so many seconds.

    Raises:
        CloudError: Keystone refuses or does not answer.
    """
    auth = entry["auth"]
    if "password" not in auth:
        return dict(entry)
    session = _session(entry, auth)
    end = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    body = {"application_credential": {"name": name, "description": "one run of dcctl", "expires_at": end}}
    with translated("identity", "POST /application_credentials"):
        address = f"{_address(auth)}/users/{session.get_user_id()}/application_credentials"
        for _ in range(ATTEMPTS):
            reply = session.post(address, json=body, raise_exc=False)
            if reply.ok or "role assignment" not in reply.text:
                break
            # A role that the token names was taken from the user meanwhile: a fresh token has those that are left.
            session.invalidate()
        if not reply.ok:
            raise exceptions.from_response(reply, "POST", address)
        answer = reply.json()["application_credential"]
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
        address = f"{_address(entry['auth'])}/users/{session.get_user_id()}/application_credentials/{identifier}"
        session.delete(address, raise_exc=False)


def removed(entry: Mapping[str, Any], prefix: str) -> int:
    """Take away every credential of the entry's user whose name begins so; what was issued by it ends with it, as far as services ask again.

    Raises:
        CloudError: Keystone refuses or does not answer.
    """
    auth = entry["auth"]
    if "password" not in auth:
        return 0
    session = _unscoped(entry)
    with translated("identity", "DELETE /application_credentials"):
        own = f"{_address(auth)}/users/{session.get_user_id()}/application_credentials"
        found = [item["id"] for item in session.get(own).json()["application_credentials"] if str(item["name"]).startswith(prefix)]
        for identifier in found:
            session.delete(f"{own}/{identifier}", raise_exc=False)
    return len(found)


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

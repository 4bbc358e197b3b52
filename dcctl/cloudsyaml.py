"""The client's configuration: clouds.yaml, secure.yaml and OS_* variables, found and merged as openstacksdk does.

Importing openstack.config costs a second, so the usual shapes are read here; a test compares with openstack.config for many files. What this
reader does not know (vendor profiles, regions with values of their own, several authentication methods) is handed over to openstack.config.

Order: OS_CLIENT_CONFIG_FILE, the working directory, ~/.config/openstack, /etc/openstack; the first file that exists counts, alone. secure.yaml is
searched the same way and merged over it. One difference: a file that is not YAML is an error here, where openstacksdk goes on to the next file.
"""

import copy
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcctl.errors import DcctlError
from dcctl.words import N_, _, sentence

SERVICE_TYPE = "self-service"
SUFFIXES = ("yaml", "yml", "json")
#: Variables that choose, and so do not make a cloud of the environment by themselves.
SELECTORS = {"OS_CLOUD", "OS_REGION_NAME", "OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE", "OS_CLOUD_NAME"}
DEFAULTS: Mapping[str, Any] = {"auth_type": "password", "interface": "public", "verify": True, "cacert": None, "cert": None, "key": None}
#: Keys whose meaning is openstack.config's business.
FOREIGN = {"profile", "cloud", "networks", "external_network", "internal_network"}

NOT_SECRET = {
    "auth_url", "username", "user_id", "user_domain_id", "user_domain_name", "project_id", "project_name", "project_domain_id",
    "project_domain_name", "domain_id", "domain_name", "system_scope", "trust_id", "application_credential_id", "application_credential_name",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A cloud as it was chosen. `auth` holds the password or token: never shown, never logged."""

    name: str
    file: str
    config: Mapping[str, Any] = field(repr=False)

    @property
    def auth(self) -> dict[str, Any]:
        return dict(self.config.get("auth") or {})

    @property
    def auth_type(self) -> str:
        return str(self.config.get("auth_type") or "none")

    @property
    def holds_token(self) -> bool:
        """Whether the entry has a token itself, and nothing to ask for another one with."""
        return "token" in self.auth_type

    @property
    def auth_url(self) -> str:
        return str(self.auth.get("auth_url") or self.config.get("auth_url") or "")

    @property
    def identity(self) -> str:
        """Who asks where, without anything secret: a key for what is remembered between two commands."""
        said = {key: value for key, value in self.auth.items() if key in NOT_SECRET}
        return json.dumps([self.name, self.auth_type, self.region, self.endpoint, said], sort_keys=True, default=str)

    @property
    def region(self) -> str | None:
        return self.config.get("region_name") or None

    @property
    def interface(self) -> str:
        prefixed = self.config.get("self_service_interface")
        return str(prefixed or self.config.get("interface") or "public")

    def refused(self) -> DcctlError:
        """What it means that Keystone says no to what the entry has to show."""
        return DcctlError("DCCTL-114" if self.holds_token else "DCCTL-102", cloud=self.name, file=self.file)

    @property
    def endpoint(self) -> str | None:
        """The API's address where the configuration overrides the catalogue."""
        return self.config.get("self_service_endpoint_override") or None

    @property
    def verify(self) -> bool | str:
        """What requests takes: whether the server's certificate is checked, or against which file."""
        verify = False if self.config.get("insecure") else self.config.get("verify", True)
        cacert = self.config.get("cacert")
        if isinstance(verify, str):
            verify = verify.lower() not in ("false", "no", "0", "")
        return os.path.expanduser(cacert) if verify and cacert else bool(verify)

    @property
    def cert(self) -> str | tuple[str, str] | None:
        """The client's own certificate, and its key."""
        cert, key = self.config.get("cert"), self.config.get("key")
        if not cert:
            return None
        return (os.path.expanduser(cert), os.path.expanduser(key)) if key else os.path.expanduser(cert)


def choose(name: str | None = None, environ: Mapping[str, str] | None = None) -> Cloud:
    """The cloud that is named, else OS_CLOUD's, else the one that OS_* variables describe, else the only one there is.

    Raises:
        DcctlError: DCCTL-101 none chosen; 109 no such cloud; 115 a file without any; 003 a file that is missing or unreadable; 110 an entry that
            cannot be used.
    """
    environ = os.environ if environ is None else environ
    file, found = _first("clouds", "OS_CLIENT_CONFIG_FILE", environ)
    secure_file, secure = _first("secure", "OS_CLIENT_SECURE_FILE", environ)
    merged = _merged(_mapping(found, file), _mapping(secure, secure_file))
    clouds: dict[str, Any] = copy.deepcopy(dict(merged.get("clouds") or {}))
    shown = file or _expected(environ)
    from_environment = environ.get("OS_CLOUD_NAME", "envvars")
    variables = _variables(environ)
    if variables:
        clouds[from_environment] = variables
    chosen = name or environ.get("OS_CLOUD") or (from_environment if variables else None)
    if not chosen and len(clouds) == 1:
        chosen = next(iter(clouds))
    named = environ.get("OS_CLIENT_CONFIG_FILE")
    if chosen not in clouds and named and not os.path.exists(named):
        raise DcctlError("DCCTL-003", path=named, reason=_("there is no such file"))
    if file and not clouds:
        raise DcctlError("DCCTL-115", file=file)
    if not chosen:
        raise DcctlError("DCCTL-101", known=sorted(clouds))
    if chosen not in clouds:
        raise DcctlError("DCCTL-109", cloud=chosen, file=shown, known=sorted(clouds))
    entry = clouds[chosen]
    if not isinstance(entry, Mapping):
        raise DcctlError("DCCTL-110", cloud=chosen, file=shown, reason=_("below its name there are no keys and values"))
    if _is_foreign(entry):
        return Cloud(name=chosen, file=shown, config=_by_openstack(chosen, shown))
    return Cloud(name=chosen, file=shown, config=_fixed(chosen, shown, entry, environ))


def _expected(environ: Mapping[str, str]) -> str:
    return environ.get("OS_CLIENT_CONFIG_FILE") or "~/.config/openstack/clouds.yaml"


def _directories(environ: Mapping[str, str]) -> list[Path]:
    # As platformdirs says for "openstack" on Linux, plus the fixed two that openstacksdk adds.
    home = Path(environ.get("SNAP_REAL_HOME") or Path.home())
    configured = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "openstack"
    site = [Path(part) / "openstack" for part in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep) if part]
    return [Path.cwd(), configured, home / ".config" / "openstack", *site, Path("/etc/openstack")]


def _first(stem: str, variable: str, environ: Mapping[str, str]) -> tuple[str, Any]:
    """Path and content of the first file that can be read; ("", None) when there is none."""
    candidates = [Path(environ[variable])] if environ.get(variable) else []
    candidates += [directory / f"{stem}.{suffix}" for directory in _directories(environ) for suffix in SUFFIXES]
    for path in candidates:
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise DcctlError("DCCTL-003", path=str(path), reason=_why(error)) from error
        return str(path), _parsed(path, text)
    return "", None


def _why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else _("it is not UTF-8")


def _parsed(path: Path, text: str) -> Any:
    if path.suffix == ".json":
        try:
            return json.loads(text)
        except ValueError as error:
            line = getattr(error, "lineno", "–")  # a figure of thousands of digits has none
            raise DcctlError("DCCTL-003", path=str(path), reason=sentence(N_("it is no JSON (line {line})"), {"line": line})) from None
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)  # as PyYAML reads it: 0123 is octal, yes is true
    yaml.allow_duplicate_keys = True
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        at = error.problem_mark.line + 1 if error.problem_mark else "–"
        # Only YAML's own words: the line itself may hold a password.
        reason = sentence(N_("it is no YAML (line {line}: {problem})"), {"line": at, "problem": error.problem})
        raise DcctlError("DCCTL-003", path=str(path), reason=reason) from None
    except (YAMLError, ValueError) as error:
        raise DcctlError("DCCTL-003", path=str(path), reason=_("it is no YAML")) from error


def _merged(over: Any, secure: Any) -> Any:
    if not isinstance(secure, Mapping):
        return over
    result = dict(over or {})
    for key, value in secure.items():
        result[key] = _merged(result[key], value) if isinstance(value, Mapping) and isinstance(result.get(key), Mapping) else value
    return result


def _mapping(document: Any, file: str) -> Mapping[str, Any]:
    """The document of a file; one that is empty says nothing."""
    if document is None:
        return {}
    if not isinstance(document, Mapping) or not isinstance(document.get("clouds") or {}, Mapping):
        raise DcctlError("DCCTL-115", file=file)
    return document


def _variables(environ: Mapping[str, str]) -> dict[str, Any]:
    names = [name for name in environ if name.startswith("OS_") and not name.startswith(("OS_TEST", "OS_STD", "OS_LOG"))]
    if not set(names) - SELECTORS:
        return {}
    return {name[3:].lower(): environ[name] for name in names}


def _is_foreign(entry: Mapping[str, Any]) -> bool:
    regions = entry.get("regions")
    return bool(
        FOREIGN & set(entry)
        or entry.get("auth_type") in ("v2password", "v3multifactor")
        or (isinstance(regions, list) and any(isinstance(region, Mapping) for region in regions))
    )


def _by_openstack(name: str, file: str) -> dict[str, Any]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openstack.config import OpenStackConfig
        from openstack.exceptions import SDKException

        try:
            return dict(OpenStackConfig().get_one(name, validate=False).config)
        except (SDKException, ValueError, TypeError, KeyError) as error:
            raise DcctlError("DCCTL-110", cloud=name, file=file, reason=str(error)) from error


def _fixed(name: str, file: str, entry: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The entry with openstack.config's corrections: old names, domains given once, booleans, figures as text."""
    config: dict[str, Any] = {**DEFAULTS, **copy.deepcopy(dict(entry))}
    auth = config.get("auth")
    if auth is not None and not isinstance(auth, Mapping):
        raise DcctlError("DCCTL-110", cloud=name, file=file, reason=_("below auth: there are no keys and values"))
    config["auth"] = dict(auth or {})
    config["region_name"] = _region(config)
    config.pop("regions", None)
    plugin = config.pop("auth_plugin", None)
    config["auth_type"] = config.pop("auth_type", None) or plugin
    _move_auth(config)
    config = {key.replace("endpoint_type", "interface") if key.endswith("endpoint_type") else key: value for key, value in config.items()}
    _spread_domain(config)
    for key in ("insecure", "cache"):
        if key in config and not isinstance(config[key], bool):
            config[key] = str(config[key]).lower() == "true"
    fixed = _normal(config)
    try:
        if isinstance(fixed["auth"].get("auth_url"), str):
            fixed["auth"]["auth_url"] = fixed["auth"]["auth_url"].format(**fixed)
    except (KeyError, IndexError, ValueError) as error:
        raise DcctlError("DCCTL-110", cloud=name, file=file, reason=_("auth_url: a name in braces is none of the entry's")) from error
    return fixed


def _region(config: Mapping[str, Any]) -> str:
    regions = config.get("regions")
    if isinstance(regions, list) and regions:
        return str(regions[0])
    named = config.get("region_name")
    if isinstance(named, list):
        return str(named[0]) if named else ""
    return str(named).split(",")[0] if named else ""


def _move_auth(config: dict[str, Any]) -> None:
    """Into `auth`, under the present names; what stands outside of `auth` wins, for it may come from the environment."""
    old = {"project_id": ("tenant_id", "project_id"), "project_name": ("tenant_name", "project_name"), "token": ("auth_token", "token")}
    plain = ("domain_id", "domain_name", "user_domain_id", "user_domain_name", "project_domain_id", "project_domain_name", "passcode")
    auth = config["auth"]
    for target, names in ({key: (key,) for key in plain} | old).items():
        value = None
        for spelling in [form for name in names for form in dict.fromkeys((name, name.replace("_", "-")))]:
            if spelling in auth:
                value = str(auth.pop(spelling))
            if spelling in config:
                value = str(config.pop(spelling))
        if value:
            auth[target] = value


def _spread_domain(config: dict[str, Any]) -> None:
    """A domain that is given once is that of user and project; without a project it is the scope."""
    auth = config["auth"]
    if not {"project_id", "project_name"} & set(auth):
        return
    for target in ("domain_id", "domain_name"):
        value = auth.pop(target, None)
        if value is not None:
            for key in (f"user_{target}", f"project_{target}"):
                auth.setdefault(key, value)


def _normal(config: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in config.items():
        name = str(key).replace("-", "_")
        if isinstance(value, Mapping):
            result[name] = _normal(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            result[name] = str(value)
        else:
            result[name] = value
    return result

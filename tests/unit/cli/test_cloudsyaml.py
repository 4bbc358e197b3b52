"""Our reader of clouds.yaml finds what openstack.config finds, for many shapes of files and variables."""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from dcctl.cloudsyaml import choose
from dcctl.errors import DcctlError
from dcctl.signin import plugin_options

pytestmark = pytest.mark.usefixtures("home")

BASE = "auth: {auth_url: 'http://127.0.0.1:5000/v3', username: sante-agent, password: motdepasse, user_domain_name: asin, domain_name: min-sante}"
PROJECT = "auth: {auth_url: 'http://127.0.0.1:5000/v3', username: operator, password: motdepasse, project_name: exploitation, "

ENTRIES = {
    "domain scope": BASE,
    "project scope, domains apart": PROJECT + "user_domain_name: asin, project_domain_name: asin}",
    "project scope, domain once in auth": PROJECT + "domain_name: asin}",
    "project scope, domain id once in auth": PROJECT + "domain_id: d-1}",
    "project scope, one domain given": PROJECT + "domain_id: d-1, user_domain_id: d-2}",
    "domain outside of auth": "domain_name: min-sante\n    " + BASE.replace(", domain_name: min-sante", ""),
    "user domain outside of auth": "user_domain_name: asin\n    " + BASE.replace(", user_domain_name: asin", ""),
    "project outside of auth": "project_name: exploitation\n    project_domain_name: asin\n    " + BASE.replace(", domain_name: min-sante", ""),
    "old names": PROJECT.replace("project_name", "tenant-name") + "user-domain-name: asin, project-domain-name: asin}",
    "tenant id": BASE.replace("domain_name: min-sante}", "tenant_id: p-1}"),
    "auth_plugin": "auth_plugin: v3password\n    " + BASE,
    "auth_type wins": "auth_plugin: v2password\n    auth_type: v3password\n    " + BASE,
    "region": "region_name: cotonou\n    " + BASE,
    "regions": "regions: [cotonou, parakou]\n    " + BASE,
    "region names as a list": "region_name: [cotonou, parakou]\n    " + BASE,
    "region names with commas": "region_name: 'cotonou,parakou'\n    " + BASE,
    "interface": "interface: internal\n    " + BASE,
    "endpoint type": "endpoint_type: internalURL\n    " + BASE,
    "own interface": "self_service_interface: internal\n    " + BASE,
    "endpoint override": "self_service_endpoint_override: http://127.0.0.1:8780\n    " + BASE,
    "no verification": "verify: false\n    " + BASE,
    "insecure": "insecure: true\n    " + BASE,
    "insecure as text": "insecure: 'True'\n    cacert: ca.pem\n    " + BASE,
    "own authority": "cacert: ~/ca.pem\n    " + BASE,
    "own certificate": "cert: ~/me.pem\n    " + BASE,
    "own certificate and key": "cert: ~/me.pem\n    key: ~/me.key\n    " + BASE,
    "application credential": "auth_type: v3applicationcredential\n    auth: {auth_url: 'http://127.0.0.1:5000/v3', "
    "application_credential_id: a-1, application_credential_secret: secret}",
    "token": "auth_type: v3token\n    auth: {auth_url: 'http://127.0.0.1:5000/v3', token: jeton, domain_name: min-sante}",
    "old token": "auth_type: token\n    auth: {auth_url: 'http://127.0.0.1:5000/v3', auth-token: jeton, domain_name: min-sante}",
    "figures": "identity_api_version: 3\n    " + BASE.replace("motdepasse", "123456"),
    "octal": BASE.replace("motdepasse", "0123"),
    "yes is true": BASE.replace("motdepasse", "yes"),
    "sexagesimal": BASE.replace("motdepasse", "22:22:22"),
    "braces in the address": BASE.replace("5000/v3", "5000/v{identity_api_version}").replace("auth:", "identity_api_version: '3'\n    auth:"),
    "braces in the password": BASE.replace("motdepasse", "'mot{de}passe'"),
    "quoted figures": BASE.replace("motdepasse", "'0123'"),
    "unknown keys": "volume_api_version: '3'\n    note: rien\n    " + BASE,
    "timeout": "api_timeout: 30\n    " + BASE,
    "system scope": BASE.replace("domain_name: min-sante", "system_scope: all"),
    "vendor profile": "profile: asin\n    " + BASE,
    "regions with values": "regions: [{name: cotonou, values: {interface: internal}}, parakou]\n    " + BASE,
    "empty values": "region_name: ''\n    interface: public\n    " + BASE,
}


def theirs(name: str | None = None) -> Any:
    """What openstacksdk would use; its search path is read at import, so it is given anew."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openstack.config import OpenStackConfig

        folders = [Path.cwd(), Path.home() / ".config" / "openstack"]
        files = {stem: [str(f / f"{stem}.{s}") for f in folders for s in ("yaml", "yml", "json")] for stem in ("clouds", "secure", "clouds-public")}
        config = OpenStackConfig(config_files=files["clouds"], secure_files=files["secure"], vendor_files=files["clouds-public"])
        return config.get_one(name)


def ours(name: str | None = None) -> dict[str, Any]:
    from keystoneauth1 import loading

    cloud = choose(name)
    loader: Any = loading.get_plugin_loader(cloud.auth_type)
    return {
        "auth": plugin_options(loader, cloud.config), "auth_type": cloud.auth_type, "region": cloud.region or "", "interface": cloud.interface,
        "verify": (cloud.verify, cloud.cert), "endpoint": cloud.endpoint,
    }  # fmt: skip


def compared(name: str | None = None) -> None:
    there = theirs(name)
    verify, cert = there.get_requests_verify_args()
    assert ours(name) == {
        "auth": {key: value for key, value in there.config["auth"].items() if value is not None},
        "auth_type": there.config["auth_type"],
        "region": there.region_name or "",
        "interface": there.get_interface("self-service"),
        "verify": (verify, cert),
        "endpoint": there.get_endpoint("self-service"),
    }


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing of the machine's own vendors and files."""
    monkeypatch.setattr("dcctl.cloudsyaml._by_openstack", lambda name, file: dict(theirs(name).config))
    return monkeypatch


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_means_the_same(entry: str, settings: pytest.MonkeyPatch) -> None:
    Path("clouds-public.yaml").write_text("public-clouds: {asin: {region_name: cotonou, auth: {user_domain_name: asin}}}\n")
    Path("clouds.yaml").write_text(f"clouds:\n  sante-agent:\n    {entry}\n")
    compared("sante-agent")
    compared()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "secure",
    [
        "clouds: {sante-agent: {auth: {password: secret}}}",
        "clouds: {sante-agent: {auth: {password: secret, username: autre}, region_name: parakou}}",
        "clouds: {autre: {auth: {password: secret}}}",
    ],
)
def test_secrets_come_from_secure_yaml(secure: str, settings: pytest.MonkeyPatch) -> None:
    Path("clouds.yaml").write_text(f"clouds:\n  sante-agent:\n    {BASE}\n")
    Path("secure.yaml").write_text(secure)
    compared("sante-agent")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "variables",
    [
        {"OS_CLOUD": "sante-agent"},
        {"OS_CLOUD": "operator"},
        {"OS_AUTH_URL": "http://127.0.0.1:5000/v3", "OS_USERNAME": "moi", "OS_PASSWORD": "x", "OS_PROJECT_NAME": "p", "OS_USER_DOMAIN_NAME": "asin",
         "OS_PROJECT_DOMAIN_NAME": "asin", "OS_REGION_NAME": "parakou", "OS_INTERFACE": "internal", "OS_IDENTITY_API_VERSION": "3"},
        {"OS_AUTH_URL": "http://127.0.0.1:5000/v3", "OS_TOKEN": "jeton", "OS_AUTH_TYPE": "v3token", "OS_DOMAIN_NAME": "min-sante"},
        {"OS_AUTH_URL": "http://127.0.0.1:5000/v3", "OS_USERNAME": "moi", "OS_PASSWORD": "x", "OS_TENANT_NAME": "p", "OS_DEFAULT_DOMAIN_NAME": "asin",
         "OS_CACERT": "/ca.pem", "OS_ENDPOINT_TYPE": "adminURL"},
        {"OS_CLIENT_CONFIG_FILE": "ailleurs.yaml"},
        {"OS_CLIENT_CONFIG_FILE": "manque.yaml", "OS_CLOUD": "operator"},
        {"OS_CLIENT_SECURE_FILE": "secrets.yaml", "OS_CLOUD": "sante-agent"},
    ],
)  # fmt: skip
def test_variables_mean_the_same(variables: dict[str, str], settings: pytest.MonkeyPatch) -> None:
    Path("clouds.yaml").write_text(f"clouds:\n  sante-agent:\n    {BASE}\n  operator:\n    {ENTRIES['project scope, domains apart']}\n")
    Path("ailleurs.yaml").write_text(f"clouds:\n  ailleurs:\n    {BASE}\n")
    Path("secrets.yaml").write_text("clouds: {sante-agent: {auth: {password: secret}}}")
    for name, value in variables.items():
        settings.setenv(name, value)
    compared()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("place", ["clouds.yml", "clouds.json", ".config/openstack/clouds.yaml"])
def test_the_same_files_are_found(place: str, settings: pytest.MonkeyPatch) -> None:
    file = Path(place)
    file.parent.mkdir(parents=True, exist_ok=True)
    Path(".config/openstack").mkdir(parents=True, exist_ok=True)
    if place.endswith("json"):
        file.write_text('{"clouds": {"sante-agent": {"auth": {"auth_url": "http://127.0.0.1:5000/v3", "username": "moi", "password": "x"}}}}')
    else:
        file.write_text(f"clouds:\n  sante-agent:\n    {BASE}\n")
    compared("sante-agent")


def test_the_search_order_is_theirs() -> None:
    """In a process of its own: theirs reads working directory and home when it is imported."""
    import subprocess

    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "import os; from openstack.config import loader; from dcctl.cloudsyaml import SUFFIXES, _directories\n"
        "mine = list(dict.fromkeys(str(d / f'clouds.{s}') for d in _directories(os.environ) for s in SUFFIXES))\n"
        "assert mine == list(dict.fromkeys(loader.CONFIG_FILES)), (mine, loader.CONFIG_FILES)"
    )
    for more in ({}, {"XDG_CONFIG_HOME": "/srv/config"}, {"XDG_CONFIG_DIRS": "/srv/xdg"}):
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), **more}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_several_clouds_and_none_chosen() -> None:
    Path("clouds.yaml").write_text(f"clouds:\n  sante-agent:\n    {BASE}\n  sante-lead:\n    {BASE}\n")
    with pytest.raises(DcctlError) as raised:
        choose()
    assert (raised.value.code, raised.value.params) == ("DCCTL-101", {"known": ["sante-agent", "sante-lead"]})


def test_a_cloud_that_is_not_there() -> None:
    Path("clouds.yaml").write_text(f"clouds:\n  sante-agent:\n    {BASE}\n")
    with pytest.raises(DcctlError) as raised:
        choose("sante-lead")
    assert raised.value.params == {"cloud": "sante-lead", "file": str(Path.cwd() / "clouds.yaml"), "known": ["sante-agent"]}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("clouds: [\n", "DCCTL-003"),
        ("", "DCCTL-115"),
        ("- a\n", "DCCTL-115"),
        ("texte\n", "DCCTL-115"),
        ("client: {}\n", "DCCTL-115"),
        ("clouds:\n", "DCCTL-115"),
        ("clouds: {}\n", "DCCTL-115"),
        ("clouds: [a]\n", "DCCTL-115"),
        ("clouds: {sante-agent: x}\n", "DCCTL-110"),
        ("clouds: {sante-agent: {auth: x}}\n", "DCCTL-110"),
        ("clouds: {sante-agent: {auth: {auth_url: 'http://{nom}'}}}\n", "DCCTL-110"),
    ],
)
def test_a_file_that_cannot_be_used_is_said_and_secrets_in_it_are_not(content: str, code: str) -> None:
    Path("clouds.yaml").write_text("# motdepasse\n" + content)
    for name in ("sante-agent", None) if code == "DCCTL-115" else ("sante-agent",):
        with pytest.raises(DcctlError) as raised:
            choose(name)
        assert raised.value.code == code
        assert "motdepasse" not in str(raised.value)


@pytest.mark.parametrize("content", ["", "clouds:\n"])
def test_a_cloud_of_the_environment_needs_none_in_the_file(content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("clouds.yaml").write_text(content)
    monkeypatch.setenv("OS_AUTH_URL", "http://127.0.0.1:5000/v3")
    monkeypatch.setenv("OS_USERNAME", "sante-agent")
    assert choose().name == "envvars"


def test_a_secure_yaml_that_is_no_mapping_is_said_by_its_own_name() -> None:
    Path("clouds.yaml").write_text(f"clouds:\n  sante-agent:\n    {BASE}\n")
    Path("secure.yaml").write_text("- a\n")
    with pytest.raises(DcctlError) as raised:
        choose()
    assert (raised.value.code, Path(raised.value.params["file"]).name) == ("DCCTL-115", "secure.yaml")


def test_a_password_is_never_part_of_what_is_shown() -> None:
    Path("clouds.yaml").write_text(f"clouds:\n  sante-agent:\n    {BASE}\n")
    cloud = choose()
    assert "motdepasse" not in repr(cloud) + cloud.identity


def test_a_file_that_is_named_and_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", "/srv/manque.yaml")
    for name in (None, "sante-agent"):
        with pytest.raises(DcctlError) as raised:
            choose(name)
        assert (raised.value.code, raised.value.params["path"]) == ("DCCTL-003", "/srv/manque.yaml")

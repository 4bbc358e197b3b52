"""What `make demo` does on a site that is up: the main job, told in words, nothing twice; and what it leaves for people."""

import json
import stat
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from infra.site import demo
from infra.site.layout import CHECKOUT, PEOPLE
from tests.site import RunningSite


@pytest.fixture
def run_demo(site: RunningSite):
    def run() -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "infra.site", "demo", "--state", str(site.layout.state), "--ports", str(site.ports)]
        return subprocess.run(argv, cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    return run


def test_the_demo_does_the_main_job_once_however_often_it_is_run(site: RunningSite, run_demo):
    first = run_demo()
    assert first.returncode == 0, first.stderr
    servers = seen(site)
    numbers = asked(site)

    second = run_demo()

    assert second.returncode == 0, second.stderr
    assert first.stdout == second.stdout == f"{site.metrics_url}\n"
    assert sorted(servers) == ["min-sante-portail-recette-base-1", "min-sante-portail-recette-web-1"]
    assert seen(site) == servers
    assert asked(site) == numbers
    assert len(numbers) == 1
    assert second.stderr.count("was there already") == second.stderr.count("(usually ") == second.stderr.count("operator ") + 1


def seen(site: RunningSite) -> dict[str, str]:
    """Name -> id of the environment's servers, by the witness."""
    project = site.answer("sante-agent", "environment", "show", demo.ENVIRONMENT)["project_id"]
    return {server["Name"]: server["ID"] for server in site.openstack("server", "list", "--project", project, "-f", "json")}


def asked(site: RunningSite) -> list[str]:
    return [item["number"] for item in site.answer("sante-agent", "request", "list")["items"] if item["environment"] == demo.ENVIRONMENT]


def test_the_people_of_the_demo_sign_in_each_in_their_own_scope(site: RunningSite):
    clouds = YAML(typ="safe").load(site.clouds_yaml.read_text())["clouds"]

    assert set(PEOPLE) <= set(clouds)
    assert stat.S_IMODE(site.clouds_yaml.stat().st_mode) == 0o600
    scopes = {name: site.answer(name, "whoami") for name in PEOPLE if name != "cloud-admin"}
    assert {name: sorted(who["roles"]) for name, who in scopes.items()} == {
        "operator": ["dc_operator"],
        "operator-2": ["dc_operator"],
        "auditor": ["dc_auditor"],
        "sante-lead": ["dc_lead"],
        "sante-agent": ["dc_agent"],
        "justice-lead": ["dc_lead"],
        "justice-agent": ["dc_agent"],
    }
    assert {name: who["administrations"] for name, who in scopes.items() if name.startswith(("sante", "justice"))} == {
        "sante-lead": ["min-sante"],
        "sante-agent": ["min-sante"],
        "justice-lead": ["min-justice"],
        "justice-agent": ["min-justice"],
    }


def test_the_addresses_answer(site: RunningSite):
    addresses = json.loads(site.layout.endpoints.read_text())

    assert addresses == {"api": site.api_url, "metrics": site.metrics_url, "keystone": site.layout.keystone_url}
    assert "dcctl_build_info" in site.metrics()


def test_the_servers_files_are_closed_to_others(site: RunningSite):
    files = [path for path in site.layout.etc.iterdir() if path.is_file()]

    assert {path.name for path in files} >= {"dcctl.toml", "clouds.yaml", "authtoken.conf", "pulumi-passphrase"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(site.layout.state.stat().st_mode) == 0o700


def test_no_password_is_in_an_argument_an_environment_or_a_log(site: RunningSite):
    entries = YAML(typ="safe").load((site.layout.etc / "clouds.yaml").read_text())["clouds"]
    people = YAML(typ="safe").load(site.clouds_yaml.read_text())["clouds"]
    secrets = {
        str(value)
        for entry in (*entries.values(), *people.values())
        for key, value in entry["auth"].items()
        if key in ("password", "application_credential_secret")
    }
    secrets.add((site.layout.etc / "pulumi-passphrase").read_text().strip())

    said = "".join(path.read_text(errors="replace") for path in site.layout.log.iterdir() if path.is_file())
    for pid in site.pids().values():
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", errors="replace") as file:
                said += file.read()

    assert len(secrets) >= len(PEOPLE) + 4
    assert [secret[:4] for secret in secrets if secret in said] == []

"""The main job through the installed `dcctl`, once in French and once in English, with `openstack` as an independent witness."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dcctl.cloud.connect import Cloud
from infra.site import person
from infra.site.layout import REGION, write_private
from infra.site.servers import BIN
from tests.site import RunningSite

WORDS = {
    "fr": {"submitted": "est demandé", "approved": "est approuvée", "done": "Terminé.", "ready": "est prêt"},
    "en": {"submitted": "is asked for", "approved": "is approved", "done": "Done.", "ready": "is ready"},
}
SHORT = {"fr": "{resource}\u00a0: demandé {asked}, disponible {available}", "en": "{resource}: asked {asked}, available {available}"}

WRONG_PASSWORD = {
    "fr": [
        "Erreur DCCTL-102\u00a0: Keystone a refusé le nom d’utilisateur, le mot de passe ou la portée du nuage sante-agent.",
        "Pour continuer\u00a0: Vérifier l’entrée dans {file}.",
        "Détails\u00a0: dcctl explain DCCTL-102",
    ],
    "en": [
        "Error DCCTL-102: Keystone refused the user name, the password or the scope of the cloud sante-agent.",
        "Next: Check the entry in {file}.",
        "More: dcctl explain DCCTL-102",
    ],
}


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_request_becomes_servers_that_an_independent_witness_sees(site: RunningSite, spec, lang):
    name = f"dossier-{lang}"
    path = spec("dossier-patient", name=name)

    submitted = site.dcctl("sante-agent", "request", "submit", str(path), lang=lang)
    number = submitted.stdout.strip()
    digest = site.answer("sante-lead", "request", "show", number)["digest"]
    approved = site.dcctl("sante-lead", "request", "approve", number, "--digest", digest, "--reason", "conforme au schéma directeur", lang=lang)
    watched = site.dcctl("sante-agent", "request", "watch", number, lang=lang)

    assert submitted.returncode == 0, submitted.stderr
    assert approved.returncode == 0, approved.stderr
    assert watched.returncode == 0, watched.stdout + watched.stderr
    assert WORDS[lang]["submitted"] in submitted.stderr
    assert WORDS[lang]["approved"] in approved.stderr
    assert WORDS[lang]["done"] in watched.stdout
    assert WORDS[lang]["ready"] in watched.stdout + watched.stderr
    happened = site.answer("sante-agent", "request", "show", number)["events"]
    assert [event["step"] for event in happened if event["kind"] == "step"] == ["tenant", "limits", "people", "workload"]
    environment = site.answer("sante-agent", "environment", "show", name)
    assert (environment["state"], environment["administration"]) == ("active", "min-sante")
    project = environment["project_id"]
    see_what_was_built(site, project, name)
    see_the_same_numbers_everywhere(site, project, name)
    work_in_it_as_its_member(site, name, path.parent / "member")


def see_what_was_built(site: RunningSite, project: str, name: str) -> None:
    shown = site.openstack("project", "show", project, "-f", "json")
    domain = site.openstack("domain", "show", "min-sante", "-f", "json")
    assert (shown["name"], shown["domain_id"]) == (name, domain["id"])

    servers = site.openstack("server", "list", "--project", project, "-f", "json")
    assert {(server["Name"], server["Status"], server["Flavor"]) for server in servers} == {
        (f"min-sante-{name}-web-1", "ACTIVE", "m1.small"),
        (f"min-sante-{name}-web-2", "ACTIVE", "m1.small"),
        (f"min-sante-{name}-base-1", "ACTIVE", "m1.medium"),
    }
    base = next(server["ID"] for server in servers if server["Name"].endswith("base-1"))
    (volume,) = site.openstack("volume", "list", "--project", project, "-f", "json")
    assert (volume["Status"], volume["Size"]) == ("in-use", 20)
    assert [attached["server_id"] for attached in volume["Attached to"]] == [base]
    addresses = site.openstack("floating", "ip", "list", "--project", project, "--long", "-f", "json")
    assert len(addresses) == 2
    # Associated in full; what would make them ACTIVE is an agent of layer 3, which the trial cloud has not.
    assert all(address["Port"] and address["Fixed IP Address"] for address in addresses)
    assert [address["Status"] for address in addresses] == ["DOWN", "DOWN"]


def see_the_same_numbers_everywhere(site: RunningSite, project: str, name: str) -> None:
    """Ledger, limits as OpenStack enforces them, and the exporter's figures."""
    quota = site.quota("sante-agent", f"min-sante/{name}")
    limits = site.limits(project)
    for resource, row in quota.items():
        assert row["allocated"] == row["limit"] == limits[resource], resource
    wanted = {resource: row["allocated"] for resource, row in quota.items()}
    site.until(lambda: site.figures("dcctl_project_resource_quota", project_id=project).items() >= wanted.items(), f"quota of {name} in the metrics")
    used = {
        "instances": 3, "cores": 4, "ram": 8192, "volumes": 1, "gigabytes": 20, "gigabytes_ssd": 20, "networks": 1, "routers": 1, "floatingips": 2,
    }  # fmt: skip
    site.until(lambda: site.figures("dcctl_project_resource_usage", project_id=project).items() >= used.items(), f"usage of {name} in the metrics")
    shown = f"min-sante/{name}"
    site.until(lambda: {key: row["usage"] for key, row in site.quota("sante-agent", shown).items() if row["usage"]} == used, "usage in quota show")


def work_in_it_as_its_member(site: RunningSite, name: str, folder: Path) -> None:
    """Do what `environment cloud` says: its entry beside the others, the password in secure.yaml; then `openstack` sees the servers."""
    folder.mkdir()
    printed = site.dcctl("sante-agent", "environment", "cloud", name)
    assert printed.returncode == 0, printed.stderr
    people = YAML(typ="safe").load(site.clouds_yaml.read_text())["clouds"]
    (cloud,) = entry = YAML(typ="safe").load(printed.stdout)["clouds"]
    write_private(folder / "clouds.yaml", json.dumps({"clouds": people | entry}))
    password = people["sante-agent"]["auth"]["password"]
    assert password not in printed.stdout + printed.stderr
    write_private(folder / "secure.yaml", json.dumps({"clouds": {cloud: {"auth": {"password": password}}}}))

    files = {"OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"), "OS_CLIENT_SECURE_FILE": str(folder / "secure.yaml")}
    environment = person.environment(site.layout) | files
    command = [str(BIN / "openstack"), "--os-cloud", cloud, "server", "list", "-f", "json"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    assert {server["Name"] for server in json.loads(done.stdout)} == {f"min-sante-{name}-{server}" for server in ("web-1", "web-2", "base-1")}


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_wrong_password_is_refused_in_one_sentence_with_what_to_do(site: RunningSite, tmp_path, lang):
    clouds = YAML(typ="safe").load(site.clouds_yaml.read_text())
    right = clouds["clouds"]["sante-agent"]["auth"]["password"]
    clouds["clouds"]["sante-agent"]["auth"]["password"] = f"{right}-not"
    file = tmp_path / "clouds.yaml"
    write_private(file, json.dumps(clouds))

    refused = site.dcctl("sante-agent", "whoami", lang=lang, extra={"OS_CLIENT_CONFIG_FILE": str(file)})

    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr.splitlines() == [line.format(file=file) for line in WRONG_PASSWORD[lang]]


#: What is wrong -> exit status and the sentence that says so.
AWAY = {
    "expired token": (3, {"fr": "Erreur DCCTL-114\u00a0: Le jeton du nuage sante-agent a expiré ou a été révoqué.",
                          "en": "Error DCCTL-114: The token of the cloud sante-agent has expired or was revoked."}),
    "credential gone": (3, {lang: said[0] for lang, said in WRONG_PASSWORD.items()}),
    "API down": (4, {"fr": "Erreur DCCTL-105\u00a0: L’API de dcctl ne répond pas à l’adresse {address}.",
                     "en": "Error DCCTL-105: dcctl's API does not answer at {address}."}),
    "Keystone down": (4, {"fr": "Erreur DCCTL-104\u00a0: Keystone ne répond pas à l’adresse {address}/v3.",
                          "en": "Error DCCTL-104: Keystone does not answer at {address}/v3."}),
}  # fmt: skip
NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("wrong", AWAY)
def test_what_does_not_answer_or_has_ended_is_said_in_one_sentence_with_its_status(site: RunningSite, tmp_path, wrong, lang):
    clouds = YAML(typ="safe").load(site.clouds_yaml.read_text())
    entry = clouds["clouds"]["sante-agent"]
    if wrong == "Keystone down":
        entry["auth"]["auth_url"] = f"{NOBODY}/v3"
    elif wrong == "API down":
        entry["self_service_endpoint_override"] = NOBODY
    elif wrong == "credential gone":
        entry.update(auth_type="v3applicationcredential", auth={"auth_url": entry["auth"]["auth_url"], "application_credential_id": "0" * 32,
                                                                "application_credential_secret": "parti"})  # fmt: skip
    else:
        ended = Cloud(site.clouds_yaml, "sante-agent", REGION).session
        token = ended.get_token()
        ended.delete(f"{site.layout.keystone_url}/auth/tokens", headers={"X-Subject-Token": token})
        scope = {key: value for key, value in entry["auth"].items() if key in ("auth_url", "domain_name")}
        entry.update(auth_type="v3token", auth=scope | {"token": token})
    file = tmp_path / "clouds.yaml"
    write_private(file, json.dumps(clouds))

    refused = site.dcctl("sante-agent", "whoami", lang=lang, extra={"OS_CLIENT_CONFIG_FILE": str(file)})

    status, said = AWAY[wrong]
    first, *following = refused.stderr.splitlines()
    assert (refused.returncode, refused.stdout, first) == (status, "", said[lang].format(address=NOBODY))
    assert len(following) == 2, "what to do, and where to read more"


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_member_whom_nobody_knows_is_refused_with_the_nearest_name_before_anything_is_held(site: RunningSite, spec, lang):
    before = site.quota("sante-agent")
    name = f"membre-{lang}"
    path = spec("portail-recette", name=name, servers=None, network=None, quota={"cores": 1}, members=["sante-lead", "sante-agnet", "justice-agnet"])

    refused = site.dcctl("sante-agent", "request", "submit", str(path), lang=lang)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "DCCTL-001" in refused.stderr
    assert "Traceback" not in refused.stderr
    told = {place: line for line in refused.stderr.splitlines() for place in ("members[1]", "members[2]") if f": {place}: " in line}
    assert "sante-agent" in told["members[1]"].partition("sante-agnet")[2]
    # Whom another administration employs is not for these people to know.
    assert "justice-agent" not in refused.stderr
    assert name not in {item["environment"] for item in site.answer("sante-agent", "request", "list")["items"]}
    assert site.quota("sante-agent")["cores"]["granted"] == before["cores"]["granted"]


def in_the_ledger(site: RunningSite, person: str) -> dict[str, dict[str, int]]:
    """Their administration's amounts; limits and use are of all projects in its domain, where other tests make some beside the ledger."""
    places = ("granted", "available", "held", "allocated")
    return {resource: {place: row[place] for place in places} for resource, row in site.quota(person).items()}


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_demand_beyond_the_envelope_is_refused_with_every_shortfall_and_changes_nothing(site: RunningSite, spec, lang):
    before = in_the_ledger(site, "justice-agent")
    beyond = {"instances": before["instances"]["granted"] + 1, "cores": before["cores"]["granted"] + 1, "ram": 2048}
    path = spec("portail-recette", administration="min-justice", name=f"trop-{lang}", quota=beyond, network=None, servers=None, members=None)

    refused = site.dcctl("justice-agent", "request", "submit", str(path), lang=lang)

    assert refused.returncode == 5
    assert refused.stdout == ""
    for resource in ("instances", "cores"):
        assert SHORT[lang].format(resource=resource, asked=beyond[resource], available=before[resource]["available"]) in refused.stderr
    assert "ram" not in refused.stderr
    assert "DCCTL-201" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert in_the_ledger(site, "justice-agent") == before
    assert f"trop-{lang}" not in {item["environment"] for item in site.answer("justice-agent", "request", "list")["items"]}


def test_a_foreign_administration_is_as_if_it_did_not_exist(site: RunningSite):
    foreign = site.dcctl("justice-agent", "quota", "show", "min-sante", lang="en")
    invented = site.dcctl("justice-agent", "quota", "show", "min-pierre", lang="en")

    assert (foreign.returncode, invented.returncode) == (6, 6)
    assert foreign.stderr.replace("min-sante", "X") == invented.stderr.replace("min-pierre", "X")


def test_a_request_that_is_submitted_twice_with_one_key_is_one_request(site: RunningSite, spec):
    path = spec("portail-recette", name="deux-fois", servers=None, network=None, quota={"cores": 1})

    first = site.dcctl("sante-agent", "request", "submit", str(path), "--key", "deux-fois-1", lang="en")
    second = site.dcctl("sante-agent", "request", "submit", str(path), "--key", "deux-fois-1", lang="en")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout == second.stdout
    listed = site.answer("sante-agent", "request", "list")["items"]
    assert [item["number"] for item in listed if item["environment"] == "deux-fois"] == [first.stdout.strip()]
    assert site.dcctl("sante-agent", "request", "withdraw", first.stdout.strip()).returncode == 0


def test_an_approval_without_a_terminal_names_the_digest_that_it_needs(site: RunningSite, spec):
    path = spec("portail-recette", name="sans-terminal", servers=None, network=None, quota={"cores": 1})
    number = site.dcctl("sante-agent", "request", "submit", str(path)).stdout.strip()
    digest = site.answer("sante-lead", "request", "show", number)["digest"]

    refused = site.dcctl("sante-lead", "request", "approve", number, "--reason", "conforme", lang="fr")

    assert refused.returncode == 2
    assert "--digest" in refused.stderr
    assert digest in refused.stderr
    assert site.answer("sante-lead", "request", "show", number)["state"] == "in_review"
    assert site.dcctl("sante-agent", "request", "withdraw", number).returncode == 0


def shape(answer: Any) -> Any:
    """The keys of an answer at every depth, without its figures, which others change meanwhile."""
    if isinstance(answer, dict):
        return {key: shape(value) for key, value in answer.items()}
    return [shape(item) for item in answer[:1]] if isinstance(answer, list) else None


def test_json_has_the_same_keys_in_both_languages(site: RunningSite):
    for question in (["quota", "show"], ["offer", "list"], ["whoami"]):
        spoken = [site.dcctl("sante-agent", *question, "-f", "json", lang=lang).stdout for lang in ("fr", "en")]
        french, english = (json.loads(text) for text in spoken)
        assert shape(french) == shape(english), question

    quota = json.loads(site.dcctl("sante-agent", "quota", "show", "-f", "json", lang="fr").stdout)
    assert set(quota["items"][0]) == {"resource", "unit", "granted", "available", "held", "allocated", "limit", "usage"}

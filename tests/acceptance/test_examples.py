"""Every national platform's spec is provisioned once, all of them at the same time, each for its own administration."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from infra.site.layout import SiteError
from tests.acceptance.conftest import EXAMPLES
from tests.site import RunningSite

#: Spec -> the administration's name; its code is in the spec.
PLATFORMS = {
    "portail-national": "Agence des systèmes d'information et du numérique, services publics en ligne",
    "xroad": "Agence des systèmes d'information et du numérique, interopérabilité",
    "paiement-electronique": "Direction générale du Trésor et de la comptabilité publique",
    "prscg": "Ministère du Travail et de la Fonction publique",
    "open-data": "Institut national de la statistique et de la démographie",
    "rber-universite": "Université d'Abomey-Calavi",
    "supervision-haut-debit": "Société béninoise d'infrastructures numériques",
    "commune": "Commune de Parakou",
    "senia": "Ministère du Numérique et de la Digitalisation",
}
#: The two that the demo and the README are about are provisioned by other tests.
SHOWN_ELSEWHERE = {"dossier-patient", "portail-recette"}


def test_there_is_a_platform_for_every_example():
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == set(PLATFORMS) | SHOWN_ELSEWHERE


def test_each_platform_is_of_another_administration():
    codes = [document(name)["administration"] for name in PLATFORMS]

    assert len(set(codes)) == len(codes)


def test_the_national_platforms_are_provisioned_side_by_side(site: RunningSite):
    for name, title in PLATFORMS.items():
        code = document(name)["administration"]
        site.administration(code, title, agent=f"{code}-agent", lead=f"{code}-lead", envelope=document(name)["quota"])

    with ThreadPoolExecutor(max_workers=len(PLATFORMS)) as people:
        found = dict(zip(PLATFORMS, people.map(lambda name: provided(site, name), PLATFORMS), strict=True))

    assert {name: problem for name, problem in found.items() if problem} == {}
    servers = site.openstack("server", "list", "--all-projects", "-f", "json", "-c", "Name", "-c", "Status", "-c", "Project ID")
    every = site.openstack("volume", "list", "--all-projects", "--long", "-f", "json")
    volumes = {volume["ID"]: (volume["Type"], volume["Size"]) for volume in every}
    addresses = site.openstack("floating", "ip", "list", "--long", "-f", "json")
    for name in PLATFORMS:
        spec = document(name)
        project = site.answer(f"{spec['administration']}-agent", "environment", "show", spec["name"])["project_id"]
        each = [(server, server.get("count", 1)) for server in spec["servers"]]
        own = site.openstack("volume", "list", "--project", project, "-f", "json")
        assert [server["Status"] for server in servers if server["Project ID"] == project] == ["ACTIVE"] * sum(count for _, count in each), name
        assert [volume["Status"] for volume in own] == ["in-use"] * len(own), name
        assert sorted(volumes[volume["ID"]] for volume in own) == sorted(
            (volume.get("type", "standard"), volume["size"]) for server, count in each for volume in server.get("volumes", ()) for _ in range(count)
        ), name
        placed = [address for address in addresses if address["Project"] == project and address["Fixed IP Address"]]
        assert len(placed) == sum(count for server, count in each if server.get("floating_ip")), name
        limits = site.limits(project)
        assert {resource: limits[resource] for resource in spec["quota"]} == spec["quota"], name


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((EXAMPLES / f"{name}.yaml").read_text())
    return found


def provided(site: RunningSite, name: str) -> str:
    """Ask, approve and follow; empty, or what went wrong."""
    code = document(name)["administration"]
    try:
        site.provide(Path(EXAMPLES, f"{name}.yaml"), agent=f"{code}-agent", lead=f"{code}-lead")
    except SiteError as error:
        return str(error)
    return ""

"""Three ways to the same use: PromQL asked of a real Prometheus, `dcctl usage show`, and OpenStack's own `openstack quota show --usage`."""

import secrets
from pathlib import Path

import pytest

from dcctl.cloud.catalogue import catalogue
from dcctl.cloud.connect import Cloud
from infra.site.layout import REGION
from tests import prometheus as running
from tests import promtool
from tests.acceptance.cloud.tenants import Tenant, public
from tests.acceptance.metrics.conftest import tenant
from tests.site import RunningSite

ENVELOPE = {"instances": 8, "cores": 16, "ram": 32768, "volumes": 8, "gigabytes": 200, "gigabytes_ssd": 100, "networks": 4, "floatingips": 4}
OURS = {"floating_ips": "floatingips", "floating-ips": "floatingips"}


def as_openstack_says(site: RunningSite, project: str) -> dict[str, int]:
    """What is in use in the project, under the ledger's names."""
    rows = site.openstack("quota", "show", "--usage", project, "-f", "json")
    return {OURS.get(row["Resource"], row["Resource"]): row["In Use"] for row in rows if isinstance(row["In Use"], int)}


def inhabit(project: Tenant, admin: Cloud) -> None:
    """A server without a port, two volumes, a network and an address: all that costs a service little."""
    offered = catalogue(admin)
    image = next(image.id for image in offered.images if image.name == "cirros")
    flavor = next(flavor.id for flavor in offered.flavors if flavor.name == "m1.medium")
    server = project.make("compute", "/servers", "server", name="lot", flavorRef=flavor, imageRef=image, networks="none")
    project.make("block-storage", "/volumes", "volume", name="donnees", size=3, volume_type="ssd")
    project.make("block-storage", "/volumes", "volume", name="archive", size=2, volume_type="standard")
    project.make("network", "/networks", "network", name="reseau")
    project.make("network", "/floatingips", "floatingip", floating_network_id=public(offered))
    project.wait("compute", f"/servers/{server['id']}", "server", "ACTIVE")


def test_promql_usage_show_and_openstack_tell_the_same_of_a_project_its_administration_and_the_datacenter(
    site: RunningSite, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    promtool.prometheus()  # before anything is made
    code = f"regard-{secrets.token_hex(3)}"
    site.administration(code, f"Direction {code}", agent=f"{code}-agent", lead=f"{code}-lead", envelope=ENVELOPE)
    admin = Cloud(site.clouds_yaml, "cloud-admin", REGION)

    with (
        tenant(admin, site.clouds_yaml, tmp_path_factory.mktemp("regard"), "regard", code) as project,
        running.server(tmp_path, site.metrics_url) as prometheus,
    ):
        inhabit(project, admin)
        openstack = as_openstack_says(site, project.id)
        assert {name: openstack[name] for name in ("instances", "cores", "ram", "volumes", "gigabytes", "gigabytes_ssd", "floatingips")} == {
            "instances": 1, "cores": 2, "ram": 4096, "volumes": 2, "gigabytes": 5, "gigabytes_ssd": 3, "floatingips": 1,
        }  # fmt: skip

        def of_project() -> dict[str, float]:
            return prometheus.by("resource", f'dcctl_project_resource_usage{{project_id="{project.id}"}}')

        prometheus.until(lambda: bool(found := of_project()) and found == {name: openstack[name] for name in found}, "the use that OpenStack tells")
        counted = of_project()
        assert counted.keys() >= {"instances", "cores", "ram", "volumes", "gigabytes", "gigabytes_ssd", "networks", "routers", "floatingips"}

        shown = {item["resource"]: item for item in site.answer(f"{code}-agent", "usage", "show")["items"]}
        assert {name: item["usage"] for name, item in shown.items()} == {name: openstack[name] for name in shown}
        for place in ("granted", "available", "held", "allocated", "usage"):
            exported = prometheus.by("resource", f'dcctl_administration_resource_{place}{{administration="{code}"}}')
            assert {name: item[place] for name, item in shown.items()} == {name: exported[name] for name in shown}
        most = site.answer("operator", "usage", "top", "--resource", "cores", "--by", "project", "--limit", "1000")["items"]
        (ours,) = [item for item in most if item["project_id"] == project.id]
        assert (ours["administration"], ours["usage"]) == (code, 2)

        def same_of_the_datacenter() -> bool:  # others are at work in this cloud
            items = site.answer("operator", "usage", "show")["items"]
            told = {place: {item["resource"]: item[place] for item in items} for place in ("capacity", "granted", "usage")}
            scraped = {place: prometheus.by("resource", f"dcctl_cluster_resource_{place}") for place in told}
            return all(figures == {name: scraped[place].get(name) for name in figures} for place, figures in told.items())

        prometheus.until(same_of_the_datacenter, "usage show and PromQL agree on the whole datacenter")

"""Three ways to the same figures: `dcctl quota show`, OpenStack's own clients, and the exporter that Prometheus scrapes."""

import re

from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.main_job.conftest import Connect, Ministry

SERVICES = {
    "compute": ("instances", "cores", "ram"),
    "volume": ("volumes", "gigabytes", "gigabytes_ssd", "gigabytes_standard"),
    "network": ("networks", "routers", "floatingips"),
}
#: What `openstack quota show` calls otherwise.
WITNESSED = {"floatingips": "floating_ips"}


def samples(text: str, family: str, **labels: str) -> dict[str, int]:
    """Resource -> value of a family's samples that have these labels."""
    return {
        sample.labels["resource"]: int(sample.value)
        for found in text_string_to_metric_families(text)
        for sample in found.samples
        if sample.name == family and labels.items() <= sample.labels.items()
    }


def as_openstack_says(admin, project_id: str, wanted: str) -> dict[str, int]:
    """Limits (`limit`) or use (`in_use`) of a project, asked of each service by its own detail call, under the ledger's names."""
    answers = {
        "compute": admin.compute.get(f"/os-quota-sets/{project_id}/detail").json()["quota_set"],
        "volume": admin.block_storage.get(f"/os-quota-sets/{project_id}", params={"usage": "True"}).json()["quota_set"],
        "network": admin.network.get(f"/quotas/{project_id}/details").json()["quota"],
    }
    found = {}
    for service, resources in SERVICES.items():
        for resource in resources:
            key = re.sub("s$", "", resource) if service == "network" else resource
            answer = answers[service][key]
            found[resource] = int(answer["used"] if service == "network" and wanted == "in_use" else answer[wanted])
    return found


def beside_dcctl(tenant) -> None:
    """A server of the tenant's own, one that stays in BUILD, one that ends in ERROR, and a snapshot of a volume."""
    network = next(iter(tenant.network.networks(project_id=tenant.current_project_id)))
    image, flavor = tenant.image.find_image("cirros", ignore_missing=False), tenant.compute.find_flavor("m1.tiny", ignore_missing=False)
    servers = {}
    for name, metadata in (("propre", {}), ("bloque", {"devcloud:build": "stay"}), ("rate", {"devcloud:build": "fail"})):
        servers[name] = tenant.compute.create_server(
            name=name, image_id=image.id, flavor_id=flavor.id, networks=[{"uuid": network.id}], metadata=metadata
        )
    tenant.compute.wait_for_server(servers["propre"], wait=120)
    tenant.compute.wait_for_server(servers["rate"], status="ERROR", failures=["ACTIVE"], wait=120)
    volume = next(iter(tenant.block_storage.volumes()))
    snapshot = tenant.block_storage.create_snapshot(name="avant", volume_id=volume.id, force=True)
    tenant.block_storage.wait_for_status(snapshot, status="available", wait=120, interval=1)


def shown_of(text: str, family: str, project_id: str, resources: dict[str, int]) -> dict[str, int | None]:
    """The exporter's figures of a project for what the ledger counts; structural resources are exported, too."""
    figures = samples(text, family, project_id=project_id)
    return {resource: figures.get(resource) for resource in resources}


def test_ledger_openstack_and_exporter_tell_the_same_over_three_projects(ministry: Ministry, connect: Connect):
    site, admin = ministry.site, connect()
    small = dict.fromkeys((), 0) | {"instances": 1, "cores": 1, "ram": 2048, "networks": 1, "routers": 1}
    plain = [{"name": "web", "flavor": "m1.small", "image": "cirros"}]
    projects = {"recette": ministry.provide("recette")["project_id"]}
    for name in ("guichet", "archives"):
        projects[name] = ministry.provide(name, quota=small, servers=plain)["project_id"]
    beside_dcctl(connect(ministry.agent, projects["recette"]))

    statuses = sorted(s.status for s in admin.compute.servers(all_projects=True, project_id=projects["recette"]))
    assert statuses == ["ACTIVE", "ACTIVE", "BUILD", "ERROR"]
    said: dict[str, dict[str, int]] = {}

    def exported() -> bool:
        # Asked each time: Nova counts a server's cores once the server has a cell, Neutron its port later than that.
        said.update({name: as_openstack_says(admin, project_id, "in_use") for name, project_id in projects.items()})
        text = site.metrics()
        shown = {name: shown_of(text, "dcctl_project_resource_usage", project_id, said[name]) for name, project_id in projects.items()}
        return shown == said and said["recette"]["instances"] == len(statuses)

    site.until(exported, "the exporter has the use that OpenStack tells", seconds=120, pause=2)
    for name, project_id in projects.items():
        witnessed = {row["Resource"]: row["In Use"] for row in site.openstack("quota", "show", "--usage", project_id, "-f", "json")}
        assert {resource: witnessed[WITNESSED.get(resource, resource)] for resource in said[name]} == said[name]
    text = site.metrics()
    for name, project_id in projects.items():
        shown = site.quota(ministry.lead, f"{ministry.code}/{name}")
        limits = as_openstack_says(admin, project_id, "limit")
        assert {resource: row["usage"] for resource, row in shown.items()} == {resource: said[name][resource] for resource in shown}
        assert {resource: row["limit"] for resource, row in shown.items()} == {resource: limits[resource] for resource in shown}
        assert {resource: shown[resource]["allocated"] if resource in shown else 0 for resource in limits} == limits
        assert shown_of(text, "dcctl_project_resource_quota", project_id, limits) == limits
        assert shown_of(text, "dcctl_project_resource_backend_quota", project_id, limits) == limits
    own = site.quota(ministry.lead)
    assert own.keys() == said["recette"].keys()
    for place in ("granted", "available", "held", "allocated"):
        figures = samples(text, f"dcctl_administration_resource_{place}", administration=ministry.code)
        assert {resource: figures.get(resource) for resource in own} == {resource: row[place] for resource, row in own.items()}
        assert not any(figures[resource] for resource in figures.keys() - own.keys())
    total = samples(text, "dcctl_administration_resource_usage", administration=ministry.code)
    assert {resource: row["usage"] for resource, row in own.items()} == {resource: sum(said[name][resource] for name in projects) for resource in own}
    assert {resource: total.get(resource) for resource in own} == {resource: row["usage"] for resource, row in own.items()}
    assert not any(total[resource] for resource in total.keys() - own.keys())

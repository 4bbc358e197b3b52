"""Emptying projects of a real cloud, with everything in them that people make beside dcctl."""

import time
from collections.abc import Callable
from typing import Any

from dcctl.cloud import identity, inventory, limits, servers, sweep
from dcctl.cloud.catalogue import catalogue
from dcctl.cloud.connect import Cloud
from tests.acceptance.cloud.tenants import SWEEP_SECONDS, Tenant, public


def test_nothing_is_left_of_whatever_was_made(admin: Cloud, tenant: Callable[..., Tenant]) -> None:
    project = tenant("sweep")
    offered = catalogue(admin)
    image = next(image.id for image in offered.images if image.name == "cirros")
    flavor = next(flavor.id for flavor in offered.flavors if flavor.name == "m1.tiny")
    network = project.make("network", "/networks", "network", name="reseau-sante")
    subnet = project.make("network", "/subnets", "subnet", network_id=network["id"], cidr="10.20.0.0/24", ip_version=4)
    gateway = {"network_id": public(offered)}
    router = project.make("network", "/routers", "router", name="routeur-sante", external_gateway_info=gateway)
    project.cloud.call("network", "PUT", f"/routers/{router['id']}/add_router_interface", body={"subnet_id": subnet["id"]})
    route = {"destination": "10.99.0.0/24", "nexthop": "10.20.0.99"}
    project.cloud.call("network", "PUT", f"/routers/{router['id']}", body={"router": {"routes": [route]}})
    group = project.make("network", "/security-groups", "security_group", name="web")
    port = project.make("network", "/ports", "port", network_id=network["id"], security_groups=[group["id"]])
    project.make("network", "/floatingips", "floatingip", floating_network_id=public(offered), port_id=port["id"])
    project.make("network", "/ports", "port", network_id=network["id"])
    project.make("network", "/subnetpools", "subnetpool", name="adresses", prefixes=["10.77.0.0/16"])
    project.make("network", "/address-groups", "address_group", name="sites", addresses=["10.1.0.0/24"])
    project.make("compute", "/os-server-groups", "server_group", name="separes", policy="anti-affinity")
    data = project.make("block-storage", "/volumes", "volume", name="donnees", size=1, volume_type="ssd")
    loose = project.make("block-storage", "/volumes", "volume", name="archive", size=1)
    root = {"boot_index": 0, "uuid": image, "source_type": "image", "destination_type": "volume", "volume_size": 1}

    def server(name: str, **values: Any) -> dict[str, Any]:
        networks = values.pop("networks", [{"uuid": network["id"]}])
        return project.make("compute", "/servers", "server", name=name, flavorRef=flavor, networks=networks, **values)

    web = server("web", imageRef=image, networks=[{"port": port["id"]}])
    booted = server("base", block_device_mapping_v2=[root])
    stuck = server("bloque", imageRef=image, metadata={"devcloud:build": "stay"})
    failed = server("casse", imageRef=image, metadata={"devcloud:build": "fail"})
    model = {"name": "modele", "disk_format": "qcow2", "container_format": "bare", "protected": True}
    private = project.cloud.call("image", "POST", "/images", body=model)
    project.wait("block-storage", f"/volumes/{loose['id']}", "volume", "available")
    project.make("block-storage", "/snapshots", "snapshot", name="avant-migration", volume_id=loose["id"])
    project.wait("compute", f"/servers/{web['id']}", "server", "ACTIVE")
    project.cloud.call("compute", "POST", f"/servers/{web['id']}/os-volume_attachments", body={"volumeAttachment": {"volumeId": data["id"]}})
    project.wait("block-storage", f"/volumes/{data['id']}", "volume", "in-use")
    project.cloud.call("compute", "POST", f"/servers/{web['id']}/action", body={"lock": None})
    project.wait("compute", f"/servers/{booted['id']}", "server", "ACTIVE")
    project.wait("compute", f"/servers/{failed['id']}", "server", "ERROR")
    transferred = project.make("block-storage", "/volumes", "volume", name="cede", size=1)
    project.wait("block-storage", f"/volumes/{transferred['id']}", "volume", "available")
    project.cloud.call("block-storage", "POST", "/os-volume-transfer", body={"transfer": {"volume_id": transferred["id"], "name": "don"}})

    before = inventory.things(admin, project.id)
    states = {thing.name: thing.status for thing in before if thing.type == "server"}
    assert states == {"web": "ACTIVE", "base": "ACTIVE", "bloque": "BUILD", "casse": "ERROR"}
    assert {thing.type for thing in before} == {
        "server", "floatingip", "snapshot", "volume", "transfer", "port", "router", "subnet", "network", "subnetpool", "security_group",
        "address_group", "image", "server_group",
    }  # fmt: skip
    assert {thing.id for thing in before} >= {web["id"], stuck["id"], private["id"], data["id"]}
    assert list(servers.faults(admin, project.id)) == ["casse"]
    assert servers.faults(admin, project.id)["casse"] not in ("", "ERROR")
    used = inventory.usage(admin, project.id)
    assert (used["instances"], used["volumes"], used["gigabytes_ssd"], used["floatingips"], used["routers"]) == (4, 4, 1, 1, 1)

    began = time.monotonic()
    assert sweep.sweep(admin, project.id, deadline=SWEEP_SECONDS) == []
    print(f"swept {len(before)} things in {time.monotonic() - began:.1f} s")

    assert inventory.things(admin, project.id) == []
    assert {key: amount for key, amount in inventory.usage(admin, project.id).items() if amount} == {}
    zero = limits.write(admin, project.id, {})
    assert {result.state for result in zero} == {limits.LimitState.IN_SYNC}
    identity.delete_project(admin, project.id)
    sweep.last_traces(admin, project.id)
    sweep.last_traces(admin, project.id)
    assert inventory.things(admin, project.id) == []


def test_what_another_project_holds_stays_and_is_named_with_its_holder(admin: Cloud, tenant: Callable[..., Tenant]) -> None:
    project, neighbour = tenant("sweep"), tenant("voisin")
    network = project.make("network", "/networks", "network", name="reseau-partage")
    subnet = project.make("network", "/subnets", "subnet", network_id=network["id"], cidr="10.21.0.0/24", ip_version=4)
    own = project.make("network", "/ports", "port", network_id=network["id"], name="a-nous")
    share = {"object_type": "network", "object_id": network["id"], "action": "access_as_shared", "target_tenant": neighbour.id}
    policy = project.make("network", "/rbac-policies", "rbac_policy", **share)
    port = neighbour.make("network", "/ports", "port", network_id=network["id"], name="chez-le-voisin")

    left = sweep.sweep(admin, project.id, deadline=SWEEP_SECONDS)

    assert {thing.thing.id for thing in left} == {network["id"], subnet["id"], policy["id"]}
    held = next(leftover for leftover in left if leftover.thing.id == network["id"])
    assert [holder.id for holder in held.held_by] == [port["id"]]
    assert port["id"] in held.reason
    assert neighbour.name in held.reason
    assert neighbour.id in held.reason
    assert network["id"] in held.words, "Neutron's own words"
    foreign = inventory.foreign_ports(admin, project.id)
    assert [(thing.id, thing.project_id) for thing in foreign] == [(port["id"], neighbour.id)]
    assert [thing.id for thing in inventory.things(admin, neighbour.id) if thing.type == "port"] == [port["id"]]
    assert own["id"] not in {thing.id for thing in inventory.things(admin, project.id)}

    neighbour.cloud.call("network", "DELETE", f"/ports/{port['id']}")
    assert sweep.sweep(admin, project.id, deadline=SWEEP_SECONDS) == []


def test_what_is_to_be_kept_stays_whole_and_loses_what_was_added_to_it(admin: Cloud, tenant: Callable[..., Tenant]) -> None:
    project = tenant("sweep")
    offered = catalogue(admin)
    image, flavor = offered.images[0].id, next(flavor.id for flavor in offered.flavors if flavor.name == "m1.tiny")
    network = project.make("network", "/networks", "network", name="reseau")
    subnet = project.make("network", "/subnets", "subnet", network_id=network["id"], cidr="10.22.0.0/24", ip_version=4)
    port = project.make("network", "/ports", "port", network_id=network["id"])
    server = project.make("compute", "/servers", "server", name="web", imageRef=image, flavorRef=flavor, networks=[{"port": port["id"]}])
    volume = project.make("block-storage", "/volumes", "volume", name="ajout", size=1)
    project.wait("block-storage", f"/volumes/{volume['id']}", "volume", "available")
    project.wait("compute", f"/servers/{server['id']}", "server", "ACTIVE")
    project.cloud.call("compute", "POST", f"/servers/{server['id']}/os-volume_attachments", body={"volumeAttachment": {"volumeId": volume["id"]}})
    project.wait("block-storage", f"/volumes/{volume['id']}", "volume", "in-use")
    project.make("network", "/ports", "port", network_id=network["id"])
    keep = frozenset({network["id"], subnet["id"], port["id"], server["id"]})

    assert sweep.sweep(admin, project.id, keep=keep, deadline=SWEEP_SECONDS) == []

    kept = [thing for thing in inventory.things(admin, project.id) if thing.type != "security_group"]
    assert {thing.id for thing in kept} == keep
    assert next(thing for thing in kept if thing.type == "server").status == "ACTIVE"

"""Servers, volumes and snapshots of a devcloud behave as a real cloud's do, and outlive a restart of the cloud."""

import time
from collections.abc import Callable, Iterator

import pytest
from openstack.block_storage.v3.volume import Volume
from openstack.compute.v2.server import Server
from openstack.connection import Connection
from openstack.exceptions import HttpException

pytestmark = [
    pytest.mark.xdist_group("devcloud"),
    # The SDK warns of calls that it makes itself.
    pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning"),
]

#: Seconds: between two looks, and what a machine may take that builds other tests' platforms meanwhile.
QUICKLY, PATIENCE = 0.5, 180.0


@pytest.fixture(scope="module")
def network(admin: Connection) -> str:
    made = admin.network.create_network(name="dossier-patient-network")
    admin.network.create_subnet(network_id=made.id, name="dossier-patient-subnet", cidr="10.20.0.0/24", ip_version=4)
    return str(made.id)


@pytest.fixture(scope="module")
def make(admin: Connection, network: str) -> Iterator[Callable[..., Server]]:
    """Make a server without waiting for it; all are deleted at the end."""
    made: list[Server] = []

    def one(name: str, *, flavor: str = "m1.small", image: str | None = "cirros", **wishes: object) -> Server:
        picture = {"image_id": admin.image.find_image(image).id} if image else {}
        server = admin.compute.create_server(
            name=name, flavor_id=admin.compute.find_flavor(flavor).id, networks=[{"uuid": network}], **picture, **wishes
        )
        made.append(server)
        return server

    yield one
    for server in made:
        admin.compute.delete_server(server, ignore_missing=True)
    for server in made:
        admin.compute.wait_for_delete(server, interval=QUICKLY, wait=PATIENCE)


def active(admin: Connection, server: Server, status: str = "ACTIVE") -> Server:
    return admin.compute.wait_for_server(server, status=status, interval=QUICKLY, wait=PATIENCE)


def settled(admin: Connection, volume: Volume, status: str = "available") -> Volume:
    """The volume as it is once it has that status; asked anew, since the caller's copy may say so still."""
    storage = admin.block_storage
    return storage.wait_for_status(storage.get_volume(volume.id), status, interval=QUICKLY, wait=PATIENCE)


@pytest.fixture(scope="module")
def web(admin: Connection, make: Callable[..., Server]) -> Server:
    """An ordinary server that is running; a test that stops it starts it again."""
    return active(admin, make("web", availability_zone="cotonou-a"))


def test_a_server_can_be_stopped_started_and_resized(admin, web):
    admin.compute.stop_server(web)
    active(admin, web, "SHUTOFF")
    admin.compute.start_server(web)
    active(admin, web)
    admin.compute.resize_server(web, admin.compute.find_flavor("m1.medium").id)
    active(admin, web, "VERIFY_RESIZE")
    admin.compute.confirm_server_resize(web)

    resized = active(admin, web)
    assert (resized.flavor["vcpus"], resized.availability_zone) == (2, "cotonou-a")


def test_ten_servers_that_stay_in_build_do_not_hold_up_the_eleventh_and_can_be_deleted(admin, make):
    make("staying", metadata={"devcloud:build": "stay"}, min_count=10, max_count=10)
    staying = list(admin.compute.servers(name="staying"))

    active(admin, make("eleventh"))

    assert [server.status for server in admin.compute.servers(name="staying")] == ["BUILD"] * 10
    for server in staying:
        admin.compute.delete_server(server)
    for server in staying:
        admin.compute.wait_for_delete(server, interval=QUICKLY, wait=PATIENCE)


def test_a_server_that_is_to_fail_ends_in_error_with_a_fault(admin, make):
    failing = make("failing", metadata={"devcloud:build": "fail"})

    def fault() -> dict[str, object] | None:
        return admin.compute.get_server(failing).fault if admin.compute.get_server(failing).status == "ERROR" else None

    end = time.monotonic() + PATIENCE
    while not (words := fault()) and time.monotonic() < end:
        time.sleep(QUICKLY)

    assert words
    assert "the server's metadata asked devcloud to fail" in words["message"]


def test_volumes_of_both_types_are_attached_extended_snapshotted_and_booted_from(admin, make, web):
    storage = admin.block_storage
    volumes = [storage.create_volume(name=f"base-{kind}", size=2, **({"volume_type": kind} if kind else {})) for kind in ("ssd", None)]
    volumes = [settled(admin, volume) for volume in volumes]
    assert [volume.volume_type for volume in volumes] == ["ssd", "standard"]

    admin.compute.create_volume_attachment(web, volume_id=volumes[0].id)
    settled(admin, volumes[0], "in-use")
    admin.compute.delete_volume_attachment(web, volumes[0].id)
    settled(admin, volumes[0])
    storage.extend_volume(volumes[0], 3)
    settled(admin, volumes[0])
    snapshot = storage.create_snapshot(name="base-ssd-1", volume_id=volumes[0].id)
    snapshot = storage.wait_for_status(snapshot, "available", interval=QUICKLY, wait=PATIENCE)
    block = {"boot_index": 0, "uuid": admin.image.find_image("debian-12").id, "source_type": "image", "destination_type": "volume",
             "volume_size": 5, "volume_type": "ssd", "delete_on_termination": True}  # fmt: skip
    booted = active(admin, make("booted", image=None, block_device_mapping=[block], availability_zone="cotonou-b"))

    assert storage.get_volume(volumes[0].id).size == 3
    assert (len(booted.attached_volumes), booted.availability_zone) == (1, "cotonou-b")
    image = admin.compute.create_server_image(booted, "booted-1")
    (kept,) = [one for one in storage.snapshots() if one.volume_id == booted.attached_volumes[0].id]
    storage.wait_for_status(kept, "available", interval=QUICKLY, wait=PATIENCE)
    assert kept.name == "snapshot for booted-1", "an image of a server that was booted from a volume is a snapshot of that volume"
    admin.image.delete_image(image)
    storage.delete_snapshot(kept)
    storage.wait_for_delete(kept, interval=QUICKLY, wait=PATIENCE)
    storage.delete_snapshot(snapshot)
    storage.wait_for_delete(snapshot, interval=QUICKLY, wait=PATIENCE)
    for volume in volumes:
        storage.delete_volume(volume)
        storage.wait_for_delete(volume, interval=QUICKLY, wait=PATIENCE)


def test_an_image_of_a_server_is_really_stored(admin, web):
    image = admin.compute.create_server_image(web, "web-1", wait=True, timeout=PATIENCE)

    assert admin.image.download_image(image).content.startswith(web.id.encode())
    admin.image.delete_image(image)


def test_a_floating_address_is_associated_with_a_port(admin, web, network):
    public = admin.network.find_network("public")
    router = admin.network.create_router(name="dossier-patient-router", external_gateway_info={"network_id": public.id})
    subnet = next(iter(admin.network.subnets(network_id=network)))
    admin.network.add_interface_to_router(router, subnet_id=subnet.id)
    port = next(iter(admin.network.ports(device_id=web.id)))

    address = admin.network.create_ip(floating_network_id=public.id, port_id=port.id)

    assert address.fixed_ip_address == port.fixed_ips[0]["ip_address"]
    admin.network.delete_ip(address)
    admin.network.remove_interface_from_router(router, subnet_id=subnet.id)
    admin.network.delete_router(router)


def test_a_new_project_has_its_default_security_group_and_can_create_nothing(devcloud, admin, network):
    project = admin.identity.create_project(name="dossier-patient", domain_id=admin.identity.find_domain("min-sante").id)
    agent = admin.identity.find_user("sante-agent", domain_id=admin.identity.find_domain("asin").id)
    admin.identity.assign_project_role_to_user(project, agent, admin.identity.find_role("member"))
    tenant = devcloud.connect("sante-agent", project_id=project.id)
    server = {"name": "web", "flavor_id": admin.compute.find_flavor("m1.tiny").id, "image_id": admin.image.find_image("cirros").id}
    group = next(iter(tenant.network.security_groups(project_id=project.id)))

    refused = {
        "server": lambda: tenant.compute.create_server(**server, networks="none"),
        "key pair": lambda: tenant.compute.create_keypair(name="sante"),
        "server group": lambda: tenant.compute.create_server_group(name="web", policy="affinity"),
        "volume": lambda: tenant.block_storage.create_volume(size=1),
        "ssd volume": lambda: tenant.block_storage.create_volume(size=1, volume_type="ssd"),
        "network": lambda: tenant.network.create_network(name="réseau"),
        "router": lambda: tenant.network.create_router(name="routeur"),
        "floating address": lambda: tenant.network.create_ip(floating_network_id=admin.network.find_network("public").id),
        "security group": lambda: tenant.network.create_security_group(name="web"),
        "security group rule": lambda: tenant.network.create_security_group_rule(
            security_group_id=group.id, direction="ingress", ethertype="IPv4", protocol="tcp"
        ),
        "subnet pool": lambda: tenant.network.create_subnet_pool(name="plages", prefixes=["10.0.0.0/8"]),
    }
    got = {}
    for name, create in refused.items():
        try:
            create()
            got[name] = 201
        except HttpException as failure:
            got[name] = failure.status_code

    assert group.name == "default"
    assert {name for name, status in got.items() if status not in (403, 409, 413)} == set(), got


def test_servers_and_volumes_outlive_a_restart_of_the_cloud(devcloud, admin, make, web):
    running, stopped = web, make("stopped")
    staying = make("patient", metadata={"devcloud:build": "stay"})
    volume = admin.block_storage.create_volume(name="data", size=1, volume_type="ssd")
    active(admin, stopped)
    settled(admin, volume)
    admin.compute.create_volume_attachment(running, volume_id=volume.id)
    admin.compute.stop_server(stopped)
    active(admin, stopped, "SHUTOFF")
    image = admin.image.find_image("cirros")
    before = admin.image.download_image(image).content

    devcloud("down")
    devcloud("up")

    assert [admin.compute.get_server(server).status for server in (running, stopped, staying)] == ["ACTIVE", "SHUTOFF", "BUILD"]
    assert admin.image.download_image(image).content == before
    admin.compute.stop_server(running)
    active(admin, running, "SHUTOFF")
    admin.compute.delete_volume_attachment(running, volume.id)
    settled(admin, volume)
    admin.block_storage.delete_volume(volume)
    port = next(iter(admin.network.ports(device_id=running.id)))
    admin.compute.delete_server_interface(port.id, server=running)
    admin.compute.start_server(stopped)
    active(admin, stopped)

"""Giving an environment back, after somebody worked in it beside dcctl: nothing is left in any service, every unit is back."""

from tests.acceptance.main_job.conftest import QUOTA, Connect, Ministry
from tests.acceptance.main_job.witness import things


def beside_dcctl(tenant, outputs) -> None:
    """What a member makes with OpenStack's own tools: a server, a volume and its snapshot, an unnamed port, an address, an image."""
    network = next(iter(tenant.network.networks(project_id=tenant.current_project_id)))
    image = tenant.image.find_image("cirros", ignore_missing=False)
    flavor = tenant.compute.find_flavor("m1.tiny", ignore_missing=False)
    server = tenant.compute.create_server(name="essai", image_id=image.id, flavor_id=flavor.id, networks=[{"uuid": network.id}])
    tenant.compute.wait_for_server(server, wait=120)
    volume = tenant.block_storage.create_volume(name="donnees", size=5)
    tenant.block_storage.wait_for_status(volume, status="available", wait=120, interval=1)
    snapshot = tenant.block_storage.create_snapshot(name="avant", volume_id=volume.id)
    tenant.block_storage.wait_for_status(snapshot, status="available", wait=120, interval=1)
    tenant.network.create_port(network_id=network.id)
    tenant.network.create_ip(floating_network_id=tenant.network.find_network("public", ignore_missing=False).id)
    tenant.image.create_image(name="image-privee", data=b"\0" * 1024, disk_format="raw", container_format="bare", visibility="private")


def test_nothing_is_left_and_every_unit_is_back(ministry: Ministry, connect: Connect):
    before = ministry.site.quota(ministry.lead)
    # Two of a kind, so that they have a group of servers.
    two = [{"name": "web", "count": 2, "flavor": "m1.tiny", "image": "cirros", "floating_ip": True, "volumes": [{"size": 10, "type": "ssd"}]}]
    environment = ministry.provide("recette", servers=two, quota=QUOTA | {"floatingips": 3})
    project_id = environment["project_id"]
    beside_dcctl(connect(ministry.agent, project_id), environment["outputs"])
    admin = connect()
    assert len(things(admin, project_id)) == 11

    ended = ministry.ended(ministry.decommission("recette"))

    assert ended["state"] == "fulfilled", ended["error"]
    assert things(admin, project_id) == {}
    assert project_id not in {project.id for project in admin.identity.projects()}
    assert [g.name for g in admin.identity.groups() if g.name.startswith(f"{ministry.code}-")] == []
    after = ministry.site.quota(ministry.lead)
    assert {r: (q["available"], q["allocated"], q["held"]) for r, q in after.items()} == {
        r: (q["available"], q["allocated"], q["held"]) for r, q in before.items()
    }
    assert ministry.site.answer(ministry.lead, "environment", "list")["items"] == []
    assert_certified(ministry, environment, ended)


def assert_certified(ministry: Ministry, environment, ended) -> None:
    """The certificate names what dcctl made and what the member made beside it, the word, and what each unit's entry gave back."""
    document = ministry.site.answer(ministry.agent, "environment", "certificate", "recette")["certificate"]
    destroyed = {(thing["type"], thing["name"]): thing["dcctl"] for thing in document["destroyed"]}
    beside = {thing for thing, own in destroyed.items() if not own}
    assert {("server", "essai"), ("volume", "donnees"), ("snapshot", "avant"), ("image", "image-privee")} <= beside
    assert ("server", f"{ministry.code}-recette-web-1") in {thing for thing, own in destroyed.items() if own}
    assert document["project"] == environment["project_id"]
    assert document["word"]["request"] == ended["number"]
    assert {entry["to"] for entry in document["given_back"]} == {ministry.code}
    page = ministry.site.dcctl(ministry.agent, "environment", "certificate", "recette", "--html", lang="fr")
    assert page.returncode == 0, page.stderr
    assert "Attestation de destruction" in page.stdout
    assert "image-privee" in page.stdout


def test_what_cannot_be_deleted_is_named_with_its_place_and_a_retry_ends_it(ministry: Ministry, connect: Connect):
    project_id = ministry.provide("recette", servers=[])["project_id"]
    admin = connect()
    network = next(iter(admin.network.networks(project_id=project_id)))
    port = admin.network.create_port(network_id=network.id, name="sonde", project_id=admin.current_project_id)

    ended = ministry.ended(ministry.decommission("recette"))

    assert ended["state"] == "failed"
    assert ended["error"]["code"] == "DCCTL-406"
    said = " ".join(ended["error"]["params"]["things"])
    assert port.id in said
    assert network.name in said
    assert ministry.environment("recette")["state"] == "decommissioning"
    assert ministry.site.quota(ministry.lead)["networks"]["allocated"] == 1

    admin.network.delete_port(port.id)
    ministry.site.answer(ministry.lead, "operation", "retry", ended["operation"])

    assert ministry.ended(ended["number"])["state"] == "fulfilled"
    assert things(admin, project_id) == {}
    assert ministry.site.quota(ministry.lead)["networks"]["allocated"] == 0


def test_an_agents_wish_to_give_back_waits_for_the_lead_and_a_wrong_name_does_nothing(ministry: Ministry):
    ministry.provide("recette", servers=[], network=None)
    site = ministry.site

    wrong = site.dcctl(ministry.agent, "environment", "decommission", "recette", "--confirm", "recete", lang="en")
    assert wrong.returncode == 2
    assert "recette" in wrong.stderr
    number = site.answer(ministry.agent, "environment", "decommission", "recette", "--confirm", "recette", "--reason", "fin")["number"]
    site.until(lambda: site.answer(ministry.agent, "request", "show", number)["state"] == "in_review", "in review", seconds=90)
    assert ministry.environment("recette")["state"] == "active"

    ministry.approve(number)

    assert ministry.ended(number)["state"] == "fulfilled"

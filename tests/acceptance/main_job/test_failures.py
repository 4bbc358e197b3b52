"""OpenStack refuses in the middle of a fulfilment: the request is failed with the service's own words, and a retry continues."""

import secrets

import pytest

from tests.acceptance.main_job.conftest import Connect, Ministry
from tests.acceptance.main_job.witness import things


@pytest.fixture
def full_network(ministry: Ministry, connect: Connect):
    """An external network whose one address the router's gateway will take."""
    admin, name = connect(), f"public-{secrets.token_hex(3)}"  # dcctl's copy of the catalogue may still have the last one
    network = admin.network.create_network(name=name, is_router_external=True, provider_network_type="flat", provider_physical_network=name)
    pools = [{"start": "172.30.0.10", "end": "172.30.0.10"}]
    subnet = admin.network.create_subnet(network_id=network.id, ip_version=4, cidr="172.30.0.0/24", allocation_pools=pools, is_dhcp_enabled=False)
    yield network, subnet
    for address in admin.network.ips(floating_network_id=network.id):
        admin.network.delete_ip(address)
    admin.network.delete_network(network.id)


def test_a_failed_fulfilment_says_why_in_the_services_words_and_continues_by_retry(ministry: Ministry, connect: Connect, full_network):
    network, subnet = full_network
    site, admin = ministry.site, connect()
    spec = ministry.spec("recette", network={"cidr": "10.30.0.0/24", "external": network.name})
    site.until(lambda: site.dcctl(ministry.agent, "request", "submit", str(spec)).returncode == 0, "the new network is known", seconds=180, pause=3)
    number = site.answer(ministry.agent, "request", "list")["items"][0]["number"]
    site.until(lambda: site.answer(ministry.agent, "request", "show", number)["state"] == "in_review", "in review", seconds=90)
    ministry.approve(number)

    ended = ministry.ended(number)

    assert (ended["state"], ended["error"]["code"]) == ("failed", "DCCTL-404")
    assert "No more IP addresses available" in ended["error"]["params"]["words"]
    assert ministry.environment("recette")["state"] == "failed"
    assert site.quota(ministry.lead)["floatingips"]["allocated"] == 2
    told = site.dcctl(ministry.agent, "request", "watch", number, lang="fr")
    assert told.returncode == 4
    assert "Traceback" not in told.stderr

    admin.network.update_subnet(subnet.id, allocation_pools=[{"start": "172.30.0.10", "end": "172.30.0.50"}])
    site.answer(ministry.lead, "operation", "retry", ended["operation"])
    again = ministry.ended(number)

    assert again["state"] == "fulfilled", again["error"]
    project_id = ministry.environment("recette")["project_id"]
    assert len(things(admin, project_id)["servers"]) == 1
    assert [a.status for a in admin.compute.servers(all_projects=True, project_id=project_id)] == ["ACTIVE"]
    assert ministry.ended(ministry.decommission("recette"))["state"] == "fulfilled"


def test_an_abandoned_failure_gives_everything_back(ministry: Ministry, connect: Connect, full_network):
    network, _ = full_network
    site, admin = ministry.site, connect()
    spec = ministry.spec("recette", network={"cidr": "10.30.0.0/24", "external": network.name})
    site.until(lambda: site.dcctl(ministry.agent, "request", "submit", str(spec)).returncode == 0, "the new network is known", seconds=180, pause=3)
    number = site.answer(ministry.agent, "request", "list")["items"][0]["number"]
    site.until(lambda: site.answer(ministry.agent, "request", "show", number)["state"] == "in_review", "in review", seconds=90)
    ministry.approve(number)
    ended = ministry.ended(number)
    assert (ended["state"], ended["error"]["code"]) == ("failed", "DCCTL-404")
    project_id = ministry.environment("recette")["project_id"]

    site.answer(ministry.lead, "operation", "abandon", ended["operation"])
    site.until(lambda: site.answer(ministry.lead, "request", "show", number)["state"] == "abandoned", "abandoned", seconds=180, pause=1)

    assert things(admin, project_id) == {}
    assert {resource: (q["held"], q["allocated"]) for resource, q in site.quota(ministry.lead).items() if q["held"] or q["allocated"]} == {}

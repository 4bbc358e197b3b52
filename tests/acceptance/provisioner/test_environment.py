"""The two stacks of the example spec, made and taken away by the real engine in a real cloud."""

import json
from collections import Counter
from collections.abc import Callable

import pytest

from dcctl.provisioner.errors import EngineFailed
from stacks import tokens
from stacks.plan import plan
from tests.acceptance.provisioner.world import WITNESS_WARNINGS, World

MakeWorld = Callable[..., World]

pytestmark = WITNESS_WARNINGS


def test_the_example_environment_is_made_found_unchanged_and_taken_away(make_world: MakeWorld) -> None:
    world = make_world("exemple")

    world.tenant()
    assert_tenant(world)
    world.limit()
    outcome = world.engine.up(world.work("workload"), cloud=world.cloud("workload"), on_event=world.events.append)

    assert_servers(world, outcome.outputs["servers"])
    assert_volume(world)
    assert_addresses(world, outcome.outputs["servers"])
    assert_events(world)
    assert_no_secret(world)
    again = world.engine.up(world.work("workload"), cloud=world.cloud("workload"))
    assert set(again.changes) == {"same"}
    assert again.outputs == outcome.outputs
    assert {step.op for step in world.engine.preview(world.work("workload"), cloud=world.cloud("workload"))} == {"same"}

    world.engine.destroy(world.work("workload").stack, cloud=world.cloud("workload"))

    assert set(world.left().values()) == {0}
    assert world.engine.export(world.work("workload").stack) is None
    world.engine.destroy(world.work("workload").stack, cloud=world.cloud("workload"))  # once more is nothing
    world.engine.destroy(world.work("tenant").stack, cloud=world.cloud("tenant"))
    assert world.admin.identity.find_project(world.project_id) is None
    assert world.admin.identity.find_group(world.group_id) is None


def assert_tenant(world: World) -> None:
    """A project in the administration's domain; its build user may work in it, nobody else, and the group is empty."""
    project = world.admin.identity.get_project(world.project_id)
    assert (project.name, project.domain_id) == (world.spec.name, world.resolved.domain_id)
    given = list(world.admin.identity.role_assignments(scope_project_id=world.project_id))
    assert [(found.user["id"], found.role["id"]) for found in given] == [(world.resolved.build_user_id, world.resolved.member_role_id)]
    assert list(world.admin.identity.group_users(world.group_id)) == []


def assert_servers(world: World, outputs: dict[str, dict[str, str]]) -> None:
    metadata = {"dcctl:environment": f"min-sante.{world.spec.name}", "dcctl:request": "R-2026-0042"}
    prefix = f"min-sante-{world.spec.name}"
    servers = {server.name: server for server in world.servers()}
    assert {name: server.status for name, server in servers.items()} == dict.fromkeys(
        (f"{prefix}-web-1", f"{prefix}-web-2", f"{prefix}-base-1"), "ACTIVE"
    )
    assert all(server.metadata == metadata for server in servers.values())
    assert {entry["id"] for entry in outputs.values()} == {server.id for server in servers.values()}
    [port] = world.admin.network.ports(name=f"{prefix}-web-1")
    [group] = world.admin.network.security_groups(name=f"{prefix}-web", project_id=world.project_id)
    assert port.security_group_ids == [group.id]
    ingress = {
        (rule["protocol"], rule["port_range_min"], rule["remote_ip_prefix"]) for rule in group.security_group_rules if rule["direction"] == "ingress"
    }
    assert ingress == {("tcp", 443, "0.0.0.0/0"), ("tcp", 22, "10.0.0.0/8")}


def assert_volume(world: World) -> None:
    [volume] = world.admin.block_storage.volumes(all_projects=True, project_id=world.project_id)
    [base] = [server for server in world.servers() if server.name.endswith("-base-1")]
    assert (volume.status, volume.size, volume.volume_type) == ("in-use", 20, "ssd")
    assert [attachment["server_id"] for attachment in volume.attachments] == [base.id]


def assert_addresses(world: World, outputs: dict[str, dict[str, str]]) -> None:
    ports = {port.id: port for port in world.admin.network.ports(project_id=world.project_id)}
    addresses = list(world.admin.network.ips(project_id=world.project_id))
    assert len(addresses) == 2
    for address in addresses:
        assert address.fixed_ip_address == ports[address.port_id].fixed_ips[0]["ip_address"]
        assert {"address": address.fixed_ip_address, "floating_ip": address.floating_ip_address}.items() <= outputs[
            f"server-{ports[address.port_id].name[-5:]}"
        ].items()


def assert_events(world: World) -> None:
    """Each planned thing was begun once and done once, with its cloud name."""
    planned = {(resource.type, resource.name): resource.cloud_name for resource in plan(world.spec, world.resolved).resources}
    done = Counter((event.type, event.name) for event in world.events if event.status == "done" and event.op == "create")
    begun = Counter((event.type, event.name) for event in world.events if event.status == "running")
    assert done == begun == Counter(planned.keys())
    for event in world.events:
        if event.type not in {tokens.FLOATING_IP}:
            assert event.cloud_name == planned[event.type, event.name]


def assert_no_secret(world: World) -> None:
    for layer in ("tenant", "workload"):
        state = json.dumps(world.engine.export(world.work(layer).stack))  # type: ignore[arg-type]
        assert "openstack:" in state
        for entry in (world.admin_entry, world.build_entry):
            assert entry["auth"]["password"] not in state


def test_what_the_services_refuse_comes_back_in_their_own_words_and_the_rest_is_made_later(make_world: MakeWorld) -> None:
    world = make_world("refus", servers=[{"name": "web", "flavor": "m1.small", "image": "cirros", "floating_ip": True}])
    world.tenant()

    world.limit(floating_ips=0)
    with pytest.raises(EngineFailed) as neutron:
        world.engine.up(world.work("workload"), cloud=world.cloud("workload"))
    world.limit(instances=0)
    with pytest.raises(EngineFailed) as nova:
        world.engine.up(world.work("workload"), cloud=world.cloud("workload"), on_event=world.events.append)

    assert "Quota exceeded for resources: ['floatingip']" in neutron.value.summary
    [diagnostic] = [found for found in neutron.value.diagnostics if found.type == tokens.FLOATING_IP]
    assert (diagnostic.name, diagnostic.op, diagnostic.status) == ("address-web-1", "create", 409)
    assert nova.value.summary == "Quota exceeded for instances: Requested 1, but already used 0 of 0 instances"
    [diagnostic] = nova.value.diagnostics
    assert (diagnostic.name, diagnostic.type, diagnostic.status) == ("server-web-1", tokens.SERVER, 403)
    assert diagnostic.cloud_name == f"min-sante-{world.spec.name}-web-1"
    [failed] = [event for event in world.events if event.status == "failed"]
    assert failed.words == nova.value.summary

    world.limit()
    outcome = world.engine.up(world.work("workload"), cloud=world.cloud("workload"))

    assert [server.status for server in world.servers()] == ["ACTIVE"]
    assert outcome.outputs["servers"]["server-web-1"]["floating_ip"]


def test_a_server_that_ends_in_error_is_named_with_its_id_and_made_again_by_the_next_run(make_world: MakeWorld) -> None:
    world = make_world("erreur", servers=[{"name": "calcul", "flavor": "m1.small", "image": "cirros"}])
    world.tenant()
    world.limit()
    # A flavor that no host can hold: the scheduler finds nothing, and the server ends in ERROR.
    flavor = world.admin.compute.create_flavor(name=f"{world.spec.name}-trop-grand", ram=90_000_000, vcpus=1, disk=1)
    fits = dict(world.resolved.flavor_ids)
    try:
        world.limit(ram=2_000_000_000)
        world.resolved = with_flavor(world, flavor.id)
        with pytest.raises(EngineFailed) as caught:
            world.engine.up(world.work("workload"), cloud=world.cloud("workload"))
    finally:
        world.admin.compute.delete_flavor(flavor)

    [diagnostic] = caught.value.diagnostics
    [server] = world.servers()
    assert server.status == "ERROR"
    assert (diagnostic.name, diagnostic.id) == ("server-calcul-1", server.id)
    assert server.fault["message"].startswith("No valid host was found")

    world.resolved = with_flavor(world, fits["m1.small"])
    world.engine.up(world.work("workload"), cloud=world.cloud("workload"))

    assert [(found.name, found.status) for found in world.servers()] == [(f"min-sante-{world.spec.name}-calcul-1", "ACTIVE")]


def with_flavor(world: World, id_: str):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(world.resolved, flavor_ids={**world.resolved.flavor_ids, "m1.small": id_})

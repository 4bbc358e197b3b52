"""What the programs register with the engine is exactly what the plan says: types, names and what is essential."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockMonitor

from stacks import tenant, tokens, workload
from stacks.naming import Layer
from stacks.plan import PlannedResource, Unresolved, plan
from stacks.servers import SET_ONCE
from stacks.specs import EnvironmentSpec, parse

PROGRAMS: dict[Layer, Callable[..., Callable[[], None]]] = {"tenant": tenant.program, "workload": workload.program}


@dataclass
class Registrations(pulumi.runtime.Mocks):
    """An engine that makes nothing: ids are `id:` and the logical name."""

    seen: dict[tuple[str, str], pulumi.runtime.MockResourceArgs] = field(default_factory=dict)
    requests: dict[str, Any] = field(default_factory=dict)  # what was sent to the engine, by logical name

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        assert (args.typ, args.name) not in self.seen
        self.seen[args.typ, args.name] = args
        made = {"address": f"198.51.100.{len(self.seen)}", "allFixedIps": ["10.20.0.5"]}
        return f"id:{args.name}", {**made, **args.inputs}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[Any, Any]:
        raise AssertionError(f"the programs look nothing up, but called {args.token}")


class Monitor(MockMonitor):
    """Keeps the options of each registration, which the mocks are not told."""

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the protocol's name)
        self.mocks.requests[request.name] = request  # type: ignore[attr-defined]
        return super().RegisterResource(request)


def run(layer: Layer, spec: EnvironmentSpec, resolved: Any, adopt: Mapping[str, str] | None = None) -> Registrations:
    engine = Registrations()
    try:
        asyncio.get_event_loop()
    except RuntimeError:  # a test before this one, in the same process, closed the thread's loop, which the SDK takes for granted
        asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(engine, project="dcctl", stack="cotonou.min-sante.dossier-patient." + layer, preview=False, monitor=Monitor(engine))

    @pulumi.runtime.test
    def program() -> None:
        PROGRAMS[layer](spec, resolved, adopt)()

    program()
    return engine


def essential(resource: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
    """The properties that the plan has too, in its words; ids of other things become their logical names."""
    given = resource.inputs

    def name(id_: str) -> str:
        return id_.removeprefix("id:")

    match resource.typ:
        case tokens.PROJECT | tokens.GROUP:
            return {"domain_id": given["domainId"]}
        case tokens.ROLE_ASSIGNMENT:
            return {"project": name(given["projectId"]), "user_id": given["userId"], "role_id": given["roleId"]}
        case tokens.SUBNET:
            return {"network": name(given["networkId"]), "cidr": given["cidr"]}
        case tokens.ROUTER:
            return {"external_network_id": given["externalNetworkId"]}
        case tokens.ROUTER_INTERFACE:
            return {"router": name(given["routerId"]), "subnet": name(given["subnetId"])}
        case tokens.SECURITY_GROUP_RULE:
            assert given["portRangeMin"] == given["portRangeMax"]
            return {
                "group": name(given["securityGroupId"]), "protocol": given["protocol"], "port": given["portRangeMin"],
                "source": given["remoteIpPrefix"],
            }  # fmt: skip
        case tokens.PORT:
            [group], [fixed] = given["securityGroupIds"], given["fixedIps"]
            return {"network": name(given["networkId"]), "subnet": name(fixed["subnetId"]), "group": name(group)}
        case tokens.SERVER:
            [network] = given["networks"]
            [hint] = given.get("schedulerHints") or [{}]
            placed = {"placement": name(hint["group"])} if hint else {}
            return placed | started(given) | {
                "flavor_id": given["flavorId"], "port": name(network["port"]), "zone": given.get("availabilityZone"),
            }  # fmt: skip
        case tokens.SERVER_GROUP:
            return {"policy": given["policies"]}
        case tokens.VOLUME:
            image = {"image_id": given["imageId"]} if "imageId" in given else {}
            return {"size": given["size"], "type": given["volumeType"]} | image
        case tokens.VOLUME_ATTACHMENT:
            return {"server": name(given["instanceId"]), "volume": name(given["volumeId"])}
        case tokens.FLOATING_IP:
            return {"pool": given["pool"]}
        case tokens.FLOATING_IP_ASSOCIATION:
            return {"port": name(given["portId"])}
    return {}


def started(server: Mapping[str, Any]) -> dict[str, Any]:
    """What a server starts from, in the plan's words: an image, or a volume that outlives it."""
    if not server.get("blockDevices"):
        return {"image_id": server["imageId"]}
    [device] = server["blockDevices"]
    assert "imageId" not in server
    assert (device["sourceType"], device["destinationType"], device["bootIndex"], device["deleteOnTermination"]) == ("volume", "volume", 0, False)
    return {"boot_volume": device["uuid"].removeprefix("id:")}


def planned(resource: PlannedResource) -> dict[str, Any]:
    # An address is given by its value, the pool by its name: neither has an id in the program to compare.
    left_out = {tokens.FLOATING_IP: {"external_network_id"}, tokens.FLOATING_IP_ASSOCIATION: {"address"}}.get(resource.type, set())
    return {key: value for key, value in resource.properties.items() if key not in left_out}


@pytest.fixture(params=[
    "whole", "without a way out", "without servers", "bare", "large", "strict and from volumes", "volumes kept", "only volumes",
    "a volume of another",
])  # fmt: skip
def any_spec(request: pytest.FixtureRequest, document: dict[str, Any]) -> EnvironmentSpec:
    match request.param:
        case "without a way out":
            document["network"] = {"cidr": "192.168.4.0/24"}
            document["servers"][0]["floating_ip"] = False
        case "without servers":
            document["servers"] = []
        case "bare":
            document["servers"], document["network"] = [], None
        case "strict and from volumes":
            document["servers"][0] |= {"placement": "strict", "boot_volume": {"size": 8}}
            document["servers"][1] |= {"placement": "strict", "boot_volume": {"size": 9, "type": "ssd"}}
        case "volumes kept":
            document["kept_volumes"] = [{"name": "base-2-data-1", "size": 20, "type": "ssd"}, {"name": "file-1-boot", "size": 8}]
        case "only volumes":
            document["servers"], document["network"] = [], None
            document["kept_volumes"] = [{"name": "base-1-data-1", "size": 20, "type": "ssd"}]
        case "a volume of another":
            document["servers"][1]["volumes"] = [{"size": 5}, {"size": 20, "type": "ssd", "name": "file-2-data-1"}]
        case "large":
            document["servers"][0] |= {"count": 20, "zone": "zone-2", "volumes": [{"size": 5}, {"size": 6, "type": "ssd"}]}
    return parse(document)


@pytest.mark.parametrize("layer", ["tenant", "workload"])
def test_the_programs_register_exactly_the_plan(any_spec, resolved_for, layer):
    resolved = resolved_for(any_spec)

    seen = run(layer, any_spec, resolved).seen

    of_plan = {(resource.type, resource.name): resource for resource in plan(any_spec, resolved).of(layer)}
    made = {key: resource for key, resource in seen.items() if key[0] not in tokens.STRUCTURE}
    assert set(made) == set(of_plan)
    assert {key: essential(resource) for key, resource in made.items()} == {key: planned(resource) for key, resource in of_plan.items()}
    names = {key: resource.inputs.get("name") for key, resource in made.items()}
    assert names == {key: resource.cloud_name for key, resource in of_plan.items()}


def test_everything_carries_its_environment_and_request(spec, resolved):
    seen = run("workload", spec, resolved).seen | run("tenant", spec, resolved).seen
    metadata = {"dcctl:environment": "min-sante.dossier-patient", "dcctl:request": "R-2026-0042"}

    for (type_, name), resource in seen.items():
        given = resource.inputs
        if type_ in {tokens.SERVER, tokens.VOLUME}:
            assert given["metadata"] == metadata, name
        elif type_ in {tokens.GROUP, tokens.SECURITY_GROUP_RULE}:
            assert given["description"] == "dcctl min-sante/dossier-patient R-2026-0042", name
        elif type_ == tokens.SERVER_GROUP:
            assert given["name"] == "min-sante-dossier-patient-web"  # Nova's groups carry nothing else
        elif "name" in given or type_ == tokens.FLOATING_IP:
            assert given["tags"] == [f"{key}={value}" for key, value in sorted(metadata.items())], name


def test_logical_names_are_unique_over_all_types(any_spec, resolved_for):
    for layer in ("tenant", "workload"):
        names = [resource.name for resource in plan(any_spec, resolved_for(any_spec)).of(layer)]
        assert len(names) == len(set(names))


def test_every_resource_can_be_adopted_by_its_id(spec, resolved):
    for layer in PROGRAMS:
        adopt = {resource.name: f"there:{resource.name}" for resource in plan(spec, resolved).of(layer)}

        seen = run(layer, spec, resolved, adopt).seen

        imported = {name: resource.resource_id for (type_, name), resource in seen.items() if type_ not in tokens.STRUCTURE}
        assert imported == adopt


def test_the_engine_learns_the_name_of_a_cloud_and_nothing_else(spec, resolved):
    [provider] = [resource for (type_, _), resource in run("workload", spec, resolved).seen.items() if type_.startswith("pulumi:providers:")]

    assert provider.inputs["cloud"] == "dcctl"
    assert not {"password", "token", "userName", "applicationCredentialSecret"} & set(provider.inputs)


def test_volumes_are_protected_and_servers_ignore_what_cannot_be_read_back(spec, resolved):
    requests = run("workload", spec, resolved).requests

    assert [name for name, request in requests.items() if request.protect] == ["volume-base-1-1"]
    assert tuple(requests["server-web-1"].ignoreChanges) == SET_ONCE


def test_what_a_server_starts_from_is_protected_as_data_are(document, resolved_for):
    document["servers"][0]["boot_volume"] = {"size": 8}
    spec = parse(document)

    requests = run("workload", spec, resolved_for(spec)).requests

    assert [name for name, request in requests.items() if request.protect] == ["boot-web-1", "boot-web-2", "volume-base-1-1"]
    assert list(requests["boot-web-1"].ignoreChanges) == ["imageId"]


def test_a_volume_is_the_same_thing_to_the_engine_at_its_server_without_one_and_at_another(document, resolved_for):
    """The engine knows a thing by its name, its type and the types of what it stands below: another URN would be another volume, made anew."""
    size = {"size": 20, "type": "ssd"}

    def made(**changes):
        spec = parse({**document, **changes})
        request = run("workload", spec, resolved_for(spec)).requests["volume-base-1-1"]
        return request.type, request.parent.rpartition("::")[0], request.protect, request.object["name"]

    web, base = document["servers"]
    at_its_server = made()
    kept = [{"name": "base-1-data-1", **size}]
    assert made(servers=[web], kept_volumes=kept) == at_its_server
    assert made(servers=[web, base | {"volumes": []}], kept_volumes=kept) == at_its_server
    assert made(servers=[], network=None, kept_volumes=kept) == at_its_server
    assert made(servers=[web | {"count": 1, "volumes": [{**size, "name": "base-1-data-1"}]}]) == at_its_server


def test_several_servers_are_kept_apart_and_one_alone_only_where_it_must_be(document, resolved_for):
    def groups(**changes):
        spec = parse({**document, "servers": [document["servers"][0] | changes]})
        return {r.name: dict(r.properties) for r in plan(spec, resolved_for(spec)).of("workload") if r.type == tokens.SERVER_GROUP}

    assert groups() == {"placement-web": {"policy": "soft-anti-affinity"}}
    assert groups(placement="strict") == groups(placement="strict", count=1) == {"placement-web": {"policy": "anti-affinity"}}
    assert groups(count=1) == {}


def test_addresses_are_bound_after_the_router_has_its_interface(spec, resolved):
    association = run("workload", spec, resolved).requests["association-web-1"]

    assert any(urn.endswith("::router-interface") for urn in association.dependencies)


def test_addresses_are_made_one_after_the_other(document, resolved_for):
    """Neutron counts one that is being made twice, and would refuse the last that the limit allows."""
    document["quota"]["floatingips"] = 3
    document["servers"][1]["floating_ip"] = True
    spec = parse(document)

    requests = run("workload", spec, resolved_for(spec)).requests

    before = {
        name: [urn.rpartition("::")[2] for urn in requests[name].dependencies if "::address-" in urn]
        for name in ("address-web-1", "address-web-2", "address-base-1")
    }
    assert before == {"address-web-1": [], "address-web-2": ["address-web-1"], "address-base-1": ["address-web-2"]}


def test_ssh_keys_reach_the_server_by_cloud_init(spec, resolved):
    from ruamel.yaml import YAML

    server = run("workload", spec, resolved).seen[tokens.SERVER, "server-base-1"]

    text = server.inputs["userData"]
    assert text.startswith("#cloud-config\n")
    assert YAML(typ="safe").load(text)["ssh_authorized_keys"] == list(spec.ssh_keys)


def test_the_plan_is_deterministic_and_names_what_has_no_id(spec, resolved):
    import dataclasses
    import json

    assert json.dumps(plan(spec, resolved).to_document()) == json.dumps(plan(spec, resolved).to_document())
    with pytest.raises(Unresolved, match=r"flavor m1\.small"):
        plan(spec, dataclasses.replace(resolved, flavor_ids={}))
    with pytest.raises(Unresolved, match="volume_type ssd"):
        plan(spec, dataclasses.replace(resolved, volume_types={"standard": "1"}))
    with pytest.raises(ValueError, match="another environment"):
        plan(spec, dataclasses.replace(resolved, environment="portail"))


def test_every_type_of_the_plan_is_in_the_table_of_types(any_spec, resolved_for):
    assert {resource.type for resource in plan(any_spec, resolved_for(any_spec)).resources} <= tokens.ALL

"""An environment of our own in a running cloud: its spec, its stacks, and an independent look at what is there."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import openstack
import pytest

from dcctl.provisioner.engine import Engine, Work
from dcctl.provisioner.job import Event
from stacks.naming import Layer
from stacks.plan import Resolved
from stacks.specs import EnvironmentSpec

# The SDK, our witness, warns of its own use of what it will remove.
WITNESS_WARNINGS = [pytest.mark.filterwarnings(f"ignore::openstack.warnings.RemovedInSDK{number}Warning") for number in (50, 60)]
COMPUTE = {"instances": 10, "cores": 20, "ram": 65536, "metadata_items": 20, "server_groups": 5, "server_group_members": 10}
VOLUMES = {"volumes": 10, "gigabytes": 100, "gigabytes_ssd": 100, "volumes_ssd": 10}
NETWORK = {"networks": 2, "subnets": 2, "routers": 2, "ports": 30, "floating_ips": 5, "security_groups": 10, "security_group_rules": 50}


def ssh_key(comment: str) -> str:
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", b"k" * 32))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {comment}"


def example(name: str, **changes: Any) -> dict[str, Any]:
    """The patient file's spec, under another name."""
    document = {
        "apiVersion": "dcctl/v1",
        "kind": "Environment",
        "administration": "min-sante",
        "name": name,
        "offer": "standard",
        "quota": {
            "instances": 4, "cores": 8, "ram": 16384, "volumes": 4, "gigabytes": 100, "gigabytes_ssd": 20, "networks": 1, "routers": 1,
            "floatingips": 2,
        },
        "network": {"cidr": "10.20.0.0/24", "external": "public"},
        "ssh_keys": [ssh_key("exploitation@sante")],
        "members": ["sante-agent"],
        "servers": [
            {"name": "web", "count": 2, "flavor": "m1.small", "image": "cirros", "floating_ip": True,
             "ports": [443, {"port": 22, "from": "10.0.0.0/8"}]},
            {"name": "base", "flavor": "m1.medium", "image": "cirros", "volumes": [{"size": 20, "type": "ssd"}]},
        ],
        "duration": "12 months",
        "justification": "Dossier patient partagé, phase 1",
    }  # fmt: skip
    return document | changes


@dataclass(slots=True)
class World:
    """One environment: `admin` sees everything as the cloud's administrator does."""

    engine: Engine
    admin: openstack.connection.Connection
    admin_entry: Mapping[str, Any]
    build_entry: Mapping[str, Any]
    spec: EnvironmentSpec
    resolved: Resolved
    events: list[Event] = field(default_factory=list)
    project_id: str = ""
    group_id: str = ""

    def work(self, layer: Layer, spec: EnvironmentSpec | None = None) -> Work:
        return Work(layer=layer, spec=spec or self.spec, resolved=self.resolved)

    def cloud(self, layer: Layer) -> dict[str, Any]:
        """The entry that the layer's runs work with: the administrator's, or the build user's in the project."""
        if layer == "tenant":
            return dict(self.admin_entry)
        return {**self.build_entry, "auth": {**self.build_entry["auth"], "project_id": self.project_id}}

    def tenant(self) -> None:
        outputs = self.engine.up(self.work("tenant"), cloud=self.cloud("tenant"), on_event=self.events.append).outputs
        self.project_id, self.group_id = outputs["project_id"], outputs["group_id"]

    def limit(self, **changes: int) -> None:
        """Set the project's limits: enough of everything, but for what is named."""

        def of(defaults: dict[str, int]) -> dict[str, int]:
            return {key: changes.get(key, limit) for key, limit in defaults.items()}

        self.admin.compute.update_quota_set(self.project_id, **of(COMPUTE))
        self.admin.block_storage.update_quota_set(self.project_id, **of(VOLUMES))
        self.admin.network.update_quota(self.project_id, **of(NETWORK))

    def servers(self) -> list[Any]:
        return list(self.admin.compute.servers(all_projects=True, project_id=self.project_id))

    def left(self) -> dict[str, int]:
        """How much of each sort the project has."""
        network, mine = self.admin.network, {"project_id": self.project_id}
        return {
            "servers": len(self.servers()),
            "volumes": len(list(self.admin.block_storage.volumes(all_projects=True, **mine))),
            "networks": len(list(network.networks(**mine))),
            "ports": len(list(network.ports(**mine))),
            "routers": len(list(network.routers(**mine))),
            "addresses": len(list(network.ips(**mine))),
            "groups": len([group for group in network.security_groups(**mine) if group.name != "default"]),
        }

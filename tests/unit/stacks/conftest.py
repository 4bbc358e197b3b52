"""The spec of the national patient file, as its DSI writes it."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from stacks.plan import Resolved
from stacks.specs import EnvironmentSpec, parse


def ssh_key(comment: str, seed: bytes = b"k") -> str:
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", seed * 32))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {comment}"


@pytest.fixture
def document() -> dict[str, Any]:
    return {
        "apiVersion": "dcctl/v1",
        "kind": "Environment",
        "administration": "min-sante",
        "name": "dossier-patient",
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


@pytest.fixture
def spec(document: dict[str, Any]) -> EnvironmentSpec:
    return parse(document)


@pytest.fixture
def resolved_for() -> Callable[[EnvironmentSpec], Resolved]:
    def resolve(spec: EnvironmentSpec) -> Resolved:
        return Resolved(
            region="cotonou",
            administration=spec.administration,
            environment=spec.name,
            request="R-2026-0042",
            domain_id="0d0a",
            member_role_id="0b0e",
            build_user_id="0b0d",
            default_volume_type="standard",
            external_network_id="0e0e",
            flavor_ids={"m1.small": "0f01", "m1.medium": "0f02"},
            image_ids={"cirros": "0a01", "debian-12": "0a02"},
            volume_types={"standard": "0c01", "ssd": "0c02"},
        )

    return resolve


@pytest.fixture
def resolved(spec: EnvironmentSpec, resolved_for: Callable[[EnvironmentSpec], Resolved]) -> Resolved:
    return resolved_for(spec)

"""What a killed run leaves: a small environment's plan, and things in its project as the services list them."""

from typing import Any

from dcctl.cloud.finders import Mark
from dcctl.cloud.listings import Thing
from stacks.environment import EnvironmentSpec
from stacks.plan import Plan, Resolved, plan
from stacks.specs import parse

PROJECT, EXTERNAL, BUILD, MEMBER = "p-1", "net-public", "u-build", "r-member"
MARK = Mark(administration="min-sante", environment="dossier-patient")
PREFIX = "min-sante-dossier-patient"
TAGS = ["dcctl:environment=min-sante.dossier-patient", "dcctl:request=R-2026-0042"]
METADATA = {"dcctl:environment": "min-sante.dossier-patient", "dcctl:request": "R-2026-0042"}
DESCRIPTION = "dcctl min-sante/dossier-patient R-2026-0042"


def spec() -> EnvironmentSpec:
    return parse(
        {
            "apiVersion": "dcctl/v1",
            "kind": "Environment",
            "administration": "min-sante",
            "name": "dossier-patient",
            "offer": "standard",
            "quota": {"instances": 1, "cores": 1, "ram": 512, "volumes": 1, "gigabytes": 1, "networks": 1, "routers": 1, "floatingips": 1},
            "network": {"cidr": "10.20.0.0/24", "external": "public"},
            "servers": [
                {"name": "web", "flavor": "m1.tiny", "image": "cirros", "floating_ip": True, "ports": [443], "volumes": [{"size": 1}]},
            ],
            "duration": "12 months",
            "justification": "Dossier patient partagé, phase 1",
        }
    )  # fmt: skip


def planned() -> Plan:
    resolved = Resolved(
        region="cotonou", administration="min-sante", environment="dossier-patient", request="R-2026-0042", domain_id="d-sante",
        member_role_id=MEMBER, build_user_id=BUILD, default_volume_type="standard", external_network_id=EXTERNAL,
        flavor_ids={"m1.tiny": "1"}, image_ids={"cirros": "i"}, volume_types={"standard": "t"},
    )  # fmt: skip
    return plan(spec(), resolved)


def thing(type: str, id: str, service: str = "network", **attributes: Any) -> Thing:
    name = str(attributes.get("name") or "")
    status = str(attributes.get("status") or "")
    return Thing(service=service, type=type, id=id, name=name, status=status, detail="", project_id=PROJECT, attributes={"id": id, **attributes})


def tenant() -> list[Thing]:
    return [
        thing("project", PROJECT, "identity", name="dossier-patient", tags=TAGS, description=DESCRIPTION),
        thing("group", "g-1", "identity", name=f"{PREFIX}-members", description=DESCRIPTION),
        thing("role_assignment", f"/{PROJECT}//{BUILD}/{MEMBER}", "identity"),
    ]


def whole() -> dict[str, Thing]:
    """Everything of the workload, by logical name, as it is when all went well; what has no listing of its own is inside another."""
    rule = {
        "id": "rule-1", "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 443, "port_range_max": 443,
        "remote_ip_prefix": "0.0.0.0/0", "remote_group_id": None,
    }  # fmt: skip
    return {
        "network": thing("network", "n-1", name=f"{PREFIX}-network", tags=TAGS),
        "subnet": thing("subnet", "s-1", name=f"{PREFIX}-subnet", network_id="n-1", tags=TAGS),
        "router": thing("router", "r-1", name=f"{PREFIX}-router", tags=TAGS),
        "router-interface": thing(
            "port", "i-1", name="", network_id="n-1", device_id="r-1", device_owner="network:router_interface", fixed_ips=[{"subnet_id": "s-1"}]
        ),
        "group-web": thing("security_group", "sg-1", name=f"{PREFIX}-web", tags=TAGS, security_group_rules=[rule]),
        "port-web-1": thing("port", "po-1", name=f"{PREFIX}-web-1", network_id="n-1", tags=TAGS, device_id="srv-1"),
        "server-web-1": server("srv-1"),
        "volume-web-1-1": volume("v-1", status="in-use", attachments=[{"server_id": "srv-1", "volume_id": "v-1"}]),
        "address-web-1": thing(
            "floatingip", "f-1", description=f"{PREFIX}-web-1", tags=TAGS, floating_network_id=EXTERNAL, port_id="po-1"
        ),
    }  # fmt: skip


def server(id: str, status: str = "ACTIVE", launched: str | None = "2026-11-22T20:00:04", created: str = "2026-11-22T20:00:00", **more: Any) -> Thing:
    return thing(
        "server", id, "compute", name=f"{PREFIX}-web-1", status=status, metadata=METADATA, created=created,
        **{"OS-SRV-USG:launched_at": launched}, **more,
    )  # fmt: skip


def volume(id: str, status: str = "available", attachments: list[dict[str, str]] | None = None, created_at: str = "2026-11-22T20:00:00") -> Thing:
    return thing(
        "volume", id, "block-storage", name=f"{PREFIX}-web-1-data-1", status=status, metadata=METADATA, created_at=created_at,
        attachments=attachments or [],
    )  # fmt: skip

"""What a project holds, in every service, as the cloud's administrator sees it by openstacksdk: dcctl's own code is not asked."""

from typing import Any


def things(admin: Any, project_id: str) -> dict[str, list[str]]:
    """Kind -> ids, for every kind of thing that the project has; kinds of which there is none are left out."""
    network, volume = admin.network, admin.block_storage
    found: dict[str, list[str]] = {
        "servers": [s.id for s in admin.compute.servers(all_projects=True, project_id=project_id)],
        "server groups": [g.id for g in admin.compute.server_groups(all_projects=True) if g.project_id == project_id],
        "volumes": [v.id for v in volume.volumes(all_projects=True, project_id=project_id)],
        "snapshots": [s.id for s in volume.snapshots(all_projects=True, project_id=project_id)],
        "networks": [n.id for n in network.networks(project_id=project_id)],
        "subnets": [s.id for s in network.subnets(project_id=project_id)],
        "routers": [r.id for r in network.routers(project_id=project_id)],
        "ports": [p.id for p in network.ports(project_id=project_id)],
        "floating addresses": [f.id for f in network.ips(project_id=project_id)],
        # All of them, looked through here: asked for those of one project, Neutron would make its default group anew.
        "security groups": [g.id for g in network.security_groups() if g.project_id == project_id],
        "images": [i.id for i in admin.image.images(owner=project_id)],
    }
    return {kind: ids for kind, ids in found.items() if ids}

"""What the datacenter offers from the first day: zones, flavors, images, an external network, volume types; and zero for everybody."""

from devcloud.api import Administrator
from devcloud.configuration import HYPERVISORS

#: name, vcpus, memory in MiB, root disk in GiB
FLAVORS = (
    ("m1.tiny", 1, 512, 1),
    ("m1.small", 1, 2048, 10),
    ("m1.medium", 2, 4096, 20),
    ("m1.large", 4, 8192, 40),
    ("m1.xlarge", 8, 16384, 80),
)
IMAGES = ("cirros", "debian-12")
VOLUME_TYPES = ("standard", "ssd")
UNLIMITED = -1


def seed(admin: Administrator) -> None:
    project = next(p["id"] for p in admin.get("keystone", "/projects?name=admin&domain_id=default")["projects"])
    _volume_types(admin)
    _lift_limits(admin, project)
    _zones(admin)
    for name, vcpus, ram, disk in FLAVORS:
        admin.post("nova", "/flavors", {"flavor": {"name": name, "id": name, "vcpus": vcpus, "ram": ram, "disk": disk}})
    for name in IMAGES:
        _image(admin, name)
    _external_network(admin)


def _lift_limits(admin: Administrator, project: str) -> None:
    """The cloud's own project has no limits: what it holds belongs to nobody's envelope."""
    keys = ("instances", "cores", "ram", "key_pairs", "server_groups", "server_group_members", "metadata_items")
    admin.put("nova", f"/os-quota-sets/{project}", {"quota_set": dict.fromkeys(keys, UNLIMITED)})
    neutron = {key: UNLIMITED for key in admin.get("neutron", f"/v2.0/quotas/{project}")["quota"] if key != "project_id"}
    admin.put("neutron", f"/v2.0/quotas/{project}", {"quota": neutron})
    # Per volume type too, so after the types are there.
    found = admin.get("cinder", f"/os-quota-sets/{project}")["quota_set"]
    admin.put("cinder", f"/os-quota-sets/{project}", {"quota_set": {key: UNLIMITED for key in found if key != "id"}})


def _zones(admin: Administrator) -> None:
    for zone in dict.fromkeys(zone for _, zone, *_ in HYPERVISORS):
        made = admin.post("nova", "/os-aggregates", {"aggregate": {"name": zone, "availability_zone": zone}})["aggregate"]["id"]
        for host in (host for host, its_zone, *_ in HYPERVISORS if its_zone == zone):
            admin.post("nova", f"/os-aggregates/{made}/action", {"add_host": {"host": host}})


def _image(admin: Administrator, name: str) -> None:
    """A small image: nothing ever boots from it, but it is a real image with data and a checksum."""
    image = {"name": name, "disk_format": "raw", "container_format": "bare", "visibility": "public"}
    made = admin.post("glance", "/v2/images", image)["id"]
    data = name.encode().ljust(512, b"\0") * 128
    admin.call("glance", "PUT", f"/v2/images/{made}/file", data=data, headers={"Content-Type": "application/octet-stream"})


def _external_network(admin: Administrator) -> None:
    network = {"name": "public", "router:external": True, "provider:network_type": "flat", "provider:physical_network": "public"}
    made = admin.post("neutron", "/v2.0/networks", {"network": network})["network"]["id"]
    subnet = {"name": "public", "network_id": made, "ip_version": 4, "cidr": "172.24.0.0/16", "gateway_ip": "172.24.0.1", "enable_dhcp": False}
    admin.post("neutron", "/v2.0/subnets", {"subnet": subnet})


def _volume_types(admin: Administrator) -> None:
    for name in VOLUME_TYPES:
        body = {"name": name, "os-volume-type-access:is_public": True, "extra_specs": {"volume_backend_name": name}}
        admin.post("cinder", "/types", {"volume_type": body})
    # The type that cinder's migrations make; ours are the only ones.
    for kind in admin.get("cinder", "/types?is_public=None")["volume_types"]:
        if kind["name"] == "__DEFAULT__":
            admin.call("cinder", "DELETE", f"/types/{kind['id']}")
    zero = dict.fromkeys(("volumes", "gigabytes", "snapshots", "backups", "backup_gigabytes", "groups"), 0)
    zero |= {f"{key}_{name}": 0 for name in VOLUME_TYPES for key in ("volumes", "gigabytes", "snapshots")}
    admin.put("cinder", "/os-quota-class-sets/default", {"quota_class_set": zero})

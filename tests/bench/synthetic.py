"""A synthetic cloud for the large sizes: a real HTTP server on loopback in its own process, which signs anybody in and serves paged lists.

    python -m tests.bench.synthetic --projects 10000 --servers 100000 --volumes 100000 --snapshots 1000 --ports 150000 --neutron-page 0

Prints its port on the first line and serves until it is ended. Its answers have the fields and size of those of the real services; Nova and Cinder
page by 1,000 (`--page`), Keystone does not, as they are installed, nor does Neutron (`pagination_max_limit = -1`) unless `--neutron-page` says so.
Nova's records of an hour have every server, and one in a hundred besides that lived for thirty seconds and is in no list. `POST /control/change`
changes one server and one volume in a hundred: a third each is deleted, grown, and new. Deleted volumes were made one after the other, as those of
one ministry are; `POST /control/scatter` deletes one in three hundred, wherever they are. Cinder's filters by time and its counts are the real ones'
(3.60, 3.45). `GET /control/asked` lists the paths that were asked for since it was asked last, and forgets them. `POST
/control/break/500/network,volume` has those services answer so from now on: `500`, `half` (the answer breaks off in the middle), `maintenance` (a
page for people), or as they should (`well`).
"""

import argparse
import json
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

PAGE = 1000
#: Limits of each project.
NOVA = {"instances": 4, "cores": 6, "ram": 12288, "key_pairs": 0}
CINDER = {"volumes": 50, "gigabytes": 5000, "gigabytes_ssd": 2500, "gigabytes_standard": 2500, "snapshots": 50}
#: How long servers lived that are in Nova's records only.
BRIEF_SECONDS = 30
#: When the first volume was made.
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
FLAVORS = ((1, 2048), (2, 4096), (4, 8192), (8, 16384))
OWN = "0" * 32


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")


class World:
    """What there is, by number: everything about an item follows from it."""

    def __init__(self, sizes: argparse.Namespace) -> None:
        self.sizes = sizes
        self.base = ""
        self.asked: list[str] = []
        self.faults: dict[str, str] = {}
        self.deleted: set[int] = set()
        self.resized: set[int] = set()
        self.servers = sizes.servers
        self.volumes = sizes.volumes
        self.no_volumes: set[int] = set()
        self.grown: set[int] = set()
        self.made = [_moment(BEGAN + timedelta(seconds=number)) for number in range(sizes.volumes)]
        """When each volume was made: one a second; those that are new, just now."""
        self.updates: dict[int, str] = {}
        kept = [number for number in range(sizes.volumes // 3 + sizes.volumes // 300, sizes.volumes) if number % 300]
        self.snapshots = [(number, kept[number * 7 % len(kept)]) for number in range(sizes.snapshots)] if kept else []
        """Each one's number and its volume's, of which none is ever deleted: Cinder deletes no volume that has one."""
        self.lock = threading.Lock()

    def change(self) -> None:
        """One server and one volume in a hundred."""
        every = range(0, self.sizes.servers, 100)
        self.deleted = {number for number in every if number % 300 == 0}
        self.resized = {number for number in every if number % 300 == 100}
        self.servers = self.sizes.servers + len(every) - len(self.deleted) - len(self.resized)
        third = self.sizes.volumes // 300
        self.no_volumes = set(range(self.sizes.volumes // 3, self.sizes.volumes // 3 + third))
        self.grown = set(range(50, self.sizes.volumes, 300)) - self.no_volumes
        self.volumes = self.sizes.volumes + third
        now = _moment(datetime.now(UTC))
        self.updates = dict.fromkeys(self.grown, now)
        self.made += [now] * third
        some = max(1, len(self.snapshots) // 100) if self.snapshots else 0
        self.snapshots = self.snapshots[some:] + [(self.sizes.snapshots + number, self.snapshots[number][1]) for number in range(some)]

    def scatter(self) -> None:
        """One volume in three hundred is no more."""
        self.no_volumes = {*self.no_volumes, *range(0, self.sizes.volumes, 300)}

    def updated(self, number: int) -> str:
        return self.updates.get(number, self.made[number])

    def project(self, number: int) -> str:
        return f"{number % self.sizes.projects + 1:032x}"

    def compute_use(self, project: int) -> dict[str, int]:
        """What Nova counts of it, whatever its lists say; a project is one by its number from 0."""
        of = [number for number in range(project, self.servers, self.sizes.projects) if number not in self.deleted]
        flavors = [FLAVORS[(number + (number in self.resized)) % 4] for number in of]
        return {"instances": len(of), "cores": sum(cores for cores, _ in flavors), "ram": sum(ram for _, ram in flavors)}

    def volume_use(self, project: int) -> dict[str, int]:
        """What Cinder counts of it: volumes and snapshots, and the gigabytes of both."""
        volumes = [self.volume(number) for number in range(project, self.volumes, self.sizes.projects) if number not in self.no_volumes]
        own = [place for place, (_, volume) in enumerate(self.snapshots) if volume % self.sizes.projects == project]
        found = {"volumes": len(volumes), "snapshots": len(own), "gigabytes": 0, "gigabytes_ssd": 0, "gigabytes_standard": 0}
        sizes = [(one["volume_type"], one["size"]) for one in volumes]
        sizes += [(self.volume(self.snapshots[place][1])["volume_type"], self.snapshot(place)["size"]) for place in own]
        for kind, size in sizes:
            found["gigabytes"] += size
            found[f"gigabytes_{kind}"] += size
        return found

    def server(self, number: int) -> dict[str, Any]:
        cores, ram = FLAVORS[(number + (number in self.resized)) % 4]
        identifier = f"{number:08x}-5e10-4a00-8000-{number:012x}"
        address = {
            "version": 4,
            "addr": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            "OS-EXT-IPS:type": "fixed",
            "OS-EXT-IPS-MAC:mac_addr": f"fa:16:3e:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
        }
        return {
            "id": identifier,
            "name": f"serveur-{number}",
            "status": "DELETED" if number in self.deleted else "ACTIVE",
            "tenant_id": self.project(number),
            "user_id": self.project(number),
            "metadata": {"dcctl:environment": f"portail-{number % 97}", "dcctl:request": f"R-2026-{number:06d}"},
            "hostId": f"{number:056x}",
            "image": {"id": f"{7:08x}-1a6e-4000-8000-{7:012x}", "links": [{"rel": "bookmark", "href": f"{self.base}/images/7"}]},
            "flavor": {"vcpus": cores, "ram": ram, "disk": 20, "ephemeral": 0, "swap": 0, "original_name": f"m1.{cores}", "extra_specs": {}},
            "created": "2026-11-01T08:00:00Z",
            "updated": "2026-11-01T08:00:30Z",
            "addresses": {"reseau": [address]},
            "accessIPv4": "",
            "accessIPv6": "",
            "links": [
                {"rel": "self", "href": f"{self.base}/compute/v2.1/servers/{identifier}"},
                {"rel": "bookmark", "href": f"{self.base}/compute/servers/{identifier}"},
            ],
            "OS-DCF:diskConfig": "MANUAL",
            "progress": 0,
            "OS-EXT-AZ:availability_zone": "cotonou-1",
            "config_drive": "",
            "key_name": None,
            "OS-SRV-USG:launched_at": "2026-11-01T08:00:30.000000",
            "OS-SRV-USG:terminated_at": None,
            "security_groups": [{"name": "default"}],
            "OS-EXT-SRV-ATTR:host": f"compute-{number % 200}",
            "OS-EXT-SRV-ATTR:instance_name": f"instance-{number:08x}",
            "OS-EXT-SRV-ATTR:hypervisor_hostname": f"compute-{number % 200}",
            "OS-EXT-SRV-ATTR:hostname": f"serveur-{number}",
            "locked": False,
            "OS-EXT-SRV-ATTR:reservation_id": f"r-{number:08x}",
            "OS-EXT-SRV-ATTR:launch_index": 0,
            "OS-EXT-SRV-ATTR:kernel_id": "",
            "OS-EXT-SRV-ATTR:ramdisk_id": "",
            "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
            "OS-EXT-SRV-ATTR:user_data": None,
            "OS-EXT-STS:task_state": None,
            "OS-EXT-STS:vm_state": "active",
            "OS-EXT-STS:power_state": 1,
            "host_status": "UP",
            "tags": [],
            "os-extended-volumes:volumes_attached": [],
            "description": None,
            "trusted_image_certificates": None,
        }

    def volume(self, number: int) -> dict[str, Any]:
        identifier = f"{number:08x}-0010-4a00-8000-{number:012x}"
        return {
            "id": identifier,
            "name": f"volume-{number}",
            "size": 10 + number % 90 + (number in self.grown),
            "status": "in-use",
            "volume_type": ("ssd", "standard")[number % 2],
            "availability_zone": "nova",
            "created_at": self.made[number],
            "updated_at": self.updated(number),
            "description": None,
            "attachments": [
                {
                    "id": identifier,
                    "attachment_id": identifier,
                    "volume_id": identifier,
                    "server_id": identifier,
                    "host_name": None,
                    "device": "/dev/vdb",
                    "attached_at": "2026-11-01T08:00:05.000000",
                }
            ],
            "links": [{"rel": "self", "href": f"{self.base}/volume/v3/volumes/{identifier}"}],
            "user_id": self.project(number),
            "bootable": "false",
            "encrypted": False,
            "replication_status": None,
            "consistencygroup_id": None,
            "multiattach": False,
            "migration_status": None,
            "group_id": None,
            "snapshot_id": None,
            "source_volid": None,
            "metadata": {"dcctl:environment": f"portail-{number % 97}"},
            "provider_id": None,
            "service_uuid": f"{number % 9:032x}",
            "shared_targets": False,
            "cluster_name": None,
            "consumes_quota": True,
            "volume_type_id": identifier,
            "os-vol-tenant-attr:tenant_id": self.project(number),
            "os-vol-host-attr:host": "cinder@ssd#ssd",
            "os-vol-mig-status-attr:migstat": None,
            "os-vol-mig-status-attr:name_id": None,
        }


    def snapshot(self, position: int) -> dict[str, Any]:
        number, volume = self.snapshots[position]
        identifier = f"{number:08x}-54a9-4a00-8000-{number:012x}"
        return {
            "id": identifier,
            "name": f"avant-mise-a-jour-{number}",
            "description": None,
            "volume_id": self.volume(volume)["id"],
            "size": 10 + volume % 90,
            "status": "available",
            "created_at": self.made[volume],
            "updated_at": self.made[volume],
            "user_id": self.project(volume),
            "metadata": {},
            "group_snapshot_id": None,
            "consumes_quota": True,
            "os-extended-snapshot-attributes:project_id": self.project(volume),
            "os-extended-snapshot-attributes:progress": "100%",
        }

    def record(self, number: int, start: str) -> dict[str, Any]:
        """Of use in the hour that begins then; those beyond the servers lived in it for half a minute."""
        brief = number >= self.sizes.servers
        cores, ram = FLAVORS[number % 4]
        began = datetime.fromisoformat(start) + timedelta(minutes=number % 59) if brief else datetime(2026, 11, 1, 8, 0, 30)
        ended = began + timedelta(seconds=BRIEF_SECONDS) if brief else None
        return {
            "instance_id": f"{number:08x}-5e10-4a00-8000-{number:012x}",
            "name": f"serveur-{number}",
            "flavor": f"m1.{cores}",
            "tenant_id": self.project(number),
            "hours": BRIEF_SECONDS / 3600 if brief else 1.0,
            "uptime": 86400,
            "vcpus": cores,
            "memory_mb": ram,
            "local_gb": 20,
            "state": "terminated" if brief else "active",
            "started_at": began.strftime("%Y-%m-%dT%H:%M:%S.%f"),
            "ended_at": None if ended is None else ended.strftime("%Y-%m-%dT%H:%M:%S.%f"),
        }


class Answers:
    """What each path answers."""

    def __init__(self, world: World) -> None:
        self.world = world
        size = world.sizes
        owned = {
            "networks": 2 * size.objects,
            "routers": size.objects,
            "floatingips": size.objects,
            "security-groups": 10 * size.objects,
            "ports": size.ports,
        }
        self.paths: dict[str, Callable[[dict[str, str]], Any]] = {
            "/identity/v3/domains": lambda _: {"domains": [{"id": "d", "name": "min-sante"}], "links": {"next": None}},
            "/identity/v3/projects": lambda _: self._projects(),
            "/identity/v3/limits": lambda _: {"limits": [], "links": {"next": None}},
            "/compute/v2.1/servers/detail": self._servers,
            "/compute/v2.1/os-simple-tenant-usage": self._records,
            "/compute/v2.1/os-services": lambda _: {"services": [{"binary": "nova-compute", "host": "node-1", "status": "enabled"}]},
            "/volume/v3/types": lambda _: {"volume_types": [{"id": "1", "name": "ssd"}, {"id": "2", "name": "standard"}]},
            "/volume/v3/volumes/detail": self._volumes,
            "/volume/v3/snapshots/detail": lambda query: self._paged(
                "snapshots", "/volume/v3/snapshots/detail", query, len(world.snapshots), world.snapshot
            ),
            "/network/v2.0/quotas": lambda _: {"quotas": [self._quota(number) for number in range(size.projects)]},
            f"/network/v2.0/quotas/{OWN}/default": lambda _: {
                "quota": dict.fromkeys(("network", "router", "floatingip", "port", "security_group"), 0)
            },
            **{f"/network/v2.0/{path}": partial(self._owned, path, number) for path, number in owned.items()},
        }

    def __call__(self, path: str, query: dict[str, str]) -> Any:
        found = self.paths.get(path) or self._quota_set(path)
        if found is not None:
            self.world.asked.append(f"{path}?{urlencode(query)}")
            return found(query)
        return self._versions(path.rstrip("/"))

    def _versions(self, path: str) -> Any:
        for service, version, latest in (("identity", "v3", ""), ("compute", "v2.1", "2.96"), ("volume", "v3", "3.71"), ("network", "v2.0", "")):
            if path in (f"/{service}", f"/{service}/{version}"):
                identifier = {"v3": "v3.14" if service == "identity" else "v3.0"}.get(version, version)
                found = {
                    "id": identifier,
                    "status": "CURRENT",
                    "version": latest,
                    "min_version": latest and f"{version[1]}.0",
                    "links": [{"rel": "self", "href": f"{self.world.base}/{service}/{version}"}],
                }
                return {"versions": [found]} if path == f"/{service}" else {"version": found}
        return None

    def _projects(self) -> Any:
        found = [
            {
                "id": self.world.project(number),
                "name": f"projet-{number}",
                "domain_id": "d",
                "enabled": True,
                "description": "",
                "parent_id": "d",
                "is_domain": False,
                "tags": [],
                "options": {},
                "links": {"self": f"{self.world.base}/identity/v3/projects/{number}"},
            }
            for number in range(self.world.sizes.projects)
        ]
        return {"projects": [{"id": OWN, "name": "admin", "domain_id": "d"}, *found], "links": {"next": None}}

    def _servers(self, query: dict[str, str]) -> Any:
        world, path = self.world, "/compute/v2.1/servers/detail"
        if "changes-since" in query:
            numbers = sorted({*world.deleted, *world.resized, *range(world.sizes.servers, world.servers)})
        else:
            numbers = [number for number in range(world.servers) if number not in world.deleted] if world.deleted else []
        if numbers or "changes-since" in query:
            return self._paged("servers", path, query, len(numbers), lambda position: world.server(numbers[position]))
        return self._paged("servers", path, query, world.servers, world.server)

    def _volumes(self, query: dict[str, str]) -> Any:
        world, path = self.world, "/volume/v3/volumes/detail"
        numbers = [number for number in range(world.volumes) if number not in world.no_volumes]
        for field, moment_of in (("created_at", world.made.__getitem__), ("updated_at", world.updated)):
            if field in query:
                numbers = [number for number in numbers if _within(moment_of(number), query[field])]
        if "with_count" in query:
            return {"volumes": [world.volume(number) for number in numbers[:1]], "count": len(numbers)}
        return self._paged("volumes", path, query, len(numbers), lambda position: world.volume(numbers[position]))

    def _records(self, query: dict[str, str]) -> Any:
        """One page of records, by tenant, as Nova groups them."""
        world, path = self.world, "/compute/v2.1/os-simple-tenant-usage"
        everyone = world.sizes.servers + world.sizes.servers // 100
        page = self._paged("records", path, query, everyone, lambda number: world.record(number, query["start"]))
        tenants: dict[str, list[dict[str, Any]]] = {}
        for record in page["records"]:
            tenants.setdefault(record["tenant_id"], []).append(record)
        links = {"tenant_usages_links": page["records_links"]} if "records_links" in page else {}
        times = {"start": query["start"], "stop": query["end"], "total_hours": 1.0, "total_vcpus_usage": 1.0}
        return {"tenant_usages": [{"tenant_id": tenant, **times, "server_usages": found} for tenant, found in tenants.items()], **links}

    def _paged(self, key: str, path: str, query: dict[str, str], number: int, item: Callable[[int], dict[str, Any]], length: int = 0) -> Any:
        first, length = int(query.get("marker", "0")), length or self.world.sizes.page
        page: dict[str, Any] = {key: [item(position) for position in range(first, min(number, first + length))]}
        if first + length < number:
            following = urlencode({**query, "marker": str(first + length)})
            page[f"{key}_links"] = [{"rel": "next", "href": f"{self.world.base}{path}?{following}"}]
        return page

    def _owned(self, path: str, number: int, query: dict[str, str]) -> Any:
        tag, key = f"{len(path):04x}", path.replace("-", "_")

        def item(position: int) -> dict[str, Any]:
            return {"id": f"{position:08x}-{tag}-4a00-8000-{position:012x}", "project_id": self.world.project(position)}

        return self._paged(key, f"/network/v2.0/{path}", query, number, item, self.world.sizes.neutron_page or max(1, number))

    def _quota_set(self, path: str) -> Callable[[dict[str, str]], Any] | None:
        """Nova's or Cinder's limits of one project, the same of each, and what is in use in it."""
        for prefix, suffix, limits, use in (
            ("/compute/v2.1/os-quota-sets/", "/detail", NOVA, self.world.compute_use),
            ("/volume/v3/os-quota-sets/", "", CINDER, self.world.volume_use),
        ):
            if path.startswith(prefix) and path.endswith(suffix):
                project = path.removeprefix(prefix).removesuffix(suffix)
                used = use(int(project, 16) - 1)
                told = {key: {"limit": limit, "in_use": used.get(key, 0), "reserved": 0} for key, limit in limits.items()}
                return lambda _: {"quota_set": {"id": project, **told}}
        return None

    def _quota(self, number: int) -> dict[str, Any]:
        return {
            "project_id": self.world.project(number),
            "tenant_id": self.world.project(number),
            "network": 5,
            "subnet": 5,
            "subnetpool": 0,
            "port": 50,
            "router": 2,
            "floatingip": 5,
            "rbac_policy": 0,
            "security_group": 10,
            "security_group_rule": 100,
            "trunk": 0,
        }


def _within(moment: str, wanted: str) -> bool:
    """Whether a moment is as `gte:2026-11-01T08:00:00` wants it; of several comparisons, as with the real Cinder, one is enough."""
    compared = {"gte": moment.__ge__, "gt": moment.__gt__, "lte": moment.__le__, "lt": moment.__lt__}
    return any(compared[operator](bound) for operator, _, bound in (part.partition(":") for part in wanted.split(",")))


def serve(sizes: argparse.Namespace) -> None:
    """Serve until the process is ended."""
    world = World(sizes)
    answers = Answers(world)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path)
            if path.path == "/control/asked":
                with world.lock:
                    asked, world.asked = world.asked, []
                self._send(200, asked)
                return
            found = answers(path.path, dict(parse_qsl(path.query)))
            fault = world.faults.get(path.path.split("/")[1], "")
            if fault and path.path.count("/") > 2:  # what versions there are is asked once, at the beginning
                self._spoil(fault, found)
                return
            self._send(404 if found is None else 200, {"error": {"code": 404, "message": "not found"}} if found is None else found)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if self.path.startswith("/control/break/"):
                _, _, _, fault, services = self.path.split("/")
                world.faults = dict.fromkeys(services.split(","), "" if fault == "well" else fault)
                self._send(200, {})
                return
            if self.path in ("/control/change", "/control/scatter"):
                {"/control/change": world.change, "/control/scatter": world.scatter}[self.path]()
                self._send(200, {})
                return
            self._send(201, _token(world.base), {"X-Subject-Token": "jeton"})

        def _spoil(self, fault: str, document: Any) -> None:
            whole = json.dumps(document).encode()
            status, kind, body = {
                "500": (500, "application/json", b'{"error": {"code": 500, "message": "Unexpected API Error."}}'),
                "half": (200, "application/json", whole[: len(whole) // 2]),
                "maintenance": (200, "text/html", b"<html><body>Maintenance</body></html>"),
            }[fault]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _send(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    world.base = f"http://127.0.0.1:{server.server_port}"
    print(server.server_port, flush=True)
    server.serve_forever()


def _token(base: str) -> dict[str, Any]:
    kinds = (("identity", "identity/v3"), ("compute", "compute/v2.1"), ("block-storage", "volume/v3"), ("network", "network/v2.0"))
    catalog = [
        {
            "type": kind,
            "name": kind,
            "id": kind,
            "endpoints": [{"id": kind, "interface": "public", "region": "cotonou", "region_id": "cotonou", "url": f"{base}/{path}"}],
        }
        for kind, path in kinds
    ]
    now = datetime.now(UTC)
    return {
        "token": {
            "methods": ["password"],
            "user": {"id": "u", "name": "dcctl-collector", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": OWN, "name": "admin", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": "r", "name": "admin"}],
            "issued_at": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "expires_at": (now + timedelta(hours=4)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "audit_ids": ["a"],
            "is_domain": False,
            "catalog": catalog,
        }
    }


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench.synthetic")
    sizes = {"projects": 10_000, "servers": 100_000, "volumes": 100_000, "snapshots": 1_000, "ports": 150_000, "objects": 5_000}
    for name, number in {**sizes, "page": PAGE, "neutron-page": 0}.items():
        parser.add_argument(f"--{name}", type=int, default=number)
    return parser.parse_args(given)


if __name__ == "__main__":
    serve(arguments(sys.argv[1:]))

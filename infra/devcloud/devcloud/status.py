"""Is everything up? A real authenticated call to each service, and what Nova and Cinder say about their own parts."""

from collections.abc import Callable
from dataclasses import dataclass

from devcloud import passwords, postgres, processes, startup
from devcloud.api import Administrator
from devcloud.cloud import Cloud, DevcloudError
from devcloud.configuration import HYPERVISORS
from devcloud.services import SERVICES


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One service: whether it is up, and what it said (or why not)."""

    service: str
    up: bool
    detail: str
    url: str | None = None
    pid: int | None = None


def check(cloud: Cloud) -> list[Health]:
    """Ask the database and every service; never raises for a service that is down."""
    database = processes.find(postgres.pid_file(cloud))
    pid = database.pid if database else None
    found = [Health(service="postgres", up=pid is not None, detail="running" if pid else "not running", pid=pid)]
    there = startup.running(cloud)
    try:
        admin = Administrator(cloud, passwords.read(cloud)["admin"])
    except FileNotFoundError:
        admin = None
    for service in SERVICES:
        process = there.get(service.name)
        up, detail = False, "not running"
        if process and admin:
            try:
                up, detail = True, _QUESTIONS[service.name](admin)
            except DevcloudError as failure:
                detail = str(failure)
        found.append(Health(service=service.name, up=up, detail=detail, url=service.url(cloud), pid=process.pid if process else None))
    return found


def _keystone(admin: Administrator) -> str:
    return f"{len(admin.get('keystone', '/domains')['domains'])} domains"


def _placement(admin: Administrator) -> str:
    """Where a small server could go."""
    candidates = admin.get("placement", "/allocation_candidates?resources=VCPU:1,MEMORY_MB:512,DISK_GB:1")["allocation_requests"]
    if not candidates:
        raise DevcloudError("no hypervisor could take a server")
    return f"a server could go to {len(candidates)} hypervisors"


def _glance(admin: Administrator) -> str:
    return f"{len(admin.get('glance', '/v2/images')['images'])} images"


def _nova(admin: Administrator) -> str:
    services = admin.get("nova", "/os-services")["services"]
    expected = {("nova-conductor", "control"), ("nova-scheduler", "control")} | {("nova-compute", host) for host, *_ in HYPERVISORS}
    return _parts({(s["binary"], s["host"]) for s in services if s["state"] == "up"}, expected)


def _neutron(admin: Administrator) -> str:
    return f"{len(admin.get('neutron', '/v2.0/networks?fields=id')['networks'])} networks"


def _cinder(admin: Administrator) -> str:
    services = admin.get("cinder", "/os-services")["services"]
    expected = {("cinder-scheduler", "control"), ("cinder-volume", "control@standard"), ("cinder-volume", "control@ssd")}
    return _parts({(s["binary"], s["host"]) for s in services if s["state"] == "up"}, expected)


def _parts(up: set[tuple[str, str]], expected: set[tuple[str, str]]) -> str:
    if down := sorted(expected - up):
        raise DevcloudError("not up: " + ", ".join(f"{binary} on {host}" for binary, host in down))
    return f"{len(expected)} services up"


_QUESTIONS: dict[str, Callable[[Administrator], str]] = {
    "keystone": _keystone,
    "placement": _placement,
    "glance": _glance,
    "nova": _nova,
    "neutron": _neutron,
    "cinder": _cinder,
}

"""Is everything up? A real authenticated call to each service, and what Nova and Cinder say about their own parts."""

from collections.abc import Callable
from dataclasses import dataclass

from devcloud import passwords, postgres, processes, startup
from devcloud.api import Administrator
from devcloud.cloud import Cloud, DevcloudError
from devcloud.configuration import HYPERVISORS
from devcloud.services import SERVICES
from devcloud.words import N_, _, sentence


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
    found = [Health(service="postgres", up=pid is not None, detail=_("running") if pid else _("not running"), pid=pid)]
    there = startup.running(cloud)
    try:
        admin = Administrator(cloud, passwords.read(cloud)["admin"])
    except FileNotFoundError:
        admin = None
    for service in SERVICES:
        process = there.get(service.name)
        up, detail = False, _("not running")
        if process and admin:
            try:
                up, detail = True, _QUESTIONS[service.name](admin)
            except DevcloudError as failure:
                detail = str(failure)
        found.append(Health(service=service.name, up=up, detail=detail, url=service.url(cloud), pid=process.pid if process else None))
    return found


def _keystone(admin: Administrator) -> str:
    return sentence(N_("{count} domains"), count=len(admin.get("keystone", "/domains")["domains"]))


def _placement(admin: Administrator) -> str:
    """Where a small server could go."""
    candidates = admin.get("placement", "/allocation_candidates?resources=VCPU:1,MEMORY_MB:512,DISK_GB:1")["allocation_requests"]
    if not candidates:
        raise DevcloudError(_("no hypervisor could take a server"))
    return sentence(N_("a server could go to {count} hypervisors"), count=len(candidates))


def _glance(admin: Administrator) -> str:
    return sentence(N_("{count} images"), count=len(admin.get("glance", "/v2/images")["images"]))


def _nova(admin: Administrator) -> str:
    services = admin.get("nova", "/os-services")["services"]
    expected = {("nova-conductor", "control"), ("nova-scheduler", "control")} | {("nova-compute", host) for host, *_ in HYPERVISORS}
    return _parts({(s["binary"], s["host"]) for s in services if s["state"] == "up"}, expected)


def _neutron(admin: Administrator) -> str:
    return sentence(N_("{count} networks"), count=len(admin.get("neutron", "/v2.0/networks?fields=id")["networks"]))


def _cinder(admin: Administrator) -> str:
    services = admin.get("cinder", "/os-services")["services"]
    expected = {("cinder-scheduler", "control"), ("cinder-volume", "control@standard"), ("cinder-volume", "control@ssd")}
    return _parts({(s["binary"], s["host"]) for s in services if s["state"] == "up"}, expected)


def _parts(up: set[tuple[str, str]], expected: set[tuple[str, str]]) -> str:
    if down := sorted(expected - up):
        named = ", ".join(sentence(N_("{program} on {host}"), program=binary, host=host) for binary, host in down)
        raise DevcloudError(sentence(N_("not up: {parts}"), parts=named))
    return sentence(N_("{count} services up"), count=len(expected))


_QUESTIONS: dict[str, Callable[[Administrator], str]] = {
    "keystone": _keystone,
    "placement": _placement,
    "glance": _glance,
    "nova": _nova,
    "neutron": _neutron,
    "cinder": _cinder,
}

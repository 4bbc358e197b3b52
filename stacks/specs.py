"""The spec file: a document (as read from YAML or JSON) to an `EnvironmentSpec`, or everything that is wrong with it at once.

This module is pure: no clock, no database, no network. What only the cloud knows (flavors, images, offers, limits) is not
checked here, nor whether the servers fit in the quota.
"""

import ipaddress
import re
from collections.abc import Collection, Mapping

from stacks import access, naming, storage
from stacks.environment import (
    API_VERSION,
    KIND,
    Duration,
    EnvironmentSpec,
    KeptVolume,
    NetworkSpec,
    Placement,
    PortSpec,
    ServerSpec,
    VolumeSpec,
    notices,
    to_document,
)
from stacks.faults import FAULTS, NOTICES, Fault, SpecFaults
from stacks.fields import KEEPS_LINES, Faults, shown

__all__ = [
    "FAULTS", "NOTICES", "Duration", "EnvironmentSpec", "Fault", "KeptVolume", "NetworkSpec", "PortSpec", "ServerSpec", "SpecFaults",
    "VolumeSpec", "duration", "notices", "parse", "to_document",
]  # fmt: skip

SERVERS, COUNT, QUOTA_KEYS = 32, 99, 64
PLACEMENTS: tuple[Placement, ...] = ("spread", "strict")
PRIVATE = tuple(ipaddress.IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
NETWORK_PREFIXES = (16, 28)
DURATIONS = ("30 days", "12 months")
DURATION_MAXIMUM = {"days": 3660, "months": 120}
UNITS = {"day": "days", "jour": "days", "month": "months", "mois": "months"}

REQUIRED = {
    "apiVersion": API_VERSION,
    "kind": KIND,
    "administration": "min-sante",
    "name": "dossier-patient",
    "offer": "standard",
    "quota": "{instances: 2, cores: 4, ram: 8192}",
    "duration": DURATIONS[1],
    "justification": "Dossier patient partagé, phase 1",
}
OPTIONAL = ("network", "ssh_keys", "members", "servers", "kept_volumes")


def parse(document: Mapping[str, object] | object, *, resources: Collection[str] | None = None) -> EnvironmentSpec:
    """Return the spec that `document` is.

    Args:
        document: plain values: mappings, lists, text, integers, booleans, None.
        resources: the quota keys that exist in the region; left out, only their form is checked.

    Raises:
        SpecFaults: with everything that is wrong, in the order of this module's reading.
    """
    faults = Faults()
    found = faults.mapping(document, (), REQUIRED, OPTIONAL)
    if found is None:
        raise SpecFaults(tuple(faults.found))
    for key, allowed, code in (("apiVersion", API_VERSION, "spec.unsupported_version"), ("kind", KIND, "spec.unsupported_kind")):
        if found.get(key) is not None and found[key] != allowed:
            faults.add((key,), code, found=shown(found[key]), allowed=allowed)

    def given(key: str) -> bool:
        return found.get(key) is not None

    administration = (
        faults.name(found["administration"], ("administration",), "min-sante", minimum=2, maximum=32) if given("administration") else None
    )
    name = faults.name(found["name"], ("name",), "dossier-patient", minimum=2, maximum=32) if given("name") else None
    offer = faults.name(found["offer"], ("offer",), "standard", minimum=2, maximum=32) if given("offer") else None
    quota = _quota(faults, found["quota"], resources) if given("quota") else None
    network = _network(faults, found["network"]) if given("network") else None
    ssh_keys = access.ssh_keys(faults, found.get("ssh_keys"))
    members = access.members(faults, found.get("members"))
    servers = _servers(faults, found.get("servers"))
    lasts = _duration(faults, found["duration"]) if given("duration") else None
    justification = (
        faults.text(found["justification"], ("justification",), REQUIRED["justification"], maximum=2000, keeps=KEEPS_LINES)
        if given("justification")
        else None
    )
    kept = storage.kept(faults, found["kept_volumes"]) if given("kept_volumes") else None
    _together(faults, administration, name, network, servers, network_given=given("network"))
    storage.each_once(faults, servers, kept or ())
    if administration is None or name is None or offer is None or quota is None or lasts is None or justification is None or faults.found:
        raise SpecFaults(tuple(faults.found))
    return EnvironmentSpec(
        administration=administration, name=name, offer=offer, quota=quota, network=network, ssh_keys=ssh_keys,
        members=members, servers=tuple(server for _, server in servers), duration=lasts, justification=justification, kept_volumes=kept,
    )  # fmt: skip


def duration(text: object) -> Duration:
    """A duration alone, as in a spec: `6 months`, `30 jours`.

    Raises:
        SpecFaults: it is none.
    """
    faults = Faults()
    found = _duration(faults, text)
    if found is None:
        raise SpecFaults(tuple(faults.found))
    return found


def _quota(faults: Faults, value: object, resources: Collection[str] | None) -> dict[str, int] | None:
    path = ("quota",)
    if resources is not None:
        found = faults.mapping(value, path, {}, tuple(sorted(resources)))
    else:
        found = value if isinstance(value, Mapping) else faults.mapping(value, path, {}, ())
    if found is None:
        return None
    if not 1 <= len(found) <= QUOTA_KEYS:
        faults.add(path, "spec.too_few" if not found else "spec.too_many", count=len(found), minimum=1, maximum=QUOTA_KEYS)
        return None
    quota: dict[str, int] = {}
    for key, amount in found.items():
        if not isinstance(key, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", key):
            faults.add((*path, str(key)), "spec.bad_quota_key", found=shown(key), allowed="instances, cores, ram, gigabytes_ssd")
            continue
        units = faults.integer(amount, (*path, key), minimum=0, maximum=storage.LARGEST)
        if units is not None:
            quota[key] = units
    return quota


def _network(faults: Faults, value: object) -> NetworkSpec | None:
    found = faults.mapping(value, ("network",), {"cidr": "10.20.0.0/24"}, ("external",))
    if found is None:
        return None
    external = found.get("external")
    if external is not None:
        external = faults.text(external, ("network", "external"), "public", maximum=255)
    if found.get("cidr") is None:
        return None
    path = ("network", "cidr")
    cidr = access.cidr(faults, found["cidr"], path, "10.20.0.0/24")
    if cidr is None:
        return None
    if not any(cidr.subnet_of(private) for private in PRIVATE):
        faults.add(path, "spec.cidr_not_private", found=str(cidr), allowed=tuple(map(str, PRIVATE)))
        return None
    if not NETWORK_PREFIXES[0] <= cidr.prefixlen <= NETWORK_PREFIXES[1]:
        faults.add(path, "spec.cidr_size", found=str(cidr), minimum=NETWORK_PREFIXES[0], maximum=NETWORK_PREFIXES[1])
        return None
    return NetworkSpec(cidr=str(cidr), external=external if isinstance(external, str) else None)


def _servers(faults: Faults, value: object) -> list[tuple[int, ServerSpec]]:
    servers: list[tuple[int, ServerSpec]] = []
    seen: dict[str, int] = {}
    required = {"name": "web", "flavor": "m1.small", "image": "debian-12"}
    for index, (path, found) in enumerate(faults.items(value, ("servers",), "server", maximum=SERVERS)):
        server = faults.mapping(found, path, required, ("count", "floating_ip", "zone", "ports", "volumes", "placement", "boot_volume"))
        if server is None:
            continue
        name = faults.name(server["name"], (*path, "name"), "web", minimum=1, maximum=20) if server.get("name") is not None else None
        texts = {
            key: faults.text(server[key], (*path, key), example, maximum=255)
            for key, example in {"flavor": "m1.small", "image": "debian-12", "zone": "zone-1"}.items()
            if server.get(key) is not None
        }
        count = 1 if server.get("count") is None else faults.integer(server["count"], (*path, "count"), minimum=1, maximum=COUNT)
        floating = False if server.get("floating_ip") is None else faults.boolean(server["floating_ip"], (*path, "floating_ip"))
        ports = access.ports(faults, server.get("ports"), (*path, "ports"))
        volumes = storage.volumes(faults, server.get("volumes"), (*path, "volumes"))
        placement = _placement(faults, server.get("placement"), (*path, "placement"))
        boot = None if server.get("boot_volume") is None else storage.volume(faults, server["boot_volume"], (*path, "boot_volume"))
        if name is not None and faults.unique(seen, name, (*path, "name"), index, "count"):
            flavor, image = texts.get("flavor"), texts.get("image")
            servers.append((index, ServerSpec(
                name=name, count=count or 1, flavor=flavor or "", image=image or "", floating_ip=bool(floating),
                zone=texts.get("zone"), ports=ports, volumes=volumes, placement=placement, boot_volume=boot,
            )))  # fmt: skip
    return servers


def _placement(faults: Faults, value: object, path: tuple[str | int, ...]) -> Placement:
    if value is None or value == "spread":
        return "spread"
    if value != "strict":
        faults.add(path, "spec.bad_placement", found=shown(value), allowed=PLACEMENTS)
    return "strict"


def _duration(faults: Faults, value: object) -> Duration | None:
    text = faults.text(value, ("duration",), DURATIONS[1], maximum=64)
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,6}) *(day|month|jour|mois)s?", text)
    unit = UNITS[match[2]] if match else ""
    if match is None or (match[2] == "mois" and text.endswith("moiss")):
        faults.add(("duration",), "spec.bad_duration", found=shown(text), allowed=DURATIONS)
        return None
    amount = int(match[1])
    if not 1 <= amount <= DURATION_MAXIMUM[unit]:
        faults.add(("duration",), "spec.out_of_range", found=shown(text), minimum=1, maximum=DURATION_MAXIMUM[unit])
        return None
    return Duration(amount=amount, unit="months" if unit == "months" else "days")


def _together(
    faults: Faults,
    administration: str | None,
    name: str | None,
    network: NetworkSpec | None,
    servers: list[tuple[int, ServerSpec]],
    *,
    network_given: bool,
) -> None:
    """What no field shows by itself."""
    for index, server in servers:
        path = ("servers", index)
        if not network_given:
            faults.add(path, "spec.server_without_network", found=server.name, allowed="network: {cidr: 10.20.0.0/24, external: public}")
        elif network is not None and network.external is None and server.floating_ip:
            faults.add(
                (*path, "floating_ip"),
                "spec.floating_ip_without_external",
                found=server.name,
                allowed="network: {cidr: …, external: public}",
            )
        if administration is not None and name is not None:
            derived = naming.longest(administration, name, server.name, server.count)
            if len(derived) > naming.HOST_NAME_MAXIMUM:
                faults.add((*path, "name"), "spec.names_too_long", derived=derived, length=len(derived), maximum=naming.HOST_NAME_MAXIMUM)
    if network is not None:
        # The network's own address and broadcast, the gateway and one for the DHCP agent are not for servers.
        available = ipaddress.IPv4Network(network.cidr).num_addresses - 4
        needed = sum(server.count for _, server in servers)
        if needed > available:
            faults.add(("network", "cidr"), "spec.network_too_small", found=network.cidr, needed=needed, available=available)

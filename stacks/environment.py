"""The wish for an environment as plain values: what a spec file says after it was read.

This module is pure: no clock, no database, no network.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from stacks.faults import Fault

API_VERSION = "dcctl/v1"
KIND = "Environment"
ANYWHERE = "0.0.0.0/0"

Protocol = Literal["tcp", "udp"]
Unit = Literal["days", "months"]
Placement = Literal["spread", "strict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """How long the environment is wanted; calendar months, so the end depends on the day it begins."""

    amount: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.amount} {self.unit}"

    def after(self, begin: datetime) -> datetime:
        """The end of a duration that begins then; a day that the last month lacks becomes its last."""
        if self.unit == "days":
            return begin + timedelta(days=self.amount)
        months = begin.month - 1 + self.amount
        year, month = begin.year + months // 12, months % 12 + 1
        for day in range(begin.day, 27, -1):
            try:
                return begin.replace(year=year, month=month, day=day)
            except ValueError:
                continue
        return begin.replace(year=year, month=month)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """The environment's private network; without `external` (the name of a network) it reaches nothing outside."""

    cidr: str
    external: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSpec:
    """What may come in: one port and protocol from one network."""

    port: int
    protocol: Protocol = "tcp"
    source: str = ANYWHERE  # the key `from` of the file


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSpec:
    """A volume attached to each server of its kind; size in GiB; without a type, the region's default one.

    `name`: it is not made, but is the one of that own name (`base-2-data-1`), which a change had kept when its server went.
    """

    size: int
    type: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVolume:
    """A volume at no server: protected, counted, and found under its own name by whoever attaches it again. None: not said (`dcctl.keeping`)."""

    name: str
    size: int | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """`count` equal servers; `flavor` and `image` are names, `zone` an availability zone or None for the scheduler's choice.

    Attributes:
        placement: several of them run on different machines where there are enough (spread), or are not made at all (strict).
        boot_volume: each starts from a volume of its own, made of the image, and not from the disk of the machine that it runs on.
    """

    name: str
    flavor: str
    image: str
    count: int = 1
    floating_ip: bool = False
    zone: str | None = None
    ports: tuple[PortSpec, ...] = ()
    volumes: tuple[VolumeSpec, ...] = ()
    placement: Placement = "spread"
    boot_volume: VolumeSpec | None = None

    @property
    def placed(self) -> bool:
        """Whether they have a group that keeps them apart: Nova takes a server into it only when it is made."""
        return self.count > 1 or self.placement == "strict"

    @property
    def all_volumes(self) -> tuple[VolumeSpec, ...]:
        """Every volume that each of them has."""
        return self.volumes if self.boot_volume is None else (self.boot_volume, *self.volumes)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSpec:
    """A whole spec; `quota` in OpenStack's own units under the keys of design's resources, what it does not name is 0.

    `kept_volumes`: those that are at no server; None: every one that a change takes away from its server, and of a new environment none.
    """

    administration: str
    name: str
    offer: str
    quota: Mapping[str, int]
    duration: Duration
    justification: str
    network: NetworkSpec | None = None
    ssh_keys: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    servers: tuple[ServerSpec, ...] = ()
    kept_volumes: tuple[KeptVolume, ...] | None = None


def to_document(spec: EnvironmentSpec) -> dict[str, object]:
    """The canonical document of `spec`: JSON-able, every default written out, quota keys sorted; `parse` gives `spec` again."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "administration": spec.administration,
        "name": spec.name,
        "offer": spec.offer,
        "quota": {key: spec.quota[key] for key in sorted(spec.quota)},
        "network": None if spec.network is None else {"cidr": spec.network.cidr, "external": spec.network.external},
        "ssh_keys": list(spec.ssh_keys),
        "members": list(spec.members),
        "servers": [_server(server) for server in spec.servers],
        "kept_volumes": None if spec.kept_volumes is None else [{"name": v.name, "size": v.size, "type": v.type} for v in spec.kept_volumes],
        "duration": str(spec.duration),
        "justification": spec.justification,
    }


def _server(server: ServerSpec) -> dict[str, object]:
    return {
        "name": server.name,
        "count": server.count,
        "flavor": server.flavor,
        "image": server.image,
        "floating_ip": server.floating_ip,
        "zone": server.zone,
        "ports": [{"port": port.port, "protocol": port.protocol, "from": port.source} for port in server.ports],
        "volumes": [{"size": volume.size, "type": volume.type, "name": volume.name} for volume in server.volumes],
        "placement": server.placement,
        "boot_volume": None if server.boot_volume is None else {"size": server.boot_volume.size, "type": server.boot_volume.type},
    }


def notices(spec: EnvironmentSpec) -> tuple[Fault, ...]:
    """What is allowed but must be pointed out to whoever asks and to whoever decides (codes: `stacks.faults.NOTICES`)."""
    found: list[Fault] = []
    for index, server in enumerate(spec.servers):
        for number, port in enumerate(server.ports):
            if port.port == 22 and port.protocol == "tcp" and ipaddress.ip_network(port.source).prefixlen < 8:
                path = ("servers", index, "ports", number)
                found.append(Fault(path=path, code="spec.ssh_open_to_everyone", params={"server": server.name, "source": port.source}))
        if not spec.ssh_keys:
            found.append(Fault(path=("servers", index), code="spec.server_without_key", params={"server": server.name}))
    return tuple(found)

"""Which volumes a spec has, under their own names, and where each is: at a server, or kept at none.

This module is pure: no clock, no database, no network.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stacks import naming
from stacks.environment import EnvironmentSpec, ServerSpec

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One volume: size in GiB (None: not said), type (None: the default one), the server that it is at (None: at none), its place in the spec."""

    name: str
    size: int | None
    type: str | None
    server: str | None
    path: Path


def at_servers(servers: Iterable[tuple[int, ServerSpec]]) -> Iterator[Held]:
    """The volumes of servers, each of which stands in the spec at the number given with it."""
    for index, server in servers:
        for instance in naming.instances(server.name, server.count):
            boot = server.boot_volume
            if boot is not None:
                path: Path = ("servers", index, "boot_volume")
                yield Held(name=naming.own_boot(instance), size=boot.size, type=boot.type, server=instance, path=path)
            for number, volume in enumerate(server.volumes, start=1):
                own = volume.name or naming.own_data(instance, number)
                yield Held(name=own, size=volume.size, type=volume.type, server=instance, path=("servers", index, "volumes", number - 1))


def held(spec: EnvironmentSpec) -> dict[str, Held]:
    """Every volume by its own name, those at servers first."""
    found = {volume.name: volume for volume in at_servers(enumerate(spec.servers))}
    for index, kept in enumerate(spec.kept_volumes or ()):
        found.setdefault(kept.name, Held(name=kept.name, size=kept.size, type=kept.type, server=None, path=("kept_volumes", index)))
    return found

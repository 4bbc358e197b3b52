"""What a spec may change of an environment that exists: differences that cannot be carried out, units that move.

This module is pure: no clock, no database, no network. What is said here is known from the two specs alone, before anything is held; what the
engine would do is computed later, by the worker.
Codes: spec.change_of_network, spec.change_of_image, spec.change_of_duration, spec.change_of_start, spec.change_of_placement,
spec.keys_for_new_servers, spec.placed_alone, and those of volumes (`dcctl.keeping`).
"""

from collections.abc import Iterator, Mapping

from dcctl import keeping
from quotas.resources import Demand
from stacks import naming
from stacks.environment import EnvironmentSpec, ServerSpec
from stacks.faults import Fault


def faults(old: EnvironmentSpec, new: EnvironmentSpec) -> list[Fault]:
    """What of `new` cannot be done to what was made of `old`, with what can be done instead."""
    found: list[Fault] = []
    if old.network is not None and new.network != old.network and (new.network is None or new.network.cidr != old.network.cidr):
        found.append(_fault(("network", "cidr"), "spec.change_of_network", old.network.cidr, new.network.cidr if new.network else "–"))
    if new.duration != old.duration:
        found.append(_fault(("duration",), "spec.change_of_duration", str(old.duration), str(new.duration)))
    before = {server.name: server for server in old.servers}
    for index, server in enumerate(new.servers):
        if (was := before.get(server.name)) is not None:
            found += _of_server(("servers", index), was, server)
    return [*found, *keeping.faults(old, new)]


def _of_server(path: tuple[str | int, ...], old: ServerSpec, new: ServerSpec) -> Iterator[Fault]:
    if new.image != old.image:
        yield _fault((*path, "image"), "spec.change_of_image", old.image, new.image)
    if new.placement != old.placement:
        yield _fault((*path, "placement"), "spec.change_of_placement", old.placement, new.placement)
    if (old.boot_volume is None) != (new.boot_volume is None):
        yield _fault((*path, "boot_volume"), "spec.change_of_start", *(v.size if v else "–" for v in (old.boot_volume, new.boot_volume)))


def _fault(path: tuple[str | int, ...], code: str, old: object, new: object) -> Fault:
    return Fault(path=path, code=code, params={"old": old, "new": new})


def notices(old: EnvironmentSpec, new: EnvironmentSpec) -> tuple[Fault, ...]:
    """What is allowed, and does less than somebody may think."""
    before, found = {server.name: server for server in old.servers}, []
    if old.ssh_keys != new.ssh_keys and {server.name for server in old.servers} & {server.name for server in new.servers}:
        found.append(Fault(path=("ssh_keys",), code="spec.keys_for_new_servers"))
    for index, server in enumerate(new.servers):
        was = before.get(server.name)
        if was is not None and server.placed and not was.placed:
            first = naming.instances(server.name, 1)[0]
            found.append(Fault(path=("servers", index, "count"), code="spec.placed_alone", params={"server": first}))
    return (*found, *keeping.notices(old, new))


def growth(allocated: Mapping[str, int], wanted: Mapping[str, int]) -> Demand:
    """Units to be held: what is wanted beyond what is allocated."""
    return {resource: amount - allocated.get(resource, 0) for resource, amount in wanted.items() if amount > allocated.get(resource, 0)}


def shrinkage(allocated: Mapping[str, int], wanted: Mapping[str, int]) -> Demand:
    """Units to be freed in the end: what is allocated beyond what is wanted."""
    return {resource: amount - wanted.get(resource, 0) for resource, amount in allocated.items() if amount > wanted.get(resource, 0)}

"""The workload stack, run inside the project by the build user: network, security, servers, volumes, addresses.

Output `servers`: for each server its logical name with id, fixed address and floating address (or None).
"""

from collections.abc import Callable

import pulumi

from stacks import naming
from stacks.disks import Kept
from stacks.environment import EnvironmentSpec, KeptVolume
from stacks.making import Adopt, Making
from stacks.network import TenantNetwork
from stacks.plan import Resolved
from stacks.servers import Servers


def program(spec: EnvironmentSpec, resolved: Resolved, adopt: Adopt | None = None) -> Callable[[], None]:
    """The inline program of `spec`'s workload stack; `adopt`: ids of things that exist already, by logical name."""
    making = Making(spec=spec, resolved=resolved, adopt=adopt or {})
    return lambda: _make(making)


def _make(making: Making) -> None:
    options = making.provider()
    kept: dict[str, list[KeptVolume]] = {}
    for volume in making.spec.kept_volumes or ():
        kept.setdefault(naming.kind_of(volume.name), []).append(volume)
    made: dict[str, pulumi.Output[dict[str, str | None]]] = {}
    if making.spec.network is not None:
        network = TenantNetwork(making, making.spec.network, opts=options)
        for server in making.spec.servers:
            made.update(Servers(making, server, network, kept.pop(server.name, ()), opts=options).made)
    for kind, volumes in kept.items():
        Kept(making, kind, volumes, opts=options)
    pulumi.export("servers", made)

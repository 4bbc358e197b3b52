"""The workload stack, run inside the project by the build user: network, security, servers, volumes, addresses.

Output `servers`: for each server its logical name with id, fixed address and floating address (or None).
"""

from collections.abc import Callable

import pulumi

from stacks.environment import EnvironmentSpec
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
    made: dict[str, pulumi.Output[dict[str, str | None]]] = {}
    if making.spec.network is not None:
        network = TenantNetwork(making, making.spec.network, opts=options)
        for server in making.spec.servers:
            made.update(Servers(making, server, network, opts=options).made)
    pulumi.export("servers", made)

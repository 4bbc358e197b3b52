"""Values and little acts that the tests with a cloud share: a tenant's project, ample limits, the error that an act ends with."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from dcctl.cloud import limits
from dcctl.cloud.catalogue import Catalogue
from dcctl.cloud.connect import Cloud
from dcctl.errors import CloudError

#: What a thing may take on a cloud where another test builds platforms, and an emptied project until nothing is left of it.
PATIENCE_SECONDS, SWEEP_SECONDS = 120.0, 180.0

#: Enough of everything; tests of limits write their own.
PLENTY = limits.wanted(
    {
        "instances": 10, "cores": 20, "ram": 20480, "volumes": 10, "gigabytes": 50, "gigabytes_standard": 50, "gigabytes_ssd": 50,
        "networks": 3, "routers": 3, "floatingips": 3,
    },
    {
        "metadata_items": 10, "server_groups": 5, "server_group_members": 5, "snapshots": 5, "snapshots_standard": 5, "snapshots_ssd": 5,
        "volumes_standard": 10, "volumes_ssd": 10, "per_volume_gigabytes": 50, "ports": 40, "subnets": 5, "subnetpools": 2,
        "security_groups": 5, "security_group_rules": 50, "rbac_policies": 5, "router_routes": 10,
    },
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A project and a connection that works in it."""

    id: str
    name: str
    cloud: Cloud

    def make(self, service: str, path: str, key: str, **values: Any) -> dict[str, Any]:
        """Make one thing as the tenant."""
        made: dict[str, Any] = self.cloud.call(service, "POST", path, body={key: values}, microversion=VERSIONS.get(service))[key]
        return made

    def wait(self, service: str, path: str, key: str, *states: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The thing, once it is in one of the states."""
        until = time.monotonic() + seconds
        while True:
            found: dict[str, Any] = self.cloud.call(service, "GET", path)[key]
            if found["status"] in states:
                return found
            assert time.monotonic() < until, f"{path} is {found['status']}, not {states}: {found.get('fault')}"
            time.sleep(0.4)


VERSIONS = {"compute": "2.64", "block-storage": "3.58"}


def public(offered: Catalogue) -> str:
    """Id of the cloud's own external network; other tests make some for a while, with one address."""
    return next(network.id for network in offered.networks if network.name == "public")


def refusal(act: Callable[[], object]) -> CloudError:
    """The error that `act` ends with."""
    with pytest.raises(CloudError) as caught:
        act()
    return caught.value

"""What storage pools hold, in all and by volume type, and what hypervisors have."""

from typing import Any

import pytest

from dcctl.cloud.observing import Look, _hypervisors, _tried, computed, stored
from quotas.reconcile import PLACEMENT, Ledger, Name, compare

STANDARD: dict[str, Any] = {"volume_backend_name": "standard", "total_capacity_gb": 4000}
SSD: dict[str, Any] = {
    "volume_backend_name": "ssd", "total_capacity_gb": 500.0, "thin_provisioning_support": True, "max_over_subscription_ratio": "2.0"
}  # fmt: skip
TYPES = {"standard": "standard", "ssd": "ssd", "anywhere": None, "tape": "tape"}


def test_a_volume_type_has_what_the_pools_of_its_backend_have_with_their_over_commitment() -> None:
    assert stored([STANDARD, SSD, SSD], TYPES) == {"gigabytes": 6000, "gigabytes_standard": 4000, "gigabytes_ssd": 2000}


@pytest.mark.parametrize("size", ["unknown", "infinite", None, True])
def test_of_a_pool_that_does_not_say_its_size_nothing_is_concluded(size: object) -> None:
    assert stored([STANDARD, SSD, SSD | {"total_capacity_gb": size}], TYPES) == {"gigabytes_standard": 4000}


def test_without_pools_nothing_is_known() -> None:
    assert stored([], TYPES) == {}


VCPU = {"total": 64, "reserved": 4, "allocation_ratio": 2.0}
MEMORY = {"total": 131072, "reserved": 512, "allocation_ratio": 1.0}


def test_hypervisors_have_what_is_not_reserved_with_their_over_commitment() -> None:
    assert computed([{"VCPU": VCPU, "MEMORY_MB": MEMORY}, {"VCPU": VCPU}]) == {"cores": 240, "ram": 130560}


@pytest.mark.parametrize("inventories", [[], [{}], [{"DISK_GB": {"total": 10, "reserved": 0, "allocation_ratio": 1.0}}]])
def test_of_what_no_hypervisor_tells_nothing_is_concluded(inventories: list[dict[str, Any]]) -> None:
    assert computed(inventories) == {}


class NoProviders:
    """Where Placement answers 200 and names no hypervisor; nothing else is asked."""

    def call(self, service: str, method: str, path: str) -> dict[str, Any]:
        assert (service, method, path) == ("placement", "GET", "/resource_providers")
        return {"resource_providers": []}


def test_an_empty_list_of_hypervisors_is_a_stale_source_and_no_capacity_of_nothing() -> None:
    seen = Look()
    _tried(seen, PLACEMENT, lambda: seen.capacity.update(_hypervisors(NoProviders())))  # type: ignore[arg-type]
    found = compare(Ledger(environments=(), declared={"cores": 40, "ram": 65536}), seen.observed())
    assert [(difference.name, difference.subject) for difference in found] == [(Name.STALE_SOURCE, PLACEMENT)]

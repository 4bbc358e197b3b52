"""What storage pools hold, in all and by volume type."""

from typing import Any

import pytest

from dcctl.cloud.observing import stored

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

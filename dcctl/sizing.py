"""From a spec to a demand: what its quota asks for, and whether its servers, volumes and addresses fit in it.

This module is pure. Units are OpenStack's own: cores, ram in MiB, gigabytes in GiB.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from quotas.resources import Demand
from stacks.environment import EnvironmentSpec


def demand(spec: EnvironmentSpec) -> Demand:
    """What the spec's quota asks for; resources of which none is wanted are left out."""
    return {resource: amount for resource, amount in spec.quota.items() if amount}


def needs(spec: EnvironmentSpec, flavors: Mapping[str, Mapping[str, Any]], default_volume_type: str) -> Demand:
    """What the spec's own things will count as; a flavor that is not known counts as nothing (it is a fault of its own).

    Args:
        flavors: by name, with `vcpus` and `ram_mib`.
        default_volume_type: the type of a volume that names none. A type that `quota` does not name has limit 0.
    """
    found: Counter[str] = Counter()
    if spec.network is not None:
        found["networks"] += 1
        found["routers"] += spec.network.external is not None
    for server in spec.servers:
        flavor = flavors.get(server.flavor, {})
        found["instances"] += server.count
        found["cores"] += server.count * int(flavor.get("vcpus", 0))
        found["ram"] += server.count * int(flavor.get("ram_mib", 0))
        found["floatingips"] += server.count * server.floating_ip
        for volume in server.all_volumes:
            found["volumes"] += server.count
            found["gigabytes"] += server.count * volume.size
            found[f"gigabytes_{volume.type or default_volume_type}"] += server.count * volume.size
    for kept in spec.kept_volumes or ():
        found["volumes"] += 1
        found["gigabytes"] += kept.size or 0
        found[f"gigabytes_{kept.type or default_volume_type}"] += kept.size or 0
    return {resource: amount for resource, amount in found.items() if amount}

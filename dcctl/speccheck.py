"""What is wrong with a spec that is well formed: names that OpenStack or the catalogue do not have, amounts that do not fit.

This module is pure, and the same on both sides: the client asks it before anything is sent, the server before anything is held.
Codes: spec.unknown_offer, spec.unknown_flavor, spec.unknown_image, spec.unknown_network, spec.unknown_volume_type, spec.unknown_resource,
spec.quota_missing, spec.does_not_fit, spec.beyond_offer, spec.duration_too_long.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from dcctl import sizing
from quotas import resources
from stacks.environment import Duration, EnvironmentSpec
from stacks.faults import Fault

Item = Mapping[str, Any]


def check(spec: EnvironmentSpec, offers: Sequence[Item], catalogue: Sequence[Item]) -> list[Fault]:
    """Every fault of `spec` against the offers and the copy of OpenStack's catalogue.

    Args:
        offers: as `GET /v1/offers` lists them: `name`, `document`.
        catalogue: as `GET /v1/catalogue` lists it: `kind` (flavor, image, network, volume_type), `name`, `document`.
    """
    by_kind: dict[str, dict[str, Item]] = {}
    for item in catalogue:
        by_kind.setdefault(item["kind"], {})[item["name"]] = item["document"]
    documents = {offer["name"]: offer["document"] for offer in offers}
    faults = [*_offer(spec, documents), *_names(spec, by_kind, documents.get(spec.offer, {}))]
    faults += _quota(spec, by_kind.get("flavor", {}), by_kind.get("volume_type", {}))
    return faults


def default_volume_type(volume_types: Mapping[str, Item]) -> str:
    """The type of a volume that names none."""
    return next((name for name, document in volume_types.items() if document.get("default")), "")


def longest(offer: Item) -> Duration | None:
    """The longest time that the document of an offer gives: `duration_days`, or `duration_months`; None: it names none."""
    for unit in ("days", "months"):
        if offer.get(f"duration_{unit}") is not None:
            return Duration(amount=int(offer[f"duration_{unit}"]), unit=unit)
    return None


def _months(duration: Duration) -> float:
    return duration.amount if duration.unit == "months" else duration.amount / 30


def _offer(spec: EnvironmentSpec, offers: Mapping[str, Item]) -> Iterator[Fault]:
    document = offers.get(spec.offer)
    if document is None:
        yield _unknown(("offer",), "spec.unknown_offer", "offer", spec.offer, offers)
        return
    for resource, most in document.get("quota", {}).items():
        asked = spec.quota.get(resource, 0)
        if asked > most:
            yield Fault(path=("quota", resource), code="spec.beyond_offer", params={"resource": resource, "asked": asked, "most": most})
    most_time = longest(document)
    if most_time is not None and _months(spec.duration) > _months(most_time):
        yield Fault(path=("duration",), code="spec.duration_too_long", params={"asked": str(spec.duration), "most": str(most_time)})


def _names(spec: EnvironmentSpec, known: Mapping[str, Mapping[str, Item]], offer: Item) -> Iterator[Fault]:
    flavors = _offered(known.get("flavor", {}), offer.get("flavors"))
    images = _offered(known.get("image", {}), offer.get("images"))
    types = _offered(known.get("volume_type", {}), offer.get("volume_types"))
    networks = known.get("network", {})
    if spec.network is not None and spec.network.external is not None and spec.network.external not in networks:
        yield _unknown(("network", "external"), "spec.unknown_network", "network", spec.network.external, networks)
    for index, server in enumerate(spec.servers):
        path = ("servers", index)
        if server.flavor not in flavors:
            yield _unknown((*path, "flavor"), "spec.unknown_flavor", "flavor", server.flavor, flavors)
        if server.image not in images:
            yield _unknown((*path, "image"), "spec.unknown_image", "image", server.image, images)
        boot = server.boot_volume
        if boot is not None and boot.type is not None and boot.type not in types:
            yield _unknown((*path, "boot_volume", "type"), "spec.unknown_volume_type", "volume_type", boot.type, types)
        for number, volume in enumerate(server.volumes):
            if volume.type is not None and volume.type not in types:
                yield _unknown((*path, "volumes", number, "type"), "spec.unknown_volume_type", "volume_type", volume.type, types)


def _quota(spec: EnvironmentSpec, flavors: Mapping[str, Item], volume_types: Mapping[str, Item]) -> Iterator[Fault]:
    typed = {f"{resources.TYPED_GIGABYTES}{name}" for name in volume_types}
    counted = [resource.name for resource in resources.COUNTED]
    for resource in spec.quota:
        if resource not in counted and resource not in typed:
            yield _unknown(("quota", resource), "spec.unknown_resource", "resource", resource, [*counted, *sorted(typed)])
    for resource, needed in sizing.needs(spec, flavors, default_volume_type(volume_types)).items():
        quota = spec.quota.get(resource)
        if quota is None:
            yield Fault(path=("quota", resource), code="spec.quota_missing", params={"resource": resource, "needed": needed})
        elif needed > quota:
            yield Fault(path=("quota", resource), code="spec.does_not_fit", params={"resource": resource, "needed": needed, "quota": quota})


def _offered(known: Mapping[str, Item], offered: Collection[str] | None) -> dict[str, Item]:
    """What exists and is in the offer; an offer that names nothing, or "*", has all."""
    return {name: item for name, item in known.items() if not offered or "*" in offered or name in offered}


def _unknown(path: tuple[str | int, ...], code: str, what: str, name: str, known: Collection[str]) -> Fault:
    nearest = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return Fault(path=path, code=code, params={what: name, "nearest": tuple(nearest), "allowed": tuple(sorted(known))})

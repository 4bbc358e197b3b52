"""The resources that the ledger counts, under the names that OpenStack gives them.

Amounts are whole numbers of `unit`, exactly as the service's own quota API counts them, so a figure here can be compared with
`openstack quota show` without arithmetic. Source: nova quota sets, cinder quota sets, neutron quotas v2 (there in the singular).

This module is pure: no clock, no database, no network.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

COMPUTE = "compute"
BLOCK_STORAGE = "block-storage"
NETWORK = "network"

MEBIBYTE = 1024**2
GIBIBYTE = 1024**3

#: Beyond it a JSON number is no longer exact for every reader (RFC 8259, section 6).
LARGEST_AMOUNT = 2**53

#: Each volume type has an own count of gigabytes under this prefix and the type's name.
TYPED_GIGABYTES = "gigabytes_"

#: Structural keys that exist for each volume type.
TYPED_STRUCTURAL = ("volumes_", "snapshots_")

#: Units wanted or given, by resource: ``{"cores": 4, "ram": 8192}``.
Demand = dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something counted.

    Attributes:
        name: the key in the service's quota API.
        unit: "MiB", "GiB", or "" for things that are counted one by one.
        service_type: the service's type in the catalogue.
        multiplier: bytes in one unit; 1 for things.
    """

    name: str
    unit: str
    service_type: str
    multiplier: int = 1


#: In the order in which people are shown them; a volume type's gigabytes come after all others.
COUNTED: tuple[Resource, ...] = (
    Resource(name="instances", unit="", service_type=COMPUTE),
    Resource(name="cores", unit="", service_type=COMPUTE),
    Resource(name="ram", unit="MiB", service_type=COMPUTE, multiplier=MEBIBYTE),
    Resource(name="volumes", unit="", service_type=BLOCK_STORAGE),
    Resource(name="gigabytes", unit="GiB", service_type=BLOCK_STORAGE, multiplier=GIBIBYTE),  # Cinder says GB and means GiB
    Resource(name="networks", unit="", service_type=NETWORK),
    Resource(name="routers", unit="", service_type=NETWORK),
    Resource(name="floatingips", unit="", service_type=NETWORK),
)
_BY_NAME = {resource.name: resource for resource in COUNTED}
_ORDER = {resource.name: position for position, resource in enumerate(COUNTED)}


class Sort(StrEnum):
    """What the ledger does with a quota key."""

    COUNTED = "counted"
    STRUCTURAL = "structural"
    UNKNOWN = "unknown"


class AmountFault(StrEnum):
    """Why an amount is refused."""

    UNKNOWN = "unknown"
    STRUCTURAL = "structural"
    NOT_A_NUMBER = "not_a_number"
    FRACTION = "fraction"
    NEGATIVE = "negative"
    UNLIMITED = "unlimited"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedAmount:
    """One amount that cannot be counted: the key and value as they were given, and for an unknown key the nearest ones."""

    resource: str
    value: object
    fault: AmountFault
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedAmounts:
    """A demand as far as it can be counted, and every fault of the rest; use the demand only when there is no fault."""

    demand: Demand
    faults: tuple[RefusedAmount, ...] = ()


def find(name: str) -> Resource | None:
    """The counted resource of that name; a volume type's gigabytes are counted as soon as they are named."""
    if name.startswith(TYPED_GIGABYTES) and len(name) > len(TYPED_GIGABYTES) and name.isprintable():
        return Resource(name=name, unit="GiB", service_type=BLOCK_STORAGE, multiplier=GIBIBYTE)
    return _BY_NAME.get(name)


def sort_of(name: str, structural: Collection[str] = ()) -> Sort:
    """Tell a counted key from a structural one (`structural` lists the offer's) and from an unknown one."""
    if find(name) is not None:
        return Sort.COUNTED
    typed = any(name.startswith(prefix) and len(name) > len(prefix) for prefix in TYPED_STRUCTURAL)
    return Sort.STRUCTURAL if typed or name in structural else Sort.UNKNOWN


def nearest(name: str, others: Iterable[str] = ()) -> tuple[str, ...]:
    """Known names that look like `name`, best first: counted ones and `others`."""
    folded = name.casefold().replace("-", "").replace("_", "")
    return tuple(get_close_matches(folded, [*_BY_NAME, *others], n=3, cutoff=0.55))


def in_order(names: Iterable[str]) -> list[str]:
    """Resource names in the order in which people are shown them."""
    return sorted(names, key=lambda name: (_ORDER.get(name, len(_ORDER)), name))


def validate_amounts(amounts: Mapping[str, object], structural: Collection[str] = ()) -> CheckedAmounts:
    """Read amounts that somebody typed: whole numbers from 0 to 2**53 of counted resources, and every fault at once.

    A zero is kept: "none of this" is a wish too. `structural` are the keys that only an offer may set.
    """
    demand: Demand = {}
    faults: list[RefusedAmount] = []
    for name, value in amounts.items():
        fault = _fault_of_key(name, structural) or _fault_of_amount(value)
        if fault is not None:
            near = nearest(name, structural) if fault is AmountFault.UNKNOWN else ()
            faults.append(RefusedAmount(resource=name, value=value, fault=fault, nearest=near))
        elif isinstance(value, int):
            demand[name] = value
    return CheckedAmounts(demand=demand, faults=tuple(faults))


def _fault_of_key(name: str, structural: Collection[str]) -> AmountFault | None:
    match sort_of(name, structural):
        case Sort.COUNTED:
            return None
        case Sort.STRUCTURAL:
            return AmountFault.STRUCTURAL
        case _:
            return AmountFault.UNKNOWN


def _fault_of_amount(value: object) -> AmountFault | None:
    if isinstance(value, str) and value.strip() == "-1":
        return AmountFault.UNLIMITED
    if isinstance(value, float):
        return AmountFault.FRACTION
    if isinstance(value, bool) or not isinstance(value, int):
        return AmountFault.NOT_A_NUMBER
    if value == -1:
        return AmountFault.UNLIMITED
    if value < 0:
        return AmountFault.NEGATIVE
    return AmountFault.TOO_LARGE if value > LARGEST_AMOUNT else None

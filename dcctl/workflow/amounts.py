"""Amounts that people typed: whole numbers of counted resources, or every fault of them. This module is pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from dcctl.errors import DcctlError
from dcctl.words import N_
from quotas import resources
from quotas.resources import AmountFault, Demand

SOMETHING = N_("at least one resource, as in cores=64")


def amounts(given: Mapping[str, object], *, least: int) -> Demand:
    """The amounts, in the order in which people read them; DCCTL-002 with every one that is not a whole number from `least` to 2**53."""
    if not given:
        raise DcctlError("DCCTL-002", field="resources", value="{}", allowed=SOMETHING)
    checked = resources.validate_amounts(given)
    problems = [_problem(fault.resource, fault.value, fault.fault, fault.nearest, least) for fault in checked.faults]
    problems += [_problem(name, amount, AmountFault.NEGATIVE, (), least) for name, amount in checked.demand.items() if amount < least]
    if problems:
        raise DcctlError("DCCTL-002", **problems[0], problems=problems)
    return {name: checked.demand[name] for name in resources.in_order(checked.demand)}


def _problem(name: str, value: object, fault: AmountFault, nearest: Iterable[str], least: int) -> dict[str, Any]:
    foreign = fault in (AmountFault.UNKNOWN, AmountFault.STRUCTURAL)
    near = list(nearest)
    return {
        "field": f"resources.{name[:80]}",
        "value": str(value)[:80],
        "allowed": [*(f"{name}?" for name in near), *known()] if foreign else f"{least} … {resources.LARGEST_AMOUNT} {unit(name)}".strip(),
        "fault": str(fault),
        "nearest": near,
    }


def known() -> list[str]:
    """The names of what is counted."""
    return [*(resource.name for resource in resources.COUNTED), f"{resources.TYPED_GIGABYTES}TYPE"]


def unit(name: str) -> str:
    """Of a resource: MiB, GiB, or nothing for what is counted one by one."""
    found = resources.find(name)
    return found.unit if found else ""


def added(demands: Iterable[Mapping[str, int]]) -> Demand:
    """Sums by resource, in the order in which people read them."""
    sums: Demand = {}
    for demand in demands:
        for name, amount in demand.items():
            sums[name] = sums.get(name, 0) + amount
    return {name: sums[name] for name in resources.in_order(sums)}

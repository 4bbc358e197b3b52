"""The counted resources, and amounts that people type."""

import pytest

from quotas.resources import (
    COUNTED,
    LARGEST_AMOUNT,
    AmountFault,
    CheckedAmounts,
    RefusedAmount,
    Sort,
    find,
    in_order,
    nearest,
    sort_of,
    validate_amounts,
)

STRUCTURAL = ("ports", "subnets", "security_groups", "snapshots")


def test_the_counted_resources_are_those_of_the_three_services() -> None:
    assert {resource.name: (resource.unit, resource.service_type) for resource in COUNTED} == {
        "instances": ("", "compute"),
        "cores": ("", "compute"),
        "ram": ("MiB", "compute"),
        "volumes": ("", "block-storage"),
        "gigabytes": ("GiB", "block-storage"),
        "networks": ("", "network"),
        "routers": ("", "network"),
        "floatingips": ("", "network"),
    }


@pytest.mark.parametrize(("name", "multiplier"), [("cores", 1), ("ram", 1048576), ("gigabytes", 1073741824), ("gigabytes_ssd", 1073741824)])
def test_the_multiplier_leads_to_bytes(name: str, multiplier: int) -> None:
    resource = find(name)
    assert resource is not None
    assert resource.multiplier == multiplier


@pytest.mark.parametrize(
    ("name", "sort"),
    [
        ("cores", Sort.COUNTED),
        ("gigabytes_ssd", Sort.COUNTED),
        ("gigabytes_très rapide", Sort.COUNTED),
        ("gigabytes_", Sort.UNKNOWN),
        ("gigabytes_a\nb", Sort.UNKNOWN),
        ("ports", Sort.STRUCTURAL),
        ("volumes_ssd", Sort.STRUCTURAL),
        ("snapshots_ssd", Sort.STRUCTURAL),
        ("vcpus", Sort.UNKNOWN),
        ("Cores", Sort.UNKNOWN),
        ("", Sort.UNKNOWN),
    ],
)
def test_a_key_is_counted_structural_or_unknown(name: str, sort: Sort) -> None:
    assert sort_of(name, STRUCTURAL) is sort


@pytest.mark.parametrize(
    ("typed", "meant"), [("core", "cores"), ("floating_ips", "floatingips"), ("Instances", "instances"), ("port", "ports"), ("gigabyte", "gigabytes")]
)
def test_the_nearest_name_comes_first(typed: str, meant: str) -> None:
    assert nearest(typed, STRUCTURAL)[0] == meant


def test_a_name_like_no_other_has_no_nearest() -> None:
    assert nearest("électricité") == ()


def test_every_fault_of_a_demand_is_told_at_once() -> None:
    typed = {
        "cores": 4,
        "instances": 0,
        "ram": 1.5,
        "volumes": -2,
        "gigabytes": "-1",
        "gigabytes_ssd": LARGEST_AMOUNT + 1,
        "networks": True,
        "routers": "2",
        "floatingips": None,
        "gigabytes_lent": -1,
        "ports": 10,
        "coers": 4,
    }

    assert validate_amounts(typed, STRUCTURAL) == CheckedAmounts(
        demand={"cores": 4, "instances": 0},
        faults=(
            RefusedAmount(resource="ram", value=1.5, fault=AmountFault.FRACTION),
            RefusedAmount(resource="volumes", value=-2, fault=AmountFault.NEGATIVE),
            RefusedAmount(resource="gigabytes", value="-1", fault=AmountFault.UNLIMITED),
            RefusedAmount(resource="gigabytes_ssd", value=LARGEST_AMOUNT + 1, fault=AmountFault.TOO_LARGE),
            RefusedAmount(resource="networks", value=True, fault=AmountFault.NOT_A_NUMBER),
            RefusedAmount(resource="routers", value="2", fault=AmountFault.NOT_A_NUMBER),
            RefusedAmount(resource="floatingips", value=None, fault=AmountFault.NOT_A_NUMBER),
            RefusedAmount(resource="gigabytes_lent", value=-1, fault=AmountFault.UNLIMITED),
            RefusedAmount(resource="ports", value=10, fault=AmountFault.STRUCTURAL),
            RefusedAmount(resource="coers", value=4, fault=AmountFault.UNKNOWN, nearest=("cores", "routers", "ports")),
        ),
    )


def test_the_largest_amount_is_counted() -> None:
    assert validate_amounts({"ram": LARGEST_AMOUNT}) == CheckedAmounts(demand={"ram": LARGEST_AMOUNT})


def test_a_whole_number_written_as_a_fraction_is_refused_too() -> None:
    assert validate_amounts({"cores": 4.0}).faults[0].fault is AmountFault.FRACTION


def test_people_are_shown_resources_in_the_order_of_the_services() -> None:
    assert in_order(["gigabytes_ssd", "floatingips", "ram", "gigabytes_hdd", "instances"]) == [
        "instances",
        "ram",
        "floatingips",
        "gigabytes_hdd",
        "gigabytes_ssd",
    ]

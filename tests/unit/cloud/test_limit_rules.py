"""What is written for every key that a service reports, in which order, and how the outcome is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcctl.cloud.limit_rules import (
    LimitKey,
    LimitState,
    Use,
    Writes,
    classify,
    complete,
    counted,
    lacking,
    ledger_name,
    limit_key,
    wanted,
    writes,
)

CORES, RAM, SSD = ("compute", "cores"), ("compute", "ram"), ("block-storage", "gigabytes_ssd")
PORT: LimitKey = ("network", "port")
OFFERED: list[LimitKey] = [CORES, RAM, SSD, ("network", "router"), ("network", "port"), ("block-storage", "per_volume_gigabytes")]
KEYS = st.sampled_from(OFFERED)
AMOUNTS = st.integers(min_value=0, max_value=50)


def test_every_reported_key_gets_a_limit_and_none_is_invented() -> None:
    assert complete({CORES: 4, SSD: 20}, [CORES, RAM, ("network", "port")]) == {CORES: 4, RAM: 0, ("network", "port"): 0}


@pytest.mark.parametrize("amount", [-1, -5, True, 1.5, "4"])
def test_what_is_no_whole_number_from_zero_is_never_a_limit(amount: object) -> None:
    with pytest.raises(ValueError, match="is not a limit"):
        complete({CORES: amount}, [CORES])  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("cores", ("compute", "cores")), ("key_pairs", ("compute", "key_pairs")), ("gigabytes", ("block-storage", "gigabytes")),
        ("snapshots_ssd", ("block-storage", "snapshots_ssd")), ("networks", ("network", "network")), ("floatingips", ("network", "floatingip")),
        ("rbac_policies", ("network", "rbac_policy")), ("security_group_rules", ("network", "security_group_rule")),
    ],
)  # fmt: skip
def test_the_ledgers_names_and_the_services_keys_lead_to_each_other(name: str, key: LimitKey) -> None:
    assert limit_key(name) == key
    assert ledger_name(key) == name


@pytest.mark.parametrize("name", ["gigabytes_", "core", "", "class:VCPU"])
def test_what_no_service_counts_has_no_key(name: str) -> None:
    with pytest.raises(KeyError):
        limit_key(name)


def test_the_ledgers_amounts_stand_over_an_offers_defaults() -> None:
    found = wanted({"cores": 4, "networks": 1}, {"networks": 9, "ports": 50})

    assert found == {("compute", "cores"): 4, ("network", "network"): 1, ("network", "port"): 50}


def test_only_what_the_ledger_holds_is_counted() -> None:
    assert counted(SSD)
    assert counted(("network", "floatingip"))
    assert not counted(("network", "port"))
    assert not counted(("block-storage", "volumes_ssd"))
    assert not counted(("block-storage", "per_volume_gigabytes"))


def test_unlimited_is_closed_first_and_equal_limits_are_written_too() -> None:
    planned = writes({CORES: 4, RAM: 0, SSD: 5}, before={CORES: 2, RAM: 0, SSD: -1}, use={SSD: Use(in_use=5, reserved=0)})

    assert planned == Writes(closing={SSD: 5}, opening={CORES: 4, RAM: 0})


def test_what_is_counted_is_not_lowered_while_its_use_is_not_known() -> None:
    planned = writes({CORES: 1, RAM: 4096, PORT: 2}, before={CORES: 8, RAM: 2048, PORT: 40}, use={})

    assert planned == Writes(closing={PORT: 2}, opening={RAM: 4096}, unknown=frozenset({CORES}))


def test_a_limit_below_use_and_reservations_is_not_written_and_the_others_are() -> None:
    planned = writes({CORES: 3, RAM: 512}, before={CORES: 8, RAM: 4096}, use={CORES: Use(in_use=3, reserved=1), RAM: Use(in_use=512, reserved=0)})

    assert planned == Writes(closing={RAM: 512}, blocked=frozenset({CORES}))


@given(
    goal=st.dictionaries(KEYS, AMOUNTS),
    before=st.fixed_dictionaries({key: st.integers(min_value=-1, max_value=50) for key in OFFERED}),
    used=st.dictionaries(KEYS, AMOUNTS),
)
def test_nothing_is_ever_written_above_its_goal_below_use_or_twice(
    goal: dict[LimitKey, int], before: dict[LimitKey, int], used: dict[LimitKey, int]
) -> None:
    planned = writes(goal, before, {key: Use(in_use=amount, reserved=0) for key, amount in used.items()})

    assert not planned.closing.keys() & planned.opening.keys()
    assert planned.closing | planned.opening == {key: amount for key, amount in goal.items() if key not in planned.blocked | planned.unknown}
    assert planned.unknown == {key for key in goal.keys() - used.keys() if counted(key) and (before[key] == -1 or before[key] > goal[key])}
    assert planned.blocked == {key for key, amount in goal.items() if used.get(key, 0) > amount}
    assert all(before[key] == -1 or before[key] > amount for key, amount in planned.closing.items())
    assert all(0 <= before[key] <= amount for key, amount in planned.opening.items())


@pytest.mark.parametrize(
    ("before", "after", "blocked", "words", "state"),
    [
        (0, 4, False, "", LimitState.IN_SYNC),
        (4, 4, True, "not now", LimitState.IN_SYNC),
        (8, 8, True, "", LimitState.BLOCKED_BY_USAGE),
        (0, 0, False, "Quota limit exceeded", LimitState.REFUSED),
        (0, 0, False, "", LimitState.INEFFECTIVE),
        (0, 7, False, "", LimitState.INEFFECTIVE),
        (None, None, False, "", LimitState.UNSUPPORTED),
    ],
)
def test_the_read_back_names_what_came_of_a_write(before: int | None, after: int | None, blocked: bool, words: str, state: LimitState) -> None:
    found = classify(CORES, 4, before, after, blocked=blocked, words=words)

    assert (found.state, found.before, found.after) == (state, before, after)
    assert found.words == ("" if state is LimitState.IN_SYNC else words)


def test_what_a_service_knows_for_the_whole_site_is_no_projects() -> None:
    assert classify(CORES, 4, 10, 10, blocked=False, site_wide=True).state is LimitState.UNSUPPORTED
    assert classify(CORES, 10, 10, 10, blocked=False, site_wide=True).state is LimitState.IN_SYNC


WHOLE: list[LimitKey] = [
    ("compute", "instances"), CORES, RAM, ("block-storage", "volumes"), ("block-storage", "gigabytes"),
    ("network", "network"), ("network", "router"), ("network", "floatingip"),
]  # fmt: skip


@pytest.mark.parametrize("absent", WHOLE)
@pytest.mark.parametrize("amount", [0, 4])
def test_an_answer_that_lacks_what_the_ledger_counts_is_no_answer_whatever_is_wanted(absent: LimitKey, amount: int) -> None:
    assert lacking({absent: amount}, [key for key in WHOLE if key != absent], []) == [absent]
    assert lacking({}, [key for key in WHOLE if key != absent], []) == [absent]


def test_of_a_volume_type_that_is_gone_nothing_is_missing_and_of_one_that_is_there_its_limit() -> None:
    assert lacking({SSD: 0}, WHOLE, ["standard"]) == []
    assert lacking({SSD: 0}, WHOLE, ["standard", "ssd"]) == [SSD]
    assert lacking({SSD: 0}, [*WHOLE, SSD], []) == []

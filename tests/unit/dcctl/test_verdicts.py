"""What becomes of each thing after a run that did not end well."""

from dataclasses import replace

import pytest

from dcctl.cloud.finders import Seen
from dcctl.provisioner.state import Recorded
from dcctl.workflow.verdicts import Facts, Verdict, decide
from tests.unit.dcctl import ruins

WORKLOAD = ruins.planned().of("workload")
NAMES = [resource.name for resource in WORKLOAD]
IDS = {name: thing.id for name, thing in ruins.whole().items()} | {
    "rule-web-tcp-443-0.0.0.0_0": "rule-1", "attachment-web-1-1": "srv-1/v-1", "association-web-1": "f-1",
}  # fmt: skip


def facts(recorded=(), begun=(), **more) -> Facts:
    known = {
        resource.name: Recorded(
            name=resource.name, type=resource.type, urn=f"urn::{resource.name}", id=IDS[resource.name], protected=resource.name.startswith("volume-")
        )
        for resource in WORKLOAD
        if resource.name in recorded
    }
    return Facts(mark=ruins.MARK, recorded=known, begun=frozenset(begun), **{"unused": True, **more})


def verdicts(things, known: Facts) -> dict[str, tuple[Verdict, str | None]]:
    return {decision.name: (decision.verdict, decision.id) for decision in decide(WORKLOAD, Seen(things), known)}


def test_what_the_state_has_and_is_there_is_kept() -> None:
    assert verdicts(ruins.whole().values(), facts(NAMES)) == {name: (Verdict.KEEP, IDS[name]) for name in NAMES}


def test_a_lost_state_is_rebuilt_by_taking_everything_over() -> None:
    assert verdicts(ruins.whole().values(), facts()) == {name: (Verdict.ADOPT, IDS[name]) for name in NAMES}


def test_of_what_is_not_there_what_was_begun_is_settled_and_the_rest_is_new() -> None:
    found = verdicts([], facts(begun=["network"]))

    assert found.pop("network") == (Verdict.SETTLED, None)
    assert set(found.values()) == {(Verdict.NEW, None)}


@pytest.mark.parametrize("cut", range(len(ruins.whole())))
def test_wherever_the_run_was_cut_each_thing_is_taken_over_or_made_never_both(cut: int) -> None:
    """The first things are there and recorded up to one before the last, which is there and not recorded: as a kill leaves them."""
    order = [name for name in NAMES if name in ruins.whole()]
    there = [ruins.whole()[name] for name in order[: cut + 1]]

    found = verdicts(there, facts(order[:cut], begun=order[cut : cut + 2]))

    assert found[order[cut]] == (Verdict.ADOPT, IDS[order[cut]])
    assert {name: found[name] for name in order[:cut]} == {name: (Verdict.KEEP, IDS[name]) for name in order[:cut]}
    assert {found[name][0] for name in order[cut + 1 :]} <= {Verdict.SETTLED, Verdict.NEW}


def test_what_is_still_being_built_is_waited_for_and_then_counts_as_broken() -> None:
    building = ruins.whole() | {"server-web-1": ruins.server("srv-1", "BUILD", None), "volume-web-1-1": ruins.volume("v-1", "creating")}
    known = facts(begun=["server-web-1", "volume-web-1-1"])

    [server] = [d for d in decide(WORKLOAD, Seen(building.values()), known) if d.name == "server-web-1"]
    [late] = [d for d in decide(WORKLOAD, Seen(building.values()), known.impatiently()) if d.name == "server-web-1"]

    assert (server.verdict, [thing.id for thing in server.waiting], server.doomed) == (Verdict.WAIT, ["srv-1"], ())
    assert (late.verdict, [thing.id for thing in late.doomed], late.waiting) == (Verdict.DELETE, ["srv-1"], ())


def test_a_server_in_error_that_ran_once_is_taken_over_where_somebody_used_it_and_made_again_where_nobody_could() -> None:
    spoilt = ruins.whole() | {"server-web-1": ruins.server("srv-1", "ERROR")}

    assert verdicts(spoilt.values(), facts(unused=False))["server-web-1"] == (Verdict.ADOPT, "srv-1")
    assert verdicts(spoilt.values(), facts(NAMES, unused=False))["server-web-1"] == (Verdict.KEEP, "srv-1")
    for known in (facts(), facts(NAMES)):
        [server] = [d for d in decide(WORKLOAD, Seen(spoilt.values()), known) if d.name == "server-web-1"]
        assert (server.verdict, [thing.id for thing in server.doomed], server.unclear) == (Verdict.DELETE, ["srv-1"], ())


def test_what_is_broken_and_ours_goes_and_is_made_again() -> None:
    broken = ruins.whole() | {"server-web-1": ruins.server("srv-1", "ERROR", None)}

    [server] = [d for d in decide(WORKLOAD, Seen(broken.values()), facts()) if d.name == "server-web-1"]

    assert (server.verdict, [thing.id for thing in server.doomed]) == (Verdict.DELETE, ["srv-1"])


def test_of_several_the_oldest_whole_one_is_taken_over_and_the_others_go() -> None:
    things = [
        *ruins.whole().values(), ruins.server("srv-0", created="2026-11-22T19:00:00"), ruins.server("srv-9", "ERROR", None, "2026-11-22T18:00:00"),
    ]  # fmt: skip

    [server] = [d for d in decide(WORKLOAD, Seen(things), facts()) if d.name == "server-web-1"]

    assert (server.verdict, server.id, sorted(thing.id for thing in server.doomed)) == (Verdict.ADOPT, "srv-0", ["srv-1", "srv-9"])


def test_what_the_state_has_is_kept_even_where_another_is_older() -> None:
    things = [*ruins.whole().values(), ruins.server("srv-0", created="2026-11-22T19:00:00")]

    [server] = [d for d in decide(WORKLOAD, Seen(things), facts(NAMES)) if d.name == "server-web-1"]

    assert (server.verdict, server.id, [thing.id for thing in server.doomed]) == (Verdict.KEEP, "srv-1", ["srv-0"])


def test_in_an_environment_that_was_in_use_a_second_server_or_volume_is_only_named() -> None:
    things = [*ruins.whole().values(), ruins.server("srv-0"), ruins.volume("v-0")]

    decisions = {d.name: d for d in decide(WORKLOAD, Seen(things), facts(NAMES, unused=False))}

    assert [thing.id for thing in decisions["server-web-1"].unclear] == ["srv-0"]
    assert [thing.id for thing in decisions["volume-web-1-1"].unclear] == ["v-0"]
    assert all(not decision.doomed for decision in decisions.values())


def test_a_volume_that_is_attached_is_the_one_and_an_attached_spare_is_never_deleted() -> None:
    things = [*ruins.whole().values(), ruins.volume("v-0", created_at="2026-11-22T19:00:00"), ruins.volume("v-2", "in-use", [{"server_id": "x"}])]

    [volume] = [d for d in decide(WORKLOAD, Seen(things), facts()) if d.name == "volume-web-1-1"]

    assert (volume.verdict, volume.id) == (Verdict.ADOPT, "v-1")
    assert ([thing.id for thing in volume.doomed], [thing.id for thing in volume.unclear]) == (["v-0"], ["v-2"])


def test_what_the_state_has_and_is_gone_is_forgotten_and_made_again_with_what_hung_on_it() -> None:
    whole = ruins.whole()
    del whole["server-web-1"]
    whole["volume-web-1-1"] = ruins.volume("v-1")

    decisions = {d.name: d for d in decide(WORKLOAD, Seen(whole.values()), facts(NAMES))}

    assert {name for name, decision in decisions.items() if decision.forget} == {"server-web-1", "attachment-web-1-1"}
    assert decisions["server-web-1"].verdict is Verdict.SETTLED
    assert decisions["volume-web-1-1"].verdict is Verdict.KEEP


def test_a_data_volume_that_is_gone_is_missing_and_not_made_again() -> None:
    whole = ruins.whole()
    del whole["volume-web-1-1"]

    decisions = {d.name: d for d in decide(WORKLOAD, Seen(whole.values()), facts(NAMES))}

    assert decisions["volume-web-1-1"].verdict is Verdict.MISSING


def test_with_the_state_lost_the_one_that_was_kept_still_says_that_a_data_volume_is_missing() -> None:
    whole = ruins.whole()
    del whole["volume-web-1-1"]
    remembered = {name: known for name, known in facts(NAMES).recorded.items() if known.protected}

    decisions = {d.name: d for d in decide(WORKLOAD, Seen(whole.values()), replace(facts(), remembered=remembered))}

    assert decisions["volume-web-1-1"].verdict is Verdict.MISSING

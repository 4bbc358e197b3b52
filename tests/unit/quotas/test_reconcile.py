"""Ledger, limits and use compared: what is the same is silent, what differs has one name, and what is not known is neither."""

import string
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotas.reconcile import KINDS, Difference, Environment, Ledger, Looked, Name, Observed, Project, Thing, compare, over, source_of, untrusted

ENVIRONMENT = Environment(
    holder="min-sante/dossier-patient", administration="min-sante", project_id="p-1", allocated={"instances": 2, "cores": 4, "volumes": 1},
    planned={"server": ("min-sante-dossier-patient-web-1",), "floatingip": ("",)},
)  # fmt: skip
PROJECT = Project(id="p-1", name="dossier-patient", administration="min-sante")
THINGS = (
    Thing(id="s-1", kind="server", name="min-sante-dossier-patient-web-1", project_id="p-1", ours=True),
    Thing(id="f-1", kind="floatingip", name="", project_id="p-1", ours=True),
)
LEDGER = Ledger(environments=(ENVIRONMENT,), declared={"cores": 100})
SEEN = Observed(
    projects=(PROJECT,), limits={"p-1": {"instances": 2, "cores": 4, "volumes": 1, "networks": 0}},
    usage={"p-1": {"instances": 1, "cores": 1, "volumes": 0, "networks": 0, "floatingips": 1}},
    things=THINGS, capacity={"cores": 100}, defaults={"cores": 0},
)  # fmt: skip


def named(found: list[Difference]) -> list[tuple[str, str, int | None, int | None]]:
    return [(difference.name.value, difference.item, difference.expected, difference.found) for difference in found]


def changed(**limits: int) -> Observed:
    return replace(SEEN, limits={"p-1": {**SEEN.limits["p-1"], **limits}})


def test_where_all_agree_nothing_is_said() -> None:
    assert compare(LEDGER, SEEN) == []


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (changed(cores=6), [("limit_mismatch", "cores", 4, 6)]),
        (changed(cores=-1), [("limit_mismatch", "cores", 4, -1)]),
        (changed(cores=0), [("limit_mismatch", "cores", 4, 0), ("usage_over_limit", "cores", 0, 1)]),
        (changed(networks=3), [("limit_mismatch", "networks", 0, 3)]),
        (replace(SEEN, things=(*THINGS[1:], replace(THINGS[0], project_id="p-other"))),
         [("missing_resource", "server min-sante-dossier-patient-web-1", None, None)]),
        (replace(SEEN, things=(*THINGS, Thing(id="s-2", kind="server", name="intrus", project_id="p-1"))),
         [("foreign_resource", "server s-2", None, None)]),
        (replace(SEEN, things=(*THINGS, replace(THINGS[0], id="s-9", ours=False))), [("foreign_resource", "server s-9", None, None)]),
        (replace(SEEN, things=(THINGS[0], replace(THINGS[1], ours=False))),
         [("foreign_resource", "floatingip f-1", None, None), ("missing_resource", "floatingip 1", None, None)]),
        (replace(SEEN, capacity={"cores": 64}), [("capacity_overpromised", "cores", 64, 100)]),
        (replace(SEEN, defaults={"cores": 20}), [("default_quota_not_zero", "cores", 0, 20)]),
        (replace(SEEN, projects=(Project(id="p-0", name="autre", administration="min-justice"),)), [
            ("missing_resource", "project", None, None), ("orphan_project", "", None, None),
        ]),
    ],
)  # fmt: skip
def test_each_difference_has_its_name(observed: Observed, expected: list[tuple[str, str, int | None, int | None]]) -> None:
    assert named(compare(LEDGER, observed)) == expected


def test_the_use_of_a_project_that_nobody_owns_is_nobodys() -> None:
    orphan = Project(id="p-2", name="oublie", administration="min-sante")
    found = compare(LEDGER, replace(SEEN, projects=(PROJECT, orphan), usage={**SEEN.usage, "p-2": {"cores": 8, "ram": 0}}))

    assert [(d.name, d.subject, d.item, d.found, d.holder) for d in found] == [
        (Name.ORPHAN_PROJECT, "p-2", "", None, "min-sante/oublie"), (Name.UNOWNED_USAGE, "p-2", "cores", 8, "min-sante/oublie"),
    ]  # fmt: skip


def test_a_write_that_did_nothing_and_a_shrink_that_use_forbids_are_told_apart() -> None:
    ledger = Ledger(environments=(replace(ENVIRONMENT, wrote={"cores": "ineffective", "instances": "blocked_by_usage"}),))

    found = compare(ledger, changed(cores=9, instances=3))

    assert [(d.name, d.item, d.detail) for d in found] == [
        (Name.INEFFECTIVE_WRITE, "cores", "ineffective"), (Name.LIMIT_MISMATCH, "instances", "blocked_by_usage"),
    ]  # fmt: skip


def test_while_something_is_done_to_it_only_a_limit_above_the_allocation_counts() -> None:
    ledger = Ledger(environments=(replace(ENVIRONMENT, settled=False),))

    assert named(compare(ledger, replace(changed(cores=0), things=None))) == [("usage_over_limit", "cores", 0, 1)]
    assert named(compare(ledger, changed(cores=5))) == [("limit_mismatch", "cores", 4, 5)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_list_beside_use_is_a_source_that_failed_not_an_empty_cloud(kind: str) -> None:
    source, resource = KINDS[kind]
    usage = {"p-1": {**SEEN.usage["p-1"], resource: 1}}
    found = compare(LEDGER, replace(SEEN, usage=usage, things=tuple(thing for thing in THINGS if thing.kind != kind)))

    assert [d.subject for d in found if d.name is Name.STALE_SOURCE] == [source]
    assert not [d for d in found if d.name is Name.MISSING_RESOURCE]


def test_an_empty_list_of_projects_makes_no_project_gone() -> None:
    assert [d.name for d in compare(LEDGER, replace(SEEN, projects=()))] == [Name.STALE_SOURCE]


def test_half_an_answer_about_limits_lowers_nothing_and_ends_nothing() -> None:
    half = replace(SEEN, limits={"p-1": {"instances": 2}})
    open_ = compare(LEDGER, changed(cores=6))

    assert untrusted(LEDGER, half) == {"compute": "min-sante/dossier-patient: no limit of cores in the answer"}
    assert over(open_, compare(LEDGER, half), Looked(failed=frozenset(untrusted(LEDGER, half)))) == []
    assert over(open_, compare(LEDGER, SEEN), Looked()) == open_
    for elsewhere in (Looked(subjects=frozenset({"p-7"})), Looked(skipped=frozenset({"p-1"})), Looked(names=frozenset({Name.ORPHAN_PROJECT}))):
        assert over(open_, compare(LEDGER, SEEN), elsewhere) == []


RESOURCES = ("instances", "cores", "ram", "volumes", "gigabytes", "gigabytes_ssd", "networks", "floatingips")
AMOUNTS = st.dictionaries(st.sampled_from(RESOURCES), st.integers(min_value=-1, max_value=9))
IDS = st.sampled_from(["p-1", "p-2", "p-3"])
ENVIRONMENTS = st.lists(
    st.builds(
        Environment,
        holder=st.text(string.ascii_lowercase, min_size=1, max_size=3), administration=st.just("min-sante"), project_id=st.none() | IDS,
        allocated=st.dictionaries(st.sampled_from(RESOURCES), st.integers(min_value=0, max_value=9)), settled=st.booleans(),
        wrote=st.dictionaries(st.sampled_from(RESOURCES), st.sampled_from(["in_sync", "ineffective", "blocked_by_usage", "refused"])),
        planned=st.dictionaries(st.sampled_from(sorted(KINDS)), st.lists(st.sampled_from(["web-1", "db-1", ""]), max_size=2).map(tuple)),
    ),
    max_size=3, unique_by=lambda environment: environment.project_id,
).map(tuple)  # fmt: skip
OBSERVED = st.builds(
    Observed,
    projects=st.none() | st.lists(
        st.builds(Project, id=IDS, name=st.just("portail"), administration=st.just("min-sante")), unique_by=lambda project: project.id
    ).map(tuple),
    limits=st.dictionaries(IDS, AMOUNTS), usage=st.dictionaries(IDS, AMOUNTS),
    things=st.none() | st.lists(
        st.builds(Thing, id=st.text(string.digits, min_size=1, max_size=4), kind=st.sampled_from(sorted(KINDS)),
                  name=st.sampled_from(["web-1", "intrus", ""]), project_id=IDS, ours=st.booleans()),
        max_size=4, unique_by=lambda thing: (thing.kind, thing.id),
    ).map(tuple),
    capacity=AMOUNTS, defaults=AMOUNTS,
    failed=st.dictionaries(st.sampled_from(["compute", "block-storage", "network", "keystone", "placement"]), st.just("500"), max_size=2),
)  # fmt: skip


@settings(deadline=None)
@given(environments=ENVIRONMENTS, observed=OBSERVED)
def test_each_difference_comes_once_and_rests_on_nothing_that_failed(environments: tuple[Environment, ...], observed: Observed) -> None:
    ledger = Ledger(environments=environments)

    found = compare(ledger, observed)
    failed = untrusted(ledger, observed)

    assert len({difference.key for difference in found}) == len(found)
    assert found == compare(ledger, observed)
    assert not [d for d in found if d.rests_on & failed.keys()]
    assert {d.subject for d in found if d.name is Name.STALE_SOURCE} == failed.keys() >= observed.failed.keys()


@settings(deadline=None)
@given(environments=ENVIRONMENTS, observed=OBSERVED)
def test_every_limit_above_what_is_allocated_is_named_unless_its_source_is_silent(environments: tuple[Environment, ...], observed: Observed) -> None:
    ledger = Ledger(environments=environments)
    found = {(d.subject, d.item) for d in compare(ledger, observed) if d.name in (Name.LIMIT_MISMATCH, Name.INEFFECTIVE_WRITE)}
    failed = untrusted(ledger, observed)

    present = None if observed.projects is None else {project.id for project in observed.projects}
    for environment in environments:
        for resource, limit in observed.limits.get(environment.project_id or "-", {}).items():
            above = limit == -1 or limit > environment.allocated.get(resource, 0)
            if above and source_of(resource) not in failed and (present is None or environment.project_id in present):
                assert (environment.project_id, resource) in found


@settings(deadline=None)
@given(environments=ENVIRONMENTS, first=OBSERVED, second=OBSERVED)
def test_what_is_over_was_looked_at_and_not_found(environments: tuple[Environment, ...], first: Observed, second: Observed) -> None:
    ledger = Ledger(environments=environments)
    before, after = compare(ledger, first), compare(ledger, second)
    failed = untrusted(ledger, second)

    ended = over(before, after, Looked(failed=frozenset(failed)))

    assert not {d.key for d in ended} & {d.key for d in after}
    assert not [d for d in ended if d.rests_on & failed.keys()]

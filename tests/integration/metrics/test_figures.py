"""From a ledger, a workflow's rows and observations in PostgreSQL to the exported text."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from metrics import store
from metrics.exposition import render
from metrics.families import families
from metrics.snapshot import assemble
from tests.integration.metrics.site import NINE, REGION, Site, projects


def exported(site: Site) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = render(families(assemble(site.facts()), "0.1.0")).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value for family in text_string_to_metric_families(text) for sample in family.samples
    }


def figure(figures: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float | None:
    return figures.get((f"dcctl_{name}", frozenset(labels.items())))


CORES = {"cloud_region": REGION, "service_type": "compute", "resource": "cores"}


@pytest.mark.parametrize(
    ("administration", "granted", "available", "held", "allocated", "usage"),
    [("min-sante", 512, 420, 4, 24, 11), ("cnhu", 64, 64, 0, 0, 0), ("min-justice", 0, 0, 0, 0, 0)],
)
def test_an_administrations_figures_are_the_ledgers(known: Site, administration, granted, available, held, allocated, usage):
    figures = exported(known)

    found = {
        name: figure(figures, f"administration_resource_{name}", administration=administration, **CORES)
        for name in ("granted", "available", "held", "allocated", "usage")
    }
    assert found == {"granted": granted, "available": available, "held": held, "allocated": allocated, "usage": usage}


def test_a_projects_figures_come_from_ledger_read_back_and_observation(known: Site):
    figures = exported(known)
    of = {"administration": "min-sante", "project_id": "0f", **CORES}

    found = [figure(figures, f"project_resource_{name}", **of) for name in ("quota", "backend_quota", "usage")]

    assert found == [24, 24, 9]
    networks = of | {"service_type": "network", "resource": "networks"}
    assert figure(figures, "project_resource_backend_quota", **networks) == 2
    assert figure(figures, "project_resource_usage", **networks) is None


def test_a_project_made_beside_dcctl_counts_for_the_administration_of_its_domain(known: Site):
    figures = exported(known)
    of = {"administration": "min-sante", "project_id": "0a", **CORES}

    assert figure(figures, "project_resource_usage", **of) == 2
    assert figure(figures, "project_resource_quota", **of) is None


def test_a_decommissioned_environment_has_no_series(known: Site):
    assert [labels for _, labels in exported(known) if ("project_id", "0d") in labels] == []


def test_the_datacenters_figures_are_the_worlds_and_the_pools(known: Site):
    figures = exported(known)
    ssd = {"cloud_region": REGION, "service_type": "block-storage", "resource": "gigabytes_ssd"}

    names = ("capacity", "available", "held", "granted", "allocated", "usage")
    assert [figure(figures, f"cluster_resource_{name}", **CORES) for name in names] == [1024, 512, 0, 512, 24, 11]
    assert [figure(figures, f"cluster_resource_{name}", **ssd) for name in names] == [100, 100, 0, 0, 0, None]


def test_requests_are_counted_by_state_and_kind(known: Site):
    figures = exported(known)

    def count(state: str, kind: str, administration: str = "min-sante") -> float | None:
        return figure(figures, "requests", administration=administration, state=state, kind=kind)

    assert (count("in_review", "environment"), count("fulfilled", "environment"), count("refused", "decommission")) == (2, 1, 1)
    assert (count("failed", "environment"), count("in_review", "environment", "cnhu")) == (0, 0)


def test_a_source_shows_when_it_last_succeeded_and_not_when_it_failed(known: Site):
    with known.collecting() as database:
        store.write_failure(database, "compute", NINE + timedelta(hours=2), "Nova is slow")
        store.write_failure(database, "network", NINE, "Neutron is slow")
    figures = exported(known)

    assert figure(figures, "source_last_success_timestamp_seconds", source="compute") == NINE.timestamp()
    assert figure(figures, "source_last_success_timestamp_seconds", source="network") is None


def test_all_figures_are_of_one_moment(known: Site):
    with known.exporter.connect() as reading_now:
        before = store.read_facts(reading_now, REGION)
        with known.collecting() as database:
            store.write_projects(database, "keystone", projects(NINE + timedelta(hours=1), "0f"))
        after = store.read_facts(reading_now, REGION)

    assert after.domains == before.domains
    assert known.facts().domains != before.domains


def test_what_people_wait_for_and_what_became_of_it_is_told(known: Site):
    figures = exported(known)

    assert figure(figures, "request_oldest_timestamp_seconds", administration="min-sante", state="in_review", kind="environment") == NINE.timestamp()
    assert figure(figures, "request_oldest_timestamp_seconds", administration="min-sante", state="refused", kind="decommission") is None
    assert figure(figures, "decisions_total", administration="min-sante", kind="environment", verdict="approve") == 1
    acts = {("", "declare", "approve"): 1, ("min-sante", "grant", "approve"): 1, ("min-sante", "revoke", "refuse"): 1}  # a fourth waits
    for (code, kind, verdict), number in acts.items():
        assert figure(figures, "decisions_total", administration=code, kind=kind, verdict=verdict) == number
    assert figure(figures, "decisions_total", administration="cnhu", kind="environment", verdict="refuse") == 0
    assert figure(figures, "operations", kind="fulfil", state="succeeded") == 1
    assert figure(figures, "limit_sync_state", state="ineffective") == 1
    assert figure(figures, "discrepancies", kind="orphan_project", state="open") == 1
    assert figure(figures, "discrepancies", kind="limit_mismatch", state="open") == 0


def test_letters_that_wait_or_that_nobody_took_are_told_with_their_age_and_none_of_their_words(known: Site):
    figures = exported(known)

    counts = {state: figure(figures, "letters", state=state) for state in ("waiting", "handed", "sent", "given_up", "dropped")}
    assert counts == {"waiting": 2, "handed": 0, "sent": 1, "given_up": 1, "dropped": 0}
    oldest = {state: figure(figures, "letter_oldest_timestamp_seconds", state=state) for state in ("waiting", "sent", "given_up")}
    assert oldest == {"waiting": (NINE - timedelta(hours=1)).timestamp(), "sent": None, "given_up": (NINE - timedelta(hours=3)).timestamp()}
    with known.exporter.connect() as database:
        assert set(database.execute(text("SELECT * FROM exporter.letter LIMIT 0")).keys()) == {"state", "created_at"}


def test_how_far_the_audit_trails_chain_goes_and_since_when_an_event_is_outside_it_is_told(known: Site):
    figures = exported(known)

    sealed, outside = (figure(figures, f"audit_{name}_timestamp_seconds") for name in ("sealed", "unsealed_oldest"))
    assert (figure(figures, "audit_position"), sealed is not None, outside is not None) == (1, True, True)
    assert outside == figure(exported(known), "audit_unsealed_oldest_timestamp_seconds")  # the event's own time, and not that of the reading


def test_an_unlimited_quota_is_told_and_is_no_number(known: Site):
    figures = exported(known)
    floatingips = {"administration": "min-sante", "project_id": "0f", "cloud_region": REGION, "service_type": "network", "resource": "floatingips"}

    assert figure(figures, "project_resource_unlimited", **floatingips) == 1
    assert figure(figures, "project_resource_backend_quota", **floatingips) is None


def test_two_administrations_with_a_project_of_the_same_hostile_name_do_not_clash(known: Site):
    name = 'portail "citoyen"\n\\🏥' + "é" * 236
    with known.collecting() as database:
        listed = projects(NINE + timedelta(minutes=1), "0f")
        twice = tuple(
            type(listed.projects[0])(id=identifier, name=name[:255], domain_id=f"d-{code}", domain_name=code)
            for identifier, code in (("0a", "min-sante"), ("0b", "min-justice"))
        )
        store.write_projects(database, "keystone", type(listed)(at=listed.at, projects=(*listed.projects, *twice)))
    figures = exported(known)

    for identifier, code in (("0a", "min-sante"), ("0b", "min-justice")):
        assert figure(figures, "project_info", administration=code, project_id=identifier, project_name=name[:255], environment_name="") == 1


def test_an_hour_of_silence_changes_no_figure_and_no_time_but_that_of_the_text(known: Site):
    before = exported(known)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=False):
        after = exported(known)

    changed = {name for (name, _), _ in before.items() ^ after.items()}
    assert changed == {"dcctl_render_timestamp_seconds", "dcctl_ledger_unsealed_oldest_timestamp_seconds"}

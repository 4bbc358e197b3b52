import inspect
import re

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from metrics.exposition import END, render, texts
from metrics.families import FAMILIES, build_info, families, series
from metrics.snapshot import assemble

#: Labels that Prometheus or its users give to targets (instances of a service): a label of the same name would be renamed at the scrape.
OF_TARGETS = {"job", "instance", "region", "zone", "cluster", "availability_zone", "datacenter", "dc", "owner", "customer", "stage", "service",
              "environment", "env", "type"}  # fmt: skip


def test_the_families_are_exactly_these(facts):
    assert [family.name for family in families(assemble(facts), "0.1.0")] == [
        "dcctl_administration_resource_granted",
        "dcctl_administration_resource_available",
        "dcctl_administration_resource_held",
        "dcctl_administration_resource_allocated",
        "dcctl_administration_resource_usage",
        "dcctl_administration_info",
        "dcctl_project_resource_quota",
        "dcctl_project_resource_backend_quota",
        "dcctl_project_resource_unlimited",
        "dcctl_project_resource_usage",
        "dcctl_project_limits_read_timestamp_seconds",
        "dcctl_project_info",
        "dcctl_project_expires_timestamp_seconds",
        "dcctl_cluster_resource_capacity",
        "dcctl_cluster_resource_available",
        "dcctl_cluster_resource_held",
        "dcctl_cluster_resource_granted",
        "dcctl_cluster_resource_allocated",
        "dcctl_cluster_resource_usage",
        "dcctl_resource_info",
        "dcctl_resource_unit_multiplier",
        "dcctl_requests",
        "dcctl_request_oldest_timestamp_seconds",
        "dcctl_decisions_total",
        "dcctl_operations",
        "dcctl_operation_idle_timestamp_seconds",
        "dcctl_limit_sync_state",
        "dcctl_discrepancies",
        "dcctl_letters",
        "dcctl_letter_oldest_timestamp_seconds",
        "dcctl_source_last_success_timestamp_seconds",
        "dcctl_source_complete",
        "dcctl_collect_duration_seconds",
        "dcctl_collect_api_calls_total",
        "dcctl_openstack_requests_total",
        "dcctl_ledger_position",
        "dcctl_ledger_sealed_timestamp_seconds",
        "dcctl_ledger_unsealed_oldest_timestamp_seconds",
        "dcctl_ledger_chain_ok",
        "dcctl_ledger_verified_timestamp_seconds",
        "dcctl_ledger_verified_position",
        "dcctl_audit_position",
        "dcctl_audit_sealed_timestamp_seconds",
        "dcctl_audit_unsealed_oldest_timestamp_seconds",
        "dcctl_render_timestamp_seconds",
        "dcctl_build_info",
        "dcctl_series",
    ]


def test_every_familys_docstring_shows_what_it_writes(facts):
    text = render(families(assemble(facts), "0.1.0")).decode().splitlines()

    text += render([series(367)]).decode().splitlines()  # the true number grows with each state that is told
    for function in (*FAMILIES, build_info, series):
        shown = inspect.getdoc(function)
        assert shown is not None
        assert [line for line in shown.splitlines() if line not in text] == [], function.__name__
        assert len(shown.splitlines()) == 3, function.__name__


def test_no_label_is_named_like_one_of_the_targets(facts):
    assert [label for family in families(assemble(facts), "0.1.0") for label in family.labels if label in OF_TARGETS] == []


def test_names_say_their_unit_and_are_in_snake_case(facts):
    for family in families(assemble(facts), "0.1.0"):
        assert re.fullmatch("dcctl_[a-z]+(_[a-z]+)*", family.name)
        assert family.name.endswith("_total") == (family.type == "counter")
        assert family.help.endswith(".")
    assert [f.name for f in families(assemble(facts), "0.1.0") if f.name.endswith("_seconds")] == [
        "dcctl_project_limits_read_timestamp_seconds",
        "dcctl_project_expires_timestamp_seconds",
        "dcctl_request_oldest_timestamp_seconds",
        "dcctl_operation_idle_timestamp_seconds",
        "dcctl_letter_oldest_timestamp_seconds",
        "dcctl_source_last_success_timestamp_seconds",
        "dcctl_collect_duration_seconds",
        "dcctl_ledger_sealed_timestamp_seconds",
        "dcctl_ledger_unsealed_oldest_timestamp_seconds",
        "dcctl_ledger_verified_timestamp_seconds",
        "dcctl_audit_sealed_timestamp_seconds",
        "dcctl_audit_unsealed_oldest_timestamp_seconds",
        "dcctl_render_timestamp_seconds",
    ]


def test_the_whole_text_reads_back_as_the_figures_it_was_written_from(facts):
    written = families(assemble(facts), "0.1.0")

    read = list(text_string_to_metric_families(render(written).decode()))

    # The parser names a counter without its ending.
    assert [(f.name, f.type, f.documentation) for f in read] == [(f.name.removesuffix("_total"), f.type, f.help) for f in written]
    for found, family in zip(read, written, strict=True):
        assert {tuple(s.labels[name] for name in family.labels): s.value for s in found.samples} == dict(family.samples)


def test_a_version_with_quotes_and_a_new_line_stays_one_label(facts):
    text = render(families(assemble(facts), 'version "é"\n')).decode()

    assert 'dcctl_build_info{version="version \\"é\\"\\n"} 1\n' in text


def test_both_formats_say_the_same(facts):
    both = texts(families(assemble(facts), "0.1.0"))

    plain, openmetrics = text_string_to_metric_families(both.plain.decode()), openmetrics_families((both.openmetrics + END).decode())

    found = [[(f.name, f.type, f.documentation, [(s.name, s.labels, s.value) for s in f.samples]) for f in read] for read in (plain, openmetrics)]
    assert found[0] == found[1]


def test_the_number_of_samples_is_told_and_counts_itself(facts):
    written = families(assemble(facts), "0.1.0")

    assert written[-1].samples == [((), sum(len(family.samples) for family in written))]


def test_unlimited_unknown_and_unsupported_are_no_numbers(facts):
    text = render(families(assemble(facts), "0.1.0")).decode()

    of = 'administration="min-sante",project_id="0a",cloud_region="cotonou",service_type="network",resource="networks"'
    assert f"dcctl_project_resource_unlimited{{{of}}} 1\n" in text
    assert f"dcctl_project_resource_backend_quota{{{of}}}" not in text
    assert " -1\n" not in text
    assert "NaN" not in text

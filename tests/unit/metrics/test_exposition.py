import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from metrics.exposition import Family, Labels, Number, escape_help, escape_label, number, render

HOSTILE = ['sante"}', "ligne\nnouvelle", "anti\\slash", "\\n", '\\"', "émoji 🏥", "\u2028", "\r", "", "#", '{a="b"} 1', "x" * 255]


def usage(samples: Sequence[tuple[Labels, Number]]) -> Family:
    return Family(name="dcctl_project_resource_usage", help="Units in use.", labels=("administration", "resource"), samples=samples)


def read_back(text: bytes) -> dict[tuple[str, Labels], float]:
    """(metric, label values) -> value, as the client library reads the text."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_a_family_has_its_help_its_type_and_a_line_for_each_sample():
    text = render([usage([(("min-sante", "cores"), 11), (("min-justice", "cores"), 0)])])

    assert text.decode() == (
        "# HELP dcctl_project_resource_usage Units in use.\n"
        "# TYPE dcctl_project_resource_usage gauge\n"
        'dcctl_project_resource_usage{administration="min-justice",resource="cores"} 0\n'
        'dcctl_project_resource_usage{administration="min-sante",resource="cores"} 11\n'
    )


def test_a_family_without_labels_has_no_braces():
    text = render([Family(name="dcctl_render_timestamp_seconds", help="When.", samples=[((), 1780000015.25)])])

    assert text.decode().splitlines()[-1] == "dcctl_render_timestamp_seconds 1780000015.25"


def test_a_family_without_samples_still_says_what_it_is():
    assert render([usage([])]).decode().splitlines() == [
        "# HELP dcctl_project_resource_usage Units in use.",
        "# TYPE dcctl_project_resource_usage gauge",
    ]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_label_value_reads_back_as_it_was(value):
    text = render([usage([((value, "cores"), 1)])])

    assert read_back(text) == {("dcctl_project_resource_usage", (value, "cores")): 1.0}
    assert len(text.decode().split("\n")) == 4


def test_each_special_character_is_escaped_once():
    assert escape_label('a\\b"c\nd') == 'a\\\\b\\"c\\nd'
    assert escape_help('a\\b"c\nd') == 'a\\\\b"c\\nd'


@pytest.mark.parametrize("words", ["deux\nlignes", "anti\\slash et \\n", 'des "guillemets"'])
def test_a_hostile_help_reads_back_as_it_was(words):
    text = render([Family(name="dcctl_requests", help=words, samples=[((), 1)])])

    (family,) = text_string_to_metric_families(text.decode())
    assert family.documentation == words


@given(
    st.dictionaries(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"]))),
        st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False)),
        max_size=8,
    )
)
def test_whatever_is_written_reads_back_the_same(samples):
    text = render([usage(list(samples.items()))])

    assert read_back(text) == {("dcctl_project_resource_usage", labels): float(value) for labels, value in samples.items()}


@given(st.permutations([(("min-sante", "cores"), 1), (("min-sante", "ram"), 2), (("min-justice", "cores"), 3)]))
def test_the_same_figures_give_the_same_bytes_in_whatever_order_they_come(samples):
    assert render([usage(samples)]) == render([usage(sorted(samples))])


def test_half_a_surrogate_pair_does_not_cost_the_scrape():
    text = render([usage([(("min-\ud83c", "cores"), 1)])])

    assert read_back(text) == {("dcctl_project_resource_usage", ("min-?", "cores")): 1.0}


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (2**53, "9007199254740992"), (0.5, "0.5"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"), (1e22, "1e+22")],
)
def test_a_value_is_written_in_the_form_that_prometheus_reads(value, written):
    assert number(value) == written


def test_two_samples_with_the_same_labels_are_refused():
    with pytest.raises(ValueError, match="two samples"):
        render([usage([(("min-sante", "cores"), 1), (("min-sante", "cores"), 2)])])


def test_a_family_that_comes_twice_is_refused():
    with pytest.raises(ValueError, match="comes twice"):
        render([usage([]), usage([])])


def test_a_sample_with_a_label_too_few_is_refused():
    with pytest.raises(ValueError, match="2 labels"):
        render([usage([(("min-sante",), 1)])])


@pytest.mark.parametrize(
    ("name", "labels", "kind"),
    [("dcctl requests", (), "gauge"), ("dcctl_requests", ("état",), "gauge"), ("dcctl_requests", ("a", "a"), "gauge"),
     ("dcctl_requests", ("__name__",), "gauge"), ("dcctl_requests", (), "jauge")],
)  # fmt: skip
def test_a_family_that_prometheus_would_refuse_cannot_be_built(name, labels, kind):
    with pytest.raises(ValueError):
        Family(name=name, help="Requests.", labels=labels, type=kind)

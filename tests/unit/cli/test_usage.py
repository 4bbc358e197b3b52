"""dcctl usage: what is asked of the API, and what the person sees at a terminal and elsewhere."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from dcctl.cli import output
from dcctl.cli.usage import bar, curve
from tests.unit.cli.conftest import Dcctl
from tests.unit.cli.fake_api import HOURS, USAGE, FakeApi

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person sees stdout, on a terminal that can show blocks."""
    monkeypatch.setattr(output, "is_terminal", lambda: True)


def test_without_a_terminal_the_table_is_plain(dcctl: Dcctl) -> None:
    assert dcctl("usage", "show").out.splitlines() == [
        "Resource  Unit  Granted  Allocated  Used  Share  Read",
        "cores                64          8     4     6%  2026-11-22 17:05",
        "ram       MiB         0          0     –      –  –",
    ]


@pytest.mark.usefixtures("terminal")
def test_at_a_terminal_a_bar_shows_what_is_used_and_what_is_only_allocated(dcctl: Dcctl) -> None:
    assert dcctl("usage", "show", "min-sante", lang="fr").out.splitlines() == [
        "Ressource  Unité  Accordé  Alloué  Utilisé  Part  Relevé",
        "cores                  64       8        4   6\u00a0%  22/11/2026 17:05  [#+..................]",
        "ram        MiB          0       0        –     –  –",
    ]


def test_json_is_what_the_api_said(dcctl: Dcctl) -> None:
    answer = json.loads(dcctl("usage", "show", "-f", "json").out)
    assert (answer["apiVersion"], answer["holder"], answer["items"]) == ("dcctl/v1", "min-sante", USAGE)


def test_a_resource_may_be_chosen(dcctl: Dcctl) -> None:
    assert dcctl("usage", "show", "--resource", "ram", "-f", "value", "-c", "resource").out.split() == ["ram"]


def test_a_foreign_administration_is_as_if_it_did_not_exist(dcctl: Dcctl) -> None:
    result = dcctl("usage", "show", "min-justice")
    assert (result.status, result.out) == (6, "")


@pytest.mark.usefixtures("terminal")
def test_a_period_is_told_by_its_least_mean_most_and_last_with_the_hours_that_were_seen(dcctl: Dcctl, api: FakeApi) -> None:
    lines = dcctl("usage", "show", "--since", "2026-11-22", "--until", "2026-11-22 12:00").out.splitlines()

    assert [line.rstrip() for line in lines] == [
        "Resource  Unit  Least  Mean  Most  Last  Hours seen",
        "cores               2     4     6     6         2.5  ▃▆█",
    ]
    assert api.calls[-1].path == "/v1/usage/hours"
    assert api.calls[-1].query == {"since": "2026-11-21T23:00:00+00:00", "until": "2026-11-22T11:00:00+00:00"}


def test_a_period_in_json_is_hour_by_hour(dcctl: Dcctl) -> None:
    assert json.loads(dcctl("usage", "show", "--since", "36h", "-f", "json").out)["items"] == HOURS


def test_a_period_may_begin_so_many_days_ago(dcctl: Dcctl, api: FakeApi) -> None:
    assert dcctl("usage", "show", "--since", "30d", "-f", "json").status == 0
    since = datetime.fromisoformat(api.calls[-1].query["since"])
    assert abs(datetime.now(UTC) - timedelta(days=30) - since) < timedelta(minutes=1)


@pytest.mark.parametrize("typed", ["hier", "2999-01-01", "-3d", "d", "99999999d", "٣d", ""])
def test_a_beginning_that_cannot_be_is_refused_before_anything_is_asked(dcctl: Dcctl, api: FakeApi, typed: str) -> None:
    result = dcctl("usage", "show", "--since", typed)
    assert (result.status, api.calls) == (2, [])
    assert "--since" in result.err


def test_who_uses_most_is_asked_for_administrations_or_projects(dcctl: Dcctl, api: FakeApi) -> None:
    assert dcctl("usage", "top", "--resource", "ram", "--limit", "3").out.splitlines() == [
        "Administration  Used  Unit  Allocated  Granted  Share  Read",
        "min-sante          5                8       64     8%  2026-11-22 17:05",
    ]
    assert api.calls[-1].query == {"resource": "ram", "by": "administration", "limit": "3"}
    assert dcctl("usage", "top", "--by", "project").out.splitlines() == [
        "Administration  Environment      Project  Used  Unit  Limit  Share  Read",
        "min-sante       dossier-patient  p-1         4            8    50%  2026-11-22 17:05",
        "min-sante       –                p-9         1            –      –  2026-11-22 17:05",
    ]


def test_over_a_period_administrations_are_compared_by_units_times_hours(dcctl: Dcctl) -> None:
    assert dcctl("usage", "top", "--since", "24h", lang="fr").out.splitlines() == [
        "Administration  Nom                    Unités x heures  Unité",
        "min-sante       Ministère de la Santé             12,5",
    ]


def test_projects_are_not_compared_over_a_period(dcctl: Dcctl, api: FakeApi) -> None:
    result = dcctl("usage", "top", "--since", "24h", "--by", "project")
    assert (result.status, api.calls) == (2, [])


@pytest.mark.parametrize(
    ("used", "whole", "allocated", "drawn"),
    [
        (0, 10, 0, "[....................]"),
        (5, 10, 5, "[##########..........]"),
        (5, 10, 10, "[##########++++++++++]"),
        (12, 10, 10, "[####################]"),
        (3, 0, 0, ""),
    ],
)
def test_a_bar_never_leaves_its_frame(used: int, whole: int, allocated: int, drawn: str) -> None:
    assert bar(used, whole, allocated) == drawn


def test_a_curve_takes_the_means_of_more_values_than_fit() -> None:
    assert curve([0.0] * 5) == "▁▁▁▁▁"
    assert curve([float(value) for value in range(240)], 8) == "▁▂▃▄▅▆▇█"

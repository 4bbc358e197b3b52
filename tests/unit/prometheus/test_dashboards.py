"""The dashboards as they are checked in: what the code writes, and readable by Grafana."""

import itertools
import json
import re

import pytest

from dcctl.lifecycle import Kind, OperationState, RequestState
from infra.grafana.__main__ import BOARDS, FOLDER, text
from infra.grafana.panels import BYTES, COUNT, GRID, MOMENT, PER_SECOND, SECONDS, SHARE
from infra.grafana.words import WORDS, in_french
from metrics.counting import KEYSTONE, STRUCTURAL_LISTS
from metrics.snapshot import LIMIT_STATES, OPERATIONS, VERDICTS
from quotas.reconcile import Name
from quotas.resources import BLOCK_STORAGE, COMPUTE, COUNTED, NETWORK

NAMES = [board.name for board in BOARDS]
#: What an exporter tells of itself.
OF_AN_EXPORTER = {"dcctl_render_timestamp_seconds", "dcctl_series"}
UNITS = {COUNT, BYTES, SHARE, SECONDS, PER_SECOND, MOMENT}


@pytest.fixture(params=NAMES)
def dashboard(request: pytest.FixtureRequest) -> dict:
    return json.loads((FOLDER / f"{request.param}.json").read_text())


def panels(dashboard: dict) -> list[dict]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize("board", BOARDS, ids=NAMES)
def test_what_is_checked_in_is_what_the_code_writes(board):
    assert (FOLDER / f"{board.name}.json").read_text() == text(board), "make dashboards"


def test_nothing_else_is_checked_in():
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.json" for name in NAMES}


def test_every_panel_has_an_id_a_title_and_a_place_of_its_own(dashboard):
    cells: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        grid = panel["gridPos"]
        taken = set(itertools.product(range(grid["x"], grid["x"] + grid["w"]), range(grid["y"], grid["y"] + grid["h"])))
        assert grid["x"] + grid["w"] <= GRID
        assert not cells & taken, panel["title"]
        cells |= taken
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert all(panel["title"] for panel in dashboard["panels"])


def test_every_query_asks_the_data_source_that_the_reader_chose_and_knows_its_variables(dashboard):
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}

    assert "datasource" in variables
    for panel in panels(dashboard):
        assert panel["targets"]
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            rest = target["expr"]
            for name in variables:
                rest = rest.replace(f'"${name}"', "")
            assert "$" not in rest


def test_a_figure_is_asked_for_once_whatever_the_number_of_exporters(dashboard):
    for panel in panels(dashboard):
        for target in panel["targets"]:
            bare = re.sub(r"max without \(instance\) \((?:(?:rate|increase)\()?dcctl_", "", target["expr"])
            assert set(re.findall(r"\bdcctl_\w+", bare)) <= OF_AN_EXPORTER, panel["title"]


def test_figures_have_a_unit_and_a_columns_own_unit_belongs_to_a_column(dashboard):
    for panel in panels(dashboard):
        config = panel["fieldConfig"]
        overridden = {
            override["matcher"]["options"]: override["properties"][0]["value"]
            for override in config["overrides"]
            if override["properties"][0]["id"] == "unit"
        }
        assert {config["defaults"]["unit"], *overridden.values()} <= UNITS
        assert overridden.keys() <= {target["legendFormat"] for target in panel["targets"]}


def test_the_legend_of_a_line_names_labels_that_the_query_keeps(dashboard):
    for panel in panels(dashboard):
        for target in panel["targets"]:
            for label in [part.partition("}}")[0] for part in target["legendFormat"].split("{{")[1:]]:
                assert f"{label}" in target["expr"].partition("by (")[2].partition(")")[0], (panel["title"], label)


#: Every value that the code can give a label that a panel shows; volume types and the kinds of acts are a site's and an operator's.
TOLD = {
    "state": {*RequestState, *OperationState, *LIMIT_STATES, "open", "explained", "waived"},
    "kind": {*Kind, *OPERATIONS, *Name, "declare", "retract", "grant", "revoke", "import", "correct", "move"},
    "verdict": set(VERDICTS),
    "resource": {*(resource.name for resource in COUNTED), *(path.replace("-", "_") for path in STRUCTURAL_LISTS), "snapshots",
                 "gigabytes_ssd", "volumes_ssd", "snapshots_ssd"},
    "source": {KEYSTONE, COMPUTE, BLOCK_STORAGE, NETWORK, "catalogue", "default-quotas"},
}  # fmt: skip


@pytest.mark.parametrize("label", TOLD)
def test_every_value_of_a_label_that_panels_show_has_french_words(label: str):
    assert WORDS.keys() == TOLD.keys()
    assert [str(value) for value in TOLD[label] if in_french(label, str(value)) is None] == []
    assert [words for words in WORDS[label].values() if "_" in words] == []


def test_wherever_such_a_label_is_shown_its_words_stand_over_it(dashboard):
    for panel in panels(dashboard):
        overrides = panel["fieldConfig"]["overrides"]
        shown = {o["matcher"]["options"]: o["properties"][0]["value"] for o in overrides if o["properties"][0]["id"] == "displayName"}
        mapped = {o["matcher"]["options"]: o["properties"][0]["value"] for o in overrides if o["properties"][0]["id"] == "mappings"}
        for target in panel["targets"]:
            for label in set(WORDS) & set(re.findall(r"^{{(\w+)}}$", target["legendFormat"])):
                assert shown.items() >= {value: words for value, words in WORDS[label].items() if value != words}.items(), panel["title"]
        for change in panel["transformations"]:
            for label, heading in change["options"].get("renameByName", {}).items():
                if label in WORDS:
                    assert {value: one["text"] for value, one in mapped[heading][0]["options"].items()} == WORDS[label], panel["title"]

"""Hostile strings through every way out: nothing executes, breaks out, or reaches a terminal raw."""

import csv
import io
import json
import re
import time
from html.parser import HTMLParser

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from dcctl import occasions
from dcctl.cli import output
from dcctl.cli.talk import CONTROLS, clean
from dcctl.discretion import canonical, discreet
from dcctl.errors import DcctlError
from metrics.exposition import Family, render
from stacks.fields import Faults, secret
from tests.hostile import corpus

STRINGS = corpus()
SHORT = STRINGS[:-1]
FORMULA = re.compile(r"[=+\-@]")


def written(capsys: pytest.CaptureFixture[str], text: str, form: str) -> str:
    document = {"items": [{"name": text, "after": "end"}]}
    output.listing(document, {"name": "Name", "after": "After"}, form=form)
    listed = capsys.readouterr().out
    output.thing({"name": text, "after": "end"}, {"name": "Name", "after": "After"}, form=form)
    return listed + capsys.readouterr().out


def test_there_are_a_thousand_and_the_last_has_ten_megabytes() -> None:
    assert (len(STRINGS), len(set(STRINGS))) == (1000, 1000)
    assert len(STRINGS[-1]) > 10_000_000


@pytest.mark.parametrize("form", ["table", "value", "csv", "json"])
def test_nothing_reaches_a_terminal_raw(capsys: pytest.CaptureFixture[str], form: str) -> None:
    for text in STRINGS if form in ("value", "csv") else SHORT:
        shown = written(capsys, text.replace("\ud800", "�"), form)
        assert CONTROLS.sub("", shown.replace("\n", "")) == shown.replace("\n", ""), repr(text[:80])


def test_yaml_and_json_give_back_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    yaml = YAML(typ="safe", pure=True)
    for number, text in enumerate(string.replace("\ud800", "�") for string in SHORT):
        document = {"items": [{"name": text}]}
        output.listing(document, {"name": "Name"}, form="json")
        assert json.loads(capsys.readouterr().out)["items"] == [{"name": text}]
        if number < 120:  # ruamel takes milliseconds for each
            output.listing(document, {"name": "Name"}, form="yaml")
            told = capsys.readouterr().out
            assert not CONTROLS.search(told.replace("\n", ""))
            assert yaml.load(told)["items"] == [{"name": text}]


def test_no_cell_of_csv_is_a_formula_and_none_breaks_out_of_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    for text in (string.replace("\ud800", "�") for string in SHORT):
        output.listing({"items": [{"name": text, "after": "end"}]}, {"name": "N", "after": "A"}, form="csv")
        heading, row, *more = csv.reader(io.StringIO(capsys.readouterr().out, newline=""))
        assert (heading, more, row[1:]) == (["name", "after"], [], ["end"]), repr(text[:80])
        assert not FORMULA.match(row[0]), repr(row[0][:80])


def test_a_cell_of_csv_that_is_text_stays_text_and_a_figure_a_figure(capsys: pytest.CaptureFixture[str]) -> None:
    items = [{"name": "+22921300000", "after": -5}, {"name": "-1", "after": 1.5}, {"name": "@dsi", "after": 0}, {"name": "=1", "after": 12}]
    output.listing({"items": items}, {"name": "N", "after": "A"}, form="csv")
    assert capsys.readouterr().out.splitlines()[1:] == ["'+22921300000,-5", "'-1,1.5", "'@dsi,0", "'=1,12"]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append(f"{tag} {sorted(name for name, _ in attributes)}")


def tags(text: str) -> list[str]:
    parser = Tags()
    parser.feed(text)
    return parser.found


def test_letters_carry_them_as_text() -> None:
    params = {"number": "R-2026-0042", "environment": "portail", "kind": "environment", "by": "sante-lead", "reason": "x"}
    plain = occasions.write("min-sante", "fr", [("refused", params)])
    for text in STRINGS:
        for field in ("reason", "environment"):
            letter = occasions.write("min-sante", "fr", [("refused", params | {field: text})])
            assert tags(letter.html) == tags(plain.html), repr(text[:80])
            assert len(letter.text.splitlines()) == len(plain.text.splitlines()), repr(text[:80])
            assert not CONTROLS.search(letter.subject)
            assert not CONTROLS.search((letter.text + letter.html).replace("\n", "")), repr(text[:80])
            assert len(letter.html) < 30_000


def test_prometheus_reads_back_the_label_and_no_other_sample() -> None:
    for text in SHORT:
        family = Family(name="dcctl_up", help=text, labels=("administration",), samples=[((text,), 1)])
        content = render([family]).decode()
        samples = [sample for found in text_string_to_metric_families(content) for sample in found.samples]
        assert [(sample.name, set(sample.labels)) for sample in samples] == [("dcctl_up", {"administration"})], repr(text[:80])
        assert samples[0].labels["administration"] == text.encode("utf-8", "replace").decode(), repr(text[:80])


def test_the_audit_trail_keeps_them_as_canonical_json() -> None:
    for text in STRINGS:
        kept = canonical({"body": discreet({"reason": text, text[:200]: 1})})
        assert "\n" not in kept
        assert "\t" not in kept
        assert len(kept) < 40_000
        assert isinstance(json.loads(kept), dict)


def test_an_error_says_them_without_doing_anything() -> None:
    for text in SHORT:
        said = clean(str(DcctlError("DCCTL-002", field=text, value=text, allowed="x")), keep="\n\t")
        assert not CONTROLS.search(said.replace("\n", "").replace("\t", ""))
        assert "49" not in said or "49" in text


@pytest.mark.parametrize("piece", ["a-", "eyJ-", "password ", "a://", "$1$", "-----BEGIN ", "gAAAAA", "a.", "mdp="])
def test_looking_for_secrets_takes_no_longer_the_more_beginnings_a_text_has(piece: str) -> None:
    """A mebibyte of beginnings of secrets: read to its end from each of them it took hours."""
    text, began = piece * (2**20 // len(piece)), time.thread_time()
    faults = Faults()
    faults.text(text, ("justification",), "x", maximum=2000)
    discreet({"justification": text})
    assert [fault.code for fault in faults.found] == ["spec.too_long"]
    assert secret(text) in (None, "password", "token")
    assert time.thread_time() - began < 5

"""Acts at the command line: what waits and how it says so, approving, files of envelopes, corrections, moments."""

import json
from pathlib import Path

import pytest
import time_machine

from dcctl.client import Client
from dcctl.errors import QuotaShort
from tests.unit.cli.conftest import Dcctl
from tests.unit.cli.fake_api import DIGEST, FakeApi
from tests.unit.cli.test_deciding_and_watching import on_a_terminal

pytestmark = pytest.mark.usefixtures("cloud")

PAPER = ("--reason", "programme 2026", "--document", "décret 2026-118")


def test_an_act_that_waits_prints_its_number_and_ends_with_ten(dcctl: Dcctl) -> None:
    result = dcctl("quota", "grant", "min-sante", "cores=600", *PAPER)
    assert (result.status, result.out) == (10, "A-2026-0001\n")
    assert result.err.splitlines()[:2] == [
        "Error DCCTL-550: A-2026-0001 waits for a second operator (cores 600, one operator alone 500).",
        'Next: Another operator decides: dcctl act show A-2026-0001, dcctl act approve A-2026-0001 --reason "…"',
    ]
    machine = dcctl("capacity", "declare", "cores=600", *PAPER, "-f", "json")
    assert (machine.status, json.loads(machine.out)["state"], json.loads(machine.err)["error"]["exit"]) == (10, "waiting", 10)


@pytest.mark.parametrize("command", [["quota", "grant", "min-sante"], ["quota", "revoke", "min-sante"], ["capacity", "declare"]])
@pytest.mark.parametrize("left_out", ["--reason", "--document"])
def test_an_act_names_a_reason_and_a_document(dcctl: Dcctl, api: FakeApi, command: list[str], left_out: str) -> None:
    named = ["--document", "note"] if left_out == "--reason" else ["--reason", "note"]
    result = dcctl(*command, "cores=8", *named)
    assert (result.status, api.calls) == (2, [])
    assert left_out in result.err


def test_a_table_of_acts_says_who_asked_and_what_for(dcctl: Dcctl, api: FakeApi) -> None:
    api.act("A-2026-0007")
    lines = dcctl("act", "list", "--state", "waiting").out.splitlines()
    assert lines[1].split() == [
        "A-2026-0007", "waiting", "grant", "min-sante", "cores", "600", "operator", "(dc_operator)", "2026-11-22", "17:05", "décret", "2026-118",
    ]  # fmt: skip
    assert api.calls[-1].query["state"] == "waiting"


def test_approving_shows_the_act_and_asks(api: FakeApi) -> None:
    api.act("A-2026-0007")
    status, screen = on_a_terminal("act", "approve", "A-2026-0007", "--reason", "conforme", typed="y\n")
    assert (status, api.acts["A-2026-0007"]["state"]) == (0, "posted")
    for words in ("A-2026-0007 (grant)", "min-sante", "cores 600", "payer pool", "programme 2026", "décret 2026-118", DIGEST, "[y/N]"):
        assert words in screen


def test_a_no_approves_nothing(api: FakeApi) -> None:
    api.act("A-2026-0007")
    status, _screen = on_a_terminal("act", "approve", "A-2026-0007", "--reason", "conforme", typed="n\n")
    assert (status, api.acts["A-2026-0007"]["state"]) == (8, "waiting")


def test_without_a_terminal_the_digest_is_required_and_another_one_approves_nothing(dcctl: Dcctl, api: FakeApi) -> None:
    api.act("A-2026-0007")
    result = dcctl("act", "approve", "A-2026-0007", "--reason", "conforme")
    assert (result.status, api.asked("POST", "/v1/acts/A-2026-0007/decisions")) == (2, [])
    assert f'Next: dcctl act show A-2026-0007, then dcctl act approve A-2026-0007 --digest {DIGEST} --reason "…"' in result.err
    assert dcctl("act", "approve", "A-2026-0007", "--reason", "conforme", "--digest", "0" * 64).status == 5
    assert dcctl("act", "approve", "A-2026-0007", "--reason", "conforme", "--digest", DIGEST).err == "A-2026-0007 is approved and posted.\n"


def test_a_refused_act_says_by_whom_and_why(dcctl: Dcctl, api: FakeApi) -> None:
    api.act("A-2026-0007")
    assert dcctl("act", "refuse", "A-2026-0007", "--reason", "hors programme").status == 0
    assert "operator-2: refused – hors programme (2026-11-22 17:05)" in dcctl("act", "show", "A-2026-0007").out


YAML = """\
apiVersion: dcctl/v1
kind: Envelopes
envelopes:
  - administration: min-sante
    resources: {cores: 64, ram: 131072}
  - {administration: commune-parakou, resources: {instances: 4}}
"""
CSV = "administration;cores;ram;instances\nmin-sante;64;131072;\n\ncommune-parakou;;;4\n"
SENT = [
    {"administration": "min-sante", "resources": {"cores": 64, "ram": 131072}},
    {"administration": "commune-parakou", "resources": {"instances": 4}},
]


@pytest.mark.parametrize("text", [YAML, CSV, CSV.replace(";", ","), CSV.replace(";", "\t"), "\ufeff" + CSV.replace("\n", "\r\n")])
def test_a_file_is_sent_whole_whatever_its_form(dcctl: Dcctl, api: FakeApi, home: Path, text: str) -> None:
    file = home / "envelopes-2026"
    file.write_text(text, newline="")
    result = dcctl("quota", "import", str(file), *PAPER, "--dry-run")
    assert (result.status, result.err) == (0, "Would be posted: 1 administrations, 3 entries. Nothing was changed.\n")
    assert (api.calls[-1].body["envelopes"], api.calls[-1].body["dry_run"]) == (SENT, True)
    assert [line.split() for line in result.out.splitlines()][1:] == [
        ["min-sante", "pool", "cores", "64"], ["min-sante", "pool", "ram", "131072"], ["commune-parakou", "pool", "instances", "4"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Envelopes\nenvelopes: []\n", ["1: apiVersion is missing"]),
        (YAML.replace("resources: {cores", "ressources: {cores"), ["5: envelopes[0].ressources: the key ressources is not known", "4: envelopes[0]"]),
        (YAML.replace("ram: 131072}", "cores: 2}"), ["5: envelopes[0].resources.cores: the key cores stands there already, in line 5"]),
        (YAML.replace("{instances: 4}", "12"), ["6: envelopes[1].resources: 12 is not a mapping"]),
        (YAML.replace("  - {adm", "  - [{adm"), ["7: this is not YAML: did not find expected"]),
        (YAML + "  - *min\n", ["7: "]),
        (YAML.replace("resources: {cores: 64", "resources: &all {cores: 64") + "  - {administration: anpc, resources: *all}\n", ["7: references"]),
        ("administration;cores\nmin-sante;8;9\nanpc;1\n", ["2: envelopes[0]: there are 3 cells (the heading has 2)"]),
        ("administration;cores;cores\nmin-sante;8;9\n", ["1: the key cores stands there already"]),
        ('administration;cores\n"min-sante;8\n', ["2: this is not CSV"]),
        ("- a\n- b\n", ["1: […] is not a mapping"]),
    ],
)
def test_a_file_of_another_form_is_refused_with_its_lines_and_nothing_is_posted(
    dcctl: Dcctl, api: FakeApi, home: Path, text: str, said: list[str]
) -> None:
    file = home / "envelopes"
    file.write_text(text)
    result = dcctl("quota", "import", str(file), *PAPER)
    assert result.status == 2
    assert all(call.body["dry_run"] for call in api.asked("POST", "/v1/imports")), "what can be read is tried, and no more"
    for words in said:
        assert f"{file}:{words}" in result.err
    assert "Traceback" not in result.err


def test_faults_of_the_form_and_those_that_the_api_finds_are_told_at_once(dcctl: Dcctl, api: FakeApi, home: Path) -> None:
    from dcctl.errors import SpecRefused

    faults = [
        {"path": ["envelopes", 1, "administration"], "code": "opening.unknown_administration",
         "params": {"found": "commune-parakou", "nearest": ["commune-nikki"]}},
    ]  # fmt: skip
    api.refuse("POST", "/v1/imports", SpecRefused(faults, source="envelopes"))
    file = home / "envelopes.yaml"
    file.write_text(
        "apiVersion: dcctl/v1\nkind: Envelopes\nenvelopes:\n- {administration: min-sante, resources: {cores: 8}}\n- {administration: anpc}\n"
        "- {administration: commune-parakou, resources: {cores: 8}}\n"
    )
    result = dcctl("quota", "import", str(file), *PAPER)

    (sent,) = api.asked("POST", "/v1/imports")
    assert (sent.body["dry_run"], [line["administration"] for line in sent.body["envelopes"]]) == (True, ["min-sante", "commune-parakou"])
    assert result.status == 2
    assert [line.split(": ")[0] for line in result.err.splitlines()[:2]] == [f"{file}:5", f"{file}:6"]
    assert "envelopes[2].administration: there is no administration commune-parakou" in result.err


def test_faults_that_the_api_finds_are_shown_at_their_lines(dcctl: Dcctl, api: FakeApi, home: Path) -> None:
    from dcctl.errors import SpecRefused

    faults = [
        {"path": ["envelopes", 1, "administration"], "code": "opening.unknown_administration",
         "params": {"found": "commune-parakou", "nearest": ["commune-nikki"]}},
        {"path": ["envelopes", 1, "resources", "instances"], "code": "opening.duplicate",
         "params": {"administration": "commune-parakou", "resource": "instances", "first": 0}},
        {"path": ["envelopes", 0, "resources", "ram"], "code": "opening.not_an_amount", "params": {"found": "-1", "maximum": 2**53}},
    ]  # fmt: skip
    api.refuse("POST", "/v1/imports", SpecRefused(faults, source="envelopes"))
    file = home / "envelopes.csv"
    file.write_text(CSV)
    result = dcctl("quota", "import", str(file), *PAPER)
    assert result.status == 2
    assert result.err.splitlines()[:3] == [
        f"{file}:2: envelopes[0].resources.ram: -1 is not an amount (allowed: whole numbers in the resource's own unit, at most 9007199254740992)",
        f"{file}:4: envelopes[1].administration: there is no administration commune-parakou; perhaps commune-nikki?",
        f"{file}:4: envelopes[1].resources.instances: commune-parakou is granted instances in line 2 already",
    ]


def test_a_dry_run_that_falls_short_shows_everything_and_ends_with_five(dcctl: Dcctl, api: FakeApi, home: Path) -> None:
    api.shortfalls = [{"holder": "pool", "resource": "cores", "asked": 64, "available": 8, "grantor": "dc_operator"}]
    file = home / "envelopes.yaml"
    file.write_text(YAML)
    result = dcctl("quota", "import", str(file), *PAPER, "--dry-run")
    assert (result.status, len(result.out.splitlines())) == (5, 4)
    assert "pool cores: asked 64, available 8, more from dc_operator" in result.err


def test_what_falls_short_names_the_lines_that_ask_for_it(dcctl: Dcctl, api: FakeApi, home: Path) -> None:
    short = [{"holder": "pool", "resource": "ram", "asked": 64, "available": 8, "grantor": "dc_operator", "envelopes": [0, 1]}]
    file = home / "envelopes.csv"
    file.write_text(CSV)
    api.refuse("POST", "/v1/imports", QuotaShort("pool", short, grantor="dc_operator", code="DCCTL-553"))
    refused = dcctl("quota", "import", str(file), *PAPER)
    assert refused.status == 5
    assert "pool ram: asked 64, available 8, more from dc_operator (lines 2, 4)" in refused.err
    api.shortfalls = short
    assert "(lignes 2, 4)" in dcctl("quota", "import", str(file), *PAPER, "--dry-run", lang="fr").err


def test_an_act_says_since_when_it_counts(dcctl: Dcctl, api: FakeApi) -> None:
    for words in (("quota", "grant", "min-sante", "cores=1"), ("capacity", "declare", "cores=1"), ("quota", "correct", "3")):
        assert dcctl(*words, *PAPER, "--effective", "2026-06-30").status == 0
        assert api.calls[-1].body["effective_at"] == "2026-06-30T22:59:59.999999+00:00"
    assert dcctl("quota", "grant", "min-sante", "cores=1", *PAPER).status == 0
    assert "effective_at" not in api.calls[-1].body


def test_a_correction_names_the_entry_and_what_is_right(dcctl: Dcctl, api: FakeApi) -> None:
    result = dcctl("quota", "correct", "3", "cores=16", *PAPER)
    assert (result.status, result.err) == (0, "Entry 3 is corrected: A-2026-0001.\n")
    assert (api.calls[-1].path, api.calls[-1].body["entry"], api.calls[-1].body["resources"]) == ("/v1/corrections", 3, {"cores": 16})


def test_an_administration_is_moved_below_another_or_the_datacenter_itself(dcctl: Dcctl, api: FakeApi) -> None:
    assert dcctl("administration", "move", "min-sante", "--parent", "pool", *PAPER, "--from", "30/06/2026").status == 0
    assert (api.calls[-1].body["parent"], api.calls[-1].body["since"]) == (None, "2026-06-30T22:59:59.999999+00:00")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-06-30", "2026-06-30T22:59:59.999999+00:00"),
        ("30/06/2026", "2026-06-30T22:59:59.999999+00:00"),
        ("2026-06-30 17:05", "2026-06-30T16:05:00+00:00"),
        ("30/06/2026 17:05", "2026-06-30T16:05:00+00:00"),
        ("2026-06-30T17:05:00Z", "2026-06-30T17:05:00+00:00"),
        ("2026-11-22", "2026-11-22T12:00:00+00:00"),
    ],
)
def test_a_date_is_its_end_in_cotonou_and_today_is_now(dcctl: Dcctl, api: FakeApi, typed: str, meant: str) -> None:
    with time_machine.travel("2026-11-22T12:00:00+00:00", tick=False):
        result = dcctl("quota", "show", "min-sante", "--as-of", typed)
    assert (result.status, api.calls[-1].query["as_of"]) == (0, meant)
    assert "Used" not in result.out.splitlines()[0]


@pytest.mark.parametrize("typed", ["2099-01-01", "hier", "2026-13-01", "30/02/2026"])
def test_what_is_no_moment_or_lies_ahead_is_refused(dcctl: Dcctl, api: FakeApi, typed: str) -> None:
    result = dcctl("quota", "show", "--as-of", typed)
    assert (result.status, api.calls) == (2, [])
    assert f"--as-of: {typed} is not allowed" in result.err


@pytest.mark.parametrize("word", ["ram=8GiB", "ram=8 GB", "gigabytes=1.5T"])
def test_a_unit_is_met_with_the_list_of_units(dcctl: Dcctl, api: FakeApi, word: str) -> None:
    result = dcctl("quota", "grant", "min-sante", word, *PAPER)
    assert (result.status, api.calls) == (2, [])
    assert f"{word} is not allowed (instances, cores, ram (MiB), volumes, gigabytes (GiB), networks, routers, floatingips)." in result.err


def test_an_answer_that_takes_too_long_is_asked_for_again_under_the_same_key(
    dcctl: Dcctl, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Client._json.__kwdefaults__, "seconds", 0.2)
    api.slow["POST", "/v1/grants"] = 0.5
    result = dcctl("quota", "grant", "min-sante", "cores=8", *PAPER)
    assert (result.status, result.err.splitlines()[0].partition(":")[0]) == (4, "Error DCCTL-105")
    assert len({call.headers["idempotency-key"] for call in api.asked("POST", "/v1/grants")}) == 1
    api.slow.clear()
    assert dcctl("quota", "grant", "min-sante", "cores=8", *PAPER).err.startswith("The same was asked before and not answered")

"""Submitting: everything wrong is said before anything is sent; what was sent arrives once."""

import json
import time
from pathlib import Path

import pytest

from dcctl.cli import submitting
from dcctl.errors import DcctlError, QuotaShort
from tests.unit.cli.conftest import SPEC, Dcctl
from tests.unit.cli.fake_api import FakeApi

pytestmark = pytest.mark.usefixtures("cloud")


#: Nine lines whose aliases stand for 8 to the power of 9 elements.
LAUGHS = "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 8)}]\n" for n in range(8))


def pending(home: Path) -> list[Path]:
    return list((home / "state" / "dcctl" / "pending").glob("*"))


def sent(api: FakeApi) -> int:
    return len(api.asked("POST", "/v1/requests"))


def test_the_number_is_what_stdout_has_and_the_rest_is_talk(dcctl: Dcctl, api: FakeApi, spec: Path, home: Path) -> None:
    result = dcctl("request", "submit", "dossier-patient.yaml")
    assert (result.status, result.out) == (0, "R-2026-0001\n")
    assert result.err == (
        "R-2026-0001: min-sante/dossier-patient is asked for.\n"
        "R-2026-0001 can now be decided by a lead of min-sante; follow it: dcctl request watch R-2026-0001\n"
    )
    assert api.asked("POST", "/v1/requests")[0].body["spec"]["servers"][0]["ports"] == [443, {"port": 22, "from": "10.0.0.0/8"}]
    assert pending(home) == []


def test_in_french(dcctl: Dcctl, spec: Path) -> None:
    result = dcctl("request", "submit", "dossier-patient.yaml", lang="fr")
    assert result.err.startswith("R-2026-0001\u00a0: min-sante/dossier-patient est demandé.\n")


def test_the_json_is_the_whole_request_in_review(dcctl: Dcctl, spec: Path) -> None:
    answer = json.loads(dcctl("request", "submit", "dossier-patient.yaml", "-f", "json").out)
    assert (answer["number"], answer["state"]) == ("R-2026-0001", "in_review")
    assert dcctl("request", "submit", "dossier-patient.yaml", "-f", "value", "-c", "number").out == "R-2026-0002\n"


def test_a_spec_may_come_from_standard_input(dcctl: Dcctl, api: FakeApi) -> None:
    assert dcctl("request", "submit", "-", stdin=SPEC).out == "R-2026-0001\n"


def test_it_waits_until_the_request_can_be_decided(dcctl: Dcctl, api: FakeApi, spec: Path) -> None:
    api.review_seconds = 0.4
    assert "can now be decided" in dcctl("request", "submit", "dossier-patient.yaml").err


def test_a_review_that_takes_long_is_said_and_is_no_failure(dcctl: Dcctl, api: FakeApi, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcctl.cli.submitting.REVIEW_SECONDS", 0.3)
    api.review_seconds = 30
    result = dcctl("request", "submit", "dossier-patient.yaml")
    assert (result.status, result.out) == (0, "R-2026-0001\n")
    assert "is still being examined" in result.err


def test_a_link_that_stalls_after_the_submit_is_waited_for_no_longer_than_a_review(
    dcctl: Dcctl, api: FakeApi, spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is late are the events and then the request itself: each for longer than all of it may take."""
    assert submitting.REVIEW_SECONDS == 20
    monkeypatch.setattr(submitting, "REVIEW_SECONDS", 3)
    for address in ("/v1/requests/R-2026-0001/events", "/v1/requests/R-2026-0001"):
        api.slow["GET", address] = 100.0
    began = time.monotonic()
    result = dcctl("request", "submit", "dossier-patient.yaml")
    assert (result.status, result.out) == (0, "R-2026-0001\n")
    assert "R-2026-0001 is submitted; see it with: dcctl request show R-2026-0001" in result.err
    assert time.monotonic() - began < 60


def test_everything_wrong_is_said_at_once_with_lines_and_nothing_is_sent(dcctl: Dcctl, api: FakeApi, home: Path) -> None:
    wrong = SPEC.replace("flavor: m1.small", "flavor: m1.smal").replace("10.20.0.0/24", "8.8.8.0/24").replace("12 months", "douze mois")
    wrong = wrong.replace("image: cirros, volumes", "image: cirrus, volumes").replace("quota: {", "quotas: {")
    (home / "faux.yaml").write_text(wrong)
    result = dcctl("request", "submit", "faux.yaml")
    assert (result.status, result.out, sent(api)) == (2, "", 0)
    assert result.err.splitlines() == [
        "faux.yaml:1: quota: quota is missing (for example: quota: {instances: 2, cores: 4, ram: 8192})",
        "faux.yaml:6: quotas: the key quotas is not known; perhaps quota? (allowed: apiVersion, kind, administration, name, offer, quota,"
        " duration, justification, network, ssh_keys, members, servers, kept_volumes)",
        "faux.yaml:7: network.cidr: 8.8.8.0/24 is not a private range (allowed: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16)",
        "faux.yaml:11: servers[0].flavor: there is no flavor m1.smal; perhaps m1.small, m1.medium? (allowed: m1.medium, m1.small)",
        "faux.yaml:12: servers[1].image: there is no image cirrus; perhaps cirros? (allowed: cirros, debian-12)",
        "faux.yaml:13: duration: douze mois is not a duration (for example: 30 days, 12 months)",
        "Error DCCTL-001: 6 fault(s) in faux.yaml; nothing was sent.",
        "Next: Correct them and submit again.",
        "More: dcctl explain DCCTL-001",
    ]


def test_what_does_not_fit_in_the_quota_is_a_fault_of_the_quotas_line(dcctl: Dcctl, api: FakeApi, home: Path) -> None:
    (home / "faux.yaml").write_text(SPEC.replace("cores: 8", "cores: 3"))
    result = dcctl("request", "submit", "faux.yaml")
    assert (result.status, sent(api)) == (2, 0)
    assert result.err.startswith("faux.yaml:6: quota.cores: cores: 4 are needed, the quota says 3 (allowed: at least 4)\n")


def test_faults_in_json_have_paths_codes_and_lines(dcctl: Dcctl, home: Path) -> None:
    (home / "faux.yaml").write_text(SPEC.replace("m1.small", "m1.smal"))
    result = dcctl("request", "submit", "faux.yaml", "-f", "json")
    error = json.loads(result.err)["error"]
    assert (result.status, error["code"], error["params"]["source"]) == (2, "DCCTL-001", "faux.yaml")
    assert [(fault["path"], fault["code"], fault["line"]) for fault in error["params"]["faults"]] == [
        (["servers", 0, "flavor"], "spec.unknown_flavor", 11)
    ]


def test_faults_that_only_the_server_sees_get_their_lines_too(dcctl: Dcctl, api: FakeApi, spec: Path) -> None:
    fault = {"path": ["members", 0], "code": "spec.unknown_member", "params": {"member": "sante-agent", "nearest": ["sante-agente"]}}
    api.refuse("POST", "/v1/requests", DcctlError("DCCTL-001", faults=[fault], source="spec"))
    result = dcctl("request", "submit", "dossier-patient.yaml")
    assert result.err.startswith("dossier-patient.yaml:9: members[0]: there is no user sante-agent; perhaps sante-agente?\n")


def test_ssh_open_to_everyone_is_pointed_out_and_sent(dcctl: Dcctl, api: FakeApi, home: Path) -> None:
    (home / "ouvert.yaml").write_text(SPEC.replace("from: 10.0.0.0/8", "from: 0.0.0.0/0"))
    result = dcctl("request", "submit", "ouvert.yaml")
    assert (result.status, sent(api)) == (0, 1)
    assert result.err.startswith("ouvert.yaml:11: to be noted: SSH of the server web is open to 0.0.0.0/0\n")


def test_malformed_specs_are_refused_even_when_the_api_cannot_be_reached(dcctl: Dcctl, home: Path) -> None:
    (home / "faux.yaml").write_text(SPEC.replace("cores: 8", "cores: huit"))
    result = dcctl("--os-cloud", "personne", "request", "submit", "faux.yaml")
    assert result.status == 2
    assert "faux.yaml:6: quota.cores: huit is not a whole number" in result.err
    assert "could not be checked: The cloud personne is not in" in result.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b" \n\n", "it is empty"),
        (b"a: \xe9\n", "it is not UTF-8 (line 1)"),
        (b"x" * (1 << 20) + b"x", "it is larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_text_is_refused_as_such(dcctl: Dcctl, api: FakeApi, home: Path, content: bytes, said: str) -> None:
    (home / "faux.yaml").write_bytes(content)
    result = dcctl("request", "submit", "faux.yaml")
    assert (result.status, api.calls) == (2, [])
    assert f"Error DCCTL-003: faux.yaml cannot be read: {said}." in result.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: b: c\n", "faux.yaml:1: this is not YAML: mapping values are not allowed here"),
        ("a: 1\nb:\n\t- c\n", "faux.yaml:3: this is not YAML: found character"),
        ("name: a\nkind: b\nname: c\n", "faux.yaml:3: name: the key name stands there already, in line 1"),
        ("a: 1\n---\nb: 2\n", "faux.yaml:2: this is not YAML: expected a single document in the stream"),
        ("- a\n", "faux.yaml:1: ['a'] is not a mapping"),
        ("texte\n", "faux.yaml:1: texte is not a mapping"),
        ("a: " + "[" * 60 + "]" * 60 + "\n", "faux.yaml:1: a[0]: this is nested too deeply"),
        ("a: " + "[" * 4000 + "]" * 4000 + "\n", "faux.yaml:1: this is nested too deeply"),
        ("a: &a [*a]\n", "faux.yaml:1: "),
        (LAUGHS, "too many parts"),
        ("a: !!python/object/apply:os.system [id]\n", "faux.yaml:1: this is not YAML: could not determine a constructor"),
        ("a: \x07\n", "faux.yaml:1: this is not YAML"),
    ],
    ids=["colon", "tab", "key twice", "two documents", "list", "text", "deep", "very deep", "cycle", "laughs", "tag", "control character"],
)  # fmt: skip
def test_what_is_not_one_yaml_mapping_is_refused_with_its_line(dcctl: Dcctl, api: FakeApi, home: Path, content: str, said: str) -> None:
    (home / "faux.yaml").write_text(content)
    result = dcctl("request", "submit", "faux.yaml")
    assert (result.status, sent(api)) == (2, 0)
    assert said in result.err
    assert "Traceback" not in result.err
    assert "DCCTL-500" not in result.err


def test_a_directory_without_specs_and_a_missing_file_are_refused_with_the_nearest_name(dcctl: Dcctl, spec: Path, home: Path) -> None:
    (home / "vide").mkdir()
    none = dcctl("request", "submit", "vide")
    assert (none.status, none.err.splitlines()[0]) == (2, "Error DCCTL-012: There is no spec in the folder vide.")
    assert "Il n’y a aucune spécification dans le dossier vide." in dcctl("request", "submit", "vide", lang="fr").err
    for number in range(201):
        (home / "vide" / f"{number}.yaml").touch()
    many = dcctl("request", "submit", "vide")
    assert (many.status, many.err.splitlines()[0]) == (2, "Error DCCTL-013: There are 201 specs in the folder vide; at most 200 are sent at once.")
    result = dcctl("request", "submit", "dossier-patent.yaml")
    assert result.status == 2
    assert "dossier-patent.yaml cannot be read: there is no such file; perhaps dossier-patient.yaml?." in result.err


def test_beyond_the_envelope_every_shortfall_is_named_and_the_status_is_5(dcctl: Dcctl, api: FakeApi, spec: Path, home: Path) -> None:
    short = [{"resource": "cores", "asked": 8, "available": 4}, {"resource": "ram", "asked": 16384, "available": 8192}]
    api.refuse("POST", "/v1/requests", QuotaShort("min-sante", short, grantor="dc_operator"))
    result = dcctl("request", "submit", "dossier-patient.yaml", lang="fr")
    assert (result.status, result.out) == (5, "")
    assert result.err.replace("\u00a0", " ") == (
        "Erreur DCCTL-201 : L’enveloppe de min-sante ne suffit pas (cores : demandé 8, disponible 4, ram : demandé 16384, disponible 8192).\n"
        "Pour continuer : Demander moins, rendre un environnement (dcctl environment list), ou demander une rallonge à dc_operator.\n"
        "Détails : dcctl explain DCCTL-201\n"
    )
    assert pending(home) == []


def test_a_lost_reply_is_asked_for_again_with_the_same_key(dcctl: Dcctl, api: FakeApi, spec: Path) -> None:
    api.break_off("POST", "/v1/requests", "after")
    result = dcctl("request", "submit", "dossier-patient.yaml")
    assert (result.status, result.out, list(api.requests)) == (0, "R-2026-0001\n", ["R-2026-0001"])
    first, second = api.asked("POST", "/v1/requests")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_the_same_file_after_a_lost_reply_is_the_same_request(dcctl: Dcctl, api: FakeApi, spec: Path, home: Path) -> None:
    api.break_off("POST", "/v1/requests", "after", "before", "before")
    lost = dcctl("request", "submit", "dossier-patient.yaml")
    assert (lost.status, lost.out) == (4, "")
    assert "DCCTL-105" in lost.err
    assert len(pending(home)) == 1
    again = dcctl("request", "submit", "dossier-patient.yaml")
    assert (again.status, again.out, list(api.requests)) == (0, "R-2026-0001\n", ["R-2026-0001"])
    assert again.err.startswith("The same was asked before and not answered; it is resumed with the same key.\n")
    assert pending(home) == []


def test_another_file_has_another_key(dcctl: Dcctl, api: FakeApi, spec: Path) -> None:
    api.break_off("POST", "/v1/requests", *["before"] * 3)
    dcctl("request", "submit", "dossier-patient.yaml")
    spec.write_text(SPEC.replace("name: dossier-patient", "name: portail-recette"))
    dcctl("request", "submit", "dossier-patient.yaml")
    keys = [call.headers["idempotency-key"] for call in api.asked("POST", "/v1/requests")]
    assert keys[0] == keys[1] == keys[2] != keys[3]


def test_a_key_that_is_given_is_sent_as_it_is(dcctl: Dcctl, api: FakeApi, spec: Path) -> None:
    for _again in range(2):
        assert dcctl("request", "submit", "dossier-patient.yaml", "--key", "dossier-2026").out == "R-2026-0001\n"
    assert api.asked("POST", "/v1/requests")[0].headers["idempotency-key"] == "dossier-2026"
    spec.write_text(SPEC.replace("phase 1", "phase 2"))
    other = dcctl("request", "submit", "dossier-patient.yaml", "--key", "dossier-2026")
    assert (other.status, list(api.requests)) == (2, ["R-2026-0001"])
    assert "DCCTL-303" in other.err


def test_a_home_that_cannot_be_written_costs_only_the_resuming(dcctl: Dcctl, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/none")
    assert dcctl("request", "submit", "dossier-patient.yaml").out == "R-2026-0001\n"


def test_wait_follows_to_the_end_and_says_how_to_use_what_is_there(dcctl: Dcctl, api: FakeApi, spec: Path) -> None:
    def on(fake: FakeApi, number: str) -> None:
        if fake.requests[number]["state"] == "in_review":
            fake.requests[number]["state"] = "fulfilled"
            fake.happens("approved", user="sante-lead", reason="conforme")
            fake.environment()

    api.on_events = on
    result = dcctl("request", "submit", "dossier-patient.yaml", "--wait")
    assert (result.status, result.out) == (0, "R-2026-0001\n")
    for words in ("Approved by sante-lead: conforme", "is ready.", "ssh cirros@198.51.100.7", "dcctl environment decommission dossier-patient"):
        assert words in result.err


def test_wait_that_is_over_while_a_decision_is_awaited_ends_with_10(dcctl: Dcctl, spec: Path) -> None:
    result = dcctl("request", "submit", "dossier-patient.yaml", "--wait", "--timeout", "1")
    assert (result.status, result.out) == (10, "R-2026-0001\n")
    assert "Error DCCTL-008: R-2026-0001 waits for a decision.\nNext: Follow it: dcctl request watch R-2026-0001\n" in result.err

"""Return, edit, accept, review; envelopes; many files at once; a policy's faults with their lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from dcctl.errors import DcctlError, SpecRefused
from tests.unit.cli.conftest import SPEC, Dcctl
from tests.unit.cli.fake_api import AT, VERSION, Call, FakeApi

pytestmark = pytest.mark.usefixtures("cloud")

POLICY = """apiVersion: dcctl/v1
kind: DecisionPolicy
rules:
  - name: otherwise
    needs: [dc_leed]
waiting: {}
"""


@pytest.fixture
def verbs(api: FakeApi) -> dict[str, dict[str, Any]]:
    """What was sent by verb; the API says yes to everything."""
    known: dict[str, dict[str, Any]] = {}
    act = api._act

    def answered(call: Call, number: str, verb: str) -> tuple[int, dict[str, Any]]:
        known[verb] = call.body
        return (200, api.requests[number]) if verb != "withdraw" and call.body.get("verdict") != "approve" else act(call, number, verb)

    api._act = answered  # type: ignore[method-assign]
    return known


def test_each_verb_sends_its_word_and_says_what_came_of_it(dcctl: Dcctl, api: FakeApi, verbs: dict[str, dict[str, Any]]) -> None:
    api.request("R-2026-0042", "in_review", kind="envelope")

    returned = dcctl("request", "return", "R-2026-0042", "--reason", "moins de mémoire")
    edited = dcctl("request", "edit", "R-2026-0042", "--resource", "cores=32", "--reason", "moins")
    commented = dcctl("request", "comment", "R-2026-0042", "le courrier 31")
    declined = dcctl("request", "decline", "R-2026-0042")
    reviewed = dcctl("request", "review", "R-2026-0042", "--object", "--reason", "personne n'a été appelé")

    assert [one.status for one in (returned, edited, commented, declined, reviewed)] == [0] * 5
    assert verbs["decisions"] == {"verdict": "return", "digest": None, "reason": "moins de mémoire"}
    assert (verbs["edit"]["kind"], verbs["edit"]["resources"], verbs["edit"]["reason"]) == ("envelope", {"cores": 32}, "moins")
    assert verbs["comments"] == {"text": "le courrier 31"}
    assert verbs["answer"] == {"accept": False, "digest": None, "reason": None}
    assert verbs["review"] == {"justified": False, "reason": "personne n'a été appelé"}
    assert "R-2026-0042 is returned" in returned.err


def test_accepting_less_without_a_terminal_wants_the_digest(dcctl: Dcctl, api: FakeApi, verbs: dict[str, dict[str, Any]]) -> None:
    request = api.request("R-2026-0042", "proposed", kind="envelope")

    assert dcctl("request", "accept", "R-2026-0042").status == 2
    assert "answer" not in verbs
    assert dcctl("request", "accept", "R-2026-0042", "--digest", request["digest"]).status == 0
    assert verbs["answer"]["digest"] == request["digest"]


def test_an_envelope_is_asked_for_by_amounts_and_approved_for_less(dcctl: Dcctl, api: FakeApi, verbs: dict[str, dict[str, Any]]) -> None:
    asked = dcctl("envelope", "request", "cores=64", "ram=4096", "--reason", "programme 2027")

    assert asked.status == 0, asked.err
    number = asked.out.strip()
    assert api.asked("POST", "/v1/requests")[0].body == {"kind": "envelope", "resources": {"cores": 64, "ram": 4096}, "reason": "programme 2027"}
    digest = api.requests[number]["digest"]
    dcctl("request", "approve", number, "--digest", digest, "--grant", "cores=32", "--emergency", "--reason", "panne")
    assert verbs["decisions"] == {"verdict": "approve", "digest": digest, "reason": "panne", "grant": {"cores": 32}, "emergency": True}


def test_a_directory_is_submitted_with_one_report_and_one_fault_stops_no_other(dcctl: Dcctl, api: FakeApi, home: Path) -> None:
    folder = home / "demandes"
    folder.mkdir()
    for name in ("a-dossier", "c-portail"):
        (folder / f"{name}.yaml").write_text(SPEC.replace("dossier-patient", name))
    (folder / "b-faute.yaml").write_text(SPEC.replace("offer: standard", "offer: standart"))
    (folder / "lisez-moi.txt").write_text("rien")

    result = dcctl("request", "submit", "demandes", "-f", "json")

    lines = json.loads(result.out)["items"]
    assert [(Path(line["file"]).name, line["number"], (line["error"] or {}).get("code")) for line in lines] == [
        ("a-dossier.yaml", "R-2026-0001", None), ("b-faute.yaml", None, "DCCTL-001"), ("c-portail.yaml", "R-2026-0002", None),
    ]  # fmt: skip
    assert result.status == 2
    assert len(api.asked("GET", "/v1/catalogue")) == 1
    shown = dcctl("request", "submit", "demandes")
    assert (shown.status, "2 of 3 files are in order." in shown.err) == (2, True)
    assert "demandes/b-faute.yaml:5: offer: there is no offer standart; perhaps standard?" in shown.err
    assert "DCCTL-001: 1 fault(s) in demandes/b-faute.yaml" in shown.out


UNKNOWN = {"path": ["members", 0], "code": "spec.unknown_member", "params": {"member": "sante-agent", "nearest": ["sante-agente"]}}


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_what_only_the_server_finds_wrong_in_a_file_of_a_directory_has_its_line_too(
    dcctl: Dcctl, api: FakeApi, home: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    folder = home / "demandes"
    folder.mkdir()
    (folder / "a-dossier.yaml").write_text(SPEC)
    error = SpecRefused([UNKNOWN])

    def refuse(self: FakeApi, call: Call, number: str | None = None, verb: str | None = None) -> tuple[int, dict[str, Any]]:
        if number != "trials":
            raise error
        return 200, {**VERSION, "items": [{"fits": False, "kind": None, "demand": {}, "needs": [], "rule": None, "error": error.to_json()}]}

    monkeypatch.setattr(FakeApi, "post_requests", refuse)

    told = dcctl("request", "submit", "demandes", *more, "-f", "json")
    (line,) = json.loads(told.out)["items"]
    params = line["error"]["params"]
    assert (told.status, Path(params["source"]).name, [(fault["path"], fault["line"]) for fault in params["faults"]]) == (
        2, "a-dossier.yaml", [(["members", 0], 9)],
    )  # fmt: skip
    shown = dcctl("request", "submit", "demandes", *more)
    assert (shown.status, "demandes/a-dossier.yaml:9: members[0]: there is no user sante-agent" in shown.err) == (2, True)


@pytest.mark.parametrize(("lost", "told"), [(1, 2), (2, 1)])
def test_a_link_that_goes_stops_a_directory_and_the_same_command_goes_on_with_the_same_requests(
    dcctl: Dcctl, api: FakeApi, home: Path, lost: int, told: int
) -> None:
    """In the middle, and at the last file: those before it were answered, and are not asked for anew."""
    folder = home / "demandes"
    folder.mkdir()
    names = ("a-dossier", "b-portail", "c-registre")
    for name in names:
        (folder / f"{name}.yaml").write_text(SPEC.replace("dossier-patient", name))
    api.break_off("POST", "/v1/requests", *["not"] * lost, "after", "before", "before")

    broken = dcctl("request", "submit", "demandes", "-f", "json")

    lines = json.loads(broken.out)["items"]
    assert [(Path(line["file"]).stem, line["number"], (line["error"] or {}).get("code")) for line in lines] == [
        *((name, f"R-2026-000{number}", None) for number, name in enumerate(names[:lost], start=1)), (names[lost], None, "DCCTL-105"),
    ]  # fmt: skip
    assert (broken.status, f"Files without an answer: {told}." in broken.err) == (4, True)
    api.broken.clear()

    again = dcctl("request", "submit", "demandes", "-f", "json")

    assert [line["number"] for line in json.loads(again.out)["items"]] == ["R-2026-0001", "R-2026-0002", "R-2026-0003"]
    assert (again.status, len(api.requests)) == (0, 3)


def test_a_trial_shows_what_each_would_need_and_sends_no_request(dcctl: Dcctl, api: FakeApi, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = [{"role": "dc_lead", "administration": "min-sante"}]
    answer = {"fits": True, "kind": "environment", "demand": {"cores": 8}, "needs": needs, "rule": "otherwise", "error": None}
    plain = FakeApi.post_requests

    def post(self: FakeApi, call: Call, number: str | None = None, verb: str | None = None) -> tuple[int, dict[str, Any]]:
        return (200, {**VERSION, "items": [answer for _ in call.body["requests"]]}) if number == "trials" else plain(self, call, number, verb)

    monkeypatch.setattr(FakeApi, "post_requests", post)

    result = dcctl("request", "submit", "dossier-patient.yaml", "--dry-run")

    assert (result.status, api.requests) == (0, {})
    assert "a lead of min-sante" in result.out
    assert "1 of 1 files are in order." in result.err


def test_the_faults_of_a_policy_stand_where_they_are_in_the_file(
    dcctl: Dcctl, api: FakeApi, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    (home / "decisions.yaml").write_text(POLICY)
    params = {"found": "dc_leed", "nearest": ["dc_lead"], "allowed": ["dc_lead", "dc_operator"]}

    def refuse(self: FakeApi, call: Call, verb: str | None = None) -> tuple[int, dict[str, Any]]:
        raise SpecRefused([{"path": ["rules", 0, "needs", 0], "code": "policy.unknown_value", "params": params}], source="policy")

    monkeypatch.setattr(FakeApi, "post_policies", refuse, raising=False)

    for verb, more in (("check", ()), ("publish", ("--reason", "essai"))):
        result = dcctl("policy", verb, "decisions.yaml", *more)
        assert result.status == 2
        assert "decisions.yaml:5" in result.err
        assert "perhaps dc_lead?" in result.err


def test_a_version_that_is_not_there_and_a_file_that_is_no_mapping(dcctl: Dcctl, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "liste.yaml").write_text("- a\n")

    def show(self: FakeApi, call: Call, version: str) -> tuple[int, dict[str, Any]]:
        raise DcctlError("DCCTL-107", kind="policy", name=version, hint="")

    monkeypatch.setattr(FakeApi, "get_policies", show, raising=False)
    document = {"rules": [{"name": "otherwise", "needs": ["dc_lead"]}], "waiting": {}}
    shown = {**VERSION, "version": 3, "document": document, "reason": "note", "published_by": "exploitant", "published_at": AT}
    monkeypatch.setattr(FakeApi, "get_policy", lambda self, call: (200, shown), raising=False)

    assert dcctl("policy", "show", "9").status == 6
    assert "otherwise: dc_lead" in dcctl("policy", "show").out
    assert dcctl("policy", "check", "liste.yaml").status == 2

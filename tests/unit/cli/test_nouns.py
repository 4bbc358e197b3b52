"""Every noun and verb against the fake API: what is asked of it, and what the person sees."""

import csv
import io
import json

import pytest

from dcctl import words
from dcctl.cli import discrepancy
from dcctl.errors import DcctlError
from dcctl.faults import SENTENCES
from dcctl.workflow import discrepancies
from quotas import reconcile
from tests.unit.cli.conftest import Dcctl
from tests.unit.cli.fake_api import DIGEST, FakeApi

pytestmark = pytest.mark.usefixtures("cloud")


def test_whoami_says_who_where_with_which_roles_until_when(dcctl: Dcctl) -> None:
    result = dcctl("whoami")
    assert result.out.splitlines() == [
        "User             sante-agent",
        "Id               u-7",
        "Domain           asin",
        "Scope            domain min-sante",
        "Roles            dc_agent",
        "Administrations  min-sante",
        "Until            2026-11-22 18:05 (Cotonou time)",
    ]
    assert (result.status, result.err) == (0, "")


def test_whoami_in_json_is_what_the_api_said_with_times_in_utc(dcctl: Dcctl) -> None:
    answer = json.loads(dcctl("whoami", "-f", "json").out)
    assert answer["apiVersion"] == "dcctl/v1"
    assert answer["expires_at"] == "2026-11-22T17:05:00+00:00"


def test_quota_show_has_the_promised_keys(dcctl: Dcctl) -> None:
    answer = json.loads(dcctl("quota", "show", "-f", "json").out)
    assert {key: answer[key] for key in ("apiVersion", "holder", "kind", "region")} == {
        "apiVersion": "dcctl/v1", "holder": "min-sante", "kind": "administration", "region": "cotonou",
    }  # fmt: skip
    assert list(answer["items"][0]) == ["resource", "unit", "granted", "available", "held", "allocated", "limit", "usage"]


def test_a_table_has_headings_and_figures_to_the_right(dcctl: Dcctl) -> None:
    assert dcctl("quota", "show").out.splitlines() == [
        "Resource  Unit  Granted  Available   Held  Allocated  Limit  Used",
        "cores                64         48      8          8      8     4",
        "ram       MiB    131072      98304  16384      16384      –     –",
    ]


@pytest.mark.parametrize("name", ["min-sante", "min-sante/dossier-patient"])
def test_an_envelope_is_named_by_administration_and_environment(dcctl: Dcctl, api: FakeApi, name: str) -> None:
    assert dcctl("quota", "show", name).status == 0
    administration, _, environment = name.partition("/")
    assert api.calls[-1].query == {"administration": administration} | ({"environment": environment} if environment else {})


def test_a_foreign_administration_is_as_if_it_did_not_exist(dcctl: Dcctl) -> None:
    result = dcctl("quota", "show", "min-justice")
    assert (result.status, result.out) == (6, "")
    assert result.err.startswith("Error DCCTL-107: There is no administration min-justice.")


def test_history_is_read_page_by_page(dcctl: Dcctl, api: FakeApi) -> None:
    result = dcctl("quota", "history", "min-sante", "-f", "value", "-c", "entry")
    assert result.out.split() == ["3", "2", "1"]
    assert [call.query.get("after") for call in api.asked("GET", "/v1/history")] == [None, "2"]


def test_what_a_limit_leaves_out_is_said(dcctl: Dcctl) -> None:
    result = dcctl("quota", "history", "--limit", "2", "-f", "value", "-c", "entry")
    assert result.out.split() == ["3", "2"]
    assert result.err == "Only the first 2 are shown; --limit shows more.\n"


def test_a_csv_cell_that_looks_like_a_formula_is_made_harmless_and_figures_are_not(dcctl: Dcctl) -> None:
    rows = list(csv.DictReader(io.StringIO(dcctl("quota", "history", "-f", "csv").out)))
    assert rows[0]["reason"] == "'=2+2"
    assert rows[0]["amount"] == "16"


def test_yaml_has_the_keys_of_the_json(dcctl: Dcctl) -> None:
    from ruamel.yaml import YAML

    as_json = json.loads(dcctl("quota", "show", "-f", "json").out)
    assert YAML(typ="safe").load(dcctl("quota", "show", "-f", "yaml").out) == as_json


def test_columns_are_chosen_by_their_keys_in_the_order_given(dcctl: Dcctl) -> None:
    assert dcctl("quota", "show", "-f", "value", "-c", "usage", "-c", "resource").out.splitlines() == ["4 cores", " ram"]
    chosen = json.loads(dcctl("quota", "show", "-f", "json", "-c", "resource").out)
    assert chosen["items"] == [{"resource": "cores"}, {"resource": "ram"}]


def test_an_unknown_column_is_met_with_the_nearest(dcctl: Dcctl) -> None:
    result = dcctl("quota", "show", "-c", "availible")
    assert result.status == 2
    assert "-c: availible is not allowed (available)" in result.err


def test_grant_sends_whole_amounts_with_the_reason(dcctl: Dcctl, api: FakeApi) -> None:
    result = dcctl("quota", "grant", "min-sante", "cores=64", "ram=131072", "--reason", "programme 2026", "--document", "décret 2026-118")
    assert result.status == 0
    assert api.calls[-1].body == {
        "administration": "min-sante", "resources": {"cores": 64, "ram": 131072}, "reason": "programme 2026", "document": "décret 2026-118",
    }  # fmt: skip
    assert result.err == "Granted to min-sante: cores=64 ram=131072.\n"


@pytest.mark.parametrize("word", ["cores", "cores=", "cores=-1", "cores=1.5", "=8", "cores=huit", "cores=٨"])
def test_an_amount_that_cannot_be_is_refused_before_anything_is_asked(dcctl: Dcctl, api: FakeApi, word: str) -> None:
    result = dcctl("quota", "grant", "min-sante", word, "--reason", "programme 2026", "--document", "décret 2026-118")
    assert (result.status, api.calls) == (2, [])
    assert f"AMOUNT: {word} is not allowed (RESOURCE=WHOLE NUMBER, like cores=8)." in result.err


def test_a_revocation_without_a_terminal_wants_the_name_once_more(dcctl: Dcctl, api: FakeApi) -> None:
    result = dcctl("quota", "revoke", "min-sante", "cores=8", "--reason", "restitution", "--document", "note 2026-31")
    assert (result.status, api.calls) == (2, [])
    assert "Without a terminal, --confirm min-sante is required." in result.err


def test_a_revocation_with_another_name_does_nothing(dcctl: Dcctl, api: FakeApi) -> None:
    result = dcctl("quota", "revoke", "min-sante", "cores=8", "--reason", "restitution", "--document", "note 2026-31", "--confirm", "min-justice")
    assert (result.status, api.calls) == (2, [])
    assert "DCCTL-304" in result.err


def test_a_revocation_with_the_name_is_sent(dcctl: Dcctl, api: FakeApi) -> None:
    paper = ("--reason", "restitution", "--document", "note 2026-31")
    assert dcctl("quota", "revoke", "min-sante", "cores=8", *paper, "--confirm", "min-sante").status == 0
    assert api.calls[-1].path == "/v1/revocations"


def test_capacity_is_declared_by_put(dcctl: Dcctl, api: FakeApi) -> None:
    assert dcctl("capacity", "declare", "cores=256", "--reason", "extension", "--document", "PV 7").status == 0
    assert (api.calls[-1].method, api.calls[-1].body["resources"]) == ("PUT", {"cores": 256})
    assert "256" in dcctl("capacity", "show").out


def test_offers_are_in_words_of_the_readers_language(dcctl: Dcctl) -> None:
    assert "Environnement standard" in dcctl("offer", "list", lang="fr").out
    assert "Standard environment" in dcctl("offer", "list").out
    shown = dcctl("offer", "show", "standard").out
    assert "quota: cores 64, ram 131072" in shown
    assert "duration_months: 36" in shown


def test_administrations_and_their_people(dcctl: Dcctl, api: FakeApi) -> None:
    assert "Ministère de la Santé" in dcctl("administration", "list").out
    assert "min-sante" in dcctl("administration", "show", "min-sante").out
    made = dcctl("administration", "create", "hopital-cnhu", "CNHU Cotonou", "--parent", "min-sante")
    assert api.calls[-1].body == {"code": "hopital-cnhu", "name": "CNHU Cotonou", "parent": "min-sante"}
    assert "hopital-cnhu exists" in made.err
    assert "sante-agent" in dcctl("administration", "person", "list", "min-sante").out
    assert dcctl("administration", "person", "add", "min-sante", "sante-lead", "--role", "dc_lead").err == "sante-lead is now dc_lead of min-sante.\n"
    assert dcctl("administration", "person", "remove", "min-sante", "sante-lead", "--role", "dc_lead").status == 0
    assert (api.calls[-1].method, api.calls[-1].path) == ("DELETE", "/v1/administrations/min-sante/people/sante-lead")
    assert api.calls[-1].query == {"role": "dc_lead"}


@pytest.mark.parametrize("name", ["..", "min/../sante", "a?b", "a#b", "é %2e"])
def test_a_name_stays_one_segment_of_the_address(dcctl: Dcctl, api: FakeApi, name: str) -> None:
    result = dcctl("administration", "show", name)
    assert result.status == 6
    for call in api.calls:
        assert call.path.startswith("/v1/administrations/")
        assert call.path.count("/") == 3


def test_requests_are_listed_and_shown(dcctl: Dcctl, api: FakeApi) -> None:
    api.request(
        "R-2026-0042", notices=[{"path": ["servers", 0], "code": "spec.ssh_open_to_everyone", "params": {"server": "web", "source": "0.0.0.0/0"}}]
    )
    assert "R-2026-0042" in dcctl("request", "list", "--state", "in_review").out
    assert api.calls[-1].query["state"] == "in_review"
    shown = dcctl("request", "show", "R-2026-0042").out
    for part in ("sante-agent (dc_agent)", "cores 8, ram 16384", "a lead of min-sante", DIGEST, "SSH of the server web is open to 0.0.0.0/0"):
        assert part in shown
    answer = json.loads(dcctl("request", "show", "R-2026-0042", "-f", "json").out)
    for key in ("number", "state", "kind", "administration", "environment", "digest", "missing", "operation", "error"):
        assert key in answer


def test_environments_are_listed_and_shown_with_addresses(dcctl: Dcctl, api: FakeApi) -> None:
    api.environment()
    assert "dossier-patient" in dcctl("environment", "list").out
    shown = dcctl("environment", "show", "min-sante/dossier-patient").out
    assert "min-sante-dossier-patient-web-1  10.20.0.11  ssh cirros@198.51.100.7" in shown
    assert "compute: cores 8" in shown
    assert dcctl("environment", "show", "dossier-patient").status == 0
    assert api.calls[-1].path == "/v1/environments/-/dossier-patient"


def test_operations_are_listed_shown_and_acted_on(dcctl: Dcctl, api: FakeApi) -> None:
    assert "O-2026-0042-1" in dcctl("operation", "list").out
    assert "No valid host was found." in dcctl("operation", "show", "O-2026-0042-1").out
    for verb in ("retry", "cancel", "abandon"):
        assert dcctl("operation", verb, "O-2026-0042-1").status == 0
        assert (api.calls[-1].method, api.calls[-1].path) == ("POST", f"/v1/operations/O-2026-0042-1/{verb}")


def test_status_shows_bars_requests_environments_and_the_next_step(dcctl: Dcctl) -> None:
    assert dcctl("status").out.splitlines() == [
        "min-sante",
        "  cores  [#####...............]  16 of 64, available 48",
        "  ram    [#####...............]  32768 of 131072 MiB, available 98304",
        "  Requests waiting: 1",
        "  Environments: 2 active, 1 failed",
        "  Next: decide: dcctl request list --administration min-sante --state in_review",
        "  Next: see what failed: dcctl operation list --administration min-sante --state failed",
        "",
        "Figures that may be old:",
        "  network does not answer in full: HTTP 503",
    ]


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "Reason   DCCTL-566: This worker remembers nothing of the ledger (worker.state_dir /var/lib/dcctl), and no other worker lives."),
        ("fr", "Motif   DCCTL-566: Ce worker ne retient rien du grand livre (worker.state_dir /var/lib/dcctl), et aucun autre worker n’est en vie."),
    ],
)
def test_why_a_region_observes_by_itself_is_said_in_the_readers_language(dcctl: Dcctl, api: FakeApi, lang: str, said: str) -> None:
    finding = DcctlError("DCCTL-566", path="/var/lib/dcctl").to_json()
    by_itself = {"region": "cotonou", "mode": "observe", "since": "2026-11-22T17:05:00Z", "actor": "dcctl", "reason": None, "finding": finding}
    answer = (200, json.dumps({"apiVersion": "dcctl/v1", **by_itself}).encode())
    api.refuse("GET", "/v1/region", answer, answer)
    assert said.split() in [line.split() for line in dcctl("region", "show", lang=lang).out.splitlines()]
    assert json.loads(dcctl("region", "show", "-f", "json", lang=lang).out)["finding"] == finding


def test_what_an_operator_said_of_a_region_is_shown_as_it_is(dcctl: Dcctl, api: FakeApi) -> None:
    """So is what the database has of before findings were kept."""
    said = {"mode": "observe", "since": "2026-11-22T17:05:00Z", "actor": "asin-op", "reason": "sauvegarde restaurée", "finding": None}
    api.refuse("GET", "/v1/region", (200, json.dumps({"apiVersion": "dcctl/v1", "region": "cotonou", **said}).encode()))
    assert "sauvegarde restaurée" in dcctl("region", "show").out


def test_every_difference_and_what_dcctl_itself_says_of_one_has_words() -> None:
    assert set(discrepancy.NAMES) == set(reconcile.Name)
    assert set(discrepancy.BY_ITSELF) == set(discrepancies.BY_ITSELF)
    words.use("fr")
    try:
        note = {"at": None, "state": "resolved", "actor": "dcctl", "reason": discrepancies.NO_LONGER}
        assert discrepancy.notes_words([note]).endswith("résolu  dcctl: plus constaté")
        assert discrepancy.notes_words([note | {"reason": "audit, note 118"}]).endswith("audit, note 118")
    finally:
        words.use("en")


def test_explain_needs_no_server(dcctl: Dcctl, api: FakeApi) -> None:
    assert "The envelope of {holder} is not enough" in dcctl("explain", "DCCTL-201").out
    assert dcctl("explain", "201").out == dcctl("explain", "dcctl-201").out
    for fault in SENTENCES:
        assert fault in dcctl("explain", fault, "-f", "value").out
    codes = dcctl("explain", "-f", "value", "-c", "code").out.split()
    assert "DCCTL-500" in codes
    unknown = dcctl("explain", "DCCTL-999")
    assert (unknown.status, api.calls) == (2, [])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_what_the_shell_reads(dcctl: Dcctl, shell: str) -> None:
    result = dcctl("completion", shell)
    assert result.status == 0
    assert "_DCCTL_COMPLETE" in result.out


def test_the_cloud_may_be_named_after_the_verb(dcctl: Dcctl, api: FakeApi) -> None:
    assert dcctl("whoami", "--os-cloud", "sante-agent", "--lang", "en").status == 0
    assert dcctl("--os-cloud", "personne", "whoami", "--os-cloud", "sante-agent").status == 0
    assert "DCCTL-109" in dcctl("whoami", "--os-cloud", "personne").err

"""What goes wrong is said once: a sentence, the next thing to do, an exit status; never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dcctl.cli.once import answered
from dcctl.cli.pending import Key
from dcctl.client import Client, _Answer
from dcctl.cloudsyaml import Cloud
from dcctl.errors import CATALOGUE, DcctlError
from tests.unit.cli.conftest import Dcctl
from tests.unit.cli.fake_api import FakeApi


def test_no_cloud_chosen(dcctl: Dcctl) -> None:
    result = dcctl("whoami", lang="fr")
    assert (result.status, result.out) == (3, "")
    assert result.err.replace("\u00a0", " ").splitlines() == [
        "Erreur DCCTL-101 : Aucun nuage n’est choisi.",
        "Pour continuer : En nommer un de clouds.yaml : dcctl --os-cloud NOM …, ou donner OS_CLOUD. Connus ici : rien.",
        "Détails : dcctl explain DCCTL-101",
    ]


def test_keystone_down(dcctl: Dcctl, home: Path) -> None:
    auth = "auth_url: 'http://127.0.0.1:9/v3', username: sante-agent, password: x, user_domain_name: asin, domain_name: min-sante"
    (home / "clouds.yaml").write_text(f"clouds: {{sante-agent: {{auth: {{{auth}}}}}}}")
    result = dcctl("whoami")
    assert result.status == 4
    assert result.err == (
        "Error DCCTL-104: Keystone does not answer at http://127.0.0.1:9/v3.\n"
        "Next: Check the network, then repeat the command; nothing was changed.\nMore: dcctl explain DCCTL-104\n"
    )


def test_a_keystone_address_where_something_else_answers(dcctl: Dcctl, api: FakeApi, home: Path) -> None:
    auth = f"auth_url: '{api.url}/v3', username: sante-agent, password: motdepasse, user_domain_name: asin, domain_name: min-sante"
    (home / "clouds.yaml").write_text(f"clouds: {{sante-agent: {{auth: {{{auth}}}}}}}")
    result = dcctl("whoami")
    assert result.status in (3, 4)
    assert result.err.count("Error DCCTL-") == 1
    assert "motdepasse" not in result.err


def test_an_entry_without_what_its_kind_of_sign_in_needs(dcctl: Dcctl, home: Path) -> None:
    (home / "clouds.yaml").write_text("clouds: {sante-agent: {auth_type: v3password, auth: {user_id: u-7}}}")
    result = dcctl("whoami")
    assert result.status == 3
    assert "The cloud sante-agent lacks auth_url." in result.err


def test_an_unknown_kind_of_sign_in(dcctl: Dcctl, home: Path) -> None:
    (home / "clouds.yaml").write_text("clouds: {sante-agent: {auth_type: mot-de-passe, auth: {auth_url: 'http://127.0.0.1:9'}}}")
    result = dcctl("whoami")
    assert (result.status, "DCCTL-110" in result.err) == (3, True)


def test_the_api_down(dcctl: Dcctl, home: Path) -> None:
    (home / "clouds.yaml").write_text("clouds: {sante-agent: {auth_type: admin_token, auth: {endpoint: 'http://127.0.0.1:9', token: jeton}}}")
    result = dcctl("whoami")
    assert result.status == 4
    assert result.err.startswith("Error DCCTL-105: dcctl's API does not answer at http://127.0.0.1:9.\nNext: Repeat the command in a moment;")


@pytest.mark.parametrize("said", [b"Authentication required", json.dumps({"error": DcctlError("DCCTL-103").to_json()}).encode()])
def test_a_token_of_the_entry_itself_has_expired(dcctl: Dcctl, cloud: Path, api: FakeApi, said: bytes) -> None:
    """To repeat the command would send the same one for ever."""
    api.refuse("GET", "/v1/whoami", *[(401, said)] * 3)
    result = dcctl("whoami")
    assert result.status == 3
    assert result.err.splitlines()[:2] == [
        "Error DCCTL-114: The token of the cloud sante-agent has expired or was revoked.",
        f"Next: Sign in anew where the token came from, and put the new one into {cloud} (auth: token), or into OS_TOKEN.",
    ]


@pytest.mark.parametrize(
    ("auth_type", "code"), [("password", "DCCTL-103"), ("v3applicationcredential", "DCCTL-103"), ("v3token", "DCCTL-114"), ("token", "DCCTL-114")]
)
def test_a_token_that_keystone_gave_has_expired(auth_type: str, code: str) -> None:
    client = Client(Cloud(name="sante-agent", file="clouds.yaml", config={"auth_type": auth_type}))
    with pytest.raises(DcctlError) as raised:
        client._understood(_Answer(401, b"Authentication required", "http://127.0.0.1:9/v1/whoami"))
    assert raised.value.code == code


@pytest.mark.parametrize(("code", "kept"), [("DCCTL-104", True), ("DCCTL-102", True), ("DCCTL-114", True), ("DCCTL-301", False)])
def test_who_cannot_sign_in_keeps_the_key_of_what_was_sent_before(tmp_path: Path, code: str, kept: bool) -> None:
    file = tmp_path / "pending.json"
    file.touch()

    def call(_key: str) -> dict[str, object]:
        raise DcctlError(code)

    with pytest.raises(DcctlError):
        answered(Key(value="c0ffee", file=file, resumed=True), call)
    assert file.exists() is kept


@pytest.mark.parametrize("answer", [(502, b"<html>Bad Gateway</html>"), (200, b"<html>login</html>"), (200, b"[]"), (302, b""), (404, b"{}")])
def test_something_else_that_answers_in_the_apis_place(dcctl: Dcctl, cloud: Path, api: FakeApi, answer: tuple[int, bytes]) -> None:
    api.refuse("GET", "/v1/whoami", *[answer] * 3)
    result = dcctl("whoami")
    assert (result.status, result.out) == (4, "")
    assert f"is not dcctl's API (status {answer[0]})" in result.err


def test_a_moment_of_weakness_is_asked_again(dcctl: Dcctl, cloud: Path, api: FakeApi) -> None:
    api.refuse("GET", "/v1/whoami", (503, b""))
    api.break_off("GET", "/v1/whoami", "before")
    assert dcctl("whoami").status == 0


def test_an_api_that_takes_the_connection_and_says_nothing(dcctl: Dcctl, cloud: Path, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for further attempts may be over before the last of them is."""
    monkeypatch.setattr("dcctl.client.ANSWER_SECONDS", 0.3)
    monkeypatch.setattr("dcctl.client.RETRY_SECONDS", 0.1)
    api.slow["GET", "/v1/whoami"] = 2.0
    result = dcctl("whoami")
    assert (result.status, "Error DCCTL-105" in result.err) == (4, True)


def test_a_weakness_that_outlasts_the_time_for_it_is_told_as_it_was(
    dcctl: Dcctl, cloud: Path, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcctl.client.RETRY_SECONDS", 0.1)
    api.slow["GET", "/v1/whoami"] = 0.3
    api.refuse("GET", "/v1/whoami", *[DcctlError("DCCTL-501")] * 5)
    result = dcctl("whoami")
    assert (result.status, "Error DCCTL-501" in result.err) == (4, True)


def test_what_is_not_safe_to_ask_twice_is_asked_once_and_what_is_unknown_is_said(dcctl: Dcctl, cloud: Path, api: FakeApi) -> None:
    api.break_off("POST", "/v1/administrations/min-sante/people", "after")
    result = dcctl("administration", "person", "add", "min-sante", "sante-agent", "--role", "dc_agent")
    assert (result.status, len(api.asked("POST", "/v1/administrations/min-sante/people"))) == (4, 1)
    assert result.err.splitlines()[0].endswith("was lost; whether it did what was asked is not known.")
    assert result.err.splitlines()[1] == "Next: Look before you repeat it: dcctl administration person list min-sante"


def test_an_act_goes_out_again_under_its_key_when_the_answer_is_lost(dcctl: Dcctl, cloud: Path, api: FakeApi) -> None:
    api.break_off("POST", "/v1/grants", "after", "before")
    assert dcctl("quota", "grant", "min-sante", "cores=8", "--reason", "programme 2026", "--document", "décret 2026-118").status == 0
    keys = {call.headers["idempotency-key"] for call in api.asked("POST", "/v1/grants")}
    assert (len(api.asked("POST", "/v1/grants")), len(keys)) == (3, 1)


def test_with_json_the_error_is_json_on_stderr(dcctl: Dcctl, cloud: Path, api: FakeApi) -> None:
    api.refuse("GET", "/v1/quota", DcctlError("DCCTL-106", roles=["dc_agent"], action="quota:show", needed=["dc_operator"]))
    result = dcctl("quota", "show", "-f", "json")
    document = json.loads(result.err)
    assert (result.status, result.out, document["apiVersion"]) == (3, "", "dcctl/v1")
    assert document["error"]["code"] == "DCCTL-106"
    assert document["error"]["params"]["roles"] == ["dc_agent"]
    assert document["error"]["message"] == "Your roles (dc_agent) do not allow this: quota:show."


def test_a_mistake_in_the_command_line_is_json_too(dcctl: Dcctl) -> None:
    result = dcctl("quota", "shwo", "-f", "json")
    assert (result.status, json.loads(result.err)["error"]["code"]) == (2, "DCCTL-010")


def test_an_error_of_a_newer_server_is_still_an_error(dcctl: Dcctl, cloud: Path, api: FakeApi) -> None:
    body = json.dumps({"apiVersion": "dcctl/v1", "error": {"code": "DCCTL-999", "params": {}, "message": "…"}}).encode()
    api.refuse("GET", "/v1/whoami", (409, body))
    result = dcctl("whoami")
    assert (result.status, "DCCTL-999" in result.err) == (1, True)


def test_every_code_has_words_in_both_languages_and_its_exit_status(dcctl: Dcctl, cloud: Path, api: FakeApi) -> None:
    for code, entry in CATALOGUE.items():
        for lang in ("fr", "en"):
            api.refuse("GET", "/v1/whoami", *[DcctlError(code, faults=[])] * 3)
            result = dcctl("whoami", lang=lang)
            shown = "DCCTL-114" if code == "DCCTL-103" else code  # of this cloud's own token
            assert (result.status, shown in result.err) == (entry.exit, True)
            # A server that may recover is asked three times before it is believed.
            api.refusals.clear()


def test_control_characters_of_the_server_never_reach_the_terminal_raw(dcctl: Dcctl, cloud: Path, api: FakeApi) -> None:
    evil = "\x1b]0;pris\x07\x9b31m\u202eetnas-nim"
    api.request("R-2026-0042", justification=evil, environment=evil)
    api.refuse("GET", "/v1/whoami", DcctlError("DCCTL-107", kind="request", name=evil, hint=evil))
    results = [dcctl("whoami"), *(dcctl("request", "show", "R-2026-0042", "-f", form) for form in ("table", "json", "yaml", "csv", "value"))]
    for result in results:
        assert not set(result.out + result.err) & set("\x1b\x07\x9b\u202e")
    assert json.loads(results[2].out)["justification"] == evil


def test_what_nobody_foresaw_gets_a_reference_and_a_log_and_no_traceback(dcctl: Dcctl, cloud: Path, api: FakeApi, home: Path) -> None:
    api.refuse("GET", "/v1/quota", (200, b'{"items": [3]}'))
    result = dcctl("quota", "show")
    logs = list((home / "state" / "dcctl" / "log").iterdir())
    assert (result.status, len(logs)) == (1, 1)
    reference = logs[0].stem.rpartition("-")[2]
    assert result.err.splitlines()[0] == f"Error DCCTL-500: Something unforeseen happened in dcctl (reference {reference})."
    assert f"The details are in {logs[0]}." in result.err
    assert "Traceback" not in result.err
    assert "Traceback" in logs[0].read_text()
    assert "jeton" not in logs[0].read_text()
    assert logs[0].stat().st_mode & 0o777 == 0o600


def test_a_reader_that_goes_away_is_no_error(cloud: Path) -> None:
    environment = {**os.environ, "DCCTL_LANG": "fr", "PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen([sys.executable, "-m", "dcctl.cli.main", "explain"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as stderr:
        assert stderr.read() == b""
    assert process.wait(timeout=60) == 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("requst", "list"), "Did you mean 'request'?"),
        (("request", "sumbit", "x"), "Did you mean 'submit'?"),
        (("request", "list", "--stat", "x"), "Did you mean '--state'?"),
        (("quota", "show", "-f", "xml"), "'xml' is not one of 'table', 'json', 'yaml', 'csv', 'value'."),
        (("request", "show"), "Missing argument 'NUMBER'."),
        (("offer", "list", "standard"), "Got unexpected extra argument (standard)"),
        (("--lang", "de", "whoami"), "'de' is not one of 'fr', 'en'."),
    ],
)
def test_typing_mistakes_are_met_with_suggestions(dcctl: Dcctl, argv: tuple[str, ...], words: str) -> None:
    result = dcctl(*argv) if argv[0] != "--lang" else dcctl(*argv, lang="en")
    assert (result.status, result.out) == (2, "")
    if argv[0] != "--lang":
        assert words in result.err
        assert "for help." in result.err

"""Deciding, giving back and following: what is shown, what is asked, how it ends."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dcctl.cli import deciding
from dcctl.cli.environment import with_caller
from tests.unit.cli.conftest import Dcctl
from tests.unit.cli.fake_api import AT, DIGEST, Call, FakeApi

pytestmark = pytest.mark.usefixtures("cloud")

COMMAND = [sys.executable, "-m", "dcctl.cli.main"]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "DCCTL_LANG": "en", "PYTHONPATH": str(Path(__file__).parents[3]), "TERM": "xterm", **more}


def on_a_terminal(*argv: str, typed: str = "", until: str = "", then: int | None = None, **env: str) -> tuple[int, str]:
    """Run the command on a pseudo-terminal, type something, or send a signal once `until` was shown; status and all that was shown."""
    parent, child = pty.openpty()
    process = subprocess.Popen([*COMMAND, *argv], stdin=child, stdout=child, stderr=child, env=environment(**env), start_new_session=True)
    os.close(child)
    if typed:
        os.write(parent, typed.encode())
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if then is not None and until.encode() in shown:
            process.send_signal(then)
            then = None
    os.close(parent)
    return process.wait(timeout=60), shown.decode(errors="replace")


def test_without_a_terminal_the_digest_must_be_given_and_is_named(dcctl: Dcctl, api: FakeApi) -> None:
    api.request("R-2026-0042")
    result = dcctl("request", "approve", "R-2026-0042", "--reason", "conforme au schéma directeur")
    assert (result.status, result.out, api.asked("POST", "/v1/requests/R-2026-0042/decisions")) == (2, "", [])
    assert result.err.splitlines()[:2] == [
        f"Error DCCTL-004: Without a terminal, --digest is required: {DIGEST}.",
        f'Next: dcctl request show R-2026-0042, then dcctl request approve R-2026-0042 --digest {DIGEST} --reason "…"',
    ]


def test_with_the_digest_it_is_approved(dcctl: Dcctl, api: FakeApi) -> None:
    api.request("R-2026-0042")
    result = dcctl("request", "approve", "R-2026-0042", "--digest", DIGEST, "--reason", "conforme")
    assert result.status == 0
    assert result.err == "R-2026-0042 is approved. Follow it: dcctl request watch R-2026-0042\n"
    assert api.calls[-1].body == {"verdict": "approve", "digest": DIGEST, "reason": "conforme"}


def test_with_another_digest_nothing_is_approved(dcctl: Dcctl, api: FakeApi) -> None:
    api.request("R-2026-0042")
    result = dcctl("request", "approve", "R-2026-0042", "--digest", "0" * 64, "--reason", "conforme")
    assert (result.status, api.requests["R-2026-0042"]["state"]) == (5, "in_review")
    assert "is not the current one" in result.err
    assert f"Digest: {DIGEST}\n" in result.err  # what stands there is shown again
    assert "1 × server: min-sante-dossier-patient-web-1" in result.err
    program = dcctl("request", "approve", "R-2026-0042", "--digest", "0" * 64, "--reason", "conforme", "-f", "json")
    assert (program.status, json.loads(program.err)["error"]["params"]["digest"]) == (5, DIGEST)


def test_on_a_terminal_what_has_moved_since_it_was_shown_is_shown_again_and_asked_again(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    request, act, moved = api.request("R-2026-0042"), api._act, "e" * 64

    def late(call: Call, number: str, verb: str) -> tuple[int, dict[str, Any]]:
        request["digest"] = moved
        return act(call, number, verb)

    monkeypatch.setattr(api, "_act", late)
    ended, shown = on_a_terminal("request", "approve", "R-2026-0042", "--reason", "conforme", typed="y\ny\n")
    assert (ended, request["state"], shown.count("Approve R-2026-0042? [y/N]")) == (0, "approved", 2)
    first, between, second = (shown.index(words) for words in (f"Digest: {DIGEST}", "is not the current one", f"Digest: {moved}"))
    assert first < between < second
    assert [call.body["digest"] for call in api.asked("POST", "/v1/requests/R-2026-0042/decisions")] == [DIGEST, moved]


@pytest.mark.parametrize(
    ("typed", "state", "status"), [("y\n", "approved", 0), ("oui\n", "approved", 0), ("\n", "in_review", 8), ("n\n", "in_review", 8)]
)
def test_on_a_terminal_one_is_shown_what_it_is_and_asked(api: FakeApi, typed: str, state: str, status: int) -> None:
    api.request("R-2026-0042")
    ended, shown = on_a_terminal("request", "approve", "R-2026-0042", "--reason", "conforme", typed=typed)
    assert (ended, api.requests["R-2026-0042"]["state"]) == (status, state)
    for words in (
        "min-sante/dossier-patient",
        "sante-agent (dc_agent)",
        "cores: available 48 of 64",
        "1 × server: min-sante-dossier-patient-web-1",
        DIGEST,
    ):
        assert words in shown
    assert "Approve R-2026-0042? [y/N]" in shown


def test_a_refusal_and_a_withdrawal(dcctl: Dcctl, api: FakeApi) -> None:
    api.request("R-2026-0042")
    assert dcctl("request", "refuse", "R-2026-0042", "--reason", "hors schéma").err == "R-2026-0042 is refused; what it held is given back.\n"
    api.request("R-2026-0043")
    assert dcctl("request", "withdraw", "R-2026-0043").err == "R-2026-0043 is withdrawn; what it held is given back.\n"


@pytest.mark.parametrize("verb", ["approve", "refuse"])
def test_a_decision_without_a_reason_is_not_sent(dcctl: Dcctl, api: FakeApi, verb: str) -> None:
    result = dcctl("request", verb, "R-2026-0042")
    assert (result.status, api.calls) == (2, [])
    assert "--reason" in result.err


def test_a_decommission_wants_the_name_once_more(dcctl: Dcctl, api: FakeApi) -> None:
    result = dcctl("environment", "decommission", "dossier-patient")
    assert (result.status, api.calls) == (2, [])
    assert "Without a terminal, --confirm dossier-patient is required." in result.err
    wrong = dcctl("environment", "decommission", "dossier-patient", "--confirm", "portail")
    assert (wrong.status, api.calls) == (2, [])
    done = dcctl("environment", "decommission", "min-sante/dossier-patient", "--confirm", "dossier-patient", "--reason", "fin du projet")
    assert (done.status, done.out) == (0, "R-2026-0001\n")
    assert api.asked("POST", "/v1/requests")[0].body == {
        "kind": "decommission", "administration": "min-sante", "environment": "dossier-patient", "confirm": "dossier-patient",
        "reason": "fin du projet",
    }  # fmt: skip


def test_on_a_terminal_the_name_of_what_is_destroyed_is_typed(api: FakeApi) -> None:
    ended, shown = on_a_terminal("environment", "decommission", "dossier-patient", typed="dossier\n")
    assert (ended, api.calls) == (2, [])
    assert "dossier-patient will be destroyed: servers, volumes and all their data." in shown
    ended, shown = on_a_terminal("environment", "decommission", "dossier-patient", typed="dossier-patient\n")
    assert (ended, len(api.asked("POST", "/v1/requests"))) == (0, 1)


def test_the_cloud_entry_is_yaml_to_paste(dcctl: Dcctl, api: FakeApi) -> None:
    from ruamel.yaml import YAML

    api.environment()
    result = dcctl("environment", "cloud", "dossier-patient")
    entry = {"auth": {"auth_url": "https://keystone.example/v3", "project_id": "p-1"}, "region_name": "cotonou", "identity_api_version": 3}
    assert YAML(typ="safe").load(result.out) == {"clouds": {"min-sante-dossier-patient": entry}}
    assert result.err == (
        "Put it into your clouds.yaml, the one of OS_CLIENT_CONFIG_FILE where that is set; then: "
        "openstack --os-cloud min-sante-dossier-patient server list\n"
    )
    assert json.loads(dcctl("environment", "cloud", "dossier-patient", "-f", "json").out)["entry"] == entry


def test_the_cloud_entry_names_the_caller_and_nothing_secret() -> None:
    auth = {
        "auth_url": "x",
        "username": "sante-agent",
        "user_domain_name": "asin",
        "domain_name": "min-sante",
        "password": "secret",
        "token": "jeton",
    }
    entry = with_caller({"auth": {"auth_url": "https://keystone.example/v3", "project_id": "p-1"}}, auth)
    assert entry["auth"] == {
        "auth_url": "https://keystone.example/v3", "project_id": "p-1", "username": "sante-agent", "user_domain_name": "asin",
    }  # fmt: skip


def story(api: FakeApi) -> None:
    """A request that is being fulfilled."""
    api.request("R-2026-0042", "fulfilling", operation="O-2026-0042-1")
    api.happens("approved", user="sante-lead", reason="conforme")
    api.happens("step", operation="O-2026-0042-1", step="workload")
    server = {"type": "openstack:compute/instance:Instance", "name": "server-web-1", "cloud_name": "min-sante-dossier-patient-web-1", "op": "create"}
    api.happens("resource", operation="O-2026-0042-1", status="running", seconds=None, **server)
    api.happens("resource", operation="O-2026-0042-1", status="done", seconds=3.2, **server)


def fulfilled(api: FakeApi, number: str) -> None:
    api.requests[number]["state"] = "fulfilled"
    api.environment()


def test_watching_shows_a_line_an_event_and_at_the_end_how_to_use_it(dcctl: Dcctl, api: FakeApi) -> None:
    story(api)
    api.on_events = fulfilled
    result = dcctl("request", "watch", "R-2026-0042")
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines() == [
        "2026-11-22 17:05  Approved by sante-lead: conforme",
        "2026-11-22 17:05  Step: network, servers, volumes",
        "2026-11-22 17:05  server min-sante-dossier-patient-web-1: being made",
        "2026-11-22 17:05  server min-sante-dossier-patient-web-1: made (3 s)",
        "min-sante/dossier-patient is ready.",
        "  min-sante-dossier-patient-web-1  10.20.0.11  ssh cirros@198.51.100.7",
        "  min-sante-dossier-patient-base-1  10.20.0.12",
        "Reach it with openstack: dcctl environment cloud dossier-patient",
        "Change it: edit the spec and submit it again (dcctl request submit FILE); give it back: dcctl environment decommission dossier-patient",
    ]


OBSERVES = {"why": "observe", "since": AT, "reason": None}


def test_what_waits_because_the_region_observes_says_so_once_and_until_it_begins(dcctl: Dcctl, api: FakeApi) -> None:
    def begins(fake: FakeApi, number: str) -> None:
        looks.append(number)
        if len(looks) == 3:
            fake.requests[number]["resting"] = None
            fake.happens("running", operation="O-2026-0042-1", attempt=1)
        elif len(looks) == 4:
            fulfilled(fake, number)

    looks: list[str] = []
    api.request("R-2026-0042", "approved", operation="O-2026-0042-1", resting=OBSERVES)
    api.happens("approved", user="sante-lead", reason="conforme")
    words = "Since 2026-11-22 17:05 dcctl only observes: its ledger is compared with OpenStack."
    assert f"Waits {words}" in " ".join(dcctl("request", "show", "R-2026-0042").out.split())
    api.on_events = begins

    result = dcctl("request", "watch", "R-2026-0042")

    assert (result.status, len(looks)) == (0, 4)
    assert [line.partition("  ")[2].partition(".")[0] for line in result.out.splitlines()[:3]] == [
        "Approved by sante-lead: conforme", words.removesuffix("."), "Begun (attempt 1)",
    ]  # fmt: skip
    assert result.out.count("only observes") == 1


def test_what_waits_says_so_in_french_and_as_json(dcctl: Dcctl, api: FakeApi) -> None:
    api.request("R-2026-0042", "approved", operation="O-2026-0042-1", resting={**OBSERVES, "why": "maintenance", "reason": "mise à jour de Neutron"})
    shown = dcctl("request", "show", "R-2026-0042", lang="fr").out
    assert "Maintenance depuis 22/11/2026 17:05\u00a0: mise à jour de Neutron." in shown
    api.requests["R-2026-0042"]["resting"] = OBSERVES
    assert "Depuis 22/11/2026 17:05, dcctl ne fait qu’observer" in dcctl("request", "show", "R-2026-0042", lang="fr").out
    api.on_events = fulfilled
    (line,) = dcctl("request", "watch", "R-2026-0042", "-f", "ndjson").out.splitlines()
    assert json.loads(line) == {"kind": "resting", "at": AT, **OBSERVES}


def test_ndjson_is_a_line_of_json_an_event(dcctl: Dcctl, api: FakeApi) -> None:
    story(api)
    api.on_events = fulfilled
    kinds = [json.loads(line)["kind"] for line in dcctl("request", "watch", "R-2026-0042", "-f", "ndjson").out.splitlines()]
    assert kinds == ["approved", "step", "resource", "resource"]


def test_a_failure_ends_with_the_services_words_and_status_4(dcctl: Dcctl, api: FakeApi) -> None:
    error = {"code": "DCCTL-404", "params": {"resource": "server-web-1", "words": "No valid host was found."}}
    api.request("R-2026-0042", "failed", operation="O-2026-0042-1", error=error)
    result = dcctl("request", "watch", "R-2026-0042")
    assert result.status == 4
    assert result.err.splitlines()[1:3] == [
        "Error DCCTL-307: R-2026-0042 failed: The engine failed on server-web-1: No valid host was found.",
        "Next: dcctl operation retry O-2026-0042-1 continues; dcctl operation abandon O-2026-0042-1 gives back.",
    ]


def test_a_request_that_failed_when_it_was_examined_says_each_fault_and_how_to_take_it_back(dcctl: Dcctl, api: FakeApi) -> None:
    fault = {"path": ["members", 0], "code": "spec.unknown_member", "params": {"member": "sante-agnet", "nearest": ["sante-agent"]}}
    error = {"code": "DCCTL-308", "params": {"faults": [fault], "source": "spec", "number": "R-2026-0042"}}
    api.request("R-2026-0042", "failed", error=error)

    result = dcctl("request", "watch", "R-2026-0042")

    assert (result.status, result.err.splitlines()) == (
        2,
        [
            "R-2026-0042 failed when it was examined; take it back: dcctl request withdraw R-2026-0042",
            "spec: members[0]: there is no user sante-agnet; perhaps sante-agent?",
            "Error DCCTL-308: The examination of R-2026-0042 found 1 fault(s) in its spec; what it held is given back.",
            "Next: Take it back (dcctl request withdraw R-2026-0042), correct the spec, submit again.",
            "More: dcctl explain DCCTL-308",
        ],
    )
    assert "spec: members[0]: there is no user sante-agnet; perhaps sante-agent?" in dcctl("request", "show", "R-2026-0042").out


@pytest.mark.parametrize(("state", "status"), [("refused", 5), ("withdrawn", 8), ("lapsed", 1), ("abandoned", 1)])
def test_other_ends_have_their_own_status(dcctl: Dcctl, api: FakeApi, state: str, status: int) -> None:
    api.request("R-2026-0042", state)
    result = dcctl("request", "watch", "R-2026-0042")
    assert (result.status, result.err) == (status, f"R-2026-0042 is {state}.\n")


def test_when_time_is_up_the_work_goes_on_and_the_status_is_9(dcctl: Dcctl, api: FakeApi) -> None:
    story(api)
    result = dcctl("request", "watch", "R-2026-0042", "--timeout", "1")
    assert result.status == 9
    assert "R-2026-0042 is still under way after 1 s; the work goes on.\nNext: Follow it: dcctl request watch R-2026-0042\n" in result.err


def test_a_broken_connection_is_tried_again_and_nothing_is_missed(dcctl: Dcctl, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcctl.cli.watching.time.sleep", lambda _seconds: None)
    story(api)
    asked = 0

    def on(fake: FakeApi, number: str) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            fake.break_off("GET", "/v1/requests/R-2026-0042/events", "before", "before", "before")
        else:
            fake.happens("succeeded", operation="O-2026-0042-1")
            fulfilled(fake, number)

    api.on_events = on
    result = dcctl("request", "watch", "R-2026-0042")
    assert (result.status, result.err) == (0, "No answer; trying again…\n")
    assert "Done." in result.out
    assert result.out.count("Approved by") == 1


def test_an_operation_is_followed_to_its_failure(dcctl: Dcctl, api: FakeApi) -> None:
    api.happens("failed", error={"code": "DCCTL-404", "params": {"resource": "server-web-1", "words": "No valid host was found."}})
    result = dcctl("operation", "watch", "O-2026-0042-1")
    assert result.status == 4
    assert "Failed: DCCTL-404: The engine failed on server-web-1: No valid host was found." in result.out
    assert "dcctl operation retry O-2026-0042-1 continues" in result.err


def test_an_operation_that_has_built_an_environment_ends_with_how_to_use_it(dcctl: Dcctl, api: FakeApi) -> None:
    api.happens("succeeded")
    api.environment()
    api.operation_state = "succeeded"
    result = dcctl("operation", "watch", "O-2026-0042-1")
    assert result.status == 0
    assert "  min-sante-dossier-patient-web-1  10.20.0.11  ssh cirros@198.51.100.7" in result.out.splitlines()
    assert "dcctl environment decommission dossier-patient" in result.out


def test_ctrl_c_stops_the_following_only_and_says_how_to_take_it_up_again(api: FakeApi) -> None:
    story(api)
    process = subprocess.Popen(
        [*COMMAND, "request", "watch", "R-2026-0042"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True
    )
    assert process.stdout is not None
    for _event in range(4):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 9
    assert "the work goes on.\nNext: Follow it: dcctl request watch R-2026-0042\n" in err
    assert "Traceback" not in err


def on_screen(shown: str) -> list[str]:
    """The lines that were drawn last, without colours and without what moves the cursor."""
    last = shown.rpartition("\x1b[2K")[2]
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", last).replace("\r", "").splitlines() if line.strip()]


WATCHED = {
    "en": ["Approved by sante-lead: conforme", "├── project and group  7 s", "└── network, servers, volumes  15 s",
           "    ├── ✓ network min-sante-dossier-patient: made  2 s", "    └── ✓ server min-sante-dossier-patient-web-1: made  12 s", "Done.",
           "min-sante/dossier-patient is ready."],
    "fr": ["Approuvée par sante-lead\u00a0: conforme", "├── projet et groupe  7 s", "└── réseau, serveurs, volumes  15 s",
           "    ├── ✓ réseau min-sante-dossier-patient\u00a0: créé  2 s", "    └── ✓ serveur min-sante-dossier-patient-web-1\u00a0: créé  12 s",
           "Terminé.", "min-sante/dossier-patient est prêt."],
}  # fmt: skip


@pytest.mark.parametrize("lang", WATCHED)
def test_watching_again_shows_all_from_the_start_with_the_seconds_that_it_took(api: FakeApi, lang: str) -> None:
    api.request("R-2026-0042", "fulfilling", operation="O-2026-0042-1")
    network = {"type": "openstack:networking/network:Network", "name": "network", "cloud_name": "min-sante-dossier-patient", "op": "create"}
    server = {"type": "openstack:compute/instance:Instance", "name": "server-web-1", "cloud_name": "min-sante-dossier-patient-web-1", "op": "create"}
    for seconds, kind, more in (
        (0, "approved", {"user": "sante-lead", "reason": "conforme"}),
        (1, "step", {"step": "tenant"}),
        (8, "step", {"step": "workload"}),
        (9, "resource", {"status": "running", "seconds": None, **network}),
        (11, "resource", {"status": "done", "seconds": 1.8, **network}),
        (11, "resource", {"status": "running", "seconds": None, **server}),
        (23, "resource", {"status": "done", "seconds": None, **server}),
        (23, "succeeded", {}),
    ):
        api.happens(kind, operation="O-2026-0042-1", at=f"2026-11-22T16:05:{seconds:02}+00:00", **more)
    api.on_events = fulfilled

    ended, shown = on_a_terminal("request", "watch", "R-2026-0042", DCCTL_LANG=lang)

    assert ended == 0
    assert on_screen(shown)[: len(WATCHED[lang])] == WATCHED[lang]
    assert any("ssh cirros@198.51.100.7" in line for line in on_screen(shown))
    assert any("dcctl environment decommission dossier-patient" in line for line in on_screen(shown))


def test_ctrl_c_on_a_terminal_says_in_french_how_to_follow_again(api: FakeApi) -> None:
    story(api)
    ended, shown = on_a_terminal("request", "watch", "R-2026-0042", until="web-1", then=signal.SIGINT, DCCTL_LANG="fr")
    assert ended == 9
    assert "le travail continue" in shown
    assert "dcctl request watch R-2026-0042" in shown


def test_on_a_terminal_a_tree_with_seconds_lives_and_the_cursor_comes_back(api: FakeApi) -> None:
    story(api)
    ended, shown = on_a_terminal("request", "watch", "R-2026-0042", until="made", then=signal.SIGINT)
    assert ended == 9
    assert "└── ✓ server min-sante-dossier-patient-web-1: made  3 s" in "\n".join(on_screen(shown))
    assert "the work goes on." in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


@pytest.mark.parametrize("setting", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_a_dumb_terminal_gets_lines_without_any_escape(api: FakeApi, setting: dict[str, str]) -> None:
    story(api)
    api.on_events = fulfilled
    ended, shown = on_a_terminal("request", "watch", "R-2026-0042", **setting)
    assert (ended, "\x1b" in shown) == (0, False)


def test_ctrl_c_while_something_is_being_done_says_that_nobody_knows(api: FakeApi) -> None:
    api.slow["POST", "/v1/grants"] = 100
    command = [*COMMAND, "quota", "grant", "min-sante", "cores=8", "--reason", "programme 2026", "--document", "décret 2026-118"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True)
    late = time.monotonic() + 60
    while not api.asked("POST", "/v1/grants"):
        assert process.poll() is None
        assert time.monotonic() < late
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (8, "")
    assert "whether it did what was asked is not known.\nNext: Look before you repeat it: dcctl quota history min-sante\n" in err


def test_ctrl_c_at_a_question_changes_nothing(api: FakeApi) -> None:
    api.request("R-2026-0042")
    ended, shown = on_a_terminal("request", "approve", "R-2026-0042", "--reason", "conforme", until="[y/N]", then=signal.SIGINT)
    assert (ended, api.requests["R-2026-0042"]["state"]) == (8, "in_review")
    assert "Cancelled; nothing was changed." in shown


def test_a_decider_sees_what_is_left_and_when_that_was_and_how_much_similar_requests_ask():
    left = {"cores": {"available": 96, "granted": 512, "declared": 2048}}
    similar = [{"number": "R-2026-0041", "state": "in_review", "demand": {"cores": 32}}]

    shown = deciding.evidence({
        "at": "2026-11-22T09:15:00+00:00", "pool": left, "above": [{"administration": "min-numerique", "envelope": left}], "similar": similar,
    })  # fmt: skip

    for expected in ("2026-11-22", "Above: min-numerique cores 96/512", "Left in the datacenter: cores 96/2048", "R-2026-0041 (in_review; cores 32)"):
        assert expected in shown, shown

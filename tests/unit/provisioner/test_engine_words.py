"""What the engine and the services say is taken apart in one place; the samples are as they were said by real ones."""

import json
from pathlib import Path

import pytest

from dcctl.provisioner import words
from dcctl.provisioner.errors import Diagnostic, EngineLate, EngineLocked, EnginePending, PlanExceeded, Step, from_document
from dcctl.provisioner.job import Event
from dcctl.provisioner.progress import Progress

NEUTRON = (
    "sdk-v2/provider2.go:572: sdk.helper_schema: Error creating openstack_networking_floatingip_v2: Expected HTTP response code [201 202] when "
    'accessing [POST http://127.0.0.1:9696/v2.0/floatingips], but got 409 instead: {"NeutronError": {"type": "OverQuota", "message": '
    '"Quota exceeded for resources: [\'floatingip\'].", "detail": ""}}: provider=openstack@5.5.3'
)
NOVA = (
    "error: sdk-v2/provider2.go:572: sdk.helper_schema: Error creating OpenStack server: Expected HTTP response code [200 202] when accessing [POST "
    'http://127.0.0.1:8774/v2.1/servers], but got 403 instead: {"forbidden": {"code": 403, "message": "Quota exceeded for instances: Requested 1, '
    'but already used 0 of 0 instances"}}: provider=openstack@5.5.3'
)
ERROR_STATE = (
    "sdk-v2/provider2.go:571: sdk.helper_schema: Error waiting for instance (a7444091-5496-4315-ad22-a4c4a4abe85c) to become ready: unexpected state "
    "'ERROR', wanted target 'ACTIVE'. last error: %!s(<nil>): provider=openstack@5.5.3"
)
URN = "urn:pulumi:cotonou.min-sante.dossier-patient.workload::dcctl::dcctl:stacks:Servers$openstack:compute/instance:Instance::server-web-1"


def test_a_services_own_message_is_found_inside_the_engines():
    assert words.service_words(NEUTRON) == "Quota exceeded for resources: ['floatingip']."
    assert words.service_words(NOVA) == "Quota exceeded for instances: Requested 1, but already used 0 of 0 instances"
    assert (words.http_status(NEUTRON), words.http_status(NOVA), words.http_status(ERROR_STATE)) == (409, 403, None)


def test_without_one_the_engines_words_are_kept_without_where_in_its_code_they_came_from():
    said = words.service_words(ERROR_STATE)

    assert said.startswith("Error waiting for instance (a7444091-")
    assert said.endswith("wanted target 'ACTIVE'.")
    assert words.mentioned_id(ERROR_STATE) == "a7444091-5496-4315-ad22-a4c4a4abe85c"
    assert words.mentioned_id(NOVA) is None


@pytest.mark.parametrize("text", ["", "{", "{}", '{"a": [1]}', "{ { {", '{"message": 3}', "<{%fg 1%}>plain<{%reset%}>"])
def test_odd_messages_do_no_harm(text):
    assert isinstance(words.service_words(text), str)


def test_a_urn_has_its_type_and_logical_name():
    assert words.urn_parts(URN) == ("openstack:compute/instance:Instance", "server-web-1")
    assert words.urn_parts("nothing") == ("", "nothing")


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        ("error: rpc error: code = Unavailable desc = error reading from server: EOF", True),
        ("error: could not load plugin: /plugins/pulumi-resource-openstack plugin [/plugins] did not begin responding to RPC connections", True),
        (NEUTRON, False),
    ],
)
def test_a_provider_that_was_killed_or_did_not_begin_in_time_is_no_failure_of_a_service(said: str, gone: bool):
    assert words.provider_gone(said) is gone


def test_only_a_failed_creation_counts_as_never_made():
    assert words.never_made(f"creating {URN}: 1 error occurred:\n\t* …")
    assert not words.never_made(f"updating {URN}: 1 error occurred:\n\t* volume cannot be extended")


def test_the_event_log_becomes_events_outputs_and_diagnostics(tmp_path: Path):
    metadata = {
        "op": "create",
        "urn": URN,
        "type": "openstack:compute/instance:Instance",
        "new": {"inputs": {"name": "min-sante-dossier-patient-web-1"}},
    }
    stack = "urn:pulumi:cotonou.min-sante.dossier-patient.workload::dcctl::pulumi:pulumi:Stack::s"
    lines = [
        {"resourcePreEvent": {"metadata": metadata}},
        {"diagnosticEvent": {"urn": URN, "message": f"<{{%reset%}}>{NOVA}", "severity": "error"}},
        {"diagnosticEvent": {"urn": URN, "message": "1 error occurred: * creating …", "severity": "error"}},
        {"diagnosticEvent": {"urn": stack, "message": "update failed", "severity": "error"}},
        {"resOpFailedEvent": {"metadata": metadata}},
        {"resOutputsEvent": {"metadata": {"op": "create", "urn": stack, "new": {"outputs": {"project_id": "p"}}}}},
        {"summaryEvent": {"resourceChanges": {"create": 3, "same": 0}}},
    ]
    log = tmp_path / "log"
    text = "".join(json.dumps(line) + "\n" for line in lines)
    told: list[Event] = []
    progress = Progress(log, told.append)

    progress.read()  # not there yet
    log.write_text(text[:700])  # half a line
    progress.read()
    log.write_text(text)
    progress.read()

    assert [(event.name, event.status, event.words) for event in told] == [
        ("server-web-1", "running", None),
        ("server-web-1", "failed", "Quota exceeded for instances: Requested 1, but already used 0 of 0 instances"),
    ]
    assert all(event.cloud_name == "min-sante-dossier-patient-web-1" for event in told)
    assert progress.outputs == {"project_id": "p"}
    assert progress.changes == {"create": 3}
    [diagnostic] = progress.diagnostics()
    assert (diagnostic.name, diagnostic.op, diagnostic.status) == ("server-web-1", "create", 403)


def test_errors_travel_from_a_run_to_its_parent():
    pending = Diagnostic(words="network may exist", name="network")
    travelled = [
        from_document("s", {"kind": "late", "summary": "too long"}),
        from_document("s", {"kind": "locked", "summary": "words"}),
        from_document("s", {"kind": "pending", "summary": "?", "diagnostics": [pending.to_document()]}),
        from_document("s", {"kind": "exceeded", "summary": "", "steps": [{"op": "delete", "type": "t", "name": "n", "urn": ""}]}),
    ]

    assert [type(error) for error in travelled] == [EngineLate, EngineLocked, EnginePending, PlanExceeded]
    assert isinstance(travelled[2], EnginePending)
    assert travelled[2].names == ("network",)
    assert isinstance(travelled[3], PlanExceeded)
    assert travelled[3].steps == (Step(op="delete", type="t", name="n"),)


def test_a_state_that_cannot_be_read_is_told_from_a_database_or_a_service_that_fails() -> None:
    assert words.unreadable("error: failed to load checkpoint: place 1: unexpected end of JSON input")
    assert words.unreadable("error: failed to load checkpoint: json: cannot unmarshal number into Go struct field ResourceV3.latest.resources.urn")
    assert words.unreadable("The Pulumi CLI encountered a snapshot integrity error. This is a bug!")
    assert not words.unreadable("error: failed to load checkpoint: dial unix /run/postgresql/.s.PGSQL.5432: connect: connection refused")
    assert not words.unreadable("error: creating openstack_networking_network_v2: invalid character '<' looking for beginning of value")

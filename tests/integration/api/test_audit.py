"""The audit trail: each mutating call and each refusal leaves an event, in the deed's own transaction, and the whole can be proved elsewhere."""

import hashlib
import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine

from dcctl import signature, trail
from dcctl.api import server
from dcctl.api.doubt import EVENTS_A_MINUTE
from dcctl.config import Api as ApiSettings
from dcctl.errors import DcctlError
from dcctl.migrations import views
from dcctl.store import Request
from dcctl.workflow import events, witness
from dcctl.workflow.app import App
from quotas.chain import GENESIS, Report, verify
from tests.integration.api.stack import PAPER, PEOPLE, SPEC, Api, Keystone, token

SEED = 20260042
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0mJxZkz0Q6VnTq0yV1oP8m7X7Xx3c1xqk0m0n0o0p0 exploitation@sante"


def told(api: Api, **query: Any) -> list[dict[str, Any]]:
    """Events, newest first."""
    items: list[dict[str, Any]] = api("GET", "/v1/audit", "auditor", **query).body["items"]
    return items


def whole(api: Api, number: int) -> dict[str, Any]:
    return dict(api("GET", f"/v1/audit/events/{number}", "auditor").body)


def submitted(api: Api, key: str = "0123456789abcdef", **changes: Any) -> Any:
    return api("POST", "/v1/requests", "sante-agent", {"kind": "environment", "spec": SPEC | changes}, headers={"Idempotency-Key": key})


def test_a_submit_leaves_one_event_with_the_seven_w(api: Api) -> None:
    number = submitted(api).body["number"]

    (line,) = told(api, target=number)
    assert (line["actor"], line["scope"], line["action"], line["outcome"]) == ("sante-agent", "domain:min-sante", "request:submit", "success")
    assert (line["administration"], line["observer"], line["target"]) == ("min-sante", "api", number)
    assert line["request_id"].startswith("req-")
    document = whole(api, line["number"])["document"]
    assert document["body"]["spec"]["name"] == "dossier-patient"
    assert document["after"][f"request {number}"]["state"] == "submitted"
    assert document["roles"] == ["dc_agent"]


def test_a_change_of_state_is_kept_with_what_was_before(api: Api) -> None:
    number = submitted(api).body["number"]
    api("POST", f"/v1/requests/{number}/withdraw", "sante-agent", {"reason": "Plus besoin"})

    (line,) = told(api, target=number, action="request:withdraw")
    document = whole(api, line["number"])["document"]
    assert document["before"][f"request {number}"]["state"] == "submitted"
    assert document["after"][f"request {number}"]["state"] == "withdrawn"


def test_what_was_refused_leaves_an_event_and_what_may_be_read_none(api: Api) -> None:
    before = told(api)
    assert api("GET", "/v1/requests", "sante-agent").status == 200
    assert told(api) == before

    assert api("GET", "/v1/capacity", "sante-agent").status == 403
    assert api("GET", "/v1/requests/R-2026-9001", "justice-lead").status == 404
    assert api("POST", "/v1/requests/R-2026-9001/decisions", "justice-lead", {"verdict": "approve", "reason": "x"}).status == 404

    new = told(api)[: len(told(api)) - len(before)]
    assert [(line["actor"], line["action"], line["outcome"], line["target"]) for line in new] == [
        ("justice-lead", "request:decide", "refused", "R-2026-9001"),
        ("justice-lead", "request:show", "refused", "R-2026-9001"),
        ("sante-agent", "capacity:show", "refused", None),
    ]
    assert whole(api, new[-1]["number"])["document"]["error"]["code"] == "DCCTL-106"


@pytest.mark.parametrize(
    ("body", "code"), [({"kind": "environment", "spec": SPEC | {"quota": {"cores": 10**6}}}, "DCCTL-"), ({"colour": 1}, "DCCTL-002")]
)
def test_a_call_that_failed_leaves_an_event_and_changes_nothing(api: Api, body: dict[str, Any], code: str) -> None:
    requests = api("GET", "/v1/requests").body["items"]

    answer = api("POST", "/v1/requests", "sante-agent", body, headers={"Idempotency-Key": "0123456789abcdef"})

    line = told(api)[0]
    assert (answer.status >= 400, line["outcome"], line["action"]) == (True, "failed", "request:submit")
    assert whole(api, line["number"])["document"]["error"]["code"].startswith(code)
    assert api("GET", "/v1/requests").body["items"] == requests


def test_the_event_is_in_the_transaction_of_the_deed(api: Api) -> None:
    """Where the event cannot be written, nothing is done."""
    owner = create_engine(api.app.settings.database.application.replace("dcctl_app@", "postgres@"))
    with owner.begin() as connection:
        connection.exec_driver_sql("ALTER FUNCTION audit.record RENAME TO lost")
    try:
        assert submitted(api).status == 500
        assert "dossier-patient" not in {item["environment"] for item in api("GET", "/v1/requests").body["items"]}
    finally:
        with owner.begin() as connection:
            connection.exec_driver_sql("ALTER FUNCTION audit.lost RENAME TO record")
        owner.dispose()
    assert submitted(api).status == 201


def test_no_secret_is_in_an_event(api: Api) -> None:
    answer = submitted(api, ssh_keys=[SSH_KEY], justification="password: bonjour1234")
    api("PUT", "/v1/maintenance", "operator", {"on": True, "reason": "mot de passe: bonjour1234 https://u:bonjour1234@h/"})

    exported = b"".join(events.export(api.app)).decode()
    assert answer.status in (201, 422)
    assert "bonjour1234" not in exported
    assert SSH_KEY.split()[1] not in exported
    assert hashlib.sha256(SSH_KEY.encode()).hexdigest() in exported


def test_the_application_can_only_add_and_nobody_can_change(api: Api) -> None:
    submitted(api)
    url = api.app.settings.database.application.replace("+psycopg", "")
    for role, statements in {
        "dcctl_app": ("INSERT INTO audit.event SELECT * FROM audit.event", "DELETE FROM audit.event", "UPDATE audit.event SET actor = 'x'",
                      "TRUNCATE audit.event CASCADE", "SELECT audit.seal()", "DELETE FROM audit.seal"),
        "dcctl_exporter": ("SELECT * FROM audit.event",),
        "dcctl_auditor": ("DELETE FROM audit.event", "SELECT audit.seal()"),
        "postgres": ("DELETE FROM audit.event", "UPDATE audit.event SET actor = 'x'", "TRUNCATE audit.event CASCADE",
                     "UPDATE audit.seal SET position = 7"),
    }.items():  # fmt: skip
        with psycopg.connect(url.replace("dcctl_app@", f"{role}@"), autocommit=True) as connection:
            if role == "postgres":
                connection.execute("SET session_replication_role = replica")
                assert connection.execute("SELECT audit.seal()").fetchone() is not None
            for statement in statements:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)


def test_events_stay_when_who_and_what_they_name_are_gone(api: Api) -> None:
    url = api.app.settings.database.application.replace("+psycopg", "").replace("dcctl_app@", "postgres@")
    number = submitted(api).body["number"]
    with psycopg.connect(url) as owner:
        found = owner.execute("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'audit.event'::regclass").fetchone()
        assert found == (0,)
        owner.execute("SET session_replication_role = replica")
        owner.execute("DELETE FROM request WHERE number = %s", (number,))
    assert [line["target"] for line in told(api, target=number)] == [number]


# -- the proof ----------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def exported(standing: Api, key: Ed25519PrivateKey) -> list[bytes]:
    """Some events, sealed, a checkpoint, and two that are not sealed yet."""
    for number in range(12):
        standing("PUT", "/v1/capacity", "operator", {"resources": {"cores": 4000 + number % 2}, **PAPER})
        standing("GET", "/v1/capacity", f"{('sante', 'justice')[number % 2]}-agent")
    url = standing.app.settings.database.application
    sealer, auditor = (create_engine(url.replace("dcctl_app@", f"{role}@")) for role in ("dcctl_sealer", "dcctl_auditor"))
    with sealer.begin() as connection:
        assert witness.CHAIN.seal(connection) > 20
    with auditor.begin() as connection:
        made = witness.CHAIN.head(connection, datetime.now(UTC), view=views.seal_of(witness.CHAIN.sealed))
        assert made is not None
        signed = signature.sign(key, made)
        assert witness.CHAIN.record(connection, made, signed.public_key, signed.signature)
    for person in ("sante-agent", "sante-lead"):
        standing("GET", "/v1/capacity", person)
    lines = b"".join(events.export(standing.app)).splitlines(keepends=True)
    sealer.dispose()
    auditor.dispose()
    return lines


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def wrong(lines: list[bytes], key: Ed25519PrivateKey) -> bool:
    """Whether the proof, with the public key and nothing else, finds anything."""
    report: Report = verify(lines, (), trail.FORM)
    if report.finding is not None:
        return True
    try:
        signature.agreed(report, public(key))
    except DcctlError:
        return True
    return not report.checkpoints


def test_the_export_is_proved_with_the_public_key_alone(exported: list[bytes], key: Ed25519PrivateKey) -> None:
    report = verify(exported, (), trail.FORM)

    assert report.finding is None
    assert (report.sealed > 20, report.unsealed, len(report.checkpoints)) == (True, 2, 1)
    assert not wrong(exported, key)
    assert wrong(exported, Ed25519PrivateKey.generate()), "another key counts for nothing"


def test_ten_thousand_random_changes_are_all_found(exported: list[bytes], key: Ed25519PrivateKey) -> None:
    """A byte changed, taken out or put in anywhere; a line taken out, doubled or put elsewhere, the count made to fit."""
    randomly, content = random.Random(SEED), b"".join(exported)
    for number in range(10_000):
        sort = randomly.randrange(6)
        place = randomly.randrange(len(content))
        if sort == 0:
            changed = content[:place] + bytes([content[place] ^ (1 << randomly.randrange(8))]) + content[place + 1 :]
        elif sort == 1:
            changed = content[:place] + content[place + 1 :]
        elif sort == 2:
            changed = content[:place] + randomly.choice([b"0", b"a", b"\t", b"\n", b" ", b"\\"]) + content[place:]
        else:
            lines = list(exported)
            line = randomly.randrange(1, len(lines) - 1)
            taken = lines.pop(line)
            if sort == 4:
                lines[line:line] = [taken, taken]
            elif sort == 5:
                other = randomly.choice([place for place in range(1, len(lines) - 1) if place != line])
                lines.insert(other, taken)
            counts = [sum(one.startswith(mark) for one in lines) for mark in (b"C\t", b"E\t", b"U\t")]
            lines[-1] = f"Z\t{counts[0]}\t{counts[1] + counts[2]}\n".encode()
            # What is not sealed yet is proved one by one only: that one of these was taken out, the next checkpoint tells.
            if sort == 3 and taken.startswith(b"U\t"):
                continue
            changed = b"".join(lines)
        assert changed == content or wrong(changed.splitlines(keepends=True), key), (number, sort, place)


def rewritten(lines: list[bytes]) -> list[bytes]:
    """Every hash made to fit."""
    chain, made = GENESIS, []
    for line in lines:
        if line.startswith(b"E\t"):
            _, position, rest = line.rstrip(b"\n").split(b"\t", 2)
            text = rest.rsplit(b"\t", 2)[0]
            content = hashlib.sha256(text).digest()
            chain = hashlib.sha256(chain + content).digest()
            line = b"\t".join([b"E", position, text, content.hex().encode(), chain.hex().encode()]) + b"\n"
        elif line.startswith(b"U\t"):
            text = line[2:].rstrip(b"\n").rsplit(b"\t", 1)[0]
            line = b"\t".join([b"U", text, hashlib.sha256(text).hexdigest().encode()]) + b"\n"
        made.append(line)
    return made


def test_a_rewrite_and_a_cut_tail_are_found_by_the_checkpoint(exported: list[bytes], key: Ed25519PrivateKey) -> None:
    anew = rewritten([line.replace(b"sante-agent", b"personne!!!") for line in exported])
    events_and_no_checkpoint = [line for line in anew[:-1] if not line.startswith(b"C\t")]
    counted = b"Z\t0\t%d\n" % sum(line[:2] in (b"E\t", b"U\t") for line in anew)
    sound = verify([*events_and_no_checkpoint, counted], (), trail.FORM)
    assert sound.finding is None, "the chain alone proves nothing against who can write all of it"
    assert wrong(anew, key)

    kept = verify(exported, (), trail.FORM).checkpoints[0][0]
    events_ = [line for line in exported if line.startswith(b"E\t")]
    short = [exported[0], *events_[:-5], b"Z\t0\t%d\n" % (len(events_) - 5)]
    assert verify(short, (), trail.FORM).finding is None, "what remains is a sound trail"
    found = verify(short, [kept], trail.FORM).finding
    assert found is not None
    assert (found.code, found.position) == ("cut", kept.position)


def test_a_checkpoint_of_the_ledger_is_none_of_the_trail(exported: list[bytes], key: Ed25519PrivateKey) -> None:
    made = verify(exported, (), trail.FORM).checkpoints[0][0]
    signed = signature.sign(key, replace(made, of=""))

    assert not signature.Signed(checkpoint=made, public_key=signed.public_key, signature=signed.signature).holds()
    assert json.dumps(signed.document()) != json.dumps(signature.sign(key, made).document())


def test_who_is_not_let_in_leaves_an_event_and_a_flood_of_them_a_number(api: Api) -> None:
    for _ in range(EVENTS_A_MINUTE + 20):
        assert api("POST", "/v1/capacity", None, {}).status == 401
    assert api("GET", "/v1/requests/R-2026-9001", "nobody's token").status == 401

    found = [one for one in told(api, actor="nobody", limit=200) if one["outcome"] == "refused"]
    assert EVENTS_A_MINUTE <= len(found) <= EVENTS_A_MINUTE + 10  # some come back while this lasts
    assert (found[-1]["action"], found[-1]["scope"], found[-1]["observer"]) == ("unknown", "none", "api")
    assert whole(api, found[-1]["number"])["document"]["error"]["code"] == "DCCTL-103"


def test_who_asks_too_much_leaves_an_event_with_their_name(api: Api) -> None:
    app = App(api.app.settings.model_copy(update={"api": ApiSettings(requests_a_minute=2)}))
    hurried = Api(server.front(app, guard=Keystone), app)
    answers = [hurried("GET", "/v1/requests", "sante-agent").status for _ in range(6)]
    app.close()

    assert answers == [200, 200, 429, 429, 429, 429]
    found = [one for one in told(api, actor="sante-agent") if one["outcome"] == "refused"]
    assert {(one["action"], one["administration"]) for one in found} == {("request:list", "min-sante")}
    assert whole(api, found[0]["number"])["document"]["error"]["code"] == "DCCTL-640"


def test_an_attempt_to_decide_on_ones_own_request_or_twice_is_refused_in_the_trail(api: Api) -> None:
    PEOPLE["chef"] = token("chef", "dc_lead", "dc_agent", domain="min-sante")
    spec = SPEC | {"name": "du-chef"}
    number = api("POST", "/v1/requests", "chef", {"kind": "environment", "spec": spec}, headers={"Idempotency-Key": "chef-0001"}).body["number"]
    with api.app.transaction() as session:
        request = session.get_one(Request, number)
        request.state, request.digest = "in_review", "1" * 64
        session.add(request)
    body = {"verdict": "approve", "reason": "Conforme", "digest": "1" * 64}

    assert api("POST", f"/v1/requests/{number}/decisions", "chef", body).code == "DCCTL-204"

    del PEOPLE["chef"]
    (line,) = told(api, target=number, action="request:decide")
    assert (line["actor"], line["outcome"], line["administration"]) == ("chef", "refused", "min-sante")

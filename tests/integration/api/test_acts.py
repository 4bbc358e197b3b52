"""Acts that wait for a second operator: who may decide, what is checked again, and that decision and posting are one."""

import threading
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from quotas import store as accounts
from tests.integration.api.stack import CAPACITY, ENVELOPE, PAPER, Answer, Api

#: Above what one operator may grant alone by default, which is 500.
LARGE = {"administration": "min-sante", "resources": {"cores": 600, "ram": 1024}, **PAPER}


def available(api: Api, administration: str | None = "min-sante", resource: str = "cores") -> int:
    items = api("GET", "/v1/quota", administration=administration).body["items"]
    return next((int(item["available"]) for item in items if item["resource"] == resource), 0)


def waiting(api: Api, body: dict[str, Any] = LARGE, path: str = "/v1/grants", person: str = "operator") -> dict[str, Any]:
    answer = api("POST", path, person, body)
    assert answer.status == 202, answer.body
    found: dict[str, Any] = answer.body["act"]
    return found


def decide(api: Api, act: dict[str, Any], person: str = "operator-2", verdict: str = "approve", **more: Any) -> Answer:
    return api("POST", f"/v1/acts/{act['number']}/decisions", person, {"verdict": verdict, "digest": act["digest"], "reason": "Conforme", **more})


def last_entry(api: Api) -> int:
    return int(api("GET", "/v1/history").body["items"][0]["entry"])


def test_beyond_the_threshold_nothing_is_posted_or_held_until_a_second_operator_approves(api: Api) -> None:
    before, entry = available(api), last_entry(api)
    act = waiting(api)
    assert (act["state"], act["over"], act["decision"]) == ("waiting", {"cores": {"asked": 600, "allowed": 500}}, None)
    assert (available(api), available(api, None), last_entry(api)) == (before, CAPACITY["cores"] - 2 * ENVELOPE["cores"], entry)

    done = decide(api, act)

    assert (done.status, done.body["state"]) == (200, "posted")
    assert (done.body["decision"]["user"], done.body["decision"]["reason"]) == ("operator-2", "Conforme")
    assert available(api) == before + 600
    told = api("GET", "/v1/history", "sante-agent").body["items"][0]
    assert {key: told[key] for key in ("cause", "cause_kind", "reason", "document", "asked_by", "decided_by", "actor")} == {
        "cause": act["number"], "cause_kind": "act", "reason": PAPER["reason"], "document": PAPER["document"], "asked_by": "operator",
        "decided_by": "operator-2", "actor": "operator-2",
    }  # fmt: skip


def test_the_one_who_asked_can_take_it_back_and_never_approve_it(api: Api) -> None:
    act = waiting(api)

    own = decide(api, act, "operator")
    assert (own.status, own.code, own.body["error"]["exit"]) == (409, "DCCTL-204", 5)
    assert decide(api, act, "operator", "refuse").body["state"] == "refused"
    late = decide(api, act)
    assert (late.code, late.body["error"]["params"]["state"]) == ("DCCTL-301", "refused")
    assert available(api) == ENVELOPE["cores"]


def test_the_database_refuses_what_the_code_refuses_too(api: Api) -> None:
    act = waiting(api)
    small = api("POST", "/v1/grants", "operator", LARGE | {"resources": {"cores": 1}}).body["act"]
    engine = api.app.engine
    insert = text("""INSERT INTO act_decision (act, verdict, digest, reason, user_id, actor, decided_at)
        VALUES (:act, :verdict, :digest, 'conforme', :user, jsonb_build_object('user_id', CAST(:named AS text)), now())""")
    good = {"act": act["number"], "verdict": "approve", "digest": act["digest"], "user": "id-operator-2", "named": "id-operator-2"}
    for wrong, words in (
        ({"user": "id-operator", "named": "id-operator"}, "cannot approve"),
        ({"user": "id-operator-2", "named": "id-operator"}, "names two people"),
        ({"digest": "0" * 64}, "digest"),
        ({"act": small["number"], "digest": small["digest"]}, "does not wait"),
        ({"verdict": "perhaps"}, "act_decision_verdict"),
    ):
        with pytest.raises(IntegrityError, match=words), engine.begin() as connection:
            connection.execute(insert, good | wrong)
    with engine.begin() as connection:
        connection.execute(insert, good)
    with pytest.raises(IntegrityError, match="act_decision_pkey"), engine.begin() as connection:
        connection.execute(insert, good)
    owner = create_engine(api.app.settings.database.application.replace("dcctl_app@", "dcctl_owner@"))
    for statement in ("UPDATE act SET reason = 'x'", "DELETE FROM act_decision", "UPDATE act_decision SET user_id = 'x'", "TRUNCATE act_decision"):
        with pytest.raises(IntegrityError, match="append-only"), owner.begin() as connection:
            connection.execute(text(statement))
    owner.dispose()


def test_an_approval_names_the_digest_of_the_act(api: Api) -> None:
    act = waiting(api)

    for digest in ("0" * 64, None):
        refused = decide(api, act, digest=digest)
        assert (refused.status, refused.code) == (409, "DCCTL-551")
        assert refused.body["error"]["params"]["digest"] == act["digest"]
    assert api("GET", f"/v1/acts/{act['number']}").body["state"] == "waiting"


def test_two_approvals_at_once_post_once(api: Api) -> None:
    act, before = waiting(api), available(api)
    answers: list[Answer] = []
    together = [threading.Thread(target=lambda: answers.append(decide(api, act))) for _ in range(4)]
    for one in together:
        one.start()
    for one in together:
        one.join()

    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    assert {answer.code for answer in answers if answer.status == 409} == {"DCCTL-301"}
    assert available(api) == before + 600


def test_what_has_gone_meanwhile_is_named_at_the_approval_and_the_act_goes_on_waiting(api: Api) -> None:
    act = waiting(api, LARGE | {"resources": {"cores": 3000}})
    api("PUT", "/v1/capacity", "operator", {"resources": {"cores": 1000}, **PAPER})

    short = decide(api, act)

    assert (short.status, short.code) == (409, "DCCTL-206")
    assert short.body["error"]["params"]["shortfalls"] == [{"resource": "cores", "asked": 3000, "available": 840}]
    assert api("GET", f"/v1/acts/{act['number']}").body["state"] == "waiting"
    assert accounts.differences(api.app.engine.connect()) == []


def test_an_act_that_could_not_be_done_now_does_not_wait(api: Api) -> None:
    answer = api("POST", "/v1/grants", "operator", LARGE | {"resources": {"cores": 9_999_999, "routers": 101}})

    assert (answer.status, answer.code) == (409, "DCCTL-206")
    assert [(s["resource"], s["asked"], s["available"]) for s in answer.body["error"]["params"]["shortfalls"]] == [
        ("cores", 9_999_999, 3840), ("routers", 101, 80),
    ]  # fmt: skip
    assert api("GET", "/v1/acts", state="waiting").body["items"] == []


@pytest.mark.parametrize("table", ["act_decision", "quotas.entry"])
def test_a_server_that_dies_between_decision_and_posting_leaves_neither(api: Api, table: str) -> None:
    act, before = waiting(api), available(api)
    superuser = create_engine(api.app.settings.database.application.replace("dcctl_app@", "postgres@"))
    with superuser.begin() as connection:
        # The connection is killed in the middle of the approval, after this table has its row.
        connection.execute(
            text("""CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$""")
        )
        connection.execute(text(f"CREATE TRIGGER dies AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION public.die()"))

    cut = decide(api, act)

    with superuser.begin() as connection:
        connection.execute(text(f"DROP TRIGGER dies ON {table}"))
    superuser.dispose()
    assert (cut.status, cut.code) == (503, "DCCTL-501")
    assert (api("GET", f"/v1/acts/{act['number']}").body["state"], available(api)) == ("waiting", before)
    assert decide(api, act).body["state"] == "posted"
    assert available(api) == before + 600


def test_the_same_key_is_the_same_act_and_for_another_body_it_is_refused(api: Api) -> None:
    key = {"Idempotency-Key": "0123456789abcdef"}
    small = LARGE | {"resources": {"cores": 5}}

    first, again = (api("POST", "/v1/grants", "operator", small, headers=key).body for _ in range(2))
    other = api("POST", "/v1/grants", "operator", small | {"reason": "Autre"}, headers=key)
    request = api("POST", "/v1/requests", "operator", {"kind": "environment"}, headers=key)

    assert first["act"]["number"] == again["act"]["number"]
    assert available(api) == ENVELOPE["cores"] + 5
    assert (other.status, other.code) == (409, "DCCTL-303")
    assert request.status >= 400
    large = [api("POST", "/v1/grants", "operator", LARGE, headers={"Idempotency-Key": "fedcba9876543210"}) for _ in range(2)]
    assert [answer.status for answer in large] == [202, 202]
    assert len(api("GET", "/v1/acts", state="waiting").body["items"]) == 1


def test_the_same_key_at_the_same_instant_is_one_act(api: Api) -> None:
    key, numbers = {"Idempotency-Key": "0123456789abcdef"}, []

    def grant() -> None:
        numbers.append(api("POST", "/v1/grants", "operator", LARGE | {"resources": {"cores": 5}}, headers=key).body["act"]["number"])

    together = [threading.Thread(target=grant) for _ in range(4)]
    for one in together:
        one.start()
    for one in together:
        one.join()

    assert len(numbers) == 4
    assert len(set(numbers)) == 1
    assert available(api) == ENVELOPE["cores"] + 5


def test_capacity_beyond_its_threshold_waits_and_is_counted_from_what_is_declared_then(api: Api) -> None:
    asked = api("PUT", "/v1/capacity", "operator", {"resources": {"cores": 10_000}, **PAPER})
    assert (asked.status, asked.body["act"]["over"]) == (202, {"cores": {"asked": 6000, "allowed": 5000}})
    api("PUT", "/v1/capacity", "operator", {"resources": {"cores": 4500}, **PAPER})

    decide(api, asked.body["act"])

    declared = {item["resource"]: item["declared"] for item in api("GET", "/v1/capacity").body["items"]}
    assert declared["cores"] == 10_000


def test_acts_are_listed_newest_first_page_by_page(api: Api) -> None:
    act = waiting(api)
    decide(api, act, verdict="refuse")
    items = api("GET", "/v1/acts", "auditor").body["items"]
    first = api("GET", "/v1/acts", "auditor", limit=2).body
    rest = api("GET", "/v1/acts", "auditor", after=first["cursor"]).body

    assert [item["kind"] for item in items] == ["grant", "grant", "grant", "declare"]
    assert [item["number"] for item in first["items"] + rest["items"]] == [item["number"] for item in items]
    assert {state: len(api("GET", "/v1/acts", state=state).body["items"]) for state in ("posted", "waiting", "refused")} == {
        "posted": 3, "waiting": 0, "refused": 1,
    }  # fmt: skip
    ours = api("GET", "/v1/acts", administration="min-sante", kind="grant").body["items"]
    assert (len(ours), ours[0]["number"]) == (2, act["number"])
    wrong = api("GET", "/v1/acts", state="done")
    assert (wrong.status, wrong.code, wrong.body["error"]["params"]["allowed"]) == (422, "DCCTL-002", "waiting, posted, refused")


def test_a_revocation_below_what_children_hold_names_them_with_their_amounts(api: Api) -> None:
    api("POST", "/v1/grants", "operator", {"administration": "anpc", "resources": {"cores": 30, "ram": 512}, **PAPER})

    answer = api("POST", "/v1/revocations", "operator", {"administration": "min-sante", "resources": {"cores": 60}, **PAPER})

    assert (answer.status, answer.code, answer.body["error"]["exit"]) == (409, "DCCTL-552", 5)
    assert answer.body["error"]["params"]["shortfalls"] == [{"resource": "cores", "asked": 60, "available": 50}]
    assert answer.body["error"]["params"]["children"] == [{"holder": "anpc", "resource": "cores", "amount": 30}]
    assert "anpc cores 30" in answer.body["error"]["message"]


def test_an_act_that_was_asked_of_another_parent_is_not_posted(api: Api) -> None:
    api("PUT", "/v1/capacity", "operator", {"resources": {"cores": 8000}, **PAPER})
    decide(api, waiting(api, LARGE | {"resources": {"cores": 2000}}))
    act = waiting(api, LARGE | {"administration": "anpc", "resources": {"cores": 700}})
    assert api("POST", "/v1/administrations/anpc/parent", "operator", {"parent": "min-justice", **PAPER}).status == 200

    refused = decide(api, act)

    assert (refused.code, refused.body["error"]["params"]["parent"]) == ("DCCTL-558", "min-justice")
    assert api("GET", f"/v1/acts/{act['number']}").body["state"] == "waiting"

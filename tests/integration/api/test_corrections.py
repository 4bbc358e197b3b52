"""An entry is corrected by its reversal and a new one; a reversal never is."""

from typing import Any

from quotas import store as accounts
from tests.integration.api.stack import PAPER, SPEC, Answer, Api
from tests.integration.api.test_acts import available, decide, last_entry


def granted(api: Api, cores: int, administration: str = "min-sante") -> int:
    """The entry of a new grant."""
    assert api("POST", "/v1/grants", "operator", {"administration": administration, "resources": {"cores": cores}, **PAPER}).status == 200
    return last_entry(api) if administration != "anpc" else int(api("GET", "/v1/history", administration="anpc").body["items"][0]["entry"])


def correct(api: Api, entry: int, resources: dict[str, Any] | None = None, **more: Any) -> Answer:
    return api("POST", "/v1/corrections", "operator", {"entry": entry, "resources": resources or {}, **PAPER, **more})


def test_a_wrong_amount_is_reversed_and_the_right_one_posted_in_one_posting(api: Api) -> None:
    entry = granted(api, 160)

    done = correct(api, entry, {"cores": 16})

    assert (done.status, available(api)) == (200, 96)
    assert [(i["kind"], i["amount"], i["reverses"]) for i in done.body["items"]] == [("correct", 160, entry), ("grant", 16, None)]
    newest = api("GET", "/v1/history", administration="min-sante").body["items"][:3]
    assert [(i["kind"], i["amount"], i["reverses"], i["cause_kind"]) for i in newest] == [
        ("grant", 16, None, "correction"), ("correct", 160, entry, "correction"), ("grant", 160, None, "act"),
    ]  # fmt: skip
    assert (newest[0]["cause"], newest[0]["reason"], newest[0]["document"]) == (done.body["act"]["number"], PAPER["reason"], PAPER["document"])
    assert accounts.differences(api.app.engine.connect()) == []


def test_a_reversal_is_not_reversed_and_names_its_original_and_nothing_is_corrected_twice(api: Api) -> None:
    entry = granted(api, 16)
    reversal = correct(api, entry).body["items"][0]["entry"]

    again, back = correct(api, entry), correct(api, reversal)

    assert (back.status, back.code, back.body["error"]["params"]) == (409, "DCCTL-555", {"entry": reversal, "original": entry})
    assert f"the reversal of entry {entry}" in back.body["error"]["message"]
    assert (again.status, again.code) == (409, "DCCTL-556")
    assert available(api) == 80


def test_a_reversal_that_would_overdraw_names_every_shortfall(api: Api) -> None:
    entry = granted(api, 160)
    api("POST", "/v1/revocations", "operator", {"administration": "min-sante", "resources": {"cores": 200}, **PAPER})

    answer = correct(api, entry, {"cores": 16})

    assert (answer.status, answer.code, answer.body["error"]["exit"]) == (409, "DCCTL-557", 5)
    assert answer.body["error"]["params"]["shortfalls"] == [
        {"holder": "min-sante", "resource": "cores", "asked": 160, "available": 56, "grantor": "dc_operator"}
    ]
    assert available(api) == 40


def test_what_a_request_held_is_not_an_operators_to_correct_and_what_is_not_there_is_not_found(api: Api) -> None:
    made = api("POST", "/v1/requests", "sante-agent", {"kind": "environment", "spec": SPEC}, headers={"Idempotency-Key": "0123456789abcdef"})
    assert made.status == 201, made.body
    held = api("GET", "/v1/history", "sante-agent").body["items"][0]

    refused, nothing = correct(api, held["entry"]), correct(api, 10**9)

    assert (held["kind"], refused.status, refused.code) == ("hold", 409, "DCCTL-556")
    assert (nothing.status, nothing.code, nothing.body["error"]["exit"]) == (404, "DCCTL-107", 6)


def test_a_large_correction_waits_for_a_second_operator(api: Api) -> None:
    act = api("POST", "/v1/grants", "operator", {"administration": "min-sante", "resources": {"cores": 600}, **PAPER}).body["act"]
    decide(api, act)
    entry = last_entry(api)

    waiting = correct(api, entry, {"cores": 60})
    assert (waiting.status, waiting.body["items"], available(api)) == (202, [], 680)
    assert waiting.body["act"]["over"] == {"cores": {"asked": 600, "allowed": 500}}

    assert decide(api, waiting.body["act"]).status == 200
    assert available(api) == 140


def test_what_an_old_parent_granted_is_not_reversed_at_the_cost_of_the_new(api: Api) -> None:
    entry = granted(api, 8, "anpc")
    api("POST", "/v1/revocations", "operator", {"administration": "anpc", "resources": {"cores": 8}, **PAPER})
    api("POST", "/v1/administrations/anpc/parent", "operator", {"parent": "min-justice", **PAPER})
    granted(api, 8, "anpc")

    refused = correct(api, entry)

    assert (refused.status, refused.code) == (409, "DCCTL-556")
    assert (available(api, "anpc"), available(api), available(api, "min-justice")) == (8, 80, 72)

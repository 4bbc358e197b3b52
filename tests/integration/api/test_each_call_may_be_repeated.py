"""A lost answer costs nothing: each call again, under the same key, is done once and answers again; asked of each route that changes something."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.api.stack import Answer, Api
from tests.integration.api.test_each_call_is_witnessed import CALLS, KEYSTONE, Call, Route, last, reviewed, submitted, witnessed


def sent(api: Api, method: str, call: Call, key: str) -> Answer:
    return api(method, call.path, call.person, call.body, headers={"Idempotency-Key": key}, **call.query)


@pytest.mark.parametrize("route", sorted(set(CALLS) - KEYSTONE), ids=" ".join)
def test_a_call_under_the_same_key_is_answered_again_and_done_once(standing: Api, route: Route) -> None:
    method, path = route
    call, key = CALLS[route](standing), f"repeated-{sorted(CALLS).index(route):04}"
    first = sent(standing, method, call, key)
    assert first.status < 300, first.body
    before = last(standing)

    again = sent(standing, method, call, key)

    assert again.status < 300, again.body
    # What is measured or asked of the worker anew is another answer, and moves nothing.
    if path not in ("/v1/reconciliations", "/v1/requests/{number}/evidence") and not path.endswith(("/plans", "/looks")):
        for name in ("number", "id", "state", "version", "act"):
            assert again.body.get(name) == first.body.get(name)
    (event,) = witnessed(standing, before)
    assert event["outcome"] == "success"


def test_a_comment_is_there_once_and_another_one_under_its_key_is_refused(standing: Api) -> None:
    number = submitted(standing)
    call = Call(path=f"/v1/requests/{number}/comments", person="sante-agent", body={"text": "Le courrier 31 suit"})
    for _ in range(3):
        assert sent(standing, "POST", call, "comment-of-31").status == 200

    other = sent(standing, "POST", Call(path=call.path, person=call.person, body={"text": "Autre chose"}), "comment-of-31")
    elsewhere = sent(standing, "POST", Call(path=f"/v1/requests/{number}/withdraw", person=call.person, body=call.body), "comment-of-31")

    assert (other.status, other.code) == (409, "DCCTL-303")
    assert elsewhere.status >= 400
    assert comments(standing, number) == ["Le courrier 31 suit"]
    theirs = sent(standing, "POST", Call(path=call.path, person="sante-lead", body={"text": "Le courrier 31 suit"}), "comment-of-31")
    assert theirs.status == 200
    assert len(comments(standing, number)) == 2, "a key is one person's"


def test_what_failed_may_be_asked_again_under_the_same_key(standing: Api) -> None:
    number = submitted(standing)
    call = Call(path=f"/v1/requests/{number}/answer", person="sante-agent", body={"accept": True})
    assert [sent(standing, "POST", call, "answer-too-early").code for _ in range(2)] == ["DCCTL-301"] * 2


def test_the_same_call_twice_at_once_is_done_once(standing: Api) -> None:
    number = reviewed(standing)
    comment = Call(path=f"/v1/requests/{number}/comments", person="sante-agent", body={"text": "Vu"})
    digest = standing("GET", f"/v1/requests/{number}").body["digest"]
    decision = Call(path=f"/v1/requests/{number}/decisions", person="sante-lead",
                    body={"verdict": "refuse", "reason": "Non conforme", "digest": digest})  # fmt: skip
    for call, key in ((comment, "vu-at-once"), (decision, "no-at-once")):
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda one, call=call, key=key: sent(standing, "POST", call, key), range(4)))  # type: ignore[misc]
        assert [answer.status for answer in answers] == [200] * 4
    assert comments(standing, number) == ["Vu"]
    assert len(standing("GET", f"/v1/requests/{number}").body["decisions"]) == 1


def comments(api: Api, number: str) -> list[Any]:
    return [one["text"] for one in api("GET", f"/v1/requests/{number}").body["story"] if one["kind"] == "commented"]

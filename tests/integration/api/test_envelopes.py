"""Acts on capacity and envelopes, over the whole stack: the difference is posted, all of it or none, and told afterwards."""

import threading

from sqlmodel import select

from dcctl.store import Act
from quotas import store as accounts
from tests.integration.api.stack import CAPACITY, ENVELOPE, PAPER, Answer, Api


def figures(answer: Answer, figure: str) -> dict[str, int]:
    assert answer.status == 200, answer.body
    return {item["resource"]: item[figure] for item in answer.body["items"]}


def test_declaring_says_what_there_is_now_and_leaves_out_what_it_does_not_name(api: Api) -> None:
    answer = api("PUT", "/v1/capacity", "operator", {"resources": {"cores": 5000, "routers": 60, "gigabytes_hdd": 900}, **PAPER})

    assert figures(answer, "declared") == CAPACITY | {"cores": 5000, "routers": 60, "gigabytes_hdd": 900}
    assert figures(answer, "granted") == {r: 2 * n for r, n in ENVELOPE.items()} | {"gigabytes_hdd": 0}
    assert accounts.differences(api.app.engine.connect()) == []


def test_the_same_capacity_again_posts_nothing(api: Api) -> None:
    before = api("GET", "/v1/history").body["items"][0]["entry"]

    api("PUT", "/v1/capacity", "operator", {"resources": dict(CAPACITY), **PAPER})

    assert api("GET", "/v1/history").body["items"][0]["entry"] == before


def test_capacity_that_is_granted_already_cannot_be_taken_away(api: Api) -> None:
    answer = api("PUT", "/v1/capacity", "operator", {"resources": {"cores": 100, "routers": 5, "ram": 9_000_000}, **PAPER})

    assert (answer.status, answer.code, answer.body["error"]["exit"]) == (409, "DCCTL-206", 5)
    assert [s["resource"] for s in answer.body["error"]["params"]["shortfalls"]] == ["cores", "routers"]
    assert figures(api("GET", "/v1/capacity"), "declared") == CAPACITY


def test_a_grant_adds_and_a_revocation_takes_back_what_is_available(api: Api) -> None:
    granted = api("POST", "/v1/grants", "operator", {"administration": "min-sante", "resources": {"cores": 20}, **PAPER})
    revoked = api("POST", "/v1/revocations", "operator", {"administration": "min-sante", "resources": {"cores": 5}, **PAPER})

    assert figures(granted, "granted")["cores"] == 100
    assert figures(revoked, "granted")["cores"] == 95
    beyond = api("POST", "/v1/revocations", "operator", {"administration": "min-sante", "resources": {"cores": 96, "ram": 1}, **PAPER})
    assert (beyond.code, beyond.body["error"]["params"]["shortfalls"]) == ("DCCTL-202", [{"resource": "cores", "asked": 96, "available": 95}])
    assert figures(api("GET", "/v1/quota", administration="min-sante"), "granted") == ENVELOPE | {"cores": 95}


def test_an_agency_is_paid_by_its_ministry_and_every_shortfall_is_named(api: Api) -> None:
    given = api("POST", "/v1/grants", "operator", {"administration": "anpc", "resources": {"cores": 30}, **PAPER})
    short = api("POST", "/v1/grants", "operator", {"administration": "anpc", "resources": {"cores": 51, "ram": 8, "routers": 11}, **PAPER})

    assert figures(given, "available") == {"cores": 30}
    mine = {item["resource"]: item for item in api("GET", "/v1/quota", "sante-lead").body["items"]}["cores"]
    assert (mine["available"], mine["granted"]) == (50, 80)
    assert (short.status, short.code) == (409, "DCCTL-201")
    assert short.body["error"]["params"]["holder"] == "min-sante"
    assert [(s["resource"], s["asked"], s["available"]) for s in short.body["error"]["params"]["shortfalls"]] == [
        ("cores", 51, 50),
        ("routers", 11, 10),
    ]


def test_an_act_is_kept_with_its_number_reason_paper_and_author_and_a_refused_one_is_not(api: Api) -> None:
    def numbers() -> list[Act]:
        with api.app.reading() as session:
            return list(session.exec(select(Act).order_by(Act.number)).all())

    before = len(numbers())
    api("POST", "/v1/grants", "operator", {"administration": "min-sante", "resources": {"cores": 9_999_999}, **PAPER})
    api("POST", "/v1/grants", "operator", {"administration": "min-sante", "resources": {"cores": 1}, "reason": "Assez", "document": "Note 7"})

    acts = numbers()
    assert len(acts) == before + 1
    last = acts[-1]
    assert (last.kind, last.administration, last.reason, last.document, last.resources) == ("grant", "min-sante", "Assez", "Note 7", {"cores": 1})
    assert (last.actor["user"], last.actor["roles"], last.actor["scope"]) == ("operator", ["dc_operator"], "project:asin/exploitation")


def test_operators_who_declare_at_the_same_time_do_not_add_up(api: Api) -> None:
    def declare(cores: int) -> None:
        api("PUT", "/v1/capacity", "operator", {"resources": {"cores": cores}, **PAPER})

    together = [threading.Thread(target=declare, args=(cores,)) for cores in (5000, 6000, 7000, 8000)]
    for one in together:
        one.start()
    for one in together:
        one.join()

    assert figures(api("GET", "/v1/capacity"), "declared")["cores"] in (5000, 6000, 7000, 8000)

"""A file of envelopes over the API: whole or not at all, every fault at its line, recognised when it comes again."""

import csv
import time
from pathlib import Path
from typing import Any

from dcctl.cli import openingfile
from dcctl.store import Administration
from quotas import store as accounts
from quotas.ledger import POOL, HolderKind
from tests.integration.api.stack import PAPER, Answer, Api
from tests.integration.api.test_acts import available, decide, last_entry

DOCS = Path(__file__).parents[3] / "docs"
FILE = [
    {"administration": "min-sante", "resources": {"cores": 40, "ram": 8192}},
    {"administration": "min-justice", "resources": {"cores": 8, "routers": 0}},
    {"administration": "anpc", "resources": {"cores": 100}},
]


def sent(api: Api, envelopes: list[dict[str, Any]] = FILE, person: str = "operator", **more: Any) -> Answer:
    return api("POST", "/v1/imports", person, {"envelopes": envelopes, **PAPER, **more})


def test_a_file_is_one_act_and_one_posting_in_which_a_parent_passes_on_what_it_receives(api: Api) -> None:
    done = sent(api)

    assert (done.status, done.body["administrations"], done.body["count"]) == (200, 3, 4)
    assert [(i["resource"], i["unit"], i["amount"]) for i in done.body["items"]] == [("cores", "", 148), ("ram", "MiB", 8192)]
    assert {code: available(api, code) for code in ("min-sante", "min-justice", "anpc")} == {"min-sante": 20, "min-justice": 88, "anpc": 100}
    (entry,) = api("GET", "/v1/history", administration="anpc").body["items"]
    assert (entry["source"], entry["document"], entry["cause"]) == ("min-sante", PAPER["document"], done.body["act"]["number"])
    assert accounts.differences(api.app.engine.connect()) == []


def test_a_dry_run_shows_everything_and_changes_nothing(api: Api) -> None:
    entry, acts = last_entry(api), api("GET", "/v1/acts").body["items"]

    fine = sent(api, dry_run=True).body
    short = sent(api, [*FILE, {"administration": "min-justice", "resources": {"networks": 200, "gigabytes": 5}}], dry_run=True).body
    large = sent(api, [{"administration": "min-justice", "resources": {"cores": 501}}], dry_run=True).body

    assert [tuple(e[key] for key in ("administration", "payer", "resource", "amount")) for e in fine["entries"]] == [
        ("min-sante", "pool", "cores", 40), ("min-sante", "pool", "ram", 8192), ("min-justice", "pool", "cores", 8),
        ("anpc", "min-sante", "cores", 100),
    ]  # fmt: skip
    assert (fine["shortfalls"], fine["act"]) == ([], None)
    assert short["shortfalls"] == [{"holder": "pool", "resource": "networks", "asked": 200, "available": 80, "grantor": "dc_operator",
                                    "envelopes": [3]}]  # fmt: skip
    assert large["over"] == {"cores": {"asked": 501, "allowed": 500}}
    assert (last_entry(api), api("GET", "/v1/acts").body["items"]) == (entry, acts)


def test_every_payer_that_falls_short_is_named_with_who_can_grant_more_and_nothing_is_posted(api: Api) -> None:
    entry = last_entry(api)

    answer = sent(api, [*FILE[:2], {"administration": "anpc", "resources": {"cores": 200, "networks": 11}}])

    assert (answer.status, answer.code, answer.body["error"]["exit"]) == (409, "DCCTL-553", 5)
    assert answer.body["error"]["params"]["shortfalls"] == [
        {"holder": "min-sante", "resource": "cores", "asked": 200, "available": 120, "grantor": "dc_operator", "envelopes": [2]},
        {"holder": "min-sante", "resource": "networks", "asked": 11, "available": 10, "grantor": "dc_operator", "envelopes": [2]},
    ]
    assert last_entry(api) == entry


def test_every_fault_is_told_with_the_path_of_its_line(api: Api) -> None:
    faulty = [
        {"administration": "min-sant", "resources": {"cores": 1}},
        {"administration": "min-sante", "resources": {"cors": 1, "ram": -1, "cores": 1.5, "gigabytes": 2**53 + 1, "volumes": "-1", "ports": 3}},
        {"administration": "min-justice", "resources": {"cores": 0}},
        {"administration": "min-justice", "resources": {"ram": 8}},
        {"administration": "min-justice", "resources": {"ram": 8}},
    ]

    answer = sent(api, faulty)

    assert (answer.status, answer.code) == (422, "DCCTL-001")
    assert [(*fault["path"][1:], fault["code"].partition(".")[2]) for fault in answer.body["error"]["params"]["faults"]] == [
        (0, "administration", "unknown_administration"), (1, "resources", "cors", "unknown_resource"), (1, "resources", "ram", "not_an_amount"),
        (1, "resources", "cores", "not_an_amount"), (1, "resources", "gigabytes", "not_an_amount"), (1, "resources", "volumes", "not_an_amount"),
        (1, "resources", "ports", "unknown_resource"), (2, "empty"), (4, "resources", "ram", "duplicate"),
    ]  # fmt: skip
    assert answer.body["error"]["params"]["faults"][0]["params"]["nearest"][0] == "min-sante"


def test_the_same_envelopes_are_recognised_whatever_their_order_unless_again(api: Api) -> None:
    number = sent(api, FILE[:2]).body["act"]["number"]

    twice = sent(api, [FILE[1], FILE[0]], reason="Autre motif")
    assert (twice.status, twice.code, twice.body["error"]["params"]) == (409, "DCCTL-554", {"number": number, "state": "posted"})
    assert sent(api, FILE[:2], again=True).status == 200
    assert available(api) == 80 + 2 * 40


def test_a_lost_answer_of_a_file_is_not_a_second_file(api: Api) -> None:
    key = {"Idempotency-Key": "0123456789abcdef"}
    answers = [api("POST", "/v1/imports", "operator", {"envelopes": FILE, **PAPER}, headers=key) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body["act"]["number"] == answers[1].body["act"]["number"]
    assert available(api, "anpc") == 100


def test_a_large_file_waits_and_a_refused_one_may_come_again(api: Api) -> None:
    large = [{"administration": code, "resources": {"cores": 300}} for code in ("min-sante", "min-justice")]

    first = sent(api, large)
    assert (first.status, first.body["act"]["over"]) == (202, {"cores": {"asked": 600, "allowed": 500}})
    assert sent(api, large).body["error"]["params"]["state"] == "waiting"
    decide(api, first.body["act"], verdict="refuse")
    second = sent(api, large)
    shown = api("GET", f"/v1/acts/{second.body['act']['number']}", "auditor").body

    assert shown["details"]["envelopes"] == large
    assert decide(api, second.body["act"]).body["state"] == "posted"
    assert (available(api), available(api, "min-justice")) == (380, 380)


def opened(api: Api, administrations: dict[str, str | None]) -> None:
    """Administrations with their parents, those that are there already left as they are."""
    with api.app.transaction() as session:
        for code, parent in administrations.items():
            if session.get(Administration, code) is None:
                session.add(Administration(code=code, name=code, domain_id=f"id-{code}", parent=parent))
                session.flush()
                above = accounts.find_holder(session, parent) if parent is not None else POOL
                assert above is not None
                accounts.open_holder(session, HolderKind.ADMINISTRATION, code, above)


def test_the_countrys_ministries_agencies_and_communes_get_their_envelopes_by_the_documented_file(api: Api) -> None:
    with (DOCS / "administrations.csv").open(newline="") as file:
        listed = {line["administration"]: line["parent"] or None for line in csv.DictReader(file)}
    envelopes = openingfile.read(str(DOCS / "envelopes.csv")).document
    assert [line["administration"] for line in envelopes] == list(listed)
    assert len([code for code, parent in listed.items() if code.startswith("min-") and parent is None]) == 22
    assert len([code for code in listed if code.startswith("commune-")]) == 77
    opened(api, listed)
    before = {code: available(api, code) for code in listed}
    capacity = {resource: sum(line["resources"][resource] for line in envelopes) for resource in envelopes[0]["resources"]}
    for resource in capacity:
        api.app.settings.acts.capacity[resource] = 10**9
    assert api("PUT", "/v1/capacity", "operator", {"resources": capacity, **PAPER}).status == 200

    waiting = sent(api, envelopes)
    assert (waiting.status, waiting.body["act"]["state"]) == (202, "waiting")  # beyond what one operator may do alone
    assert decide(api, waiting.body["act"]).body["state"] == "posted"

    passed_on = {code: sum(line["resources"]["cores"] for line in envelopes if listed[line["administration"]] == code) for code in listed}
    assert {code: available(api, code) - before[code] for code in listed} == {
        line["administration"]: line["resources"]["cores"] - passed_on[line["administration"]] for line in envelopes
    }
    assert accounts.differences(api.app.engine.connect()) == []


def test_ten_thousand_entries_are_posted_at_once(api: Api) -> None:
    codes = [f"commune-{number}" for number in range(1250)]
    opened(api, dict.fromkeys(codes))
    demand = {"instances": 2, "cores": 4, "ram": 8192, "volumes": 2, "gigabytes": 10, "networks": 1, "routers": 1, "floatingips": 1}
    for resource in demand:
        api.app.settings.acts.capacity[resource] = api.app.settings.acts.envelopes[resource] = 10**9
    assert api("PUT", "/v1/capacity", "operator", {"resources": dict.fromkeys(demand, 50_000_000), **PAPER}).status == 200

    began = time.monotonic()
    done = sent(api, [{"administration": code, "resources": demand} for code in codes])
    took = time.monotonic() - began

    assert (done.status, done.body.get("count", done.body)) == (200, 10_000)
    print(f"10,000 entries in {took:.1f} s")  # at most 10 s where the machine is not busy
    assert accounts.differences(api.app.engine.connect()) == []

"""Another parent for an administration, over the API: who sees it then, what is refused; and balances of another day."""

from datetime import UTC, datetime, timedelta

from tests.integration.api.stack import PAPER, Answer, Api
from tests.integration.api.test_acts import available


def move(api: Api, parent: str | None, code: str = "anpc", **more: object) -> Answer:
    return api("POST", f"/v1/administrations/{code}/parent", "operator", {"parent": parent, **PAPER, **more})


def give(api: Api, cores: int, path: str = "/v1/grants") -> None:
    assert api("POST", path, "operator", {"administration": "anpc", "resources": {"cores": cores}, **PAPER}).status == 200


def figures(api: Api, administration: str, person: str = "operator", **then: str) -> tuple[int, int]:
    items = {i["resource"]: i for i in api("GET", "/v1/quota", person, administration=administration, **then).body["items"]}
    return (items["cores"]["granted"], items["cores"]["available"]) if "cores" in items else (0, 0)


def test_whoever_is_above_sees_it_and_pays_for_it_and_nobody_else(api: Api) -> None:
    seen = {person: api("GET", "/v1/administrations/anpc", person).status for person in ("sante-lead", "justice-lead")}
    assert seen == {"sante-lead": 200, "justice-lead": 404}

    moved = move(api, "min-justice")

    assert (moved.status, moved.body["parent"]) == (200, "min-justice")
    seen = {person: api("GET", "/v1/administrations/anpc", person).status for person in ("sante-lead", "justice-lead")}
    assert seen == {"sante-lead": 404, "justice-lead": 200}
    give(api, 5)
    assert (available(api), available(api, "min-justice")) == (80, 75)
    act = api("GET", "/v1/acts", kind="move").body["items"][0]
    assert (act["state"], act["administration"], act["document"]) == ("posted", "anpc", PAPER["document"])


def test_what_is_still_out_refuses_the_move_with_whom_and_how_much(api: Api) -> None:
    give(api, 30)

    refused = move(api, "min-justice")

    assert (refused.status, refused.code, refused.body["error"]["exit"]) == (409, "DCCTL-559", 5)
    assert refused.body["error"]["params"]["children"] == [{"holder": "anpc", "resource": "cores", "amount": 30}]
    assert "anpc cores 30" in refused.body["error"]["message"]
    assert api("GET", "/v1/administrations/anpc").body["parent"] == "min-sante"
    assert api("GET", "/v1/acts", kind="move").body["items"] == []


def test_a_parent_that_cannot_be_and_a_day_that_cannot_be_are_named_with_their_field(api: Api) -> None:
    give(api, 1)
    busy = datetime.now(UTC).isoformat()
    give(api, 1, "/v1/revocations")
    ahead = (datetime.now(UTC) + timedelta(days=1)).isoformat()

    for code, parent, more, field in (
        ("min-sante", "anpc", {}, "parent"), ("anpc", "min-sante", {}, "parent"), ("anpc", "min-justice", {"since": ahead}, "since"),
        ("anpc", "min-justice", {"since": busy}, "since"), ("anpc", "min-justice", {"since": "hier"}, "since"),
    ):  # fmt: skip
        refused = move(api, parent, code, **more)
        assert (refused.status, refused.code, refused.body["error"]["params"]["field"]) == (422, "DCCTL-002", field)
    assert move(api, "min-none").status == 404
    assert move(api, None).body["parent"] is None


def test_the_same_move_by_the_same_key_is_one(api: Api) -> None:
    body, key = {"parent": "min-justice", **PAPER}, {"Idempotency-Key": "0123456789abcdef"}

    answers = [api("POST", "/v1/administrations/anpc/parent", "operator", body, headers=key) for _ in range(2)]

    assert [(answer.status, answer.body["parent"]) for answer in answers] == [(200, "min-justice")] * 2
    assert len(api("GET", "/v1/acts", kind="move").body["items"]) == 1


def test_balances_of_a_day_are_of_the_tree_of_that_day_without_limits_and_use(api: Api) -> None:
    give(api, 30)
    then = datetime.now(UTC).isoformat()
    give(api, 30, "/v1/revocations")
    move(api, "min-justice")
    give(api, 7)

    assert (figures(api, "min-sante"), figures(api, "min-justice"), figures(api, "anpc")) == ((80, 80), (80, 73), (7, 7))
    assert figures(api, "min-sante", "sante-lead", as_of=then) == (80, 50)
    assert (figures(api, "min-justice", as_of=then), figures(api, "anpc", as_of=then)) == ((80, 80), (30, 30))
    answer = api("GET", "/v1/quota", "sante-lead", as_of=then).body
    assert datetime.fromisoformat(answer["as_of"]) == datetime.fromisoformat(then)
    assert {(item["limit"], item["usage"]) for item in answer["items"]} == {(None, None)}
    assert api("GET", "/v1/quota", "sante-lead", administration="anpc", as_of=then).status == 404
    assert figures(api, "min-sante", known_at=then) == (80, 50)


def test_a_moment_ahead_or_without_a_zone_is_refused(api: Api) -> None:
    ahead = (datetime.now(UTC) + timedelta(hours=2)).isoformat()

    for name, value in (("as_of", ahead), ("known_at", ahead), ("as_of", "2026-01-01T00:00:00"), ("as_of", "hier")):
        refused = api("GET", "/v1/quota", administration="min-sante", **{name: value})
        assert (refused.status, refused.code, refused.body["error"]["params"]["field"]) == (422, "DCCTL-002", name)
    assert figures(api, "min-sante", as_of="2020-01-01T00:00:00+01:00") == (0, 0)


def test_every_parent_that_an_administration_has_had_is_shown_and_the_list_of_a_day_has_those_of_that_day(api: Api) -> None:
    then = datetime.now(UTC).isoformat()
    move(api, "min-justice")
    between = datetime.now(UTC).isoformat()
    move(api, None)

    shown = api("GET", "/v1/administrations/anpc", "operator").body

    assert (shown["parent"], [one["parent"] for one in shown["parents"]]) == (None, ["min-sante", "min-justice", None])
    assert [one["since"] for one in shown["parents"]] == sorted(one["since"] for one in shown["parents"])

    def parent(**when: str) -> str | None:
        items = {item["code"]: item for item in api("GET", "/v1/administrations", "operator", **when).body["items"]}
        assert items["min-sante"]["parent"] is None
        found: str | None = items["anpc"]["parent"]
        return found

    assert (parent(), parent(as_of=between), parent(as_of=then)) == (None, "min-justice", "min-sante")
    assert api("GET", "/v1/administrations", "operator", as_of="2020-01-01T00:00:00+01:00").body["items"] == []
    ahead = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    assert api("GET", "/v1/administrations", "operator", as_of=ahead).code == "DCCTL-002"


def test_what_counts_since_an_earlier_day_is_in_the_balances_of_that_day_and_the_second_operator_sees_the_day(api: Api) -> None:
    before = datetime.now(UTC)
    give(api, 5)
    dated = {"effective_at": before.isoformat()}

    granted = api("POST", "/v1/grants", "operator", {"administration": "anpc", "resources": {"cores": 7}, **PAPER, **dated})

    assert granted.status == 200, granted.body
    newest = api("GET", "/v1/history", administration="anpc").body["items"][0]
    assert datetime.fromisoformat(newest["effective_at"]) == before < datetime.fromisoformat(newest["recorded_at"])
    assert (figures(api, "anpc", as_of=before.isoformat()), figures(api, "anpc")) == ((7, 7), (12, 12))
    assert api("GET", f"/v1/acts/{granted.body['act']['number']}", "operator").body["details"]["effective_at"] == before.isoformat()
    (reversed_,) = api("POST", "/v1/corrections", "operator", {"entry": newest["entry"], **PAPER, **dated}).body["items"]
    assert reversed_["reverses"] == newest["entry"]
    assert (figures(api, "anpc", as_of=before.isoformat()), figures(api, "anpc")) == ((0, 0), (5, 5))


def test_what_could_not_have_been_so_then_is_refused_with_whom_when_and_how_little(api: Api) -> None:
    before = datetime.now(UTC).isoformat()
    entries = api("GET", "/v1/history", administration="anpc").body["items"]
    give(api, 5)

    def refused(path: str, day: str, **body: object) -> Answer:
        answer = api("POST", path, "operator", {"administration": "anpc", "resources": {"cores": 5}, **PAPER, "effective_at": day, **body})
        assert len(api("GET", "/v1/history", administration="anpc").body["items"]) == len(entries) + 1, "nothing was posted"
        return answer

    ended = refused("/v1/revocations", before)
    assert (ended.status, ended.code, ended.body["error"]["exit"]) == (409, "DCCTL-570", 5)
    (one,) = ended.body["error"]["params"]["overdrawn"]
    assert (one["holder"], one["resource"], one["balance"]) == ("anpc", "cores", -5)
    assert "anpc cores -5" in ended.body["error"]["message"]
    early = refused("/v1/grants", "2020-01-01T00:00:00+01:00")
    assert early.body["error"]["params"]["overdrawn"][0]["holder"] == "min-sante", "which had nothing then"
    ahead = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    for day in (ahead, "hier", "2026-01-01T00:00:00"):
        assert (refused("/v1/grants", day).code, refused("/v1/grants", day).body["error"]["params"]["field"]) == ("DCCTL-002", "effective_at")
    line = {"administration": "anpc", "resources": {"cores": 1}}
    short = api("POST", "/v1/imports", "operator", {"envelopes": [line], **PAPER, "effective_at": "2020-01-01T00:00:00+01:00", "dry_run": True})
    assert short.code == "DCCTL-570"


def test_nothing_counts_since_a_day_on_which_the_two_were_not_parent_and_child(api: Api) -> None:
    before = datetime.now(UTC).isoformat()
    move(api, "min-justice")

    answer = api("POST", "/v1/grants", "operator", {"administration": "anpc", "resources": {"cores": 5}, **PAPER, "effective_at": before})

    assert (answer.status, answer.code) == (409, "DCCTL-571")
    assert answer.body["error"]["params"]["parent"] == "min-justice"
    give(api, 5)
    assert figures(api, "anpc") == (5, 5)

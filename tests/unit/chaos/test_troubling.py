"""Trouble comes once at each call and moment, and calls of different runs that do the same are the same call."""

import json

from tests.chaos.proxy import Call
from tests.chaos.troubling import Recorded, Trouble, signature

ONE, OTHER = "5f1c0d2e8a9b4c3d9e7f6a5b4c3d2e1f", "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"


def call(method: str, path: str, **body: object) -> Call:
    return Call(method, 43004, path, body=json.dumps(body).encode() if body else b"")


def test_what_two_runs_do_to_the_same_thing_is_the_same_call():
    first = call("POST", f"/v2.0/ports?x={ONE}", port={"name": "web-1", "network_id": ONE})
    again = call("POST", "/v2.0/ports", port={"name": "web-1", "network_id": OTHER})

    assert signature(first) == signature(again)
    assert signature(call("DELETE", f"/servers/{ONE}")) == signature(call("DELETE", f"/servers/{OTHER}"))
    assert signature(call("POST", "/users/a/application_credentials", name="dcctl.run.1")) == signature(
        call("POST", "/users/a/application_credentials", name="dcctl.run.2")
    )


def test_what_is_done_to_another_thing_is_another_call():
    rule = {"port_range_min": 443, "protocol": "tcp"}
    calls = [
        call("POST", "/v2.0/ports", port={"name": "web-1"}), call("POST", "/v2.0/ports", port={"name": "web-2"}), call("PUT", "/v2.0/ports"),
        call("POST", "/v2.0/security-group-rules", security_group_rule=rule),
        call("POST", "/v2.0/security-group-rules", security_group_rule=rule | {"port_range_min": 80}),
        call("POST", f"/servers/{ONE}/action", resize={"flavorRef": "m1"}), call("POST", f"/servers/{ONE}/action", confirmResize=None),
    ]  # fmt: skip

    assert len({signature(one) for one in calls}) == len(calls)


def test_trouble_comes_once_at_each_call_and_moment_where_something_can_be_done_and_so_often_at_most():
    there = False
    trouble = Trouble(at=lambda call, when: "engine" if there else None, most=3)
    network, subnet = call("POST", "/networks"), call("POST", "/subnets")

    assert not trouble.meet(network, "before")
    there = True
    assert [trouble.meet(network, when) for when in ("before", "before", "after")] == [True, False, True]
    assert trouble.meet(subnet, "before")
    assert not trouble.meet(subnet, "after")  # that were three
    assert trouble.done == ["engine before POST /networks", "engine after POST /networks", "engine before POST /subnets"]


def test_what_one_life_did_not_come_to_the_next_one_meets():
    met = set()
    first = Trouble(at=lambda call, when: "engine", most=1, met=met)
    network = call("POST", "/networks")
    assert first.meet(network, "before")

    again = Trouble(at=lambda call, when: "engine", most=10, met=met)

    assert [again.meet(network, when) for when in ("before", "after")] == [False, True]


def test_what_runs_with_the_engine_alone_is_met_at_the_engines_calls_alone():
    recorded = Recorded(calls={"POST /networks": True, "PUT /quotas": False})

    assert recorded.moments("engine") == {("before", "POST /networks"), ("after", "POST /networks")}
    assert recorded.moments("worker") == {(when, one) for when in ("before", "after") for one in recorded.calls}
    assert recorded.moments("refusal") == {("at", "POST /networks"), ("at", "PUT /quotas")}

"""Trouble comes once at each call and moment, and calls of different runs that do the same are the same call."""

import json

from tests.chaos.proxy import Call
from tests.chaos.troubling import Trouble, signature

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


def test_trouble_comes_once_at_each_call_and_moment_and_only_when_it_is_armed_and_something_can_be_done():
    there = True
    trouble = Trouble(at=lambda call, when: "engine" if there else None, most=3)
    network, subnet = call("POST", "/networks"), call("POST", "/subnets")

    assert not trouble.meet(network, "before")  # not armed
    trouble.arm()
    there = False
    assert not trouble.meet(network, "before")
    there = True
    assert [trouble.meet(network, "before"), trouble.meet(network, "after")] == [True, False]
    trouble.arm()
    assert [trouble.meet(network, "before"), trouble.meet(network, "after")] == [False, True]
    trouble.arm()
    assert trouble.meet(subnet, "before")
    trouble.arm()  # that were three
    assert not trouble.meet(subnet, "after")
    assert trouble.done == ["engine before POST /networks", "engine after POST /networks", "engine before POST /subnets"]

"""Which calls end a thing, by its kind and state."""

from typing import Any

import pytest

from dcctl.cloud.listings import LISTINGS, ORDER, Thing
from dcctl.cloud.sweep_steps import Around, calls, detached_volume

SERVICES = {listing.type: listing.service for listing in LISTINGS} | {"server_group": "compute", "transfer": "block-storage"}


def thing(type: str, status: str = "", **attributes: Any) -> Thing:
    return Thing(
        service=SERVICES[type], type=type, id=f"{type}-1", name="dossier", status=status, detail="", project_id="p", attributes=attributes
    )  # fmt: skip


def told(subject: Thing, around: Around | None = None) -> list[str]:
    return [f"{call.method} {call.path}" for call in calls(subject, around or Around())]


@pytest.mark.parametrize("type", sorted(ORDER))
def test_every_kind_that_is_listed_can_be_ended(type: str) -> None:
    assert told(thing(type, "available")), f"nothing ends a {type}"


def test_every_kind_has_its_place_in_the_order() -> None:
    assert set(SERVICES) == set(ORDER)


def test_what_holds_others_goes_before_them() -> None:
    before = [
        ("server", "volume"), ("snapshot", "volume"), ("transfer", "volume"), ("floatingip", "router"), ("port", "router"), ("trunk", "port"),
        ("port", "security_group"), ("subnet", "network"), ("subnet", "subnetpool"), ("server", "image"),
    ]  # fmt: skip
    for first, then in before:
        assert ORDER[first] < ORDER[then], (first, then)


def test_a_locked_server_is_unlocked_and_forced() -> None:
    bodies = [call.body for call in calls(thing("server", "ACTIVE", locked=True), Around())]

    assert bodies == [{"unlock": None}, {"forceDelete": None}, None]


def test_a_server_on_its_way_out_is_told_again_only_when_it_hangs() -> None:
    going = thing("server", "ACTIVE", **{"OS-EXT-STS:task_state": "deleting"})

    assert told(going) == []
    assert told(going, Around(stalled={"server-1"}))[-1] == "DELETE /servers/server-1"


def test_a_volume_leaves_a_server_that_stays_and_waits_for_one_that_goes() -> None:
    volume = thing("volume", "in-use", attachments=[{"server_id": "s", "attachment_id": "a"}])

    assert told(volume, Around(servers={"s"}, kept={"s"})) == ["DELETE /servers/s/os-volume_attachments/volume-1"]
    assert told(volume, Around(servers={"s"})) == []


def test_a_volume_of_a_server_that_is_gone_is_freed_and_deleted() -> None:
    volume = thing("volume", "in-use", attachments=[{"server_id": "s", "attachment_id": "a"}])

    assert [call.path for call in detached_volume(volume)] == ["/attachments/a", "/volumes/volume-1/action", "/volumes/volume-1"]


@pytest.mark.parametrize(("type", "status"), [("volume", "creating"), ("snapshot", "deleting"), ("backup", "restoring")])
def test_what_ends_by_itself_is_waited_for_and_forced_when_it_hangs(type: str, status: str) -> None:
    assert told(thing(type, status)) == []
    assert told(thing(type, status), Around(stalled={f"{type}-1"})) == [
        f"POST /{type}s/{type}-1/action",
        f"POST /{type}s/{type}-1/action",
        f"DELETE /{type}s/{type}-1",
    ]


def test_what_failed_to_go_is_put_into_error_and_deleted() -> None:
    assert next(call.body for call in calls(thing("snapshot", "error_deleting"), Around())) == {"os-reset_status": {"status": "error"}}


def test_a_router_interface_is_taken_off_its_router_and_other_ports_are_deleted() -> None:
    assert told(thing("port", device_owner="network:router_interface", device_id="r")) == ["PUT /routers/r/remove_router_interface"]
    assert told(thing("port", device_owner="network:router_gateway", device_id="r")) == []
    assert told(thing("port", device_owner="", device_id="")) == ["DELETE /ports/port-1"]
    assert told(thing("port", device_owner="compute:nova", device_id="s"), Around(servers={"s"})) == []
    assert told(thing("port", device_owner="compute:nova", device_id="s"), Around(servers={"s"}, kept={"s"})) == ["DELETE /ports/port-1"]


def test_a_protected_image_is_unprotected_first() -> None:
    assert told(thing("image", "active", protected=True)) == ["PATCH /images/image-1", "DELETE /images/image-1"]
    assert told(thing("image", "active", protected=False)) == ["DELETE /images/image-1"]


def test_a_routers_routes_go_before_its_interfaces_and_itself() -> None:
    around = Around(routed={"router-1"})

    assert told(thing("router"), around) == ["PUT /routers/router-1", "DELETE /routers/router-1"]
    assert told(thing("port", device_owner="network:router_interface", device_id="router-1"), around) == [
        "PUT /routers/router-1",
        "PUT /routers/router-1/remove_router_interface",
    ]
    assert told(thing("router")) == ["DELETE /routers/router-1"]

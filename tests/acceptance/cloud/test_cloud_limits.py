"""Limits in Nova, Cinder and Neutron as they really behave."""

import threading
from collections.abc import Callable

from dcctl.cloud import identity, limits, sweep
from dcctl.cloud.catalogue import catalogue
from dcctl.cloud.connect import Cloud
from dcctl.cloud.limits import LimitState
from tests.acceptance.cloud.tenants import PLENTY, SWEEP_SECONDS, Tenant

DEMAND = limits.wanted(
    {"instances": 2, "cores": 4, "ram": 4096, "volumes": 2, "gigabytes": 10, "gigabytes_ssd": 5, "networks": 1, "routers": 1, "floatingips": 2},
    {"ports": 20, "subnets": 2, "metadata_items": 10, "per_volume_gigabytes": 10, "volumes_ssd": 2, "key_pairs": 5, "trunks": 9},
)


def test_a_project_without_own_limits_may_have_nothing_that_is_counted(admin: Cloud) -> None:
    found = limits.defaults(admin)

    assert {key for key in found if limits.counted(key)} >= {key for key in DEMAND if limits.counted(key)}
    assert {key: limit for key, limit in found.items() if limits.counted(key) and limit != 0} == {}


def test_every_key_of_all_services_is_written_and_read_back(admin: Cloud, tenant: Callable[..., Tenant]) -> None:
    project = tenant("limits", {})

    results = limits.write(admin, project.id, DEMAND)

    assert {result.state for result in results} == {LimitState.IN_SYNC}
    found = limits.read(admin, project.id)
    assert {(result.service, result.key) for result in results} == found.keys()
    assert found == {key: DEMAND.get(key, 0) for key in found}
    assert found["block-storage", "gigabytes_ssd"] == 5
    assert found["block-storage", "gigabytes_standard"] == 0
    assert found["network", "floatingip"] == 2
    own = admin.call("network", "GET", "/quotas")["quotas"]
    assert next(quota for quota in own if quota["project_id"] == project.id)["router"] == 1, "set explicitly, not a default"


def test_what_is_used_blocks_its_own_limit_and_no_other(admin: Cloud, tenant: Callable[..., Tenant]) -> None:
    project = tenant("limits")
    network = project.make("network", "/networks", "network", name="reseau")
    project.make("network", "/subnets", "subnet", network_id=network["id"], cidr="10.30.0.0/24", ip_version=4)
    image = catalogue(admin).images[0].id
    values = {"imageRef": image, "flavorRef": "m1.tiny", "networks": [{"uuid": network["id"]}], "metadata": {"devcloud:build": "stay"}}
    server = project.make("compute", "/servers", "server", name="base", **values)
    volume = project.make("block-storage", "/volumes", "volume", name="donnees", size=2, volume_type="ssd")
    project.wait("block-storage", f"/volumes/{volume['id']}", "volume", "available")
    # The port is the last thing of a server that is counted: Nova makes it once a host is chosen, seconds after it counts the server itself.
    until_counted(admin, project, "network", "port")

    results = limits.write(admin, project.id, {})

    blocked = {(result.service, result.key): (result.before, result.after) for result in results if result.state is LimitState.BLOCKED_BY_USAGE}
    assert blocked.keys() == {
        ("compute", "instances"), ("compute", "cores"), ("compute", "ram"),
        ("block-storage", "volumes"), ("block-storage", "volumes_ssd"), ("block-storage", "gigabytes"), ("block-storage", "gigabytes_ssd"),
        ("network", "network"), ("network", "subnet"), ("network", "port"), ("network", "security_group"),
    }  # fmt: skip
    assert all(before == after == PLENTY[key] for key, (before, after) in blocked.items())
    others = [result for result in results if (result.service, result.key) not in blocked]
    assert {(result.state, result.after) for result in others} == {(LimitState.IN_SYNC, 0)}

    project.cloud.call("compute", "DELETE", f"/servers/{server['id']}")
    assert sweep.sweep(admin, project.id, deadline=SWEEP_SECONDS) == []
    assert {result.state for result in limits.write(admin, project.id, {})} == {LimitState.IN_SYNC}


def test_what_a_service_refuses_or_does_not_know_is_named_and_the_others_stand(admin: Cloud, tenant: Callable[..., Tenant]) -> None:
    project = tenant("limits", {})
    beyond = 2**40

    too_much = {("compute", "ram"): beyond, ("block-storage", "gigabytes"): beyond, ("network", "router"): beyond}

    absent = {("block-storage", "gigabytes_nvme"): 5, ("block-storage", "gigabytes_hdd"): 0, ("network", "trunk"): 3}

    results = limits.write(admin, project.id, DEMAND | too_much | absent)

    refused = {(result.service, result.key): result for result in results if result.state is LimitState.REFUSED}
    assert refused.keys() == too_much.keys()
    assert all(result.after == 0 and result.words for result in refused.values())
    assert str(beyond) in refused["compute", "ram"].words
    unsupported = [(result.key, result.after) for result in results if result.state is LimitState.UNSUPPORTED]
    assert unsupported == [("gigabytes_nvme", None)], "a structural key that no service has limits nothing"
    assert limits.read(admin, project.id)["compute", "cores"] == DEMAND["compute", "cores"]


def test_at_no_instant_is_a_limit_above_what_is_wanted(admin: Cloud, tenant: Callable[..., Tenant]) -> None:
    project = tenant("limits", {})
    seen: list[dict[limits.LimitKey, int]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(limits.read(admin, project.id))
            done.wait(0.05)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        limits.write(admin, project.id, DEMAND)
        lower = {key: amount // 2 for key, amount in DEMAND.items()}
        limits.write(admin, project.id, lower)
    finally:
        done.set()
        watching.join()

    above = {key: limit for found in seen for key, limit in found.items() if not 0 <= limit <= DEMAND.get(key, 0)}
    assert seen
    assert above == {}


def test_what_is_kept_for_a_project_that_is_there_is_not_forgotten(admin: Cloud, tenant: Callable[..., Tenant]) -> None:
    project = tenant("limits", {})

    for act in (lambda: limits.forget(admin, project.id), lambda: sweep.last_traces(admin, project.id), lambda: sweep.sweep(admin, "", deadline=1),
                lambda: sweep.sweep(admin, admin.own_project_id, deadline=1), lambda: limits.read(admin, "../x")):  # fmt: skip
        try:
            act()
        except ValueError:
            continue
        raise AssertionError("it was done")
    assert identity.project(admin, project.id) is not None


def until_counted(admin: Cloud, project: Tenant, service: str, key: str) -> None:
    """Wait until the service counts what was made (Nova counts a server once it has a cell)."""
    for _ in range(40):
        if limits.use(admin, project.id)[service, key].total:
            return
        threading.Event().wait(0.5)
    raise AssertionError(f"{service} {key} is still 0")

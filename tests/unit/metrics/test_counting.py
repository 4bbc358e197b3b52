from collections import Counter

import pytest

from metrics.counting import (
    Incomplete,
    Unsettled,
    Usage,
    Volume,
    add_server,
    add_volume,
    count_owned,
    count_snapshots,
    network_limits,
    size_of,
    volume_of,
)

SANTE = "5a27e000000000000000000000000001"
SMALL = {"vcpus": 1, "ram": 2048, "disk": 10, "original_name": "m1.small"}
SSD = Volume(project=SANTE, gigabytes=20, kind="ssd", counts=True, made_at="2026-11-01T08:00:00.000000")
MEDIUM = {"vcpus": 2, "ram": 4096, "disk": 20, "original_name": "m1.medium"}


def count_servers(servers) -> Usage:
    usage: Usage = Counter()
    for server in servers:
        add_server(usage, size_of(server))
    return usage


def volume(identifier, size, kind=None, **more):
    return {"id": identifier, "size": size, "volume_type": kind, "os-vol-tenant-attr:tenant_id": SANTE, "consumes_quota": True,
            "created_at": "2026-11-01T08:00:00.000000", **more}  # fmt: skip


def count_volumes(volumes) -> Usage:
    usage: Usage = Counter()
    for found in volumes:
        add_volume(usage, volume_of(found, {}))
    return usage


def snapshot(identifier, of, size, **more):
    return {"id": identifier, "volume_id": of, "size": size, "os-extended-snapshot-attributes:project_id": SANTE, "consumes_quota": True, **more}


@pytest.mark.parametrize("status", ["ACTIVE", "BUILD", "ERROR", "SHELVED_OFFLOADED", "SHUTOFF", "VERIFY_RESIZE"])
def test_a_server_counts_in_every_status(status):
    usage = count_servers([{"id": "5e01", "tenant_id": SANTE, "status": status, "flavor": MEDIUM}])

    assert usage == {(SANTE, "instances"): 1, (SANTE, "cores"): 2, (SANTE, "ram"): 4096}


def test_servers_of_several_projects_are_added_up_apart():
    usage = count_servers([{"id": str(n), "tenant_id": project, "flavor": SMALL} for n, project in enumerate(["a", "b", "a"])])

    assert usage == {("a", "instances"): 2, ("a", "cores"): 2, ("a", "ram"): 4096, ("b", "instances"): 1, ("b", "cores"): 1, ("b", "ram"): 2048}


def test_a_server_of_a_silent_cell_makes_the_list_unusable():
    with pytest.raises(Incomplete, match="5e01"):
        count_servers([{"id": "5e01", "tenant_id": SANTE, "status": "UNKNOWN"}])


def test_a_volume_counts_in_all_and_in_its_type():
    usage = count_volumes([volume("a", 20, "ssd"), volume("b", 5, "standard"), volume("c", 1)])

    assert usage == {(SANTE, "volumes"): 3, (SANTE, "gigabytes"): 26, (SANTE, "gigabytes_ssd"): 20, (SANTE, "gigabytes_standard"): 5,
                     (SANTE, "volumes_ssd"): 1, (SANTE, "volumes_standard"): 1}  # fmt: skip


def test_a_volume_that_cinder_made_for_itself_does_not_count():
    assert count_volumes([volume("a", 20, "ssd", consumes_quota=False)]) == {}


def test_a_snapshot_counts_in_gigabytes_and_in_those_of_its_volumes_type():
    usage = count_snapshots([snapshot("s", "a", 20)], {"a": SSD})

    assert usage == {(SANTE, "snapshots"): 1, (SANTE, "snapshots_ssd"): 1, (SANTE, "gigabytes"): 20, (SANTE, "gigabytes_ssd"): 20}


def test_a_snapshot_of_a_volume_that_was_not_listed_asks_for_another_reading():
    with pytest.raises(Unsettled, match="volume b"):
        count_snapshots([snapshot("s", "b", 20)], {"a": SSD})


def test_what_belongs_to_nobody_counts_for_nobody():
    usage = count_owned([{"id": "n1", "project_id": SANTE}, {"id": "n2", "project_id": ""}], "networks")

    assert usage == Counter({(SANTE, "networks"): 1})


def test_neutrons_limits_get_the_ledgers_names_and_keep_what_is_unlimited():
    assert network_limits({"network": 1, "router": 0, "floatingip": -1, "port": 500}) == {
        "networks": 1, "routers": 0, "floatingips": -1, "ports": 500,
    }  # fmt: skip

"""Limits where Nova takes them from Keystone: the same promises as with Nova's own database, on the same cloud with Nova restarted.

The last file of its directory: the cloud stays so, and is thrown away after it.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dcctl.cloud import keystone_limits, limits, sweep
from dcctl.cloud.catalogue import catalogue
from dcctl.cloud.connect import Cloud
from dcctl.cloud.limits import LimitState
from tests.acceptance.cloud.conftest import REGION, tenant  # noqa: F401 - a fixture
from tests.acceptance.cloud.tenants import PLENTY, SWEEP_SECONDS, Tenant, refusal
from tests.acceptance.devcloud.conftest import Devcloud

pytestmark = pytest.mark.xdist_group("devcloud")

COUNTED = {("compute", key) for key in keystone_limits.NAMES}
SITE_WIDE = {("compute", key) for key in keystone_limits.SITE_WIDE}


@pytest.fixture(scope="module")
def clouds_yaml(devcloud: Devcloud) -> Path:
    devcloud("up", "--unified-limits")
    return devcloud.state / "clouds.yaml"


@pytest.fixture(scope="module")
def admin(clouds_yaml: Path) -> Cloud:
    return Cloud(clouds_yaml, "cloud-admin", REGION)


def test_the_switch_is_remembered_and_defaults_are_0(admin: Cloud, devcloud: Devcloud) -> None:
    assert "Already up" in devcloud("up").stderr
    assert json.loads((devcloud.state / "devcloud.json").read_text())["unified_limits"] is True

    found = limits.defaults(admin)

    assert {key for key, limit in found.items() if limits.counted(key) and limit != 0} == set()
    assert keystone_limits.registered(admin) == {"instances": 0, "cores": 0, "ram": 0}


def test_limits_are_written_where_nova_reads_them_and_bind(admin: Cloud, tenant: Callable[..., Tenant]) -> None:  # noqa: F811
    project = tenant("unified", {})
    network = {key: amount for key, amount in PLENTY.items() if key[0] != "compute"}
    one = network | limits.wanted({"instances": 1, "cores": 1, "ram": 512}, {})

    results = limits.write(admin, project.id, one)

    assert {(r.service, r.key) for r in results if r.state is not LimitState.IN_SYNC} <= SITE_WIDE
    assert {r.state for r in results if (r.service, r.key) in SITE_WIDE} <= {LimitState.UNSUPPORTED, LimitState.IN_SYNC}
    own = admin.pages("identity", "/limits", "limits", {"project_id": project.id})
    assert {item["resource_name"]: item["resource_limit"] for item in own} == {"servers": 1, "class:VCPU": 1, "class:MEMORY_MB": 512}

    made = project.make("network", "/networks", "network", name="reseau")
    project.make("network", "/subnets", "subnet", network_id=made["id"], cidr="10.31.0.0/24", ip_version=4)
    values = {"imageRef": catalogue(admin).images[0].id, "flavorRef": "m1.tiny", "networks": [{"uuid": made["id"]}]}
    server = project.make("compute", "/servers", "server", name="base", **values)
    project.wait("compute", f"/servers/{server['id']}", "server", "ACTIVE")
    assert refusal(lambda: project.make("compute", "/servers", "server", name="deuxieme", **values)).params["status"] == 403

    blocked = [r for r in limits.write(admin, project.id, network) if r.state is LimitState.BLOCKED_BY_USAGE]
    assert {(r.service, r.key): (r.before, r.after) for r in blocked} == {
        ("compute", "instances"): (1, 1), ("compute", "cores"): (1, 1), ("compute", "ram"): (512, 512)
    }  # fmt: skip

    assert sweep.sweep(admin, project.id, deadline=SWEEP_SECONDS) == []
    lowered = {(r.service, r.key): (r.state, r.after) for r in limits.write(admin, project.id, network)}
    assert {lowered[key] for key in COUNTED} == {(LimitState.IN_SYNC, 0)}, "a change to 0 would answer 200 and keep the old value"


def test_what_keystone_refuses_keeps_its_words(admin: Cloud, tenant: Callable[..., Tenant]) -> None:  # noqa: F811
    project = tenant("unified", {})

    results = limits.write(admin, project.id, limits.wanted({"ram": 2**31, "cores": 2}, {}))

    assert [(r.key, r.after) for r in results if r.state is LimitState.REFUSED] == [("ram", 0)]
    assert "2147483647" in next(r.words for r in results if r.key == "ram")
    assert next(r.after for r in results if r.key == "cores") == 2

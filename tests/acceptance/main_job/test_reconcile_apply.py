"""`dcctl reconcile --apply` on the real cloud: a limit changed by hand is named, written back, read back and over; in observe nothing is."""

import json
from typing import Any

import pytest

from tests.acceptance.main_job.conftest import QUOTA, ByHand, Connect, Ministry

BARE: dict[str, Any] = {"network": None, "servers": [], "members": []}


def limits(cloud: Any, project_id: str) -> tuple[int, int]:
    """Cores and volumes, as Nova and Cinder themselves say."""
    return int(cloud.compute.get_quota_set(project_id).cores), int(cloud.block_storage.get_quota_set(project_id).volumes)


def named(ministry: Ministry, items: list[dict[str, Any]]) -> list[tuple[str, str, int, int]]:
    """The administration's differences: what, expected, found."""
    return sorted((item["name"], item["item"], item["expected"], item["found"]) for item in items if item["administration"] == ministry.code)


@pytest.mark.usefixtures("site_alone")  # it writes back what others change by hand, and puts the whole region into observe
def test_a_limit_changed_by_hand_is_named_written_back_read_back_and_over(ministry: Ministry, connect: Connect, by_hand: ByHand) -> None:
    site, cloud = ministry.site, connect()
    project_id = ministry.provide("recette", **BARE)["project_id"]
    right = (QUOTA["cores"], QUOTA["volumes"])
    assert limits(cloud, project_id) == right
    by_hand(project_id)
    site.openstack("quota", "set", "--cores", "40", "--volumes", "1", project_id)

    differences = [("limit_mismatch", "cores", QUOTA["cores"], 40), ("limit_mismatch", "volumes", QUOTA["volumes"], 1)]
    assert named(ministry, site.answer("operator", "reconcile")["items"]) == differences
    assert limits(cloud, project_id) == (40, 1), "without --apply nothing is written"

    site.answer("operator", "region", "mode", "observe", "--reason", "exercice")
    try:
        refused = site.dcctl("operator", "reconcile", "--apply", lang="en")
    finally:
        site.answer("operator", "region", "mode", "enforce", "--reason", "exercice terminé")
    assert refused.returncode == 5, refused.stderr
    assert "DCCTL-560" in refused.stderr
    assert "dcctl region mode enforce" in refused.stderr
    assert limits(cloud, project_id) == (40, 1), "in observe nothing is written"

    done = site.dcctl("operator", "reconcile", "--apply", "-f", "json", lang="en")
    assert done.returncode == 0, done.stderr
    assert f"{ministry.code}/recette: limits written: in_sync" in done.stderr
    assert named(ministry, json.loads(done.stdout)["items"]) == []
    assert limits(cloud, project_id) == right
    over = site.answer("operator", "discrepancy", "list", "--state", "resolved", "--administration", ministry.code)["items"]
    assert [item[1] for item in named(ministry, over)] == ["cores", "volumes"]

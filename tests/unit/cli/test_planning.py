"""What a change would do, as people see it: what is replaced and what is lost stand out by their words, on a terminal by a colour too."""

import json
import re
from pathlib import Path

from tests.unit.cli.conftest import Dcctl
from tests.unit.cli.fake_api import DIGEST, FakeApi
from tests.unit.cli.test_deciding_and_watching import on_a_terminal

SERVER, VOLUME, RULE = (
    "openstack:compute/instance:Instance", "openstack:blockstorage/volume:Volume", "openstack:networking/secGroupRule:SecGroupRule",
)  # fmt: skip


def step(op: str, type_: str, name: str, *, data: bool = False, **properties: list[object]) -> dict[str, object]:
    return {
        "op": op, "stack": "workload", "type": type_, "name": name, "cloud_name": None if type_ == RULE else f"min-sante-dossier-patient-{name}",
        "properties": properties, "differs": list(properties), "data": data,
    }  # fmt: skip


PLAN = {
    "rebuild": False, "steps": [
        step("make", SERVER, "web-3"), step("change", VOLUME, "base-1-data-1", size=[20, 40]), step("keep", VOLUME, "file-2-data-1"),
        step("replace", SERVER, "web-1", data=True, zone=["zone-1", "zone-2"]), step("destroy", RULE, "rule-web-tcp-80-0.0.0.0_0"),
        step("destroy", VOLUME, "file-1-data-1", data=True),
    ], "quota": {"cores": [8, 6]},
}  # fmt: skip

LINES = """\
min-sante/dossier-patient
  made: 1
    server min-sante-dossier-patient-web-3
  changed in place: 1
    volume min-sante-dossier-patient-base-1-data-1 (size: 20 → 40)
  KEPT without a server, protected and counted as before: 1
    volume min-sante-dossier-patient-file-2-data-1
  DESTROYED: 1
    firewall's rule rule-web-tcp-80-0.0.0.0_0
  REPLACED, DATA DESTROYED: 1
    server min-sante-dossier-patient-web-1 (zone: zone-1 → zone-2) – WITH ITS DATA
  DATA DESTROYED: 1
    volume min-sante-dossier-patient-file-1-data-1 – WITH ITS DATA
  units
    cores 8 → 6 (2 FEWER)
"""


def test_a_plan_is_a_list_with_what_is_lost_at_its_end_and_the_digest_that_an_approval_names(dcctl: Dcctl, api: FakeApi, cloud: object, tmp_path: Path) -> None:  # noqa: E501
    api.looked = PLAN
    file = tmp_path / "dossier.yaml"
    file.write_text("name: dossier-patient\n")

    shown = dcctl("environment", "plan", "dossier-patient", str(file))

    assert (shown.status, shown.out) == (0, LINES)
    assert shown.err == f"Digest of this change: {DIGEST}\n"
    [asked] = api.asked("POST", "/v1/environments/-/dossier-patient/plans")
    assert asked.body == {"spec": {"name": "dossier-patient"}}


def test_a_program_gets_the_whole_plan(dcctl: Dcctl, api: FakeApi, cloud: object) -> None:
    api.looked = PLAN

    found = json.loads(dcctl("environment", "plan", "dossier-patient", "-f", "json").out)

    assert (found["digest"], [one["op"] for one in found["steps"]]) == (DIGEST, ["make", "change", "keep", "replace", "destroy", "destroy"])


def test_on_a_terminal_it_is_a_tree_in_which_lost_data_have_a_colour_of_their_own(api: FakeApi, cloud: object) -> None:
    api.looked = PLAN

    status, screen = on_a_terminal("environment", "plan", "dossier-patient", COLUMNS="120")

    assert status == 0
    branches = [line for line in screen.splitlines() if re.search(r"[├└]── ", line)]
    assert len(branches) == 14
    [made], [lost] = ([line for line in branches if words in line] for words in ("mmade: 1", "mDATA DESTROYED: 1"))
    assert "[32m" in made  # green
    assert "[1;37;41m" in lost  # white on red


def test_where_nothing_differs_that_is_said(dcctl: Dcctl, api: FakeApi, cloud: object) -> None:
    api.looked = {"rebuild": False, "steps": [], "digest": None}

    assert dcctl("environment", "plan", "dossier-patient").out == "min-sante/dossier-patient: nothing to change.\n"

"""What a rebuilt state would know is shown before it is written, and is written as it was shown."""

import json

from tests.unit.cli.conftest import Dcctl
from tests.unit.cli.fake_api import DIGEST, FakeApi

SERVER, VOLUME = "openstack:compute/instance:Instance", "openstack:blockstorage/volume:Volume"


def thing(name: str, fate: str, type_: str = SERVER, **more: object) -> dict[str, object]:
    return {
        "stack": "workload", "type": type_, "name": name, "cloud_name": f"min-sante-dossier-patient-{name}", "fate": fate, "id": f"id-{name}",
        "was": None, "data": False, "beside": [], **more,
    }  # fmt: skip


FOUND = [
    thing("web-1", "kept"), thing("web-2", "adopted"), thing("base-1", "left", id=None, beside=["server s-9 BUILD"]),
    thing("base-1-data-1", "forgotten", VOLUME, id=None, was="v-1", data=True),
]  # fmt: skip


def test_without_a_terminal_it_shows_what_becomes_of_each_thing_and_asks_for_the_digest(dcctl: Dcctl, api: FakeApi, cloud: object) -> None:
    api.looked = {"things": FOUND, "needed": True}

    shown = dcctl("operation", "repair", "min-sante/dossier-patient", "--reason", "DCCTL-420")

    assert (shown.status, shown.out) == (2, "")
    for said in (
        "known, and there: 1", "taken over, as it is there: 1", "server min-sante-dossier-patient-web-2 (id-web-2)", "FORGOTTEN",
        "volume min-sante-dossier-patient-base-1-data-1 (v-1) – WITH ITS DATA", "min-sante-dossier-patient-base-1: server s-9 BUILD", "DCCTL-662",
        f"--digest {DIGEST}",
    ):  # fmt: skip
        assert said in shown.err, said
    assert api.asked("POST", "/v1/environments/min-sante/dossier-patient/state") == []


def test_by_its_digest_it_is_asked_for_and_can_be_followed(dcctl: Dcctl, api: FakeApi, cloud: object) -> None:
    done = dcctl("operation", "repair", "min-sante/dossier-patient", "--digest", DIGEST, "--reason", "DCCTL-420", "-f", "json")

    [call] = api.asked("POST", "/v1/environments/min-sante/dossier-patient/state")
    assert call.body == {"digest": DIGEST, "reason": "DCCTL-420"}
    assert (done.status, json.loads(done.out)["id"]) == (0, "O-2026-0042-2")
    assert "dcctl operation watch O-2026-0042-2" in done.err


def test_where_nothing_is_to_be_done_nothing_is_asked(dcctl: Dcctl, api: FakeApi, cloud: object) -> None:
    api.looked = {"things": FOUND[:1], "needed": False}

    done = dcctl("operation", "repair", "dossier-patient", "--reason", "contrôle")

    assert done.status == 0
    assert "nothing is to be rebuilt" in done.err
    assert api.asked("POST", "/v1/environments/-/dossier-patient/state") == []

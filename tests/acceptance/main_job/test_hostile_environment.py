"""Fifty hostile strings in one environment, through dcctl, engine and OpenStack and back: nothing executes, breaks out, or reaches a terminal raw.

Those that a spec takes go in as comments of ssh keys (cloud-init) and as the justification; all of them, as far as OpenStack takes them, are written
beside dcctl by a member: names, descriptions and metadata. Then all that tells of the environment is asked for, to its certificate.
"""

import base64
import csv
import io
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from openstack import exceptions
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from dcctl.cli.talk import CONTROLS
from infra.site import datacenter
from stacks.fields import Faults
from tests import quick
from tests.acceptance.main_job.conftest import Connect, Ministry
from tests.acceptance.provisioner.world import WITNESS_WARNINGS
from tests.hostile import SEEDS

pytestmark = WITNESS_WARNINGS

NAME, WANTED = "registre", 50
WEB = {"name": "web", "flavor": "m1.tiny", "image": "cirros", "volumes": [{"size": 1, "type": "ssd"}]}
#: The longest that Nova and Cinder keep of a name or a value of metadata.
LONGEST = 255
#: What a spreadsheet takes for a formula; a figure is none.
FORMULA = re.compile(r"[=+@]|-(?!\d+([.,]\d+)?$)")
FORMS = ("table", "csv", "json", "value")


def taken(text: str) -> bool:
    """Whether a spec takes it as it is."""
    faults = Faults()
    return faults.text(text, ("justification",), "x", maximum=200) == text == " ".join(text.split())


STRINGS = [text[:LONGEST] for text in SEEDS if "\ud800" not in text and text.strip()]
HARMLESS_TO_SPECS = [text for text in STRINGS if taken(text)]


def keys() -> list[str]:
    """As many as a spec may have, each a key of its own with one of the strings as its comment."""
    found = []
    for number, comment in enumerate(HARMLESS_TO_SPECS[:32]):
        blob = b"\0\0\0\x0bssh-ed25519" + b"\0\0\0\x20" + bytes([number]) * 32
        found.append(f"ssh-ed25519 {base64.b64encode(blob).decode()} {comment}")
    return found


def write_beside_dcctl(tenant: Any, server: str, volume: str) -> set[str]:
    """What a member may write into OpenStack; returns what it took."""
    kept = set()
    for number, text in enumerate(STRINGS):
        for set_metadata, thing in ((tenant.compute.set_server_metadata, server), (tenant.block_storage.set_volume_metadata, volume)):
            try:
                set_metadata(thing, **{f"k{number}": text})
                kept.add(text)
            except exceptions.HttpException:
                continue
    for number in range(0, len(STRINGS), max(1, len(STRINGS) // 6)):
        try:
            tenant.network.create_security_group(name=STRINGS[number], description="".join(STRINGS[number : number + 6])[:LONGEST])
        except exceptions.HttpException:
            continue
    tenant.compute.update_server(server, name="".join(HARMLESS_TO_SPECS)[:200])
    described = "".join(STRINGS).replace("\x00", "")[:LONGEST]
    tenant.block_storage.update_volume(volume, name="=cmd()\x1b[31m\u202e<script>alert(1)</script>", description=described)
    return kept


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"{tag}.{name}" for name, _ in attributes if name.startswith("on"))}


def harmless(ministry: Ministry, *arguments: str, forms: tuple[str, ...] = FORMS, status: tuple[int, ...] = (0,)) -> dict[str, str]:
    """What the command says in each form; nothing of it does anything to a terminal, a spreadsheet or a reader of JSON."""
    said = {}
    for form in forms:
        done = ministry.site.dcctl(ministry.lead, *arguments, "-f", form, lang="en")
        assert done.returncode in status, done.stderr
        text = done.stdout + done.stderr
        assert not CONTROLS.search(text.replace("\n", "").replace("\t", "")), (arguments, form)
        assert "uid=" not in text
        if form == "csv" and done.stdout:
            for row in csv.reader(io.StringIO(done.stdout, newline="")):
                assert not [cell for cell in row if FORMULA.match(cell)], row
        if form == "json" and done.stdout:
            json.loads(done.stdout)
        said[form] = done.stdout
    return said


def exported_name(text: str, code: str) -> str | None:
    """The administration's name as Prometheus reads it; the whole text has to be readable."""
    families = {family.name: family for family in text_string_to_metric_families(text)}
    names = [sample.labels["name"] for sample in families["dcctl_administration_info"].samples if sample.labels["administration"] == code]
    return names[0] if len(names) == 1 else None


def test_fifty_hostile_strings_pass_through_everything_and_do_nothing(ministry: Ministry, connect: Connect) -> None:
    site, admin = ministry.site, connect()
    assert len(STRINGS) >= WANTED
    assert len(keys()) == 32
    named = "=cmd() {{7*7}} <script>alert(1)</script> $(id) '; DROP TABLE request; --"
    datacenter.administration(site.layout, f"{ministry.code}-x", named, ask=quick.answer)

    # -- in by a spec, by the engine, into cloud-init
    environment = ministry.provide(NAME, servers=[WEB], ssh_keys=keys(), justification="\n".join(HARMLESS_TO_SPECS)[:1900].strip())
    project = environment["project_id"]
    (server,) = admin.compute.servers(all_projects=True, project_id=project)
    (volume,) = admin.block_storage.volumes(all_projects=True, project_id=project)
    user_data = base64.b64decode(admin.compute.get_server(server.id).user_data).decode()
    document = YAML(typ="safe").load(user_data)
    assert document["ssh_authorized_keys"] == [" ".join(key.split()) for key in keys()]
    assert set(document) == {"timezone", "ssh_pwauth", "disable_root", "ssh_authorized_keys"}

    # -- in beside dcctl
    kept = write_beside_dcctl(connect(ministry.agent, project), server.id, volume.id)
    print(f"OpenStack took {len(kept)} of {len(STRINGS)} strings")
    assert len(kept | set(HARMLESS_TO_SPECS[:32])) >= WANTED

    # -- out again
    harmless(ministry, "administration", "show", ministry.code)
    told = harmless(ministry, "environment", "plan", NAME, forms=("table", "json"))
    assert json.loads(told["json"])["steps"], "what was changed beside dcctl is seen"
    number = environment["request"]
    harmless(ministry, "request", "show", number)
    harmless(ministry, "environment", "show", NAME)
    harmless(ministry, "environment", "list")
    listed = site.dcctl("operator", "administration", "list", "-f", "csv")
    names = [row[1] for row in csv.reader(io.StringIO(listed.stdout, newline="")) if row[:1] == [f"{ministry.code}-x"]]
    assert names
    assert not FORMULA.match(names[0])

    # -- its end: what was there is named, and destroyed
    ended = ministry.ended(ministry.decommission(NAME))
    assert ended["state"] == "fulfilled", ended["error"]
    harmless(ministry, "request", "show", ended["number"])
    harmless(ministry, "operation", "show", ended["operation"])
    certified = harmless(ministry, "environment", "certificate", NAME, forms=("table", "json"))
    assert "<script>" in certified["json"], "a volume of that name was destroyed"
    page = site.dcctl(ministry.lead, "environment", "certificate", NAME, "--html", lang="fr")
    assert page.returncode == 0, page.stderr
    reader = Tags()
    reader.feed(page.stdout)
    assert not {tag for tag in reader.found if tag in ("script", "img", "svg", "iframe") or "." in tag}
    assert not CONTROLS.search(page.stdout.replace("\n", "").replace("\t", ""))
    trail = site.dcctl("operator", "audit", "list", "--administration", ministry.code)
    assert (trail.returncode, CONTROLS.search(trail.stdout.replace("\n", ""))) == (0, None)
    assert exported_name(site.metrics(), f"{ministry.code}-x") == named, "as a label's value, whole, and no line of its own"


@pytest.mark.parametrize("text", [text for text in STRINGS if text not in HARMLESS_TO_SPECS][:8])
def test_what_a_spec_does_not_take_is_refused_before_anything_is_held(ministry: Ministry, text: str) -> None:
    done = ministry.site.dcctl(ministry.agent, "request", "submit", str(ministry.spec(NAME, servers=[], justification=text)), lang="en")
    assert done.returncode == 2, done.stderr
    assert not CONTROLS.search((done.stdout + done.stderr).replace("\n", "").replace("\t", ""))

"""The main job once, as people do it, on a site that is up: `make demo`. What is there already stays as it is."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from dcctl.words import N_, _, sentence
from infra.site import datacenter
from infra.site.layout import CHECKOUT, Site
from infra.site.person import answer

ENVIRONMENT = "portail-recette"
ADMINISTRATIONS = {
    "min-sante": ("Ministère de la Santé", "sante-agent", "sante-lead"),
    "min-justice": ("Ministère de la Justice et de la Législation", "justice-agent", "justice-lead"),
}
ENVELOPES: Mapping[str, Mapping[str, int]] = {
    "min-sante": {
        "instances": 20, "cores": 48, "ram": 98304, "volumes": 20, "gigabytes": 1000, "gigabytes_ssd": 300, "gigabytes_standard": 500,
        "networks": 5, "routers": 5, "floatingips": 10,
    },
    "min-justice": {
        "instances": 10, "cores": 24, "ram": 49152, "volumes": 10, "gigabytes": 500, "gigabytes_ssd": 100, "gigabytes_standard": 200,
        "networks": 3, "routers": 3, "floatingips": 5,
    },
}  # fmt: skip


def run(site: Site) -> None:
    """Do the main job and say what was done; the last line on standard output is the metrics' address."""
    begun = time.monotonic()
    say(_("The main job, by the dcctl command, as the people of .demo/clouds.yaml:"))
    told("operator", datacenter.declare_capacity(site), _("declared the datacenter's capacity"))
    for code, (name, agent, lead) in ADMINISTRATIONS.items():
        made = sentence(N_("created the administration {code} ({name})"), {"code": code, "name": name})
        told("operator", datacenter.administration(site, code, name), made)
        for user, role in ((agent, "dc_agent"), (lead, "dc_lead")):
            may = sentence(N_("made {user} {role} of {code}"), {"user": user, "role": role, "code": code})
            told("operator", datacenter.person(site, code, user, role), may)
        granted = datacenter.envelope(site, code, ENVELOPES[code], reason="dotation initiale", document="arrêté 2026-017")
        envelope = {"code": code, "cores": ENVELOPES[code]["cores"], "memory": ENVELOPES[code]["ram"] // 1024}
        told("operator", granted, sentence(N_("granted {code} its envelope: {cores} cores, {memory} GiB of memory, …"), envelope))
    provide(site)
    show(site)
    done = N_("Done in {seconds:.0f} s. Everything stays up; `make demo-down` ends it. Now yourself:")
    say(sentence(done, {"seconds": time.monotonic() - begun}) + "\n")
    number = _("NUMBER")
    say(f"    . .venv/bin/activate; export OS_CLIENT_CONFIG_FILE={short(site.clouds_yaml)}")
    say("    dcctl --os-cloud sante-agent request submit examples/dossier-patient.yaml      # " + _("prints the number"))
    say(f'    dcctl --os-cloud sante-lead  request approve {number} --reason "conforme au schéma directeur"')
    say(f"    dcctl --os-cloud sante-agent request watch {number}")
    say("    openstack --os-cloud cloud-admin server list --all-projects\n")
    print(site.metrics_url)


def provide(site: Site) -> None:
    """Ask for, approve and build the environment, unless it is there."""
    found = [item for item in answer(site, "sante-agent", "environment", "list")["items"] if item["name"] == ENVIRONMENT]
    if found and found[0]["state"] == "active":
        told("sante-agent", False, sentence(N_("asked for {environment}; it is active"), {"environment": ENVIRONMENT}))
        return
    begun = time.monotonic()
    spec = str(CHECKOUT / "examples" / "portail-recette.yaml")
    request = datacenter.provide(site, "sante-agent", "sante-lead", spec, reason="conforme au schéma directeur")
    facts = {"environment": ENVIRONMENT, "number": request["number"], "seconds": time.monotonic() - begun}
    told("sante-agent", True, sentence(N_("asked for {environment} with examples/portail-recette.yaml: {number}"), facts))
    told("sante-lead", True, sentence(N_("approved {number}"), facts))
    told(_("the worker"), True, sentence(N_("built it in {seconds:.0f} s from submit to active"), facts))


def show(site: Site) -> None:
    """What it came to."""
    environment = answer(site, "sante-agent", "environment", "show", ENVIRONMENT)
    quota = {item["resource"]: item for item in answer(site, "sante-agent", "quota", "show")["items"]}
    say("  " + sentence(N_("Environment {administration}/{name} is {state}; project {project_id}."), environment))
    cores = N_("Cores of min-sante: {granted} granted, {allocated} allocated, {held} held, {available} available.")
    say("  " + sentence(cores, quota["cores"]))


def told(who: str, done: bool, what: str) -> None:
    there = _("(was there already)")
    say(f"  {who:<12} {what}" if done else f"  {who:<12} {there} {what}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def short(path: Path) -> str:
    """A path as one types it in the checkout."""
    return f"$PWD/{path.relative_to(CHECKOUT)}" if path.is_relative_to(CHECKOUT) else str(path)

"""The main job once, as people do it, on a site that is up: `make demo`. What is there already stays as it is."""

import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from dcctl.words import N_, _, sentence
from infra.setup.steps import Steps
from infra.site import datacenter
from infra.site.layout import CHECKOUT, Site
from infra.site.person import Ask, answer

Done = TypeVar("Done")

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


#: Requests that a run before this one left on their way.
UNDER_WAY = ("submitted", "in_review", "approved", "fulfilling", "failed")


def run(site: Site) -> None:
    """Do the main job and say what was done; the last line on standard output is the metrics' address."""
    begun = time.monotonic()
    say(_("The main job, by the dcctl command, as the people of .demo/clouds.yaml:"))
    steps = _steps(site)
    _step(steps, "operator", _("declares the datacenter's capacity"), lambda: datacenter.declare_capacity(site))
    for code, (name, agent, lead) in ADMINISTRATIONS.items():
        made = sentence(N_("creates the administration {code} ({name})"), {"code": code, "name": name})
        _step(steps, "operator", made, partial(datacenter.administration, site, code, name))
        for user, role in ((agent, "dc_agent"), (lead, "dc_lead")):
            may = sentence(N_("makes {user} {role} of {code}"), {"user": user, "role": role, "code": code})
            _step(steps, "operator", may, partial(datacenter.person, site, code, user, role))
        envelope = {"code": code, "cores": ENVELOPES[code]["cores"], "memory": ENVELOPES[code]["ram"] // 1024}
        grants = sentence(N_("grants {code} its envelope: {cores} cores, {memory} GiB of memory, …"), envelope)
        granted = partial(datacenter.envelope, site, code, ENVELOPES[code], reason="dotation initiale", document="arrêté 2026-017")
        _step(steps, "operator", grants, granted)
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


def provide(site: Site, *, ask: Ask = answer) -> None:
    """Ask for, approve and build the environment, unless it is there; what an earlier run left on its way is taken up where it stands."""
    steps, agent, lead = _steps(site), "sante-agent", "sante-lead"
    number, stands = found(site, ask)
    named = {"environment": ENVIRONMENT, "number": number}
    if stands == "there":
        _step(steps, agent, sentence(N_("asks for {environment} with examples/portail-recette.yaml"), named), lambda: False)
        return
    if number is None:
        spec = str(CHECKOUT / "examples" / "portail-recette.yaml")
        asks = sentence(N_("asks for {environment} with examples/portail-recette.yaml"), named)
        number = _step(steps, agent, asks, lambda: datacenter.submit(site, agent, spec, ask=ask), usually=_("5 seconds"))
        named["number"] = number
    else:
        steps.tell(agent, sentence(N_("takes up {number}, which an earlier run left {state}"), named | {"state": stands}))
    of, reason = number, "conforme au schéma directeur"
    _step(steps, lead, sentence(N_("approves {number}"), named), lambda: datacenter.approve(site, lead, of, reason=reason, ask=ask))
    what = sentence(N_("builds it: project, limits, people, network, servers, volume"), named)
    _step(steps, _("the worker"), what, lambda: datacenter.build(site, agent, of, ask=ask), usually=_("30 seconds"))


def found(site: Site, ask: Ask) -> tuple[str | None, str]:
    """The environment's open request and its state; (None, "there") where the environment is built, (None, "") where there is nothing of it."""
    standing = [item["state"] for item in ask(site, "sante-agent", "environment", "list")["items"] if item["name"] == ENVIRONMENT]
    if any(state not in ("provisioning", "failed", "decommissioned") for state in standing):
        return None, "there"
    asked = [item for item in ask(site, "sante-agent", "request", "list")["items"] if item["environment"] == ENVIRONMENT]
    under_way = [(item["number"], item["state"]) for item in asked if item["kind"] == "environment" and item["state"] in UNDER_WAY]
    return under_way[0] if under_way else (None, "")


def show(site: Site) -> None:
    """What it came to."""
    environment = answer(site, "sante-agent", "environment", "show", ENVIRONMENT)
    quota = {item["resource"]: item for item in answer(site, "sante-agent", "quota", "show")["items"]}
    say("  " + sentence(N_("Environment {administration}/{name} is {state}; project {project_id}."), environment))
    cores = N_("Cores of min-sante: {granted} granted, {allocated} allocated, {held} held, {available} available.")
    say("  " + sentence(cores, quota["cores"]))


def _steps(site: Site) -> Steps:
    return Steps(logs=site.log, width=12, side_by_side=False)


def _step(steps: Steps, who: str, what: str, do: Callable[[], Done], *, usually: str = "") -> Done:
    """Do it, and say what it is; `do` answers False where there was nothing to do."""
    with steps.step(who, what, usually or _("1 second")) as ending:
        done = do()
        if done is False:
            ending.text = N_("was there already")
    return done


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def short(path: Path) -> str:
    """A path as one types it in the checkout."""
    return f"$PWD/{path.relative_to(CHECKOUT)}" if path.is_relative_to(CHECKOUT) else str(path)

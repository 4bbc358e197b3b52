"""dcctl status: the present state in one command."""

from collections.abc import Mapping
from typing import Any

import click

from dcctl.cli import output, resting
from dcctl.cli.command import Command
from dcctl.cli.desk import Desk, shown
from dcctl.cli.talk import clean, width
from dcctl.errors import DcctlError
from dcctl.words import N_, _, sentence

BAR = 20
#: What the API names as next steps.
STEPS = {
    "look": N_("see what there is: dcctl environment list, dcctl request list"),
    "decide": N_("decide: dcctl request list --administration {administration} --state in_review"),
    "ask": N_("ask for an environment: dcctl request submit examples/dossier-patient.yaml"),
    "no_envelope": N_("ask the datacenter's operators for an envelope"),
    "retry": N_("see what failed: dcctl operation list --administration {administration} --state failed"),
    "declare_capacity": N_("declare what the datacenter has: dcctl capacity declare cores=…"),
    "grant": N_('grant an envelope: dcctl quota grant {administration} cores=… --reason "…" --document "…"'),
    "create_administration": N_('create an administration: dcctl administration create min-sante "Ministère de la Santé"'),
}
WARNINGS = {
    "source_failing": N_("{source} does not answer in full: {detail}"),
    "default_quota_not_zero": N_("{source}: the site's default quotas are not 0 ({detail})"),
}
EMERGENCY = N_("{number} ({administration}) by {user}: {reason}; dcctl request review {number}")


@click.command(
    "status",
    cls=Command,
    help=N_("Show your administration at a glance: envelope, requests, environments, what to do next."),
    examples=["dcctl status"],
)
@click.option("--administration", metavar=N_("ADMINISTRATION"), help=N_("Another administration that you may see."))
@shown
@click.pass_obj
def command(desk: Desk, administration: str | None) -> None:
    found = desk.api.get("status", administration=administration)
    if not desk.for_people or desk.columns:
        desk.thing(found, {key: "" for key in found if key != "apiVersion"})
        return
    for paragraph in paragraphs(found):
        output.write(paragraph)


def paragraphs(found: Mapping[str, Any]) -> list[str]:
    """The status in lines of words: an administration each, then what concerns all."""
    lines: list[str] = []
    for administration in found.get("administrations") or ():
        lines += [*one(administration), ""]
    if not found.get("administrations"):
        lines += [_("There is no administration that you may see."), ""]
    if rests := found.get("resting"):
        lines += [resting.words(rests), ""]
    if alone := [sentence(EMERGENCY, one) for one in found.get("emergencies") or ()]:
        lines += [_("Decided alone in an emergency, and not reviewed yet:"), *(f"  {line}" for line in alone), ""]
    warnings = [warning(said) for said in found.get("warnings") or ()]
    if warnings:
        lines += [_("Figures that may be old:"), *(f"  {line}" for line in warnings), ""]
    lines += [sentence(N_("Next: {step}"), {"step": step(code, "")}) for code in found.get("next") or ()]
    return [clean(line) for line in lines[: -1 if lines and not lines[-1] else None]]


def one(administration: Mapping[str, Any]) -> list[str]:
    """Envelope, requests, environments and next step of one administration."""
    code = str(administration.get("code"))
    quota = administration.get("quota") or []
    states = administration.get("environments") or {}
    following = administration.get("next") or []
    environments = ", ".join(f"{count} {state}" for state, count in states.items()) or _("none")
    return [
        code,
        *(bars(quota) if any(item.get("granted") for item in quota) else ["  " + _("no envelope")]),
        "  " + sentence(N_("Requests waiting: {count}"), {"count": administration.get("requests_waiting") or 0}),
        "  " + sentence(N_("Environments: {environments}"), {"environments": environments}),
        *("  " + sentence(N_("Next: {step}"), {"step": step(name, code)}) for name in following or ["look"]),
    ]


def bars(items: list[Mapping[str, Any]]) -> list[str]:
    """A bar a resource: what is held or allocated, of what is granted."""
    granted = [item for item in items if item.get("granted")]
    wide = max(width(str(item["resource"])) for item in granted)
    lines = []
    for item in granted:
        whole = int(item["granted"])
        unit = str(item.get("unit") or "").strip("1")
        taken = whole - int(item.get("available") or 0)
        filled = min(BAR, max(0, round(BAR * taken / whole)))
        said = sentence(N_("{taken} of {granted}{unit}, available {available}"), {**item, "taken": taken, "unit": unit and f" {unit}"})
        lines.append(f"  {item['resource']!s:<{wide}}  [{'#' * filled}{'.' * (BAR - filled)}]  {said}")
    return lines


def step(name: str, administration: str) -> str:
    """What to do next, as a command where it is one."""
    return sentence(STEPS[name], {"administration": administration}) if name in STEPS else name


def warning(said: Mapping[str, Any]) -> str:
    """What a source said when it did not answer in full; an error of dcctl's in the reader's own language."""
    error = said.get("error")
    shown = {**said, "detail": str(DcctlError.from_json(error))} if isinstance(error, Mapping) else said
    return sentence(WARNINGS.get(str(said.get("code")), "{code}: {source} {detail}"), shown)

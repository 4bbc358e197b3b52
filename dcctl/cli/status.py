"""dcctl status: the present state in one command."""

from collections.abc import Mapping
from typing import Any

import click

from dcctl.cli import output
from dcctl.cli.command import Command
from dcctl.cli.desk import Desk, shown
from dcctl.cli.talk import clean, width
from dcctl.cli.times import moment
from dcctl.words import N_, _, sentence

BAR = 20


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
    """The status in lines of words."""
    lines = [
        clean(
            sentence(
                N_("{holder}, region {region}"),
                {"holder": found.get("administration") or found.get("holder") or "–", "region": found.get("region") or "–"},
            )
        )
    ]
    quota = found.get("quota") or {}
    items = quota.get("items", []) if isinstance(quota, Mapping) else quota
    if items:
        lines += ["", _("Envelope:"), *bars(items)]
    lines += ["", _("Requests:"), *_rows(found.get("requests"), request_line)]
    lines += ["", _("Environments:"), *_rows(found.get("environments"), environment_line)]
    stale = [source for source in found.get("sources") or () if source.get("last_error")]
    if stale:
        lines += ["", _("Sources that do not answer:"), *_rows(stale, source_line)]
    return [*lines, "", sentence(N_("Next: {step}"), {"step": next_step(found)})]


def bars(items: list[Mapping[str, Any]]) -> list[str]:
    """A bar a resource: what is held or allocated, of what is granted."""
    wide = max(width(str(item.get("resource"))) for item in items)
    lines = []
    for item in items:
        granted = int(item.get("granted") or 0)
        taken = granted - int(item.get("available") or 0)
        filled = min(BAR, max(0, round(BAR * taken / granted))) if granted > 0 else 0
        name = clean(str(item.get("resource")))
        said = sentence(N_("{taken} of {granted} {unit}, available {available}"), {"taken": taken, **item, "granted": granted})
        lines.append(f"  {name:<{wide}}  [{'#' * filled}{'.' * (BAR - filled)}]  {clean(said)}")
    return lines


def request_line(request: Mapping[str, Any]) -> str:
    return f"{request.get('number')}  {request.get('state')}  {request.get('administration')}/{request.get('environment')}  {moment(request.get('created_at'))}"


def environment_line(environment: Mapping[str, Any]) -> str:
    until = environment.get("expires_at")
    line = f"{environment.get('administration')}/{environment.get('name')}  {environment.get('state')}"
    return line + (sentence(N_("  until {moment}"), {"moment": moment(until)}) if until else "")


def source_line(source: Mapping[str, Any]) -> str:
    return f"{source.get('name')}: {source.get('last_error')} ({moment(source.get('last_success_at'))})"


def next_step(found: Mapping[str, Any]) -> str:
    """The command that most likely comes next."""
    requests, environments = found.get("requests") or [], found.get("environments") or []
    waiting = [request for request in requests if request.get("state") == "in_review"]
    running = [request for request in requests if request.get("state") in ("submitted", "approved", "fulfilling")]
    failed = [request for request in requests if request.get("state") == "failed"]
    if failed:
        return f"dcctl request show {failed[0]['number']}"
    if waiting:
        return f"dcctl request show {waiting[0]['number']}"
    if running:
        return f"dcctl request watch {running[0]['number']}"
    if environments:
        return f"dcctl environment show {environments[0]['administration']}/{environments[0]['name']}"
    return "dcctl request submit examples/dossier-patient.yaml"


def _rows(found: Any, words: Any) -> list[str]:
    return [f"  {clean(words(one))}" for one in found or ()] or [f"  {_('none')}"]

"""dcctl quota import."""

from collections.abc import Mapping
from typing import Any

import click

from dcctl.cli import once, openingfile
from dcctl.cli.acting import dated, named, paper, told
from dcctl.cli.command import Command
from dcctl.cli.desk import Desk, shown
from dcctl.cli.talk import say
from dcctl.errors import DcctlError, QuotaShort, SpecRefused
from dcctl.words import N_

SUMS = {"resource": N_("Resource"), "unit": N_("Unit"), "amount": N_("Amount")}
ENTRIES = {"administration": N_("Administration"), "payer": N_("Paid by"), **SUMS}


@click.command(
    "import", cls=Command,
    help=N_("Grant the envelopes of FILE (YAML or CSV; - for standard input) in one act: all of them or none. Every fault is said with its line."),
    examples=['dcctl quota import envelopes-2026.yaml --dry-run --reason "dotations 2026" --document "décret 2026-118"'],
)  # fmt: skip
@click.argument("file", metavar=N_("FILE"))
@click.option("--dry-run", is_flag=True, help=N_("Only show what would be posted and what would fall short."))
@click.option("--again", is_flag=True, help=N_("Post it although the same envelopes were imported before."))
@named
@dated
@shown
@click.pass_obj
def import_(desk: Desk, file: str, dry_run: bool, again: bool, reason: str, document: str, effective: str | None) -> None:
    reading = openingfile.read_in_part(file)
    draft = reading.draft
    body = {"envelopes": draft.document, **paper(reason, document, effective), "dry_run": dry_run, "again": again}
    if reading.faults:
        raise draft.refusal([*reading.faults, *_besides(desk, reading, body)])
    try:
        done = _tried(desk, body) if dry_run else once.post(desk, "imports", body=body, look="dcctl act list --kind import")
    except SpecRefused as error:
        raise draft.refusal([openingfile.placed(reading, fault) for fault in error.params["faults"]]) from error
    except QuotaShort as error:
        raise QuotaShort(**{**error.params, "shortfalls": openingfile.lined(reading, error.params["shortfalls"])}, code=error.code) from error
    if dry_run:
        foreseen(desk, {**done, "shortfalls": openingfile.lined(reading, done["shortfalls"])})
    else:
        told(desk, done, SUMS, N_("{administrations} administrations, {count} entries: {number}."), number=done["act"]["number"], **_counts(done))


def _besides(desk: Desk, reading: openingfile.Reading, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the API says of the lines that can be read, so that nobody mends a file twice; nothing where it cannot be asked."""
    if not 0 < len(reading.places) <= openingfile.MOST_LINES:
        return []
    try:
        _tried(desk, {**body, "dry_run": True})
    except SpecRefused as error:
        return [openingfile.placed(reading, fault) for fault in error.params["faults"]]
    except DcctlError:
        return []
    return []


def _tried(desk: Desk, body: Mapping[str, Any]) -> dict[str, Any]:
    return desk.api.post("imports", body=dict(body), look="dcctl act list --kind import")


def foreseen(desk: Desk, done: Mapping[str, Any]) -> None:
    """Show the entries that would be made; then what they would need, or what falls short (status 5)."""
    desk.listing({**done, "items": done["entries"]}, ENTRIES)
    if done["shortfalls"]:
        raise DcctlError("DCCTL-553", shortfalls=done["shortfalls"], holder="pool", grantor="dc_operator")
    say(N_("Would be posted: {administrations} administrations, {count} entries. Nothing was changed."), **_counts(done))
    if done["over"]:
        say(N_("It would wait for a second operator: {over}."), over=done["over"])


def _counts(done: Mapping[str, Any]) -> dict[str, Any]:
    return {"administrations": done["administrations"], "count": done["count"]}

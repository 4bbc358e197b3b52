"""dcctl quota correct."""

import click

from dcctl.cli import once
from dcctl.cli.acting import dated, named, paper, told
from dcctl.cli.command import Command
from dcctl.cli.desk import Desk, shown
from dcctl.cli.named import amounts
from dcctl.words import N_

COLUMNS = {
    "entry": N_("Entry"), "kind": N_("Kind"), "resource": N_("Resource"), "amount": N_("Amount"), "unit": N_("Unit"), "reverses": N_("Reverses"),
}  # fmt: skip


@click.command(
    cls=Command,
    help=N_("Reverse ENTRY, as `quota history` numbers it, and post what is right in its place, between the same two; no amount: only the reversal."),
    examples=['dcctl quota correct 1042 cores=16 --reason "erreur de saisie" --document "note 2026-31"'],
)
@click.argument("entry", metavar=N_("ENTRY"), type=click.IntRange(min=1))
@click.argument("resources", metavar=N_("[RESOURCE=AMOUNT...]"), nargs=-1)
@named
@dated
@shown
@click.pass_obj
def correct(desk: Desk, entry: int, resources: tuple[str, ...], reason: str, document: str, effective: str | None) -> None:
    body = {"entry": entry, "resources": amounts(resources), **paper(reason, document, effective)}
    done = once.post(desk, "corrections", body=body, look="dcctl act list --kind correct")
    told(desk, done, COLUMNS, N_("Entry {entry} is corrected: {number}."), entry=entry, number=done["act"]["number"])

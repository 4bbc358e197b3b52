"""dcctl explain: the errors, from the table in dcctl.errors; no server is asked."""

import click

from dcctl.cli.command import Command
from dcctl.cli.desk import Desk, shown
from dcctl.errors import CATALOGUE, DcctlError, Entry
from dcctl.faults import SENTENCES
from dcctl.words import N_, _

COLUMNS = {"code": N_("Code"), "exit": N_("Exit status"), "text": N_("Sentence")}
WHOLE = COLUMNS | {"explain": N_("Explanation"), "next": N_("Next")}

@click.command("explain", cls=Command, help=N_("Explain an error code; without one, list them all."), examples=["dcctl explain DCCTL-201"])
@click.argument("code", metavar="[CODE]", required=False)
@shown
@click.pass_obj
def command(desk: Desk, code: str | None) -> None:
    if code is None:
        desk.listing({"items": [row(known, entry) for known, entry in CATALOGUE.items()]}, COLUMNS)
        return
    if code.lower() in SENTENCES:
        desk.thing(fault(code.lower()), WHOLE)
        return
    wanted = code.upper() if code.upper().startswith("DCCTL-") else f"DCCTL-{code}"
    if wanted not in CATALOGUE:
        raise DcctlError("DCCTL-009", code=code)
    desk.thing(row(wanted, CATALOGUE[wanted]), WHOLE)


def row(code: str, entry: Entry) -> dict[str, object]:
    """An error as data, in the reader's language; placeholders stay as they are."""
    return {"code": code, "exit": entry.exit, "text": _(entry.text), "explain": _(entry.explain) or None, "next": _(entry.next) or None}


def fault(code: str) -> dict[str, object]:
    """A fault of a file (a spec, an offer, a policy), which DCCTL-001 names with its line, in the same form."""
    read = _("Every fault of a file is named at once, each with its line; nothing of a file with faults is sent or put in force.")
    return {"code": code, "exit": CATALOGUE["DCCTL-001"].exit, "text": _(SENTENCES[code]), "explain": read, "next": None}

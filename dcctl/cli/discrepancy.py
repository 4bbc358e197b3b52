"""dcctl discrepancy."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from dcctl.cli import once
from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown
from dcctl.cli.talk import say
from dcctl.cli.times import deadline, moment
from dcctl.words import N_, _

COLUMNS = {
    "number": N_("Number"), "name": N_("Difference"), "holder": N_("Holder"), "item": N_("What"), "expected": N_("Expected"), "found": N_("Found"),
    "state": N_("State"), "first_seen": N_("First seen"), "last_seen": N_("Last seen"),
}  # fmt: skip
WHOLE = COLUMNS | {
    "subject": N_("Project or source"), "detail": N_("Detail"), "waived_until": N_("Waived until"), "said_by": N_("Said by"), "reason": N_("Reason"),
    "notes": N_("History"),
}  # fmt: skip
#: The names of differences, in words.
NAMES = {
    "limit_mismatch": N_("limit other than allocated"),
    "ineffective_write": N_("limit written without effect"),
    "usage_over_limit": N_("use over the limit"),
    "orphan_project": N_("project of no environment"),
    "unowned_usage": N_("use that nobody was allocated"),
    "foreign_resource": N_("not made by dcctl"),
    "missing_resource": N_("gone from the cloud"),
    "stale_source": N_("source does not answer in full"),
    "capacity_overpromised": N_("declared more than there is"),
    "default_quota_not_zero": N_("default quota not 0"),
    "drift": N_("otherwise than it was built"),
}
STATES = {"open": N_("open"), "explained": N_("explained"), "waived": N_("waived"), "resolved": N_("resolved")}
#: Reasons of dcctl's own; all others are a person's and stay as they are.
BY_ITSELF = (N_("no longer found"), N_("the figures have changed"), N_("the waiver has ended"))

command = Group(
    "discrepancy", help=N_("Differences between the ledger, OpenStack's limits and what is there, each with its name."),
    examples=["dcctl discrepancy list", 'dcctl discrepancy explain D-17 --reason "migration du portail, note 114"'],
)  # fmt: skip


def name_words(value: object) -> str:
    """A difference's name for a person; one that this client does not know stays as it is."""
    return _(NAMES[str(value)]) if value in NAMES else str(value)


def state_words(value: object) -> str:
    return _(STATES[str(value)]) if value in STATES else str(value)


def reason_words(value: object) -> str:
    return _(str(value)) if value in BY_ITSELF else str(value)


def notes_words(notes: Sequence[Mapping[str, Any]]) -> str:
    """A line for each word on it."""
    lines = [
        f"{moment(note.get('at'))}  {state_words(note.get('state'))}  {note.get('actor') or '–'}: {reason_words(note.get('reason'))}"
        for note in notes
    ]
    return "\n".join(lines) or "–"


WORDED = {"name": name_words, "state": state_words, "first_seen": moment, "last_seen": moment, "waived_until": moment, "reason": reason_words}


@command.command("list", help=N_("List the differences that are not resolved."))
@click.option("--state", metavar=N_("STATE"), help=N_("Those in one state: open, explained, waived, resolved."))
@click.option("--name", metavar=N_("NAME"), help=N_("Those of one name, as in limit_mismatch."))
@click.option("--administration", metavar=N_("ADMINISTRATION"), help=N_("Those of one administration."))
@shown
@click.pass_obj
def list_(desk: Desk, state: str | None, name: str | None, administration: str | None) -> None:
    desk.listing(desk.pages("discrepancies", state=state, name=name, administration=administration), COLUMNS, **WORDED)


@command.command(help=N_("Show a difference, and what was said of it by whom."))
@click.argument("number", metavar=N_("NUMBER"))
@shown
@click.pass_obj
def show(desk: Desk, number: str) -> None:
    desk.thing(desk.api.get("discrepancies", number), WHOLE, **WORDED, notes=notes_words)


@command.command(help=N_("Say why a difference is right as it is; it opens again when its figures change."))
@click.argument("number", metavar=N_("NUMBER"))
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why; auditors read it."))
@shown
@click.pass_obj
def explain(desk: Desk, number: str, reason: str) -> None:
    said(desk, number, "explain", {"reason": reason})


@command.command(help=N_("Leave a difference as it is until a day; then it opens again."))
@click.argument("number", metavar=N_("NUMBER"))
@click.option("--until", required=True, metavar=N_("DATE"), help=N_("The last day, as in 2030-01-31."))
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why; auditors read it."))
@shown
@click.pass_obj
def waive(desk: Desk, number: str, until: str, reason: str) -> None:
    said(desk, number, "waive", {"reason": reason, "until": deadline("--until", until)})


@command.command(help=N_("Say that a difference is done with; if it is still there, the next comparison opens another one."))
@click.argument("number", metavar=N_("NUMBER"))
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("What was done; auditors read it."))
@shown
@click.pass_obj
def resolve(desk: Desk, number: str, reason: str) -> None:
    said(desk, number, "resolve", {"reason": reason})


def said(desk: Desk, number: str, verb: str, body: dict[str, Any]) -> None:
    """Post one of the three verbs and show what became of it."""
    done = once.post(desk, "discrepancies", number, verb, body=body, look=f"dcctl discrepancy show {number}")
    desk.thing(done, WHOLE, **WORDED, notes=notes_words)
    say(N_("{number} is {state}."), number=done["number"], state=state_words(done["state"]))

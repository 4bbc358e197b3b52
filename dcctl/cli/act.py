"""dcctl act."""

from collections.abc import Mapping
from typing import Any

import click

from dcctl.cli import deciding, once, output
from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown
from dcctl.cli.talk import say
from dcctl.cli.times import moment
from dcctl.words import N_, _, sentence

COLUMNS = {
    "number": N_("Number"), "state": N_("State"), "kind": N_("Kind"), "administration": N_("Administration"), "resources": N_("Units"),
    "asked_by": N_("Asked by"), "created_at": N_("Since"), "document": N_("Document"),
}  # fmt: skip
WHOLE = COLUMNS | {
    "reason": N_("Why"), "details": N_("In detail"), "over": N_("Beyond one operator"), "decision": N_("Decision"), "digest": N_("Digest"),
}  # fmt: skip
NUMBER = N_("NUMBER")
#: Lines of a file that are shown; the digest covers all of them.
MOST_LINES = 200

command = Group("act", help=N_("What operators did, and what waits for a second operator."),
                examples=["dcctl act list --state waiting", "dcctl act show A-2026-0007",
                          "dcctl act approve A-2026-0007 --reason \"conforme au décret\""])  # fmt: skip


@command.command("list", help=N_("List acts, the newest first."), examples=["dcctl act list --state waiting"])
@click.option("--state", type=click.Choice(["waiting", "posted", "refused"]), help=N_("Those in one state."))
@click.option("--kind", type=click.Choice(["declare", "grant", "revoke", "import", "correct", "move"]), help=N_("Those of one kind."))
@click.option("--administration", metavar=N_("ADMINISTRATION"), help=N_("Those of one administration."))
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, metavar=N_("COUNT"), help=N_("At most so many."))
@shown
@click.pass_obj
def list_(desk: Desk, state: str | None, kind: str | None, administration: str | None, limit: int) -> None:
    found = desk.pages("acts", limit=limit, state=state, kind=kind, administration=administration)
    desk.listing(found, COLUMNS, resources=deciding.amounts, asked_by=deciding.person, created_at=moment)


@command.command(help=N_("Show an act: what it moves, why, on which paper, who asked and who decided."), examples=["dcctl act show A-2026-0007"])
@click.argument("number", metavar=NUMBER)
@shown
@click.pass_obj
def show(desk: Desk, number: str) -> None:
    _thing(desk, desk.api.get("acts", number), WHOLE)


@command.command(
    help=N_("Approve another operator's act. You are shown what it is and asked; where nobody can be asked, --digest says what is meant."),
    examples=['dcctl act approve A-2026-0007 --reason "conforme au décret"'],
)
@click.argument("number", metavar=NUMBER)
@click.option("--digest", metavar=N_("DIGEST"), help=N_("The digest that `act show` prints: what you approve."))
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why; it stays with the act."))
@shown
@click.pass_obj
def approve(desk: Desk, number: str, digest: str | None, reason: str) -> None:
    meant = digest or deciding.shown_and_confirmed(desk, number, "act", summary)[0]
    _thing(desk, _decide(desk, number, "approve", meant, reason), COLUMNS)
    say(N_("{number} is approved and posted."), number=number)


@command.command(
    help=N_("Refuse an act that waits, or take your own back; it held nothing."), examples=['dcctl act refuse A-2026-0007 --reason "hors programme"']
)
@click.argument("number", metavar=NUMBER)
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why; it stays with the act."))
@shown
@click.pass_obj
def refuse(desk: Desk, number: str, reason: str) -> None:
    _thing(desk, _decide(desk, number, "refuse", None, reason), COLUMNS)
    say(N_("{number} is refused; nothing was posted."), number=number)


def summary(act: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label (a msgid) and words of everything that a second operator approves."""
    return [
        (N_("Act"), f"{act['number']} ({act['kind']})"),
        (N_("Administration"), output.text_of(act.get("administration"))),
        (N_("Units"), deciding.amounts(act.get("resources"))),
        (N_("In detail"), details(act.get("details"))),
        (N_("Asked by"), deciding.person(act.get("asked_by"))),
        (N_("Why"), output.text_of(act.get("reason"))),
        (N_("Document"), output.text_of(act.get("document"))),
        (N_("Beyond one operator"), over(act.get("over"))),
        (N_("Digest"), str(act.get("digest"))),
    ]


def details(found: Any) -> str:
    """What only this kind of act has: the lines of a file, or names and values."""
    if not found:
        return "–"
    lines = found.get("envelopes")
    if lines is None:
        return output.text_of({name: value for name, value in found.items() if value is not None})
    words = [f"  {line['administration']}: {deciding.amounts(line['resources'])}" for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        words.append("  " + sentence(N_("and {count} more lines: dcctl act show {option}"), {"count": len(lines) - MOST_LINES, "option": "-f json"}))
    return "\n".join(words)


def over(found: Any) -> str:
    """What is beyond what one operator may do alone."""
    return sentence("{over}", {"over": found}) if found else "–"


def decision(made: Any) -> str:
    """Who decided, when and why."""
    verdicts = {"approve": N_("approved"), "refuse": N_("refused")}
    return f"{made['user']}: {_(verdicts.get(made['verdict'], made['verdict']))} – {made['reason']} ({moment(made['decided_at'])})"


def _decide(desk: Desk, number: str, verdict: str, digest: str | None, reason: str) -> Mapping[str, Any]:
    body = {"verdict": verdict, "digest": digest, "reason": reason}
    return once.post(desk, "acts", number, "decisions", body=body, look=f"dcctl act show {number}")


def _thing(desk: Desk, act: Mapping[str, Any], columns: output.Columns) -> None:
    desk.thing(act, columns, resources=deciding.amounts, asked_by=deciding.person, created_at=moment, details=details, over=over, decision=decision)

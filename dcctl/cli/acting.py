"""What commands that are acts have in common: a reason, a document, a day, and an end that says whether a second operator is waited for."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from dcctl.cli import output
from dcctl.cli.desk import Desk
from dcctl.cli.talk import say
from dcctl.cli.times import instant
from dcctl.errors import DcctlError
from dcctl.words import N_

F = TypeVar("F", bound=Callable[..., Any])


def named(function: F) -> F:
    """Give a command --reason and --document."""
    function = click.option("--document", required=True, metavar=N_("TEXT"), help=N_("The paper that orders it: a decree, a minute."))(function)
    return click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why; it stays in the ledger for ever."))(function)


def dated(function: F) -> F:
    """Give a command --effective."""
    said = N_("Since when it counts; a date means its end, in Cotonou. Now, when left out.")
    return click.option("--effective", metavar=N_("DATE"), help=said)(function)


def paper(reason: str, document: str, effective: str | None) -> dict[str, str]:
    """What the API is told of an act besides what it moves."""
    since = instant("--effective", effective)
    return {"reason": reason, "document": document} | ({} if since is None else {"effective_at": since})


def told(desk: Desk, done: Mapping[str, Any], columns: output.Columns, words: str, **params: Any) -> None:
    """Show what an act came to. One that waits changed nothing: its number is what matters, and the status says so (10)."""
    act = done.get("act") or {}
    if act.get("state") != "waiting":
        desk.listing(done, columns)
        say(words, **params)
        return
    if desk.for_people:
        output.write(str(act["number"]))
    else:
        desk.thing(act, {"number": "", "state": ""})
    raise DcctlError("DCCTL-550", number=act["number"], over=act["over"], digest=act["digest"])

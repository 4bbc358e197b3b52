"""dcctl region."""

import click

from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown
from dcctl.cli.talk import say
from dcctl.cli.times import moment
from dcctl.cli.watching import error_words
from dcctl.words import N_

COLUMNS = {"region": N_("Region"), "mode": N_("Mode"), "since": N_("Since"), "actor": N_("Said by"), "reason": N_("Reason")}

command = Group(
    "region", help=N_("Whether dcctl may write to OpenStack what the ledger says, or only looks."),
    examples=["dcctl region show", 'dcctl region mode enforce --reason "écarts vus après la restauration"'],
)  # fmt: skip


@command.command(help=N_("Show the region's mode, since when and why."))
@shown
@click.pass_obj
def show(desk: Desk) -> None:
    found = desk.api.get("region")
    if desk.for_people and found.get("finding"):
        found = found | {"reason": error_words(found["finding"])}
    desk.thing(found, COLUMNS, since=moment)


@command.command(help=N_("observe: reconciling only looks; enforce: it may write limits."))
@click.argument("mode", metavar="observe|enforce", type=click.Choice(["observe", "enforce"]))
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why; auditors read it."))
@shown
@click.pass_obj
def mode(desk: Desk, mode: str, reason: str) -> None:
    desk.thing(desk.api.put("region", body={"mode": mode, "reason": reason}), COLUMNS, since=moment)
    say(N_("The mode is {mode}."), mode=mode)

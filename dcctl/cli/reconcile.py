"""dcctl reconcile: compare, follow until it is done, and list what differs."""

import time
from typing import Any

import click

from dcctl.cli.command import Command
from dcctl.cli.desk import Desk, shown
from dcctl.cli.discrepancy import COLUMNS, WORDED
from dcctl.cli.talk import say
from dcctl.errors import DcctlError
from dcctl.words import N_

LONGEST_SECONDS = 1800
_FIRST_PAUSE, _PAUSE = 0.3, 2.0


@click.command(
    "reconcile",
    cls=Command,
    help=N_("Compare the ledger with OpenStack's limits and with what is there; every difference is named."),
    examples=["dcctl reconcile", "dcctl reconcile --apply"],
)
@click.option("--apply", is_flag=True, help=N_("Then write the limits that differ, from the ledger; nothing else is changed and nothing deleted."))
@click.option(
    "--timeout", type=click.IntRange(min=1), default=LONGEST_SECONDS, show_default=True, metavar=N_("SECONDS"), help=N_("Wait so long at most.")
)
@shown
@click.pass_obj
def command(desk: Desk, apply: bool, timeout: int) -> None:
    begun = desk.api.post("reconciliations", body={"apply": apply}, look="dcctl discrepancy list")
    done = awaited(desk, int(begun["number"]), timeout)
    if done.get("error"):
        raise DcctlError.from_json(done["error"])
    for one in done.get("written") or ():
        say(N_("{environment}: limits written: {outcome}"), environment=one["environment"], outcome=one["outcome"])
    found = desk.pages("discrepancies")
    if not found["items"]:
        say(N_("Ledger, limits and use agree."))
    desk.listing(found, COLUMNS, **WORDED)


def awaited(desk: Desk, number: int, seconds: int) -> dict[str, Any]:
    """The comparison, once it is over.

    Raises:
        DcctlError: DCCTL-007, it takes longer; the worker goes on.
    """
    until, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while True:
        found = desk.api.get("reconciliations", str(number))
        if found["state"] in ("done", "failed"):
            return found
        if time.monotonic() + pause > until:
            raise DcctlError("DCCTL-007", what="reconcile", seconds=seconds, command="dcctl discrepancy list")
        time.sleep(pause)
        pause = min(_PAUSE, pause * 1.5)

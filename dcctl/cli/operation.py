"""dcctl operation."""

import click

from dcctl.cli import ending, once, rebuilding, resting
from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown, watched
from dcctl.cli.talk import say
from dcctl.cli.times import moment
from dcctl.cli.watching import WAIT_SECONDS, error_words, watch_operation
from dcctl.words import N_

COLUMNS = {
    "id": N_("Operation"), "kind": N_("Kind"), "state": N_("State"), "step": N_("Step"), "administration": N_("Administration"),
    "environment": N_("Environment"), "request": N_("Request"), "attempt": N_("Attempt"), "created_at": N_("Since"),
}  # fmt: skip
WHOLE = COLUMNS | {
    "resting": N_("Waits"), "started_at": N_("Started"), "finished_at": N_("Finished"), "seconds": N_("Seconds"), "error": N_("Error"),
}  # fmt: skip

WORDED = {"created_at": moment, "started_at": moment, "finished_at": moment, "error": error_words, "resting": resting.words}

command = Group(
    "operation", help=N_("The provisioner's runs, one environment each."), examples=["dcctl operation list", "dcctl operation retry O-2026-0042-1"]
)


@command.command("list", help=N_("List the operations that you may see."))
@click.option("--administration", metavar=N_("ADMINISTRATION"), help=N_("Those of one administration."))
@click.option("--state", metavar=N_("STATE"), help=N_("Those in one state: queued, running, succeeded, failed, cancelled."))
@shown
@click.pass_obj
def list_(desk: Desk, administration: str | None, state: str | None) -> None:
    desk.listing(desk.pages("operations", administration=administration, state=state), COLUMNS, created_at=moment)


@command.command(help=N_("Show an operation: step, seconds, what failed in the service's own words."))
@click.argument("operation", metavar=N_("OPERATION"))
@shown
@click.pass_obj
def show(desk: Desk, operation: str) -> None:
    desk.thing(desk.api.get("operations", operation), WHOLE, **WORDED)


@command.command(help=N_("Follow an operation until it ends. Ctrl-C stops the following, not the work."))
@click.argument("operation", metavar=N_("OPERATION"))
@click.option(
    "--timeout", type=click.IntRange(min=1), default=WAIT_SECONDS, show_default=True, metavar=N_("SECONDS"), help=N_("Follow so long at most.")
)
@watched
@click.pass_obj
def watch(desk: Desk, operation: str, timeout: int) -> None:
    ended = watch_operation(desk, operation, timeout)
    if desk.for_people and ended.get("kind") in ("fulfil", "change"):
        ending.obtained(desk, ended, aside=False)


@command.command(help=N_("Continue an operation that failed or was cancelled."))
@click.argument("operation", metavar=N_("OPERATION"))
@shown
@click.pass_obj
def retry(desk: Desk, operation: str) -> None:
    act(desk, operation, "retry")
    say(N_("{operation} continues; follow it: dcctl operation watch {operation}"), operation=operation)


@command.command(help=N_("Stop an operation at its next safe point; what exists stays known."))
@click.argument("operation", metavar=N_("OPERATION"))
@shown
@click.pass_obj
def cancel(desk: Desk, operation: str) -> None:
    act(desk, operation, "cancel")
    say(N_("{operation} will be cancelled; follow it: dcctl operation watch {operation}"), operation=operation)


@command.command(help=N_("Give up an operation that failed: what can be given back is given back."))
@click.argument("operation", metavar=N_("OPERATION"))
@shown
@click.pass_obj
def abandon(desk: Desk, operation: str) -> None:
    act(desk, operation, "abandon")
    say(N_("{operation} is abandoned."), operation=operation)


@command.command(
    help=N_("Rebuild what the engine knows of an environment from the cloud, which is only read. Operators only; you see first what becomes of it."),
    examples=['dcctl operation repair min-sante/dossier-patient --reason "DCCTL-421, R-2026-0042"'],
)
@click.argument("environment", metavar=N_("[ADMINISTRATION/]ENVIRONMENT"))
@click.option("--digest", metavar=N_("DIGEST"), help=N_("What you mean, as an earlier call printed it; without it you are shown and asked."))
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why."))
@shown
@click.pass_obj
def repair(desk: Desk, environment: str, digest: str | None, reason: str) -> None:
    done = rebuilding.repaired(desk, environment, digest=digest, reason=reason)
    if done is not None:
        desk.thing(done, WHOLE, **WORDED)
        say(N_("Follow it: dcctl operation watch {operation}"), operation=done["id"])


def act(desk: Desk, operation: str, verb: str) -> None:
    """Post one of the three verbs and show what became of the operation."""
    done = once.post(desk, "operations", operation, verb, look=f"dcctl operation show {operation}")
    desk.thing(done, WHOLE, **WORDED)

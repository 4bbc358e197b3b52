"""dcctl envelope."""

import click

from dcctl.cli import submitting
from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, watched
from dcctl.cli.named import amounts
from dcctl.cli.watching import WAIT_SECONDS
from dcctl.words import N_

command = Group("envelope", help=N_("A larger envelope: ask for it, follow what becomes of it."),
                examples=['dcctl envelope request cores=64 ram=131072 --reason "programme 2027"'])  # fmt: skip


@command.command(
    help=N_("Ask for so many units more. Nothing is held; whoever gives may give less, and then you say yes or no."),
    examples=['dcctl envelope request cores=64 ram=131072 --reason "programme 2027"'],
)
@click.argument("resources", metavar=N_("RESOURCE=AMOUNT..."), nargs=-1, required=True)
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why."))
@click.option("--wait", is_flag=True, help=N_("Follow it until it is fulfilled or has failed."))
@click.option(
    "--timeout", type=click.IntRange(min=1), default=WAIT_SECONDS, show_default=True, metavar=N_("SECONDS"), help=N_("Follow so long at most.")
)
@watched
@click.pass_obj
def request(desk: Desk, resources: tuple[str, ...], reason: str, wait: bool, timeout: int) -> None:
    submitting.envelope(desk, amounts(resources), reason, wait_seconds=timeout if wait else None)

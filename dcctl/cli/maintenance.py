"""dcctl maintenance."""

import click

from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown
from dcctl.cli.talk import say
from dcctl.cli.times import moment
from dcctl.words import N_

COLUMNS = {"region": N_("Region"), "on": N_("Maintenance"), "since": N_("Since"), "actor": N_("Said by"), "reason": N_("Reason")}

command = Group(
    "maintenance", help=N_("Whether new operations may begin; requests are taken and decided meanwhile."),
    examples=["dcctl maintenance show", 'dcctl maintenance on --reason "mise à jour de Neutron"', "dcctl maintenance off"],
)  # fmt: skip


@command.command(help=N_("Show whether maintenance is on, since when and why."))
@shown
@click.pass_obj
def show(desk: Desk) -> None:
    desk.thing(desk.api.get("maintenance"), COLUMNS, since=moment)


@command.command("on", help=N_("No new operation begins; what runs is finished, and requests are taken."))
@click.option("--reason", default="", metavar=N_("TEXT"), help=N_("Why; everybody who asks is told."))
@shown
@click.pass_obj
def begin(desk: Desk, reason: str) -> None:
    desk.thing(desk.api.put("maintenance", body={"on": True, "reason": reason}), COLUMNS, since=moment)
    say(N_("No new operation begins until: dcctl maintenance off"))


@command.command("off", help=N_("Operations begin again, those that wait first."))
@shown
@click.pass_obj
def end(desk: Desk) -> None:
    desk.thing(desk.api.put("maintenance", body={"on": False, "reason": ""}), COLUMNS, since=moment)
    say(N_("Operations begin again."))

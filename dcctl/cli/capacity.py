"""dcctl capacity."""

import click

from dcctl.cli import once
from dcctl.cli.acting import dated, named, paper, told
from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown
from dcctl.cli.named import amounts
from dcctl.words import N_

COLUMNS = {"resource": N_("Resource"), "unit": N_("Unit"), "declared": N_("Declared"), "granted": N_("Granted"), "available": N_("Available")}

command = Group("capacity", help=N_("What the datacenter has to give, and what is left of it."), examples=["dcctl capacity show"])


@command.command(help=N_("Show the datacenter's pool."))
@shown
@click.pass_obj
def show(desk: Desk) -> None:
    desk.listing(desk.api.get("capacity"), COLUMNS)


@command.command(help=N_("Declare the datacenter's capacity: from now on it is this; resources that are left out stay."),
                 examples=["dcctl capacity declare cores=2048 ram=8388608 --reason \"extension\" --document \"PV de recette 2026-11\""])  # fmt: skip
@click.argument("resources", metavar=N_("RESOURCE=AMOUNT..."), nargs=-1, required=True)
@named
@dated
@shown
@click.pass_obj
def declare(desk: Desk, resources: tuple[str, ...], reason: str, document: str, effective: str | None) -> None:
    done = once.put(desk, "capacity", body={"resources": amounts(resources), **paper(reason, document, effective)})
    told(desk, done, COLUMNS, N_("Declared: {resources}."), resources=" ".join(resources))

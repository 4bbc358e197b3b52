"""dcctl whoami."""

from collections.abc import Mapping
from typing import Any

import click

from dcctl.cli.command import Command
from dcctl.cli.desk import Desk, shown
from dcctl.cli.times import moment
from dcctl.words import N_, sentence

COLUMNS = {
    "user": N_("User"), "user_id": N_("Id"), "domain": N_("Domain"), "scope": N_("Scope"), "roles": N_("Roles"),
    "administrations": N_("Administrations"), "expires_at": N_("Until"),
}  # fmt: skip


@click.command(
    "whoami",
    cls=Command,
    help=N_("Say who you are, in which scope, with which roles, until when."),
    examples=["dcctl whoami", "dcctl whoami -f json"],
)
@shown
@click.pass_obj
def command(desk: Desk) -> None:
    desk.thing(desk.api.get("whoami"), COLUMNS, expires_at=until, scope=scope, roles=lambda roles: ", ".join(roles) or "–")


def scope(value: Any) -> str:
    """`domain min-sante`."""
    return f"{value.get('kind', '')} {value.get('name', '')}".strip() or "–" if isinstance(value, Mapping) else str(value)


def until(value: object) -> str:
    """When the token ends, in the datacenter's time."""
    return sentence(N_("{moment} (Cotonou time)"), {"moment": moment(value)})

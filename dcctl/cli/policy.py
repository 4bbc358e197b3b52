"""dcctl policy."""

from typing import Any

import click

from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown
from dcctl.cli.documents import sent
from dcctl.cli.output import text_of
from dcctl.cli.talk import say
from dcctl.cli.times import moment
from dcctl.words import N_

COLUMNS = {
    "version": N_("Version"), "published_at": N_("Since"), "published_by": N_("Published by"), "reason": N_("Why"), "document": N_("Content"),
}  # fmt: skip
FILE = N_("FILE")

command = Group("policy", help=N_("Who decides what, and how long a request may wait."),
                examples=["dcctl policy show", "dcctl policy check decisions.yaml",
                          'dcctl policy publish decisions.yaml --reason "note de service 12"'])  # fmt: skip


@command.command(help=N_("Show the policy in force, or an earlier version."), examples=["dcctl policy show", "dcctl policy show -f yaml -c document"])
@click.argument("version", required=False, type=click.IntRange(min=1), metavar=N_("[VERSION]"))
@shown
@click.pass_obj
def show(desk: Desk, version: int | None) -> None:
    found = desk.api.get("policy") if version is None else desk.api.get("policies", str(version))
    desk.thing(found, COLUMNS, published_at=moment, document=in_lines)


@command.command(help=N_("Say what is wrong with the policy in FILE (- for standard input), each fault with its line; nothing is published."))
@click.argument("file", metavar=FILE)
@shown
@click.pass_obj
def check(desk: Desk, file: str) -> None:
    found, source = sent(desk, file, "policies", "check", look="dcctl policy show")
    desk.thing(found, {"version": N_("Version"), "in_force": N_("In force")})
    say(N_("{file} is in order."), file=source)


@command.command(
    help=N_("Put the policy in FILE in force as the next version. With a fault, the one in force stays; requests that were examined keep theirs."),
    examples=['dcctl policy publish decisions.yaml --reason "note de service 12"'],
)
@click.argument("file", metavar=FILE)
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why; it stays with the version."))
@shown
@click.pass_obj
def publish(desk: Desk, file: str, reason: str) -> None:
    found, _source = sent(desk, file, "policies", look="dcctl policy show", reason=reason)
    desk.thing(found, {key: COLUMNS[key] for key in ("version", "published_at", "published_by", "reason")}, published_at=moment)
    say(N_("Version {version} of the policy is in force."), version=found["version"])


def in_lines(document: Any) -> str:
    """A rule a line, then how long a request may wait."""
    lines = [
        f"{rule.get('name')}: {text_of(rule.get('needs'))}" + (f"  [{text_of(rule['when'])}]" if rule.get("when") else "")
        for rule in document.get("rules", ())
    ]
    lines += [f"{state}: {text_of(wait)}" for state, wait in (document.get("waiting") or {}).items()]
    return "\n".join(lines)

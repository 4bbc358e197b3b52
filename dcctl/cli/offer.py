"""dcctl offer."""

from typing import Any

import click

from dcctl.cli import once
from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown
from dcctl.cli.documents import sent
from dcctl.cli.output import text_of
from dcctl.cli.talk import say
from dcctl.words import N_, current

COLUMNS = {"name": N_("Offer"), "version": N_("Version"), "title": N_("Title"), "description": N_("What it is")}

command = Group(
    "offer",
    help=N_("What can be had: versioned bundles of quota, flavors, images and durations."),
    examples=["dcctl offer list", "dcctl offer show standard"],
)


@command.command("list", help=N_("List the offers."))
@shown
@click.pass_obj
def list_(desk: Desk) -> None:
    desk.listing(desk.api.get("offers"), COLUMNS, title=in_words, description=in_words)


@command.command(help=N_("Show an offer: what it contains, what it allows at most."), examples=["dcctl offer show standard"])
@click.argument("name", metavar=N_("OFFER"))
@shown
@click.pass_obj
def show(desk: Desk, name: str) -> None:
    desk.thing(desk.api.get("offers", name), COLUMNS | {"document": N_("Content")}, title=in_words, description=in_words, document=in_lines)


@command.command(
    help=N_("Publish the offer in FILE (- for standard input) as its next version; requests keep the version that they cite."),
    examples=["dcctl offer publish production.yaml"],
)
@click.argument("file", metavar=N_("FILE"))
@shown
@click.pass_obj
def publish(desk: Desk, file: str) -> None:
    before = {(one["name"], one["version"]) for one in desk.api.get("offers").get("items", ())}
    made, _source = sent(desk, file, "offers", look="dcctl offer list")
    desk.thing(made, COLUMNS, title=in_words, description=in_words)
    if (made["name"], made["version"]) in before:
        say(N_("{name}@{version} was published already, and says the same."), **made)
    else:
        say(N_("{name}@{version} is published."), **made)


@command.command(help=N_("Retire OFFER: nobody can ask for it any more; environments that have it keep it."), examples=["dcctl offer retire essai"])
@click.argument("name", metavar=N_("OFFER"))
@shown
@click.pass_obj
def retire(desk: Desk, name: str) -> None:
    gone = once.post(desk, "offers", name, "retire", look="dcctl offer list")
    desk.thing(gone, COLUMNS, title=in_words, description=in_words)
    say(N_("{name}@{version} is retired."), **gone)


def in_words(texts: Any) -> str:
    """A text in the reader's language, or in any that there is."""
    return str(texts.get(current()) or next(iter(texts.values()), "–")) if isinstance(texts, dict) else text_of(texts)


def in_lines(document: Any) -> str:
    """The content of an offer, a line a subject; its words are shown already."""
    return "\n".join(
        f"{key}: {text_of(value)}" for key, value in document.items() if key not in ("title", "description", "name", "version", "apiVersion", "kind")
    )

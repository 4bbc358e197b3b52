"""dcctl administration, and its people."""

from typing import Any

import click

from dcctl.cli import once
from dcctl.cli.acting import named
from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown
from dcctl.cli.talk import say
from dcctl.cli.times import instant, moment
from dcctl.words import N_, sentence

COLUMNS = {
    "code": N_("Code"), "name": N_("Name"), "parent": N_("Parent"), "environments": N_("Environments"), "created_at": N_("Since"),
}  # fmt: skip
WHOLE = COLUMNS | {"domain_id": N_("Domain"), "parents": N_("Parents")}
PEOPLE = {"user": N_("User"), "domain": N_("Domain"), "role": N_("Role"), "user_id": N_("Id")}
CONTACTS = {"address": N_("Address"), "lang": N_("Language"), "daily": N_("Once a day"), "created_at": N_("Since")}
ROLES = click.Choice(["dc_agent", "dc_lead"])

command = Group("administration", help=N_("Ministries, agencies and communes, and who acts for them."),
                examples=["dcctl administration list", "dcctl administration person list min-sante"])  # fmt: skip
person = Group("person", help=N_("Who asks and who decides for an administration."),
               examples=["dcctl administration person add min-sante sante-agent --role dc_agent"])  # fmt: skip

contact = Group("contact", help=N_("To whom letters about an administration go."),
                examples=["dcctl administration contact add min-sante dsi@sante.gouv.bj"])  # fmt: skip


@command.command("list", help=N_("List the administrations that you may see."), examples=["dcctl administration list --as-of 2026-06-30"])
@click.option("--as-of", metavar=N_("DATE"), help=N_("What it was then: a date means its end, in Cotonou; with a time, that moment."))
@shown
@click.pass_obj
def list_(desk: Desk, as_of: str | None) -> None:
    desk.listing(desk.pages("administrations", as_of=instant("--as-of", as_of)), COLUMNS, created_at=moment)


@command.command(help=N_("Show an administration, with every parent that it has had."))
@click.argument("code", metavar=N_("ADMINISTRATION"))
@shown
@click.pass_obj
def show(desk: Desk, code: str) -> None:
    desk.thing(desk.api.get("administrations", code), WHOLE, created_at=moment, parents=parents)


@command.command(help=N_("Create an administration, with its Keystone domain. Its code never changes."),
                 examples=["dcctl administration create hopital-cnhu \"CNHU Cotonou\" --parent min-sante"])  # fmt: skip
@click.argument("code", metavar=N_("ADMINISTRATION"))
@click.argument("name", metavar=N_("NAME"))
@click.option("--parent", metavar=N_("ADMINISTRATION"), help=N_("The administration that it belongs to."))
@shown
@click.pass_obj
def create(desk: Desk, code: str, name: str, parent: str | None) -> None:
    made = once.post(desk, "administrations", body={"code": code, "name": name, "parent": parent}, look="dcctl administration list")
    desk.thing(made, WHOLE, created_at=moment, parents=parents)
    say(N_("{code} exists; now give it people: dcctl administration person add {code} USER --role dc_agent"), code=code)


@command.command(
    help=N_("Put an administration below another, or directly below the datacenter. No balance moves, so it must have given back everything."),
    examples=['dcctl administration move anpc --parent min-justice --reason "réorganisation" --document "décret 2026-201"'],
)
@click.argument("code", metavar=N_("ADMINISTRATION"))
@click.option("--parent", required=True, metavar=N_("ADMINISTRATION"), help=N_("Its new parent; pool means the datacenter itself."))
@click.option("--from", "since", metavar=N_("DATE"), help=N_("Since when; a date means its end, in Cotonou. Now, when left out."))
@named
@shown
@click.pass_obj
def move(desk: Desk, code: str, parent: str, since: str | None, reason: str, document: str) -> None:
    above = None if parent == "pool" else parent
    body = {"parent": above, "since": instant("--from", since), "reason": reason, "document": document}
    moved = once.post(desk, "administrations", code, "parent", body=body, look=f"dcctl administration show {code}")
    desk.thing(moved, WHOLE, created_at=moment, parents=parents)
    say(N_("{code} is now below {parent}."), code=code, parent=parent)


def parents(found: list[dict[str, Any]]) -> str:
    """Every parent with its days, the present one last."""
    lines = [sentence(N_("{parent} since {since}"), {"parent": one["parent"] or "pool", "since": moment(one["since"])}) for one in found]
    return "\n".join(lines) or "–"


@person.command("list", help=N_("List who acts for an administration."))
@click.argument("code", metavar=N_("ADMINISTRATION"))
@shown
@click.pass_obj
def people(desk: Desk, code: str) -> None:
    desk.listing(desk.api.get("administrations", code, "people"), PEOPLE)


@person.command(help=N_("Let a person act for an administration: dc_agent asks, dc_lead decides."))
@click.argument("code", metavar=N_("ADMINISTRATION"))
@click.argument("user", metavar=N_("USER"))
@click.option("--role", type=ROLES, required=True, help=N_("dc_agent asks, dc_lead decides."))
@shown
@click.pass_obj
def add(desk: Desk, code: str, user: str, role: str) -> None:
    added = desk.api.post("administrations", code, "people", body={"user": user, "role": role}, look=f"dcctl administration person list {code}")
    desk.thing(added, PEOPLE)
    say(N_("{user} is now {role} of {code}."), user=user, role=role, code=code)


@person.command(help=N_("Take a person's role for an administration away."))
@click.argument("code", metavar=N_("ADMINISTRATION"))
@click.argument("user", metavar=N_("USER"))
@click.option("--role", type=ROLES, required=True, help=N_("The role that ends."))
@shown
@click.pass_obj
def remove(desk: Desk, code: str, user: str, role: str) -> None:
    removed = desk.api.delete("administrations", code, "people", user, role=role, look=f"dcctl administration person list {code}")
    desk.thing(removed, PEOPLE)
    say(N_("{user} is no longer {role} of {code}."), user=user, role=role, code=code)


@contact.command("list", help=N_("List the addresses to which letters about an administration go."))
@click.argument("code", metavar=N_("ADMINISTRATION"))
@shown
@click.pass_obj
def contacts(desk: Desk, code: str) -> None:
    desk.listing(desk.api.get("administrations", code, "contacts"), CONTACTS, created_at=moment)


@contact.command(
    "add", help=N_("Have letters about an administration's requests and environments written to ADDRESS."),
    examples=["dcctl administration contact add min-sante dsi@sante.gouv.bj --daily"],
)  # fmt: skip
@click.argument("code", metavar=N_("ADMINISTRATION"))
@click.argument("address", metavar=N_("ADDRESS"))
@click.option("--letters", "lang", type=click.Choice(["fr", "en"]), default="fr", show_default=True, help=N_("The language of the letters."))
@click.option("--daily", is_flag=True, help=N_("One letter a day with everything, rather than one for each occasion."))
@shown
@click.pass_obj
def add_contact(desk: Desk, code: str, address: str, lang: str, daily: bool) -> None:
    body = {"address": address, "lang": lang, "daily": daily}
    look = f"dcctl administration contact list {code}"
    desk.thing(desk.api.post("administrations", code, "contacts", body=body, look=look), CONTACTS, created_at=moment)
    say(N_("Letters about {code} go to {address} from now on."), code=code, address=address)


@contact.command("remove", help=N_("Have no more letters written to ADDRESS."))
@click.argument("code", metavar=N_("ADMINISTRATION"))
@click.argument("address", metavar=N_("ADDRESS"))
@shown
@click.pass_obj
def remove_contact(desk: Desk, code: str, address: str) -> None:
    removed = once.delete(desk, "administrations", code, "contacts", address, look=f"dcctl administration contact list {code}")
    desk.thing(removed, CONTACTS, created_at=moment)
    say(N_("No more letters about {code} go to {address}."), code=code, address=address)


command.add_command(person)
command.add_command(contact)

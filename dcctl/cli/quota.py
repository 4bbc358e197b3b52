"""dcctl quota."""

import click

from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown
from dcctl.cli.named import amounts, holder
from dcctl.cli.talk import confirm_name, say
from dcctl.cli.times import moment
from dcctl.words import N_, sentence

COLUMNS = {
    "resource": N_("Resource"), "unit": N_("Unit"), "granted": N_("Granted"), "available": N_("Available"), "held": N_("Held"),
    "allocated": N_("Allocated"), "limit": N_("Limit"), "usage": N_("Used"),
}  # fmt: skip
HISTORY = {
    "entry": N_("Entry"), "recorded_at": N_("Recorded"), "kind": N_("Kind"), "resource": N_("Resource"), "amount": N_("Amount"), "unit": N_("Unit"),
    "source": N_("From"), "destination": N_("To"), "actor": N_("By"), "cause": N_("Cause"), "document": N_("Document"), "reason": N_("Reason"),
}  # fmt: skip
HOLDER = N_("[ADMINISTRATION | ADMINISTRATION/ENVIRONMENT]")

command = Group("quota", help=N_("Envelopes: what is granted, held, allocated and available; who gave what, and why."),
                examples=["dcctl quota show", "dcctl quota show min-sante/dossier-patient", "dcctl quota history min-sante"])  # fmt: skip


@command.command(help=N_("Show an envelope: your administration's own, or the one that is named."), examples=["dcctl quota show -f json"])
@click.argument("name", metavar=HOLDER, required=False)
@shown
@click.pass_obj
def show(desk: Desk, name: str | None) -> None:
    desk.listing(desk.api.get("quota", query=holder(name)), COLUMNS)


@command.command(help=N_("List every transfer that made an envelope what it is, the latest first."))
@click.argument("name", metavar=HOLDER, required=False)
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, metavar=N_("COUNT"), help=N_("At most so many."))
@shown
@click.pass_obj
def history(desk: Desk, name: str | None, limit: int) -> None:
    desk.listing(desk.pages("history", limit=limit, **holder(name)), HISTORY, recorded_at=moment)


@command.command(help=N_("Give an administration more, from your own envelope or the datacenter's pool."),
                 examples=["dcctl quota grant min-sante cores=64 ram=131072 --reason \"programme 2026\" --document \"décret 2026-118\""])  # fmt: skip
@click.argument("administration", metavar=N_("ADMINISTRATION"))
@click.argument("resources", metavar=N_("RESOURCE=AMOUNT..."), nargs=-1, required=True)
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why; it stays in the ledger for ever."))
@click.option("--document", metavar=N_("TEXT"), help=N_("The act it rests on."))
@shown
@click.pass_obj
def grant(desk: Desk, administration: str, resources: tuple[str, ...], reason: str, document: str | None) -> None:
    body = {"administration": administration, "resources": amounts(resources), "reason": reason, "document": document}
    desk.listing(desk.api.post("grants", body=body, look=f"dcctl quota history {administration}"), COLUMNS)
    say(N_("Granted to {administration}: {resources}."), administration=administration, resources=" ".join(resources))


@command.command(help=N_("Take back from an administration what is still available in its envelope."),
                 examples=["dcctl quota revoke min-sante cores=8 --reason \"restitution\" --confirm min-sante"])  # fmt: skip
@click.argument("administration", metavar=N_("ADMINISTRATION"))
@click.argument("resources", metavar=N_("RESOURCE=AMOUNT..."), nargs=-1, required=True)
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why; it stays in the ledger for ever."))
@click.option("--document", metavar=N_("TEXT"), help=N_("The act it rests on."))
@click.option("--confirm", metavar=N_("NAME"), help=N_("The administration's name once more, where nobody can be asked."))
@shown
@click.pass_obj
def revoke(desk: Desk, administration: str, resources: tuple[str, ...], reason: str, document: str | None, confirm: str | None) -> None:
    body = {"administration": administration, "resources": amounts(resources), "reason": reason, "document": document}
    warning = sentence(N_("{administration} will have less: {resources}."), {"administration": administration, "resources": " ".join(resources)})
    confirm_name(administration, confirm, warning=warning)
    desk.listing(desk.api.post("revocations", body=body, look=f"dcctl quota history {administration}"), COLUMNS)
    say(N_("Taken back from {administration}: {resources}."), administration=administration, resources=" ".join(resources))

"""dcctl quota."""

import click

from dcctl.cli import once
from dcctl.cli.acting import dated, named, paper, told
from dcctl.cli.command import Group
from dcctl.cli.correcting import correct
from dcctl.cli.desk import Desk, shown
from dcctl.cli.named import amounts, holder
from dcctl.cli.openings import import_
from dcctl.cli.proving import export, verify
from dcctl.cli.talk import confirm_name
from dcctl.cli.times import instant, moment
from dcctl.words import N_, sentence

COLUMNS = {
    "resource": N_("Resource"), "unit": N_("Unit"), "granted": N_("Granted"), "available": N_("Available"), "held": N_("Held"),
    "allocated": N_("Allocated"), "limit": N_("Limit"), "usage": N_("Used"),
}  # fmt: skip
#: Limits and use are not remembered.
THEN = {name: heading for name, heading in COLUMNS.items() if name not in ("limit", "usage")}
HISTORY = {
    "entry": N_("Entry"), "recorded_at": N_("Recorded"), "effective_at": N_("Effective"), "kind": N_("Kind"), "resource": N_("Resource"),
    "amount": N_("Amount"), "unit": N_("Unit"),
    "source": N_("From"), "destination": N_("To"), "actor": N_("By"), "cause": N_("Cause"), "asked_by": N_("Asked by"),
    "decided_by": N_("Decided by"), "document": N_("Document"), "reason": N_("Reason"), "reverses": N_("Reverses"),
}  # fmt: skip
HOLDER = N_("[ADMINISTRATION | ADMINISTRATION/ENVIRONMENT]")

command = Group("quota", help=N_("Envelopes: what is granted, held, allocated and available; who gave what, and why."),
                examples=["dcctl quota show", "dcctl quota show min-sante/dossier-patient", "dcctl quota history min-sante"])  # fmt: skip


@command.command(help=N_("Show an envelope: your administration's own, or the one that is named."),
                 examples=["dcctl quota show -f json", "dcctl quota show min-sante --as-of 2026-06-30"])  # fmt: skip
@click.argument("name", metavar=HOLDER, required=False)
@click.option("--as-of", metavar=N_("DATE"), help=N_("What it was then: a date means its end, in Cotonou; with a time, that moment."))
@click.option("--known-at", metavar=N_("DATE"), help=N_("Only in the light of what was recorded until then."))
@shown
@click.pass_obj
def show(desk: Desk, name: str | None, as_of: str | None, known_at: str | None) -> None:
    then = {"as_of": instant("--as-of", as_of), "known_at": instant("--known-at", known_at)}
    desk.listing(desk.api.get("quota", query=holder(name) | then), COLUMNS if not any(then.values()) else THEN)


@command.command(help=N_("List every transfer that made an envelope what it is, the latest first."))
@click.argument("name", metavar=HOLDER, required=False)
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, metavar=N_("COUNT"), help=N_("At most so many."))
@shown
@click.pass_obj
def history(desk: Desk, name: str | None, limit: int) -> None:
    desk.listing(desk.pages("history", limit=limit, **holder(name)), HISTORY, recorded_at=moment, effective_at=moment)


@command.command(help=N_("Give an administration more, from your own envelope or the datacenter's pool."),
                 examples=["dcctl quota grant min-sante cores=64 ram=131072 --reason \"programme 2026\" --document \"décret 2026-118\""])  # fmt: skip
@click.argument("administration", metavar=N_("ADMINISTRATION"))
@click.argument("resources", metavar=N_("RESOURCE=AMOUNT..."), nargs=-1, required=True)
@named
@dated
@shown
@click.pass_obj
def grant(desk: Desk, administration: str, resources: tuple[str, ...], reason: str, document: str, effective: str | None) -> None:
    body = {"administration": administration, "resources": amounts(resources), **paper(reason, document, effective)}
    done = once.post(desk, "grants", body=body, look=f"dcctl quota history {administration}")
    told(desk, done, COLUMNS, N_("Granted to {administration}: {resources}."), administration=administration, resources=" ".join(resources))


@command.command(help=N_("Take back from an administration what is still available in its envelope."),
                 examples=["dcctl quota revoke min-sante cores=8 --reason \"restitution\" --document \"note 2026-31\""])  # fmt: skip
@click.argument("administration", metavar=N_("ADMINISTRATION"))
@click.argument("resources", metavar=N_("RESOURCE=AMOUNT..."), nargs=-1, required=True)
@named
@dated
@click.option("--confirm", metavar=N_("NAME"), help=N_("The administration's name once more, where nobody can be asked."))
@shown
@click.pass_obj
def revoke(
    desk: Desk, administration: str, resources: tuple[str, ...], reason: str, document: str, effective: str | None, confirm: str | None
) -> None:  # fmt: skip
    body = {"administration": administration, "resources": amounts(resources), **paper(reason, document, effective)}
    warning = sentence(N_("{administration} will have less: {resources}."), {"administration": administration, "resources": " ".join(resources)})
    confirm_name(administration, confirm, warning=warning)
    done = once.post(desk, "revocations", body=body, look=f"dcctl quota history {administration}")
    told(desk, done, COLUMNS, N_("Taken back from {administration}: {resources}."), administration=administration, resources=" ".join(resources))


command.add_command(correct)
command.add_command(export)
command.add_command(import_)
command.add_command(verify)

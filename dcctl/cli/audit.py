"""dcctl audit: who did what and what was refused; proved on this machine, from what the server sends or from a file."""

import json
from typing import Any

import click

from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown
from dcctl.cli.proving import exported_to, provable, refuse, sent_or_kept
from dcctl.cli.talk import say
from dcctl.cli.times import beginning, instant, moment
from dcctl.errors import DcctlError
from dcctl.words import N_

COLUMNS = {
    "number": N_("Number"), "at": N_("When"), "actor": N_("Who"), "action": N_("What"), "outcome": N_("Outcome"),
    "administration": N_("Administration"), "target": N_("On what"), "address": N_("From"),
}  # fmt: skip
WHOLE = COLUMNS | {
    "actor_id": N_("Id"), "scope": N_("Scope"), "observer": N_("Seen by"), "request_id": N_("Request id"), "position": N_("Position"),
    "content_hash": N_("Content hash"), "document": N_("Details"),
}  # fmt: skip
PROVED = {"sealed": N_("Sealed events"), "chain_hash": N_("Chain hash"), "unsealed": N_("Not sealed yet"), "checkpoints": N_("Checkpoints")}
_CODES = {"checkpoint": "DCCTL-631", "cut": "DCCTL-631", "format": "DCCTL-632"}

command = Group("audit", help=N_("The audit trail: each deed and each refusal, for operators and auditors."),
                examples=["dcctl audit list --administration min-sante", "dcctl audit verify --public-key asin.pem"])  # fmt: skip


@command.command("list", help=N_("List events, the newest first."), examples=["dcctl audit list --outcome refused --since 2026-06-01"])
@click.option("--actor", metavar=N_("USER"), help=N_("Of one person."))
@click.option("--action", metavar=N_("ACTION"), help=N_("Of one sort, such as request:decide."))
@click.option("--outcome", type=click.Choice(["success", "refused", "failed", "pending"]), help=N_("With one outcome."))
@click.option("--administration", metavar=N_("ADMINISTRATION"), help=N_("Of one administration."))
@click.option("--target", metavar=N_("NAME"), help=N_("On one thing, such as R-2026-0042."))
@click.option("--since", metavar=N_("DATE"), help=N_("From then on; a date means its beginning, in Cotonou."))
@click.option("--until", metavar=N_("DATE"), help=N_("Before then; a date means its end, in Cotonou."))
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, metavar=N_("COUNT"), help=N_("At most so many."))
@shown
@click.pass_obj
def list_(desk: Desk, /, since: str | None, until: str | None, limit: int, **wanted: str | None) -> None:
    found = desk.pages("audit", limit=limit, since=beginning("--since", since) if since else None, until=instant("--until", until), **wanted)
    desk.listing(found, COLUMNS, at=moment)


@command.command(help=N_("Show an event: what was asked for, before and after."), examples=["dcctl audit show 1042"])
@click.argument("number", metavar=N_("NUMBER"), type=click.IntRange(min=1))
@shown
@click.pass_obj
def show(desk: Desk, number: int) -> None:
    desk.thing(desk.api.get("audit", "events", str(number)), WHOLE, at=moment, document=_document)


@command.command(
    help=N_("Write the whole trail to FILE (- for standard output), to be proved elsewhere: dcctl audit verify --export FILE."),
    examples=["dcctl audit export audit-2026-06.tsv"],
)
@click.argument("file", metavar=N_("FILE"))
@click.pass_obj
def export(desk: Desk, file: str) -> None:
    count = exported_to(file, desk.api.stream("audit", "export"))
    if file != "-":
        say(N_("{count} lines in {path}. Prove them: dcctl audit verify --export {path}"), count=count, path=file)


@command.command(
    help=N_("Prove the trail: every hash, the chain and the checkpoints. The first wrong event is named."),
    examples=["dcctl audit verify --export audit-2026-06.tsv --public-key asin.pem"],
)
@provable
@shown
@click.pass_obj
def verify(desk: Desk, files: tuple[str, ...], key_file: str | None, exported: str | None) -> None:
    from dcctl import signature, trail
    from quotas import chain

    key = None if key_file is None else signature.public_key(key_file)
    kept = [signature.read(file, key, of=trail.FORM.name).checkpoint for file in files]
    with sent_or_kept(desk, exported, "audit", "export") as lines:
        report = chain.verify(lines, kept, trail.FORM)
    refuse(report, key, _CODES, otherwise="DCCTL-630")
    if key is not None and not kept and not report.checkpoints:
        raise DcctlError("DCCTL-633")
    positions = {made.position for made in kept} | {made.position for made, _, _ in report.checkpoints}
    document = {"sealed": report.sealed, "chain_hash": report.chain_hash.hex(), "unsealed": report.unsealed, "checkpoints": len(positions)}
    desk.thing(document, PROVED)
    say(N_("Everything agrees."))
    if positions:
        say(N_("Bound by a checkpoint up to position {position}; what comes after is bound by the next one."), position=max(positions))
    if not kept:
        say(N_("No checkpoint of yours was compared: who can write the whole trail anew, and cuts it, is found only by --checkpoint FILE."))


def _document(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1)

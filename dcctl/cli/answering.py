"""Verbs of `dcctl request` by which people answer each other: return, edit, comment, accept, decline, evidence, review."""

from collections.abc import Mapping
from typing import Any

import click

from dcctl.cli import deciding, once, submitting
from dcctl.cli.command import Command
from dcctl.cli.desk import Desk, shown
from dcctl.cli.named import amounts
from dcctl.cli.specfile import placed, read
from dcctl.cli.talk import confirm, interactive, say, tell
from dcctl.cli.times import moment
from dcctl.errors import DcctlError
from dcctl.words import N_, _, sentence

COLUMNS = {
    "number": N_("Number"), "state": N_("State"), "kind": N_("Kind"), "administration": N_("Administration"), "environment": N_("Environment"),
    "requester": N_("Asked by"), "created_at": N_("Since"),
}  # fmt: skip
NUMBER = N_("NUMBER")


def _thing(desk: Desk, request: Mapping[str, Any]) -> None:
    desk.thing(request, COLUMNS, requester=deciding.person, created_at=moment)


@click.command("return", cls=Command, help=N_("Give a request back to whoever asked, with what should change; they edit it and it is decided anew."),
               examples=['dcctl request return R-2026-0042 --reason "moins de mémoire"'])  # fmt: skip
@click.argument("number", metavar=NUMBER)
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why; the requester reads it."))
@shown
@click.pass_obj
def return_(desk: Desk, number: str, reason: str) -> None:
    _thing(desk, deciding.decide(desk, number, "return", None, reason))
    say(N_("{number} is returned; whoever asked can edit it: dcctl request edit {number} FILE"), number=number)


@click.command(
    "edit", cls=Command,
    help=N_("Submit a returned request again, edited: the spec in FILE, or what only its kind has. What it holds follows in the same moment."),
    examples=["dcctl request edit R-2026-0042 dossier-patient.yaml", "dcctl request edit R-2026-0043 --resource cores=32"],
)  # fmt: skip
@click.argument("number", metavar=NUMBER)
@click.argument("file", required=False, metavar=N_("[FILE]"))
@click.option("--duration", metavar=N_("DURATION"), help=N_("Of an extension: how much longer."))
@click.option("--resource", multiple=True, metavar=N_("RESOURCE=AMOUNT"), help=N_("Of an envelope: RESOURCE=AMOUNT; may be repeated."))
@click.option("--confirm", "confirmed", metavar=N_("NAME"), help=N_("The environment's name, where a change destroys data."))
@click.option("--reason", metavar=N_("TEXT"), help=N_("Why, now."))
@shown
@click.pass_obj
def edit(
    desk: Desk, number: str, file: str | None, duration: str | None, resource: tuple[str, ...], confirmed: str | None, reason: str | None
) -> None:  # fmt: skip
    present = desk.api.get("requests", number)
    body: dict[str, Any] = {"kind": present["kind"], "reason": reason or present.get("justification") or None}
    draft = read(file) if file is not None else None
    if draft is not None:
        submitting.examine(desk, draft)
        body["spec"] = draft.document
    body |= {"confirm": confirmed} if confirmed else {}
    body |= {"duration": duration} if duration else {}
    body |= {"resources": amounts(resource)} if resource else {}
    with placed(draft):
        done = once.post(desk, "requests", number, "edit", body=body, look=f"dcctl request show {number}")
    _thing(desk, done)
    say(N_("{number} is submitted again; follow it: dcctl request watch {number}"), number=number)


@click.command("comment", cls=Command, help=N_("Say something about a request; whoever sees it reads it, nothing is decided."),
               examples=['dcctl request comment R-2026-0042 "le schéma directeur est joint au courrier 31"'])  # fmt: skip
@click.argument("number", metavar=NUMBER)
@click.argument("text", metavar=N_("TEXT"))
@shown
@click.pass_obj
def comment(desk: Desk, number: str, text: str) -> None:
    _thing(desk, once.post(desk, "requests", number, "comments", body={"text": text}, look=f"dcctl request show {number}"))
    say(N_("{number}: your comment is with it."), number=number)


@click.command("accept", cls=Command, help=N_("Accept what is granted, less than was asked."), examples=["dcctl request accept R-2026-0042"])
@click.argument("number", metavar=NUMBER)
@click.option("--digest", metavar=N_("DIGEST"), help=N_("The digest that `request show` prints: what you accept."))
@click.option("--reason", metavar=N_("TEXT"), help=N_("Why."))
@shown
@click.pass_obj
def accept(desk: Desk, number: str, digest: str | None, reason: str | None) -> None:
    if digest is None:
        present = desk.api.get("requests", number)
        digest = present.get("digest")
        if not interactive():
            raise DcctlError("DCCTL-609", digest=digest or "–", number=number)
        for label, key in ((N_("Demand"), "demand"), (N_("Granted"), "granted")):
            tell(deciding.labelled(_(label), deciding.granted(present.get(key))))
        confirm(sentence(N_("Accept {number}?"), {"number": number}))
    done = _answered(desk, number, accept=True, digest=digest, reason=reason)
    _thing(desk, done)
    if done.get("kind") == "envelope":
        say(N_("{number} is accepted; the envelope is larger now."), number=number)
    else:
        say(N_("{number} is accepted; follow it: dcctl request watch {number}"), number=number)


@click.command("decline", cls=Command, help=N_("Decline what is granted; nothing is given and nothing held."))
@click.argument("number", metavar=NUMBER)
@click.option("--reason", metavar=N_("TEXT"), help=N_("Why."))
@shown
@click.pass_obj
def decline(desk: Desk, number: str, reason: str | None) -> None:
    _thing(desk, _answered(desk, number, accept=False, digest=None, reason=reason))
    say(N_("{number} is declined; nothing is held for it any more."), number=number)


def _answered(desk: Desk, number: str, **body: Any) -> Mapping[str, Any]:
    return once.post(desk, "requests", number, "answer", body=body, look=f"dcctl request show {number}")


@click.command(
    "evidence", cls=Command,
    help=N_("Look at the facts for whoever decides as they are now: envelope, pool, use, similar requests, of a change the engine's preview."),
)  # fmt: skip
@click.argument("number", metavar=NUMBER)
@shown
@click.pass_obj
def evidence(desk: Desk, number: str) -> None:
    found = desk.api.post("requests", number, "evidence", look=f"dcctl request show {number}")
    desk.thing(found, {"number": N_("Number"), "evidence": N_("Evidence")}, evidence=deciding.evidence)
    if found.get("kind") in ("change", "repair"):
        say(N_("The engine is asked again what {number} would do; see it in a moment: dcctl request show {number}"), number=number)


@click.command("review", cls=Command, help=N_("Review a decision that an operator made alone in an emergency."),
               examples=['dcctl request review R-2026-0042 --reason "panne du 12, justifiée"'])  # fmt: skip
@click.argument("number", metavar=NUMBER)
@click.option("--object", "objected", is_flag=True, help=N_("The decision was not justified; it stays, and so does your word."))
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why; it stays with the request."))
@shown
@click.pass_obj
def review(desk: Desk, number: str, objected: bool, reason: str) -> None:
    body = {"justified": not objected, "reason": reason}
    _thing(desk, once.post(desk, "requests", number, "review", body=body, look=f"dcctl request show {number}"))
    say(N_("{number}: the emergency is reviewed."), number=number)


COMMANDS = (return_, edit, comment, accept, decline, evidence, review)

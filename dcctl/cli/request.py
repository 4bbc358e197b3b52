"""dcctl request."""

import click

from dcctl.cli import answering, deciding, ending, many, once, planning, resting, submitting
from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown, watched
from dcctl.cli.named import amounts
from dcctl.cli.talk import say
from dcctl.cli.times import moment
from dcctl.cli.watching import WAIT_SECONDS, error_words, follow
from dcctl.words import N_

COLUMNS = {
    "number": N_("Number"), "state": N_("State"), "kind": N_("Kind"), "administration": N_("Administration"), "environment": N_("Environment"),
    "requester": N_("Asked by"), "created_at": N_("Since"),
}  # fmt: skip
WHOLE = COLUMNS | {
    "offer": N_("Offer"), "justification": N_("Why"), "demand": N_("Demand"), "granted": N_("Granted"),
    "notices": N_("To be noted"), "steps": N_("What changes"),
    "plan": N_("To be made"),
    "evidence": N_("Evidence"), "evidence_digest": N_("Digest of the evidence"),
    "digest": N_("Digest"), "decisions": N_("Decisions"), "missing": N_("Still needed"), "operation": N_("Operation"),
    "resting": N_("Waits"), "error": N_("Error"),
    "lapses_at": N_("Lapses"), "story": N_("Story"),
}  # fmt: skip
NUMBER = N_("NUMBER")
TIMEOUT = click.option(
    "--timeout", type=click.IntRange(min=1), default=WAIT_SECONDS, show_default=True, metavar=N_("SECONDS"), help=N_("Follow so long at most.")
)

command = Group("request", help=N_("Ask for an environment, follow what becomes of it, decide."),
                examples=["dcctl request submit examples/dossier-patient.yaml", "dcctl request list --state in_review",
                          "dcctl request approve R-2026-0042 --reason \"conforme au schéma directeur\""])  # fmt: skip


@command.command(
    help=N_(
        "Submit the spec in FILE (- for standard input) and print the request's number. Everything wrong with it is said before anything is sent."
        " Of a directory, every spec in it, with one report."
        " The edited spec of an environment that exists is a change of it."
    ),
    examples=["dcctl request submit examples/dossier-patient.yaml", "number=$(dcctl request submit examples/dossier-patient.yaml)"],
)
@click.argument("file", metavar=N_("FILE"))
@click.option("--dry-run", is_flag=True, help=N_("Only say for each what it would need and whether it fits; nothing is submitted."))
@click.option("--wait", is_flag=True, help=N_("Follow it until it is fulfilled or has failed."))
@click.option("--key", metavar=N_("KEY"), help=N_("The idempotency key to send; otherwise one is made, and kept until the API has answered."))
@click.option("--confirm", metavar=N_("NAME"), help=N_("The environment's name, where a change destroys data."))
@TIMEOUT
@watched
@click.pass_obj
def submit(desk: Desk, file: str, dry_run: bool, wait: bool, key: str | None, confirm: str | None, timeout: int) -> None:
    if dry_run:
        many.attempt(desk, many.files(file), confirm=confirm)
        return
    if many.is_directory(file):
        many.submit(desk, many.files(file), confirm=confirm)
        return
    submitting.submit(desk, file, key=key, wait_seconds=timeout if wait else None, confirm=confirm)


@command.command(
    help=N_("Ask for a later end of ENVIRONMENT, counted from its present one. A lead approves; what its end has stopped runs again."),
    examples=['dcctl request extend dossier-patient --duration "6 months" --reason "phase 2"'],
)
@click.argument("environment", metavar=N_("ENVIRONMENT"))
@click.option("--duration", required=True, metavar=N_("DURATION"), help=N_("How much longer: 30 days, 6 months."))
@click.option("--reason", metavar=N_("TEXT"), help=N_("Why."))
@click.option("--wait", is_flag=True, help=N_("Follow it until it is fulfilled or has failed."))
@TIMEOUT
@watched
@click.pass_obj
def extend(desk: Desk, environment: str, duration: str, reason: str | None, wait: bool, timeout: int) -> None:
    submitting.about(desk, "extension", environment, wait_seconds=timeout if wait else None, duration=duration, reason=reason)


@command.command("list", help=N_("List the requests that you may see, the newest first."))
@click.option("--administration", metavar=N_("ADMINISTRATION"), help=N_("Those of one administration."))
@click.option("--state", metavar=N_("STATE"), help=N_("Those in one state, such as in_review."))
@click.option("--kind", metavar=N_("KIND"), help=N_("Those of one kind: environment, decommission, …"))
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, metavar=N_("COUNT"), help=N_("At most so many."))
@shown
@click.pass_obj
def list_(desk: Desk, administration: str | None, state: str | None, kind: str | None, limit: int) -> None:
    found = desk.pages("requests", limit=limit, administration=administration, state=state, kind=kind)
    desk.listing(found, COLUMNS | {"digest": N_("Digest")}, created_at=moment, digest=deciding.short)


@command.command(help=N_("Show a request: what is asked, what will be made, who decides."), examples=["dcctl request show R-2026-0042"])
@click.argument("number", metavar=NUMBER)
@shown
@click.pass_obj
def show(desk: Desk, number: str) -> None:
    desk.thing(desk.api.get("requests", number), WHOLE, requester=deciding.person, created_at=moment, demand=deciding.amounts,
               notices=deciding.notices, plan=deciding.plan, steps=planning.lines, decisions=deciding.decisions,
               missing=deciding.missing, error=error_words, granted=deciding.granted, lapses_at=moment, story=deciding.story,
               evidence=deciding.evidence, resting=resting.words)  # fmt: skip


@command.command(help=N_("Approve a request. You are shown what it is and asked; where nobody can be asked, --digest says what is meant."),
                 examples=["dcctl request approve R-2026-0042 --reason \"conforme au schéma directeur\""])  # fmt: skip
@click.argument("number", metavar=NUMBER)
@click.option("--digest", metavar=N_("DIGEST"), help=N_("The digest that `request show` prints: what you approve."))
@click.option("--evidence", metavar=N_("DIGEST"), help=N_("With --digest: that of the facts that you saw, which `request show` prints too."))
@click.option("--confirm", metavar=N_("NAME"), help=N_("The environment's name, where something is destroyed, replaced or lessened."))
@click.option(
    "--grant", multiple=True, metavar=N_("RESOURCE=AMOUNT"), help=N_("Grant so much only of what is asked: RESOURCE=AMOUNT; may be repeated.")
)
@click.option("--duration", metavar=N_("DURATION"), help=N_("Of an extension grant so much longer only: 3 months."))
@click.option("--emergency", is_flag=True, help=N_("Approve alone, as an operator; somebody else reviews it afterwards (request review)."))
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why; the requester reads it."))
@shown
@click.pass_obj
def approve(
    desk: Desk, number: str, digest: str | None, evidence: str | None, confirm: str | None, grant: tuple[str, ...], duration: str | None,
    emergency: bool, reason: str,
) -> None:  # fmt: skip
    meant = (digest, evidence) if digest else None
    less: dict[str, object] = (amounts(grant) if grant else {}) | ({"duration": duration} if duration else {})
    decided = deciding.approve(desk, number, meant, reason, confirm, grant=less or None, emergency=emergency)
    desk.thing(decided, COLUMNS, requester=deciding.person, created_at=moment)
    if decided.get("missing"):
        say(N_("{number} approved by you; still needed: {missing}."), number=number, missing=deciding.missing(decided["missing"]))
    elif decided.get("state") == "proposed":
        say(N_("{number}: whoever asked now says yes or no to {granted}."), number=number, granted=deciding.granted(decided.get("granted")))
    else:
        say(N_("{number} is approved. Follow it: dcctl request watch {number}"), number=number)


@command.command(
    help=N_("Refuse a request; what it held is given back."), examples=['dcctl request refuse R-2026-0042 --reason "hors schéma directeur"']
)
@click.argument("number", metavar=NUMBER)
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why; the requester reads it."))
@shown
@click.pass_obj
def refuse(desk: Desk, number: str, reason: str) -> None:
    desk.thing(deciding.decide(desk, number, "refuse", None, reason), COLUMNS, requester=deciding.person, created_at=moment)
    say(N_("{number} is refused; what it held is given back."), number=number)


@command.command(help=N_("Take your request back; what it held is given back."))
@click.argument("number", metavar=NUMBER)
@click.option("--reason", metavar=N_("TEXT"), help=N_("Why."))
@shown
@click.pass_obj
def withdraw(desk: Desk, number: str, reason: str | None) -> None:
    done = once.post(desk, "requests", number, "withdraw", body={"reason": reason}, look=f"dcctl request show {number}")
    desk.thing(done, COLUMNS, requester=deciding.person, created_at=moment)
    say(N_("{number} is withdrawn; what it held is given back."), number=number)


@command.command(help=N_("Follow a request until nothing more happens by itself. Ctrl-C stops the following, not the work."),
                 examples=["dcctl request watch R-2026-0042", "dcctl request watch R-2026-0042 -f ndjson"])  # fmt: skip
@click.argument("number", metavar=NUMBER)
@TIMEOUT
@watched
@click.pass_obj
def watch(desk: Desk, number: str, timeout: int) -> None:
    state = follow(desk, ("requests", number), timeout, name=number, command=f"dcctl request watch {number}")
    ending.end(desk, number, state)


for verb in answering.COMMANDS:
    command.add_command(verb)

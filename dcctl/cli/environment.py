"""dcctl environment."""

from collections.abc import Mapping
from typing import Any

import click

from dcctl.cli import certified, ending, once, output, planning, specfile, submitting, watching
from dcctl.cli.command import Group
from dcctl.cli.desk import Desk, shown, watched
from dcctl.cli.discrepancy import reason_words, state_words
from dcctl.cli.named import environment
from dcctl.cli.pending import key_for
from dcctl.cli.talk import CONTROLS, confirm_name, say
from dcctl.cli.times import moment
from dcctl.cli.watching import error_words
from dcctl.words import N_, _, sentence

COLUMNS = {
    "name": N_("Environment"), "administration": N_("Administration"), "state": N_("State"), "offer": N_("Offer"), "request": N_("Request"),
    "created_at": N_("Since"), "expires_at": N_("Until"), "days_left": N_("Days left"),
}  # fmt: skip
WHOLE = COLUMNS | {
    "project_id": N_("Project"), "outputs": N_("Servers"), "kept_volumes": N_("Volumes without a server"),
    "limits": N_("Limits"), "operation": N_("Operation"), "error": N_("Error"),
}  # fmt: skip
DRIFT = {
    "number": N_("Number"), "environment": N_("Environment"), "detail": N_("What differs"), "state": N_("State"), "first_seen": N_("Since"),
    "reason": N_("Why"),
}  # fmt: skip
NAME = N_("ENVIRONMENT")
TIMEOUT = click.option(
    "--timeout", type=click.IntRange(min=1), default=planning.LONGEST_SECONDS, show_default=True, metavar=N_("SECONDS"),
    help=N_("Wait so long at most."),
)  # fmt: skip

command = Group("environment", help=N_("What your administration has obtained: see it, reach it, give it back."),
                examples=["dcctl environment list", "dcctl environment cloud dossier-patient"])  # fmt: skip


@command.command("list", help=N_("List the environments that you may see."))
@click.option("--administration", metavar=N_("ADMINISTRATION"), help=N_("Those of one administration."))
@click.option("--state", metavar=N_("STATE"), help=N_("Those in one state, such as active."))
@shown
@click.pass_obj
def list_(desk: Desk, administration: str | None, state: str | None) -> None:
    found = desk.pages("environments", administration=administration, state=state)
    desk.listing(found, COLUMNS, created_at=moment, expires_at=moment)


@command.command(help=N_("Show an environment: servers, addresses, limits as they were read back."))
@click.argument("name", metavar=NAME)
@shown
@click.pass_obj
def show(desk: Desk, name: str) -> None:
    found = desk.api.get("environments", *environment(name))
    desk.thing(found, WHOLE, created_at=moment, expires_at=moment, error=error_words, limits=limits,
               outputs=lambda _value: "\n".join(line.strip() for line in ending.addresses(found)) or "–")  # fmt: skip


@command.command(help=N_("Print the clouds.yaml entry by which a member reaches the environment with the openstack command. No secret is in it."),
                 examples=["dcctl environment cloud dossier-patient > dossier-patient.yaml"])  # fmt: skip
@click.argument("name", metavar=NAME)
@shown
@click.pass_obj
def cloud(desk: Desk, name: str) -> None:
    answer = desk.api.get("environments", *environment(name), "cloud")
    entry = with_caller(answer.get("entry") or {}, desk.api.cloud.auth)
    if not desk.for_people:
        desk.thing({**answer, "entry": entry}, {"cloud": "", "entry": ""})
        return
    lines = yaml_lines({"clouds": {str(answer["cloud"]): entry}})
    if {"username", "user_id"} & set(entry["auth"]):
        last = max(at for at, line in enumerate(lines) if line.startswith("      "))
        secret = _("password: never here; put it into secure.yaml beside clouds.yaml, under the same keys (OS_CLIENT_SECURE_FILE names it).")
        lines.insert(last + 1, f"      # {secret}")
    output.write("\n".join(lines))
    then = N_("Put it into your clouds.yaml, the one of OS_CLIENT_CONFIG_FILE where that is set; then: openstack --os-cloud {cloud} server list")
    say(then, cloud=answer["cloud"])


@command.command(help=N_("Show the certificate of an environment's end: what was destroyed, when, by whose word. It stays when all else is gone."),
                 examples=["dcctl environment certificate dossier-patient --html > attestation.html"])  # fmt: skip
@click.argument("name", metavar=NAME)
@click.option("--html", "as_html", is_flag=True, help=N_("A page to print or file, in the language of the command."))
@shown
@click.pass_obj
def certificate(desk: Desk, name: str, as_html: bool) -> None:
    answer = desk.api.get("environments", *environment(name), "certificate")
    if as_html:
        output.write(certified.html(answer))
    elif desk.for_people:
        desk.thing(certified.lines(answer), certified.COLUMNS)
    else:
        desk.thing(answer, {"issued_at": "", "digest": "", "certificate": ""})


@command.command(
    help=N_("Give an environment back: everything in it is destroyed, its units are available again. You type its name; scripts give --confirm."),
    examples=["dcctl environment decommission dossier-patient", "dcctl environment decommission dossier-patient --confirm dossier-patient --wait"],
)
@click.argument("name", metavar=NAME)
@click.option("--confirm", metavar=N_("NAME"), help=N_("The environment's name once more, where nobody can be asked."))
@click.option("--reason", metavar=N_("TEXT"), help=N_("Why."))
@click.option("--wait", is_flag=True, help=N_("Follow it until it is done or has failed."))
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=watching.WAIT_SECONDS,
    show_default=True,
    metavar=N_("SECONDS"),
    help=N_("Follow so long at most."),
)
@watched
@click.pass_obj
def decommission(desk: Desk, name: str, confirm: str | None, reason: str | None, wait: bool, timeout: int) -> None:
    administration, own = environment(name)
    given = confirm_name(own, confirm, warning=sentence(N_("{name} will be destroyed: servers, volumes and all their data."), {"name": name}))
    body = {
        "kind": "decommission", "administration": None if administration == "-" else administration, "environment": own, "confirm": given,
        "reason": reason,
    }  # fmt: skip
    request = submitting.sent(desk, body, key_for(body, desk.api.cloud.identity))
    submitting.followed(desk, request, N_("{number}: {administration}/{environment} will be decommissioned."), wait_seconds=timeout if wait else None)


@command.command(
    help=N_("Show what the spec in FILE would change in an environment; without FILE, what differs between what was built and what is there."
            " Nothing is changed."),
    examples=["dcctl environment plan dossier-patient examples/dossier-patient.yaml", "dcctl environment plan dossier-patient -f json"],
)  # fmt: skip
@click.argument("name", metavar=NAME)
@click.argument("file", metavar=N_("FILE"), required=False)
@TIMEOUT
@shown
@click.pass_obj
def plan(desk: Desk, name: str, file: str | None, timeout: int) -> None:
    draft = specfile.read(file) if file is not None else None
    body = {"spec": draft.document} if draft is not None else {}
    with specfile.placed(draft):
        found = planning.awaited(desk, environment(name), body, timeout, command=f"dcctl environment plan {name}")
    planning.show(desk, found)


@command.command(
    help=N_("Look for what is otherwise in the cloud than it was built, and keep it as discrepancies; without ENVIRONMENT, list what is known."),
    examples=["dcctl environment drift dossier-patient", "dcctl environment drift"],
)
@click.argument("name", metavar=NAME, required=False)
@TIMEOUT
@shown
@click.pass_obj
def drift(desk: Desk, name: str | None, timeout: int) -> None:
    if name is not None:
        planning.awaited(desk, environment(name), {"drift": True}, timeout, command=f"dcctl environment drift {name}")
    found = desk.api.get("drift") if name is None else desk.api.get("environments", *environment(name), "drift")
    if not found["items"]:
        say(N_("Everything is as it was built."))
    desk.listing(found, DRIFT, first_seen=moment, state=state_words, reason=reason_words)


@command.command(
    help=N_("Bring the cloud back to what was built. Where that destroys or replaces something, it becomes a request that a lead approves."),
    examples=["dcctl environment repair dossier-patient --wait"],
)
@click.argument("name", metavar=NAME)
@click.option("--reason", metavar=N_("TEXT"), help=N_("Why."))
@click.option("--wait", is_flag=True, help=N_("Follow it until it is done or has failed."))
@TIMEOUT
@watched
@click.pass_obj
def repair(desk: Desk, name: str, reason: str | None, wait: bool, timeout: int) -> None:
    submitting.about(desk, "repair", name, wait_seconds=timeout if wait else None, reason=reason)


@command.command(help=N_("Say that what is otherwise in an environment than it was built is known, and may stay so until it changes again."))
@click.argument("name", metavar=NAME)
@click.option("--reason", required=True, metavar=N_("TEXT"), help=N_("Why."))
@shown
@click.pass_obj
def accept(desk: Desk, name: str, reason: str) -> None:
    found = once.post(desk, "environments", *environment(name), "drift", "accept", body={"reason": reason}, look=f"dcctl environment drift {name}")
    desk.listing(found, DRIFT, first_seen=moment, state=state_words, reason=reason_words)


def limits(found: Any) -> str:
    """What OpenStack enforces, a line a service; what is not as wanted is said."""
    services: dict[str, list[str]] = {}
    for limit in found:
        wrong = "" if limit.get("state") == "in_sync" else f" ({limit.get('state')}, {limit.get('value')})"
        services.setdefault(str(limit.get("service_type")), []).append(f"{limit.get('key')} {limit.get('wanted')}{wrong}")
    return "\n".join(f"{service}: {', '.join(keys)}" for service, keys in services.items()) or "–"


def with_caller(entry: Mapping[str, Any], auth: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with the name of whoever asks, out of the chosen cloud; never a password or token."""
    user = {key: auth[key] for key in ("username", "user_id", "user_domain_name", "user_domain_id") if auth.get(key)}
    if not {"user_domain_name", "user_domain_id"} & set(user) and "user_id" not in user:
        user |= {f"user_{key}": auth[key] for key in ("domain_name", "domain_id") if auth.get(key)}
    whole = dict(entry)
    whole["auth"] = {**(entry.get("auth") or {}), **user}
    return whole


def yaml_lines(document: Mapping[str, Any], indent: int = 0) -> list[str]:
    """A mapping of mappings and plain values as YAML; texts are quoted, so that none is taken for something else."""
    import json

    lines: list[str] = []
    for key, value in document.items():
        margin = "  " * indent + (key if key.replace("-", "").replace("_", "").isalnum() else json.dumps(key)) + ":"
        if isinstance(value, Mapping):
            lines += [margin, *yaml_lines(value, indent + 1)]
        else:
            lines.append(f"{margin} {json.dumps(value, ensure_ascii=bool(CONTROLS.search(str(value))))}")
    return lines

"""What went wrong, said once: a sentence, what to do next, an exit status. Nothing but the root group calls this.

With `-f json` the same is one JSON object on stderr. What nobody foresaw gets DCCTL-500 with a reference; its traceback goes to a file that the
message names, below XDG_STATE_HOME.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from dcctl.cli.output import API_VERSION, line
from dcctl.cli.talk import clean, tell
from dcctl.errors import DcctlError, SpecRefused
from dcctl.servicewords import meaning
from dcctl.words import N_, _, sentence


def state_home() -> Path:
    """Where dcctl remembers things between two commands: $XDG_STATE_HOME/dcctl."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "dcctl"


def report(error: DcctlError, *, as_json: bool) -> int:
    """Say it; return the exit status."""
    if as_json:
        click.echo(line({"apiVersion": API_VERSION, "error": document(error)}), err=True)
    else:
        for said in fault_lines(error):
            tell(said)
        tell(words(error))
    return error.entry.exit


def document(error: DcctlError) -> dict[str, Any]:
    """An error as JSON: code, message, params, next."""
    return {"code": error.code, "message": str(error), "params": error.params, "next": next_step(error), "exit": error.entry.exit}


def words(error: DcctlError) -> str:
    """ "Erreur DCCTL-201 : …", then what to do next, then where to read more."""
    text = sentence(N_("Error {code}: {message}"), {"code": error.code, "message": str(error)})
    if meant := meaning(str(error.params.get("words") or "")):
        text += "\n" + sentence(N_("That is: {meaning}."), {"meaning": meant})
    following = next_step(error)
    if following:
        text += "\n" + sentence(N_("Next: {step}"), {"step": following})
    log = error.params.get("log")
    if log:
        text += "\n" + sentence(N_("The details are in {log}."), {"log": log})
    return text + "\n" + sentence(N_("More: dcctl explain {code}"), {"code": error.code})


def next_step(error: DcctlError) -> str:
    """What the person can do about it; empty when nothing is known."""
    if error.code == "DCCTL-500" and error.params.get("log"):
        return _("Repeat the command; if it happens again, give the file named below to the datacenter's operators.")
    return sentence(error.entry.next, error.params)


def fault_lines(error: DcctlError) -> list[str]:
    """Each fault of a spec, an offer, a policy, a file of envelopes; nothing for any other error."""
    if not isinstance(error, SpecRefused):
        return []
    return [fault_line(fault, str(error.params.get("source") or "spec")) for fault in error.params["faults"]]


def fault_line(fault: dict[str, Any], source: str) -> str:
    """`dossier.yaml:7: servers[0].flavor: …`; without a line number when the place is not known."""
    from dcctl.faults import dotted
    from dcctl.faults import sentence as fault_sentence

    where = f"{source}:{fault['line']}" if fault.get("line") else source
    path = dotted(fault.get("path") or ())
    return ": ".join(part for part in (where, path, fault_sentence(str(fault.get("code")), fault.get("params") or {})) if part)


def unforeseen(error: BaseException, argv: Sequence[str]) -> DcctlError:
    """DCCTL-500 for an exception that nobody translated; its traceback is written to a file of the state directory."""
    import secrets
    import traceback
    from datetime import UTC, datetime

    from dcctl import __version__

    reference = secrets.token_hex(4)
    directory = state_home() / "log"
    file = directory / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{reference}.log"
    head = {"reference": reference, "version": __version__, "python": sys.version, "argv": list(argv)}
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as log:
            log.write(json.dumps(head) + "\n" + "".join(traceback.format_exception(error)))
    except OSError:
        return DcctlError("DCCTL-500", reference=reference)
    return DcctlError("DCCTL-500", reference=reference, log=str(file))


def report_usage(error: click.ClickException, *, as_json: bool) -> int:
    """A mistake in the command line, as click says it."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
    elif as_json:
        what = DcctlError("DCCTL-010", reason=error.format_message())
        click.echo(line({"apiVersion": API_VERSION, "error": document(what)}), err=True)
    else:
        context = getattr(error, "ctx", None)
        if context is not None:
            tell(context.get_usage())
        tell(_("Error: {message}").format(message=clean(error.format_message(), keep="\n\t")))
        if context is not None:
            tell(_("Try '{command} {option}' for help.").format(command=context.command_path, option="--help"))
    return error.exit_code

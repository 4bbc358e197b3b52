"""The root of the command line: chooses the language, runs the command, translates once what went wrong."""

import os
import sys
from collections.abc import Sequence

import click

from dcctl import __version__, words
from dcctl.cli import failure
from dcctl.cli.command import Root, translated, write_examples
from dcctl.cli.desk import Desk, set_cloud, shared_options
from dcctl.errors import DcctlError
from dcctl.words import N_, _

#: In the order of the work; the texts are msgids.
NOUNS = {
    "whoami": N_("Who you are, where, with which roles, until when."),
    "status": N_("Your administration at a glance: envelope, requests, environments."),
    "offer": N_("What can be had."),
    "policy": N_("Who decides what, and how long a request may wait."),
    "request": N_("Ask for an environment, follow, decide."),
    "envelope": N_("Ask for a larger envelope."),
    "environment": N_("What your administration has obtained."),
    "operation": N_("The provisioner's runs: follow, retry, cancel."),
    "quota": N_("Envelopes: what is granted, held, allocated, available."),
    "usage": N_("What is used of it, now and over time."),
    "act": N_("What operators did, and what waits for a second one."),
    "administration": N_("Administrations and their people."),
    "capacity": N_("What the datacenter has to give."),
    "reconcile": N_("Compare the ledger with OpenStack, and name every difference."),
    "discrepancy": N_("The differences: list, explain, waive, resolve."),
    "maintenance": N_("Whether new operations may begin."),
    "region": N_("Whether dcctl may write limits, or only looks."),
    "audit": N_("Who did what, and what was refused; proved on your machine."),
    "explain": N_("What an error code means."),
    "completion": N_("Completion of commands in your shell."),
}

EXAMPLES = (
    "dcctl status",
    "dcctl request submit examples/dossier-patient.yaml",
    "dcctl request watch R-2026-0042",
)

HELP = N_("Ask for, obtain and account for your share of the national datacenter.")


def short_help() -> str:
    """What `dcctl` alone prints: what it is for, three examples, where to read on."""
    formatter = click.HelpFormatter()
    formatter.write_text(_(HELP))
    write_examples(formatter, EXAMPLES)
    formatter.write_paragraph()
    formatter.write_text(_("All commands: dcctl --help. Which cloud: --os-cloud NAME or OS_CLOUD, as for the openstack command."))
    return formatter.getvalue().rstrip("\n")


def build() -> Root:
    """The root group in the language in use."""

    def alone(ctx: click.Context) -> None:
        if ctx.invoked_subcommand is None:
            click.echo(short_help())

    root = Root(
        "dcctl", nouns=NOUNS, shared=shared_options, help=HELP, examples=EXAMPLES, invoke_without_command=True,
        callback=click.pass_context(alone),
        params=[
            click.Option(["--os-cloud"], metavar=N_("NAME"), expose_value=False, callback=set_cloud,
                         help=N_("The cloud of clouds.yaml to speak to; OS_CLOUD otherwise.")),
            click.Option(["--lang"], type=click.Choice(words.LANGUAGES), expose_value=False,
                         help=N_("The language: fr or en; otherwise DCCTL_LANG, then the locale.")),
        ],
    )  # fmt: skip
    version = click.version_option(__version__, prog_name="dcctl", help=_("Show the version and exit."))
    version(root)
    found = translated(root)
    assert isinstance(found, Root)
    return found


def run(argv: Sequence[str]) -> int:
    """Run one command line; return its exit status. Every exception ends here."""
    words.use(words.language(option(argv, "--lang")))
    as_json = (option(argv, "--format", "-f") or "") in ("json", "ndjson")
    try:
        status = _invoke(argv, as_json)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read our output has gone (| head): nothing to say. Python's own flush at exit must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def _invoke(argv: Sequence[str], as_json: bool) -> int:
    desk = Desk()
    try:
        result = build().main(args=list(argv), prog_name="dcctl", standalone_mode=False, obj=desk)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        return failure.report_usage(error, as_json=as_json)
    except DcctlError as error:
        return failure.report(error, as_json=as_json)
    except (click.Abort, KeyboardInterrupt):
        return failure.report(DcctlError("DCCTL-006"), as_json=as_json)
    except BrokenPipeError:
        raise
    except Exception as error:
        return failure.report(failure.unforeseen(error, argv), as_json=as_json)
    finally:
        desk.close()


def option(argv: Sequence[str], *names: str) -> str | None:
    """The last value that an option has in `argv`, before anything was parsed."""
    value = None
    for at, word in enumerate(argv):
        if word == "--":
            break
        for name in names:
            if word == name and at + 1 < len(argv):
                value = argv[at + 1]
            elif word.startswith(name + "=") and name.startswith("--"):
                value = word[len(name) + 1 :]
            elif not name.startswith("--") and word.startswith(name) and len(word) > 2 and not word.startswith("--"):
                value = word[2:]
    return value


def main() -> None:
    """The `dcctl` command."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

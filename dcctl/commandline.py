"""The command lines of the four servers: what each is for, in the reader's language; wrong settings are a sentence, not a traceback.

They take no word but `--help` (and what a server adds): all that can be set is in the settings' file. argparse's own words are translated with ours.
"""

import argparse
import os
import pwd
import sys
import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from shutil import get_terminal_size

from pydantic import ValidationError

from dcctl import words
from dcctl.config import Settings, settings, settings_file
from dcctl.errors import DcctlError
from dcctl.words import N_, _, sentence

#: What each of the servers is for.
API = N_(
    "Answer people and programs: the service `self-service` in Keystone's catalogue. Who asks is known by their Keystone token; what they may see "
    "and do is the policy's. Several of them may run, behind a balancer."
)
WORKER = N_(
    "Do what was asked for: examine requests, build environments that were approved and give them back, write limits and compare them with the "
    "ledger, seal the ledger's entries. Several of them may run, on several machines."
)
COLLECTOR = N_(
    "Read the use of the whole cloud from OpenStack, by a few calls for each service, and note it for `dcctl quota show` and dcctl-exporter. "
    "OpenStack is only read."
)
ONCE = N_("Read every source once and end; status 4 when one of them failed.")
EXPORTER = N_(
    "Show Prometheus what was granted, allocated and used. A scrape reads what was computed before it: neither OpenStack nor the database is asked."
)

_EPILOG = N_(
    "It runs in the foreground until SIGTERM (systemd starts and ends it) and logs to standard error, one JSON object a line. Its settings are in "
    "the file that DCCTL_CONFIG names, /etc/dcctl/dcctl.toml when it names none; a variable overrides one of them, as in {example}."
)
#: What argparse says by itself, under the msgids that it looks up: here, and to those who install a site (infra/).
_ARGPARSE = (
    N_("usage: "), N_("options"), N_("positional arguments"), N_("show this help message and exit"), N_("%(prog)s: error: %(message)s\n"),
    N_("argument %(argument_name)s: %(message)s"), N_("unrecognized arguments: %s"), N_("the following arguments are required: %s"),
    N_("expected one argument"), N_("invalid choice: %(value)r (choose from %(choices)s)"), N_("invalid %(type)s value: %(value)r"),
    N_("ignored explicit argument %r"), N_("ambiguous option: %(option)s could match %(matches)s"),
)  # fmt: skip


def begun(
    program: str, purpose: str, arguments: Sequence[str] | None, *, example: str, switches: Mapping[str, str] = {}
) -> tuple[argparse.Namespace, Settings]:
    """Read a server's command line and its settings; ends the process with status 0 after `--help`, 2 for a wrong word, 1 for wrong settings.

    Args:
        purpose: what the server does, a msgid of one or two sentences.
        example: a variable that overrides a setting of this server, with a value.
        switches: name -> msgid of what it does.
    """
    words.use(words.language())
    width = min(get_terminal_size().columns, 100)
    told = [_(purpose), sentence(_EPILOG, {"example": example})]
    description, epilog = (textwrap.fill(text, width, break_on_hyphens=False) for text in told)
    parser = argparse.ArgumentParser(
        prog=program, description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for name, what in switches.items():
        parser.add_argument(name, action="store_true", help=_(what))
    options = parser.parse_args(arguments)
    try:
        chosen = read_settings()
    except DcctlError as error:
        sys.exit("\n".join(told_of(program, error)))
    words.use("en")  # from here on whoever asks says in which language; what a server logs by itself is for programs
    return options, chosen


def account() -> str:
    """Who runs this, as the machine names them; their number where it has no name for it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def told_of(program: str, error: DcctlError) -> list[str]:
    """An error as the lines that a server says before it ends."""
    following = sentence(error.entry.next, error.params)
    return [f"{program}: {error.code}: {error}", *([sentence(N_("Next: {step}"), {"step": following})] if following else [])]


def read_settings() -> Settings:
    """The settings.

    Raises:
        DcctlError: 440 the file cannot be read, 441 something in it, or in a variable, is not what it must be.
    """
    path = settings_file()
    try:
        with path.open("rb") as file:
            tomllib.load(file)
    except OSError as error:
        # The usual file may be missing, for variables may say everything; one that is named may not.
        if os.environ.get("DCCTL_CONFIG") or not isinstance(error, FileNotFoundError):
            raise DcctlError("DCCTL-440", file=str(path), reason=error.strerror or str(error)) from error
    except ValueError as error:  # tomllib's own, and bytes that are no text
        raise DcctlError("DCCTL-440", file=str(path), reason=str(error)) from error
    try:
        return settings()
    except ValidationError as error:
        wrong = [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors(include_url=False, include_input=False)]
        raise DcctlError("DCCTL-441", file=str(path), wrong="; ".join(wrong)) from error

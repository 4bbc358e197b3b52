"""What is said to the person: on stderr, in their language, never a raw control character; and what is asked of them."""

import os
import re
import sys
import unicodedata
from typing import Any, TextIO

import click

from dcctl.errors import DcctlError
from dcctl.words import N_, _, sentence

#: C0 and C1 controls, DEL, and what turns the direction of text: nothing that a foreign string may do to a terminal.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def clean(text: str, *, keep: str = "") -> str:
    """`text` with control characters spelled out (`\\x1b`), but for those in `keep`."""
    return CONTROLS.sub(lambda found: found[0] if found[0] in keep else found[0].encode("unicode_escape").decode(), text)


def width(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def is_lively(stream: TextIO) -> bool:
    """Whether colour and movement are welcome on `stream`: a terminal, not dumb, and nobody said no."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def interactive() -> bool:
    """Whether somebody can be asked: both ends are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def say(text: str, **params: Any) -> None:
    """Tell the person something: a msgid and its parameters."""
    tell(sentence(text, params))


def tell(text: str = "") -> None:
    """Write finished words to stderr."""
    click.echo(clean(text, keep="\n\t"), err=True)


def ask(question: str) -> str:
    """The typed answer; an end of input is a cancellation."""
    click.echo(clean(question, keep="\n") + " ", err=True, nl=False)
    answer = sys.stdin.readline()
    if not answer:
        tell()
        raise DcctlError("DCCTL-006")
    return answer.strip()


def confirm(question: str) -> None:
    """A moderate act: yes or no; anything but yes cancels."""
    # The letters that are accepted in every language: oui, yes.
    if ask(question + " " + _("[y/N]")).lower() not in {"y", "yes", "o", "oui"}:
        raise DcctlError("DCCTL-006")


def confirm_name(name: str, given: str | None, *, warning: str) -> str:
    """A severe act: the name of what it concerns, typed or given by --confirm. Returns what was given."""
    if given is None:
        if not interactive():
            raise DcctlError("DCCTL-005", name=name)
        tell(warning)
        given = ask(sentence(N_("To go on, type {name}:"), {"name": name}))
    if given != name:
        raise DcctlError("DCCTL-304", given=given, name=name)
    return given

"""Every command that a page names exists, with its options; where it is written out in a block, nothing that it requires is left out.

Blocks marked `sh` are run besides (tests/acceptance/test_documentation.py); what acts on one site's own numbers and names is in the others.
"""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from dcctl import words
from dcctl.cli.main import build
from dcctl.errors import CATALOGUE
from dcctl.manage import manage
from infra.site.layout import CHECKOUT

PAGES = sorted(
    [*CHECKOUT.glob("README.md"), *CHECKOUT.glob("docs/*.md"), *CHECKOUT.glob("docs/runbooks/*.md"), *CHECKOUT.glob("infra/*/README.md")],
)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
#: In a line: from the command's name to the end of the code span, or of the sentence where it is no span.
NAMED = re.compile(r"`(dcctl(?:-manage)?\s[^`]+)`")


@pytest.fixture(scope="module")
def programs() -> dict[str, click.Command]:
    words.use("en")
    return {"dcctl": build(), "dcctl-manage": manage}


def blocks(text: str) -> Iterator[str]:
    for block in FENCED.findall(text):
        joined = block.replace("\\\n", " ")
        yield from (line.removeprefix("$ ") for line in joined.splitlines() if re.match(r"(\$ )?dcctl(-manage)? ", line))


def spans(text: str) -> Iterator[str]:
    yield from (" ".join(found.split()) for found in NAMED.findall(FENCED.sub("", text)))


def fault(programs: dict[str, click.Command], line: str, *, whole: bool) -> str:
    """What is not true of a command line; an empty text when all is. `whole`: nothing required may be missing."""
    given = shlex.split(line.replace("…", "X").replace("...", "X"), comments=True)
    given = given[: next((at for at, word in enumerate(given) if word in ("|", ">", "&&", ";")), len(given))]
    command, rest = programs[given[0]], given[1:]
    context = click.Context(command, info_name=given[0])
    while True:
        try:
            options, rest, _order = command.make_parser(context).parse_args(rest)
        except click.UsageError as error:
            return "" if not whole and isinstance(error, click.BadOptionUsage) else f"{line}: {error.format_message()}"
        if not isinstance(command, click.Group):
            break
        if not rest:
            return f"{line}: it ends at a group" if whole else ""
        name, *rest = rest
        below = command.get_command(context, name)
        if below is None:
            return "" if name.isupper() else f"{line}: there is no {name}"
        command, context = below, click.Context(below, info_name=name, parent=context)
    missing = [str(parameter.name) for parameter in command.params if parameter.required and not options.get(str(parameter.name))]
    return f"{line}: {', '.join(missing)} is missing" if whole and missing and "--help" not in given else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_command_on_a_page_exists_with_its_options(programs, page):
    text = page.read_text()
    found = [fault(programs, line, whole=True) for line in blocks(text)] + [fault(programs, line, whole=False) for line in spans(text)]

    assert [one for one in found if one] == []


def verbs(root: click.Command) -> set[str]:
    """`quota show`, `whoami`, …"""
    assert isinstance(root, click.Group)
    found = set()
    for noun in root.list_commands(click.Context(root)):
        command = root.get_command(click.Context(root), noun)
        found |= {f"{noun} {verb}" for verb in command.list_commands(click.Context(command))} if isinstance(command, click.Group) else {noun}
    return found


def test_every_command_that_an_error_tells_to_run_exists(programs):
    known = verbs(programs["dcctl"])
    nouns = {verb.split()[0] for verb in known}
    texts = {code: " ".join(str(part) for part in (entry.text, entry.next, entry.explain) if part) for code, entry in CATALOGUE.items()}
    named = [(code, *found) for code, text in texts.items() for found in re.findall(r"\bdcctl ([a-z]+)(?: ([a-z]+))?", text) if found[0] in nouns]

    assert len(named) > 30
    assert [(code, noun, verb) for code, noun, verb in named if noun not in known and f"{noun} {verb}" not in known] == []


def test_every_verb_is_on_a_page(programs):
    """A reader who has the pages only does not miss one."""
    pages = " ".join(" ".join(page.read_text().split()) for page in PAGES)

    assert sorted(verb for verb in verbs(programs["dcctl"]) if not re.search(rf"\b{verb}\b", pages)) == []

"""Every `openstack …` command that a page names is read by python-openstackclient's own parsers, options and all; no cloud is asked."""

import argparse
import re
import shlex
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.unit.cli.test_pages import CHECKOUT, FENCED, PAGES

if TYPE_CHECKING:
    from openstackclient.shell import OpenStackShell

#: Its libraries warn of themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
#: Stand for what the reader fills in.
OPEN = ("…", "...")
NAMED = re.compile(r"`(openstack\s[^`]+)`")
#: Of these the reader is told on several pages, so that a test which found none of them would be blind.
LEAST = 8


class Refused(Exception):
    """What the client says of a command line that it cannot read."""


@pytest.fixture(scope="module")
def shell() -> "OpenStackShell":
    """The client with the commands of every service in it, as it loads them once it knows the cloud's versions: here their defaults."""
    from openstackclient.common import clientmanager
    from openstackclient.shell import OpenStackShell

    made = OpenStackShell()
    for module in clientmanager.PLUGIN_MODULES:
        version = str(getattr(module, "DEFAULT_API_VERSION", "")).partition(".")[0]
        made.command_manager.add_command_group(f"openstack.{module.API_NAME.replace('-', '_')}.v{version}")
    made.command_manager.add_command_group("openstack.common")
    made.client_manager = SimpleNamespace(is_network_endpoint_enabled=lambda: True)  # what some commands ask before they tell their options
    return made


def strict(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    def refuse(message: str) -> None:
        raise Refused(message)

    parser.error = refuse  # type: ignore[assignment, method-assign]  # it would end the process
    return parser


def fault(shell: "OpenStackShell", line: str, *, whole: bool) -> str:
    """What the client would say of the line; empty where it reads it. `whole`: nothing required may be missing."""
    words = shlex.split(line, comments=True)[1:]
    words = words[: next((at for at, word in enumerate(words) if word in ("|", ">", "&&", ";")), len(words))]
    unfinished = not whole or any(word in OPEN for word in words)
    words = [word for word in words if word not in OPEN]
    try:
        _, rest = strict(shell.parser).parse_known_args(words)
        found, name, rest = shell.command_manager.find_command(rest)
        strict(found(shell, None, cmd_name=name).get_parser(f"openstack {name}")).parse_args(rest)
    except (Refused, ValueError) as error:
        return "" if unfinished and "arguments are required" in str(error) else f"{line}: {error}"
    except SystemExit as done:  # `--version` and `--help` are answered at once
        return f"{line}: {done.code}" if done.code else ""
    return ""


def named(text: str) -> list[tuple[str, bool]]:
    """Command lines of a page, and whether they are written out whole: those of blocks are."""
    blocks = [line.strip().removeprefix("$ ") for block in FENCED.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    inline = [" ".join(found.split()) for found in NAMED.findall(FENCED.sub("", text))]
    return [(line, True) for line in blocks if line.startswith("openstack ")] + [(line, False) for line in inline]


TOLD = [(str(page.relative_to(CHECKOUT)), line, whole) for page in PAGES for line, whole in named(page.read_text())]


def test_every_command_of_openstack_that_a_page_names_is_read_by_its_own_client(shell: "OpenStackShell"):
    assert len(TOLD) >= LEAST
    assert [(page, told) for page, line, whole in TOLD if (told := fault(shell, line, whole=whole))] == []


@pytest.mark.parametrize(
    "line",
    ["openstack server liste", "openstack server list --projet X", "openstack quota show --usages X", "openstack network agents list",
     "openstack --os-nuage x server list", "openstack server show"],
)  # fmt: skip
def test_what_the_client_cannot_read_is_found(shell: "OpenStackShell", line: str):
    assert fault(shell, line, whole=True).startswith(f"{line}: ")


def test_what_the_reader_fills_in_may_be_missing(shell: "OpenStackShell"):
    assert fault(shell, "openstack server show …", whole=False) == ""

"""Every block of commands that the documentation marks as `sh` runs, word for word, on the tests' site; `make` targets exist.

A block runs at a terminal of its own, for `approve` shows and asks there; NUMBER is the number that the last `submit` printed. The environment
that the pages speak of is given back before another page begins. Of `make demo` and `make test` it is shown only that make would run them.
"""

import os
import pty
import re
import select
import subprocess
import time

import pytest

from infra.site import person
from infra.site.layout import CHECKOUT
from tests.site import RunningSite

PAGES = ("README.md", "docs/dsi.md", "docs/operators.md")
SECONDS = 300.0


def blocks(page: str) -> list[list[str]]:
    """The commands of each block, comments taken off."""
    text = (CHECKOUT / page).read_text()
    found = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [[re.sub(r"\s+#.*$", "", line) for line in block.splitlines() if line.strip()] for block in found]


def at_a_terminal(site: RunningSite, command: str) -> tuple[int, str]:
    """Run a command line in a shell on a terminal where somebody answers yes; status, and what was on the screen."""
    environment = person.environment(site.layout) | {"TERM": "dumb", "DCCTL_LANG": "fr", "PAGER": "cat"}
    master, slave = pty.openpty()
    shell = ["/bin/sh", "-c", command]
    with subprocess.Popen(shell, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=CHECKOUT, start_new_session=True) as process:
        os.close(slave)
        screen, answered, end = b"", 0, time.monotonic() + SECONDS
        while time.monotonic() < end:
            if not select.select([master], [], [], 0.5)[0]:
                continue
            try:
                screen += os.read(master, 65536)
            except OSError:  # the terminal's other side is closed: the command has ended
                break
            if screen.count(b"[o/N]") > answered:
                answered += 1
                os.write(master, b"o\n")
        else:
            process.kill()
        os.close(master)
    return process.returncode, screen.decode(errors="replace").replace("\r\n", "\n")


@pytest.fixture
def without_example(site: RunningSite):
    yield
    if site.state_of("sante-lead", "dossier-patient") == "active":
        given_back = "dcctl --os-cloud sante-lead environment decommission dossier-patient --confirm dossier-patient --wait"
        status, screen = at_a_terminal(site, given_back)
        assert status == 0, screen


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.xdist_group("documentation")
def test_every_block_of_commands_runs(site: RunningSite, without_example, page):
    number, failed = "", []
    for command in [command for block in blocks(page) for command in block]:
        status, screen = at_a_terminal(site, re.sub("^make ", "make --dry-run ", command).replace("NUMBER", number))
        if "request submit" in command:
            number = "".join(re.findall(r"R-\d{4}-\d+", screen)[:1])
        if status:
            failed.append(f"$ {command}\nstatus {status}\n{screen}")

    assert failed == []


def test_every_make_target_that_is_named_exists():
    pages = [(CHECKOUT / page).read_text() for page in (*PAGES, "docs/contributing.md")]
    named = {target for text in pages for target in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)}
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))

    assert {target for target in named if target in ("demo", "test")} == {"demo", "test"}
    assert named - targets == set()


def test_every_file_that_is_linked_is_there():
    links = {
        (page, link)
        for page in (*PAGES, "docs/contributing.md")
        for link in re.findall(r"\]\(([^)#]+)\)", (CHECKOUT / page).read_text())
        if not link.startswith("http")
    }

    assert [(page, link) for page, link in sorted(links) if not (CHECKOUT / page).parent.joinpath(link).exists()] == []

"""`dcctl` in a fork of a process that has imported it: for what a test prepares and asks, several hundred times in a run.

A command costs half a second of imports and a tenth of a second of work. What is itself under test goes through the installed `dcctl`
(`infra.site.person`).
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.site import person
from infra.site.layout import Site

#: What a command of dcctl imports on its way; `desk` and `specfile` are imported late by the commands that need them.
IMPORTED = ("dcctl.cli.main", "dcctl.client", "dcctl.cli.output", "dcctl.cli.progress", "dcctl.cli.specfile", "keystoneauth1.session", "tests.quick")

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(list(IMPORTED))


def answer(site: Site, cloud: str, *arguments: str) -> Any:
    """What `dcctl … -f json` prints, as `infra.site.person.answer` tells it.

    Raises:
        SiteError: with the command and all that it said, when it fails.
    """
    return person.parsed(dcctl(site, cloud, *arguments, "-f", "json", lang="en"))


def dcctl(site: Site, cloud: str, *arguments: str, lang: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `dcctl` as a person; never raises for what it answers."""
    words = person.words(cloud, lang, arguments)
    with tempfile.TemporaryDirectory() as folder:
        process = _forks.Process(target=_command, args=(words, person.environment(site), folder))
        process.start()
        process.join(person.SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(["dcctl", *words], person.SECONDS)
        said = {name: Path(folder, name).read_text() for name in ("stdout", "stderr")}
    return subprocess.CompletedProcess(["dcctl", *words], process.exitcode or 0, said["stdout"], said["stderr"])


def _command(words: list[str], environment: Mapping[str, str], folder: str) -> None:
    """In the fork: what the installed command would do, with its own environment and its own three streams."""
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, name in ((0, os.devnull), (1, f"{folder}/stdout"), (2, f"{folder}/stderr")):
        opened = os.open(name, os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    # The fork has its parent's objects, whose text layers may be closed by now.
    sys.stdin, sys.stdout, sys.stderr = open(0, closefd=False), open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    from dcctl.cli import main

    status = main.run(words)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

"""`make demo-down` ends what is the site's, wherever its directory went, and nothing else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.devcloud.devcloud import processes
from infra.setup.main import down
from infra.site import operations
from infra.site.layout import CHECKOUT, Site

#: The Python below the virtual environment, which knows no package of it.
BASE = str(Path(sys.base_prefix, "bin", "python3"))
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@contextmanager
def running(state: Path | None) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the mark of the site or cloud in this directory; of nobody's without one."""
    marked = {} if state is None else {processes.MARK: str(state)}
    with subprocess.Popen(SLEEP, env={**os.environ, **marked}, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_processes_of_a_site_whose_directory_is_gone_are_found_by_their_mark(tmp_path: Path) -> None:
    site = Site(state=tmp_path / ".demo", ports=25000)
    with running(site.state) as api, running(site.cloud) as nova, running(tmp_path / ".demo-2") as other, running(None) as stranger:
        assert operations.down(site) == ["2 processes of a site whose directory is gone"]

        assert api.poll() is not None
        assert nova.poll() is not None
        assert other.poll() is stranger.poll() is None
    assert not site.state.exists()
    assert operations.down(site) == []


def test_a_pid_file_that_names_another_program_by_now_ends_nothing(tmp_path: Path) -> None:
    site = Site(state=tmp_path / ".demo", ports=25000)
    site.make_directories()
    with running(None) as stranger:
        seen = processes.observe(stranger.pid)
        assert seen is not None
        for name in ("api", "worker", "collector", "exporter", "postgres"):
            (site.run / f"{name}.pid").write_text(json.dumps({"pid": seen.pid, "started": seen.started - 1, "boot": seen.boot}))

        assert operations.down(site) == []

        assert stranger.poll() is None


def test_a_checkout_that_lost_its_environment_ends_its_site_all_the_same(tmp_path: Path) -> None:
    state = tmp_path / ".demo"
    with running(state) as api, running(state / "cloud") as nova, running(None) as stranger:
        assert down(state) == f"setup: 2 processes of {state} were ended"

        assert api.poll() is not None
        assert nova.poll() is not None
        assert stranger.poll() is None
    assert down(state) == "Nothing runs."


def test_the_commands_own_python_needs_nothing_installed() -> None:
    bare = [BASE, "-I", "-S", "-c", "import sys; sys.path.insert(0, sys.argv[1]); import infra.setup.main", str(CHECKOUT)]

    assert subprocess.run(bare, capture_output=True, text=True, check=False, cwd=CHECKOUT).stderr == ""

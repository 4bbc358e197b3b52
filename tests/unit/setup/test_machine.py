"""What is said of a machine that will not do, before anything is begun."""

import json
import os
import subprocess
import sys
from collections import namedtuple
from dataclasses import asdict
from pathlib import Path

import pytest

from infra.devcloud.devcloud import processes
from infra.pulumi import install as engines
from infra.setup import install, machine, main

CHECKOUT = Path(__file__).parents[3]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def plenty(monkeypatch):
    """A machine that has everything; each test takes one thing away."""
    monkeypatch.setattr(machine, "available_memory", lambda: 8 * 2**30)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: Usage(10**12, 0, 10**11))
    monkeypatch.setattr(machine.shutil, "which", lambda program: f"/usr/bin/{program}")


def test_nothing_is_missing_where_there_is_plenty(plenty):
    assert machine.missing(CHECKOUT, installed=False, running=False) == []


def test_too_little_memory_is_said_with_both_amounts(plenty, monkeypatch):
    monkeypatch.setattr(machine, "available_memory", lambda: 3 * 2**30)

    assert machine.missing(CHECKOUT, installed=False, running=False) == [
        "memory: 3.0 GB are available, 4 GB are needed; end other programs, or use a larger machine"
    ]


def test_a_site_that_is_up_has_its_memory_already(plenty, monkeypatch):
    monkeypatch.setattr(machine, "available_memory", lambda: 1 * 2**30)

    assert machine.missing(CHECKOUT, installed=True, running=True) == []


@pytest.mark.parametrize(("installed", "needed"), [(False, 6), (True, 1)])
def test_too_little_disk_is_said_once_for_each_disk(plenty, monkeypatch, installed, needed):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: Usage(10**12, 0, 10**8))
    monkeypatch.setenv("XDG_CACHE_HOME", str(CHECKOUT / ".cache"))

    (said,) = machine.missing(CHECKOUT, installed=installed, running=False)

    assert said == f"disk: {CHECKOUT} has 0.1 GB free, {needed} GB are needed; make room there"


@pytest.mark.parametrize("program", ["make", "git"])
def test_a_missing_program_is_named_with_the_command_that_installs_it(plenty, monkeypatch, program):
    monkeypatch.setattr(machine.shutil, "which", lambda asked: None if asked == program else f"/usr/bin/{asked}")

    assert machine.missing(CHECKOUT, installed=False, running=False) == [f"{program} is not installed; on Debian: apt-get install {program}"]


def test_memory_is_read_from_the_system():
    memory = machine.available_memory()

    assert memory is not None
    assert 0 < memory < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_a_python_without_its_standard_library_s_newer_parts_can_still_read_the_first_file():
    """Whoever has an older Python gets a sentence, not a SyntaxError: the file parses with the grammar of Python 3.4."""
    import ast

    first = (CHECKOUT / "infra" / "setup" / "__main__.py").read_text()

    ast.parse(first, feature_version=(3, 4))


def test_looking_at_the_machine_installs_nothing(tmp_path):
    command, environment = [sys.executable, "-m", "infra.setup", "--check"], {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode in (0, 1), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_lacks_something_is_refused_before_anything_is_begun(tmp_path):
    environment = {**os.environ, "PATH": str(tmp_path / "nothing"), "XDG_CACHE_HOME": str(tmp_path / "cache"), "DCCTL_LANG": "en"}

    done = subprocess.run([sys.executable, "-m", "infra.setup"], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "setup: this machine will not do yet; nothing was begun.")
    assert not (tmp_path / "cache").exists()


def test_only_the_site_that_is_to_be_started_has_its_memory_already(monkeypatch, tmp_path):
    monkeypatch.setattr(install, "CHECKOUT", tmp_path)
    run = tmp_path / ".demo" / "cloud" / "run"
    run.mkdir(parents=True)
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        (run / "nova.pid").write_text(json.dumps(asdict(processes.observe(process.pid))))

        assert main._runs(Path(".demo"))
        assert not main._runs(Path(".cache/test-site"))
        process.kill()
    assert not main._runs(Path(".demo"))


def test_an_engine_that_has_to_be_built_needs_the_disk_for_it(monkeypatch, tmp_path):
    """The environments may be complete, and the cache gone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert not install.engine_there()

    made = tmp_path / "dcctl" / "pulumi" / engines.modules_hash()
    for part in (engines.ENGINE, engines.PLUGIN):
        (made / part).parent.mkdir(parents=True, exist_ok=True)
        (made / part).touch(mode=0o755)

    assert install.engine_there()

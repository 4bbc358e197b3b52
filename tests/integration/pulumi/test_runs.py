"""However a run ends, none of its processes and nothing of its private directory is left."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dcctl.provisioner import directories, processes
from dcctl.provisioner.engine import Engine, Guard, Work
from dcctl.provisioner.errors import EngineBroken, EngineCancelled, EngineFailed, EngineFenced, EngineLate, EngineLocked, EngineMissing, EnginePending
from tests.integration.pulumi.conftest import Silence


def processes_of(work: Work) -> list[int]:
    return processes.marked("DCCTL_STACK", work.stack)


GUARDIAN, RUN, ENGINE, PLUGIN = b"-S", b"ignore", b"bin/pulumi", b"pulumi-resource-openstack"


def part_of(work: Work, what: bytes) -> int:
    """The one process of a run that is its guardian, its run, its engine or its provider, by the beginning of its command line."""
    [found] = [pid for pid in processes_of(work) if what in b" ".join(read(f"/proc/{pid}/cmdline").split(b"\0")[:3])]
    return found


def run_directories() -> list[Path]:
    return list(directories._base().glob("run-*"))


@pytest.fixture(autouse=True)
def base(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this test have a base directory of their own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))


def test_a_cloud_that_cannot_be_reached_is_told_in_words_and_the_stack_can_be_destroyed(engine: Engine, work: Work) -> None:
    cloud = {"auth": {"auth_url": "http://127.0.0.1:9/v3", "username": "u", "password": "p", "user_domain_name": "Default", "project_id": "p"}}

    with pytest.raises(EngineFailed) as caught:
        engine.up(work, cloud=cloud)

    assert "connection refused" in caught.value.summary
    assert caught.value.diagnostics[0].name == "network"
    assert engine.destroy(work.stack, cloud=cloud).changes.get("delete", 0) <= 3  # the stack's own book-keeping
    assert engine.export(work.stack) is None
    assert processes_of(work) == []
    assert run_directories() == []


def test_a_cancelled_run_ends_cleanly_and_leaves_no_lock(engine: Engine, work: Work, silence: Silence) -> None:
    with pytest.raises(EngineCancelled):
        engine.up(work, cloud=silence.cloud, cancelled=silence.reached.is_set)

    assert processes_of(work) == []
    assert run_directories() == []
    assert locks(engine) == []


def test_a_late_run_is_ended(engine: Engine, work: Work, silence: Silence) -> None:
    with pytest.raises(EngineLate):
        replace(engine, seconds=4).up(work, cloud=silence.cloud)

    assert processes_of(work) == []
    assert locks(engine) == []


def test_what_a_run_needs_is_private_while_it_runs(engine: Engine, work: Work, silence: Silence) -> None:
    seen: dict[str, str] = {}

    def look() -> bool:
        if silence.reached.is_set():
            [directory] = run_directories()
            seen["directory"] = oct(stat.S_IMODE(directory.stat().st_mode))
            seen["clouds.yaml"] = oct(stat.S_IMODE((directory / "clouds.yaml").stat().st_mode))
            everything = b"".join(read(f"/proc/{pid}/{part}") for pid in processes_of(work) for part in ("environ", "cmdline"))
            seen["secret"] = "visible" if b"ne-doit-paraitre" in everything else "hidden"
            seen["foreign"] = "visible" if b"OS_PASSWORD" in everything else "hidden"
        return silence.reached.is_set()

    os.environ["OS_PASSWORD"] = "a-person-s-own"
    try:
        with pytest.raises(EngineCancelled):
            engine.up(work, cloud=silence.cloud, cancelled=look)
    finally:
        del os.environ["OS_PASSWORD"]

    assert seen == {"directory": "0o700", "clouds.yaml": "0o600", "secret": "hidden", "foreign": "hidden"}


def read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def locks(engine: Engine) -> list[Path]:
    state = Path(engine.backend.removeprefix("file://"))
    return [path for path in state.rglob("*") if path.is_file() and "locks" in path.parts]


@pytest.mark.parametrize("part", [GUARDIAN, RUN, ENGINE, PLUGIN], ids=["guardian", "run", "engine", "provider"])
def test_whatever_part_of_a_run_is_killed_all_of_it_ends_and_is_called_broken(engine: Engine, work: Work, silence: Silence, part: bytes) -> None:
    def kill() -> bool:
        if silence.reached.is_set():
            os.kill(part_of(work, part), signal.SIGKILL)
            silence.reached.clear()
        return False

    with pytest.raises(EngineBroken):
        engine.up(work, cloud=silence.cloud, cancelled=kill)

    assert processes_of(work) == []
    assert run_directories() == []


def test_an_engine_killed_in_the_middle_leaves_a_lock_and_a_question_and_both_must_be_answered(engine: Engine, work: Work, silence: Silence) -> None:
    def kill() -> bool:
        if silence.reached.is_set():
            while alive := processes_of(work):
                for pid in alive:
                    os.kill(pid, signal.SIGKILL)
            silence.reached.clear()
        return False

    with pytest.raises(EngineBroken):
        engine.up(work, cloud=silence.cloud, cancelled=kill)

    assert processes_of(work) == []
    with pytest.raises(EngineLocked):
        engine.destroy(work.stack, cloud=silence.cloud)
    engine.unlock(work.stack)
    with pytest.raises(EnginePending) as caught:
        engine.up(work, cloud=silence.cloud)
    assert caught.value.names == ("network",)

    with pytest.raises(EngineCancelled):  # looked for and not there: it goes on
        engine.up(work, cloud=silence.cloud, settled=["network"], cancelled=silence.reached.is_set)


WORKER = """
import json, sys
from pathlib import Path
from dcctl.provisioner.engine import Engine, Guard, Work
from stacks.plan import Resolved
from stacks.specs import parse
given = json.loads(sys.stdin.readline())
engine = Engine(home=Path(given["home"]), backend=given["backend"], passphrase_file=Path(given["passphrase"]), patience=2)
work = Work(layer="workload", spec=parse(given["spec"]), resolved=Resolved.from_document(given["resolved"]))
engine.up(work, cloud=given["cloud"])
"""


def test_when_the_worker_is_killed_its_run_ends_itself(engine: Engine, work: Work, silence: Silence) -> None:
    from stacks.specs import to_document

    given = {
        "home": str(engine.home), "backend": engine.backend, "passphrase": str(engine.passphrase_file), "spec": to_document(work.spec),
        "resolved": work.resolved.to_document(), "cloud": silence.cloud,
    }  # fmt: skip
    worker = subprocess.Popen([sys.executable, "-W", "ignore", "-c", WORKER], stdin=subprocess.PIPE, text=True)
    assert worker.stdin is not None
    with worker.stdin:
        worker.stdin.write(json.dumps(given) + "\n")
    assert silence.reached.wait(120)
    assert processes_of(work)

    worker.kill()
    worker.wait()

    until = time.monotonic() + 120
    while processes_of(work) and time.monotonic() < until:
        time.sleep(0.1)
    assert processes_of(work) == []
    assert locks(engine) == []
    assert len(run_directories()) == 1
    assert engine.export(work.stack) is not None  # the next run removes what the killed worker could not
    assert run_directories() == []


def test_a_run_whose_lease_is_not_renewed_is_killed_before_it_lapses(engine: Engine, work: Work, silence: Silence) -> None:
    until = processes.boottime() + 600
    seen: list[float] = []

    def lapse() -> bool:
        nonlocal until
        if silence.reached.is_set() and not seen:
            until = processes.boottime() + 0.5
            seen.append(until)
        return False

    with pytest.raises(EngineFenced):
        replace(engine, guard=Guard(token=7, until=lambda: until)).up(work, cloud=silence.cloud, cancelled=lapse)

    assert processes_of(work) == []
    assert processes.boottime() < seen[0] + 60


def test_two_runs_of_one_stack_are_not_possible_at_once(engine: Engine, work: Work, silence: Silence) -> None:
    ended = threading.Event()

    def hold() -> None:
        with pytest.raises(EngineCancelled):
            engine.up(work, cloud=silence.cloud, cancelled=ended.is_set)

    first = threading.Thread(target=hold)
    first.start()
    assert silence.reached.wait(120)

    try:
        with pytest.raises(EngineLocked):
            engine.destroy(work.stack, cloud=silence.cloud)
    finally:
        ended.set()
        first.join()


def test_what_is_missing_is_named_before_anything_is_begun(engine: Engine, work: Work, tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match="Pulumi engine"):
        replace(engine, home=tmp_path).up(work, cloud={})
    with pytest.raises(EngineMissing, match="passphrase"):
        replace(engine, passphrase_file=tmp_path / "no").up(work, cloud={})


def test_stacks_that_are_not_there_are_destroyed_removed_and_unlocked_already(engine: Engine, work: Work) -> None:
    assert engine.destroy(work.stack, cloud={}).changes == {}
    engine.remove(work.stack)
    engine.unlock(work.stack)
    assert engine.export(work.stack) is None

"""How a step tells what it does, and what it says when it fails."""

import os
import re
import sys

import pytest

from infra.setup.install import Project
from infra.setup.steps import StepFailed, Steps


def test_a_step_says_what_it_does_how_long_it_usually_takes_and_took(tmp_path, capfd):
    said = Steps(logs=tmp_path).run("engine", "building the engine", "4 minutes", [sys.executable, "-c", "print('there')"], os.environ)

    assert said == "there\n"
    first, last = capfd.readouterr().err.splitlines()
    assert first == "  engine     building the engine (usually 4 minutes) …"
    assert re.fullmatch(r"  engine     done in \d s", last)


def test_an_answer_is_the_steps_own_although_another_checkout_runs_the_same_step_meanwhile(tmp_path):
    other = f"import pathlib; [path.write_text('') for path in pathlib.Path({str(tmp_path)!r}).iterdir()]; print('there')"

    assert Steps(logs=tmp_path).run("engine", "finding the engine", "1 second", [sys.executable, "-c", other], os.environ) == "there\n"


def test_a_failed_step_says_what_the_last_lines_where_the_log_is_and_what_next(tmp_path):
    program = "import sys; [print('line', n, file=sys.stderr) for n in range(40)]; sys.exit(3)"

    with pytest.raises(StepFailed) as failed:
        Steps(logs=tmp_path).run("dcctl", "installing dcctl", "1 minute", [sys.executable, "-c", program], os.environ)

    lines = str(failed.value).splitlines()
    assert lines[0] == "setup: installing dcctl failed (status 3). The last lines of its log:"
    assert lines[1:16] == [f"    line {n}" for n in range(25, 40)]
    assert lines[16] == f"The whole log: {tmp_path / 'dcctl.log'}"
    assert lines[17].startswith("Next: ")


def test_an_environment_is_complete_only_for_what_it_was_made_from(tmp_path):
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text("a")
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
    made = Project(name="dcctl", what="", usually="", venv=tmp_path / "venv", lock=tmp_path / "requirements.lock", project=tmp_path)

    assert not made.complete()
    made.stamp.touch()
    assert made.complete()
    (tmp_path / "requirements.lock").write_text("b")
    assert not made.complete()

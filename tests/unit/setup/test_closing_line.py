"""What ends a run: pytest's closing line, and a status that is not 0 when something failed, also when no single test did."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from infra.site.layout import CHECKOUT

CLOSING = "=== 1 failed, 402 passed in 301.12s (0:05:01) ==="


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (1, 2)])
def test_ci_run_ends_with_the_closing_line_whatever_became_of_the_tests(tmp_path, status, expected):
    (tmp_path / ".ci").mkdir()
    shutil.copy(CHECKOUT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "Makefile").write_text(f"test:\n\t@echo installing >&2; echo '{CLOSING}'; exit {status}\n")

    environment = os.environ | {"PROMTOOL": "/bin/true", "PROMETHEUS": "/bin/true", "MAKELEVEL": "1"}
    command = [tmp_path / ".ci" / "run"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    assert (done.returncode, done.stdout.splitlines()[-1]) == (expected, CLOSING)
    assert "installing" in done.stdout


def test_a_service_that_is_down_at_the_end_is_an_error_in_the_closing_line(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "import pytest\nfrom tests.conftest import fail\n\n"
        "@pytest.hookimpl(trylast=True)\ndef pytest_sessionfinish(session):\n    fail(session, ['not up at the end of the tests: worker'])\n"
    )
    (tmp_path / "test_one.py").write_text("def test_one():\n    assert True\n")
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]

    done = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "not up at the end of the tests: worker" in done.stdout
    assert re.fullmatch(r"=+ 1 passed, 1 error in [\d.]+s =+", done.stdout.splitlines()[-1])

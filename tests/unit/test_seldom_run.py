"""What `make test` does not run still fits what it is about: benches can be imported, tests of the chaos collected."""

import importlib
import subprocess
import sys

import pytest

from infra.site.layout import CHECKOUT

BENCHES = sorted(path.stem for path in (CHECKOUT / "tests" / "bench").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_can_be_imported(name: str):
    importlib.import_module(f"tests.bench.{name}")


def test_the_chaos_can_be_collected():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/chaos"]

    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout

"""Prometheus' own programs, where there are any: PROMTOOL and PROMETHEUS name them, else the PATH has them, else what `.ci/run` unpacked."""

import os
import shutil
from pathlib import Path

import pytest

UNPACKED = Path(__file__).parents[1] / ".cache" / "prometheus" / "usr" / "bin"


def promtool() -> str:
    """The checker's path; a test that needs it is skipped, and says so, where it is missing."""
    return _program("promtool", "PROMTOOL")


def prometheus() -> str:
    """The server's path; likewise."""
    return _program("prometheus", "PROMETHEUS")


def _program(name: str, variable: str) -> str:
    if named := os.environ.get(variable):
        found = shutil.which(named)
        assert found is not None, f"{variable} names {named}, which is no program"
    else:
        found = shutil.which(name) or shutil.which(UNPACKED / name)
    if found is None:
        pytest.skip(f"{name} is missing: put it into the PATH or name it in {variable} (Debian's package prometheus has it; .ci/run unpacks it)")
    return found

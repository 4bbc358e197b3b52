"""Prometheus' own checker, where there is one: PROMTOOL names it, else the PATH has it."""

import os
import shutil

import pytest


def promtool() -> str:
    """The program's path; a test that needs it is skipped, and says so, where it is missing."""
    found = shutil.which(os.environ.get("PROMTOOL") or "promtool")
    if found is None:
        pytest.skip("promtool is missing: put it into the PATH or name it in PROMTOOL (Debian's package prometheus has it)")
    return found

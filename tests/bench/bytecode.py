"""Bytecode for everything that either side of a bench imports, as an installation has it: so none of them compiles in the measured time."""

import compileall
import sysconfig
from pathlib import Path

from infra.site.layout import CHECKOUT


def compiled() -> None:
    """Compile what is not compiled yet: installed packages, standard library, this checkout's packages. A minute at first, then a second.

    It is written even where PYTHONDONTWRITEBYTECODE is set: that is for what is imported, and reading is never forbidden."""
    places = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    for place in (*map(Path, places), *(CHECKOUT / package for package in ("dcctl", "stacks", "quotas", "metrics"))):
        compileall.compile_dir(place, quiet=2, workers=1, maxlevels=20)

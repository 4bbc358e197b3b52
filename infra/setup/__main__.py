"""`python3 -m infra.setup`: look at the machine, then install. This file is kept readable for any Python 3, to say what is missing.

It says it in both languages at once: what chooses between them is for newer Pythons."""

import os
import shutil
import sys

NEEDED = (3, 11)


def newer():  # type: ignore[no-untyped-def]
    """Another Python of this machine that is new enough, or None."""
    for minor in (11, 12, 13):
        found = shutil.which("python3.{}".format(minor))  # noqa: UP032 - must be readable for an old Python
        if found:
            return found
    return None


if sys.version_info[:2] < NEEDED:
    other = newer()  # type: ignore[no-untyped-call]
    if other is None:
        sys.exit(
            (
                "setup: {0} est Python {1}.{2} ; dcctl demande Python {3}.{4} ou plus récent (avec venv). L’installer, puis répéter la commande.\n"
                "setup: {0} is Python {1}.{2}; dcctl needs Python {3}.{4} or newer (with venv). Install it, then repeat the command."
            ).format(sys.executable, sys.version_info[0], sys.version_info[1], *NEEDED)
        )
    os.execv(other, [other, "-m", "infra.setup"] + sys.argv[1:])  # noqa: RUF005 - as above

from infra.setup.main import main  # noqa: E402 - only a new enough Python can read it

sys.exit(main())

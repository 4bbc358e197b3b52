"""The engine goes on after a while where a service only had too much to do, once it was looked what is there.

A service that says so has not done what it was just asked for. But a thing is made by several calls: one that was made, and could then not be asked
how it does, is in the cloud and not in the engine's state, and would be made twice by whoever only tried again.

The provider could wait by itself (`max_retries`), but then it also sends again what a broken connection left without an answer, and what was made of
the first is twice and unknown. It does not tell for how long the service asked to be left alone, so pauses grow.
"""

from collections.abc import Callable
from typing import TypeVar

from dcctl.provisioner.errors import EngineFailed

T = TypeVar("T")

#: Answers that say that nothing was done (`dcctl.cloud.failures`).
BUSY = frozenset({429, 503})
PAUSES_SECONDS = (3.0, 8.0, 20.0)


def patiently(attempt: Callable[[], T], pause: Callable[[float, EngineFailed], None], again: Callable[[], T] | None = None) -> T:
    """Do it; while all that failed was a busy service, again after each of the pauses, which `pause` takes.

    Args:
        again: how it is done after a failure; None: as at first.
    """
    for seconds in PAUSES_SECONDS:
        try:
            return attempt()
        except EngineFailed as failed:
            if not busy(failed):
                raise
            pause(seconds, failed)
        attempt = again or attempt
    return attempt()


def busy(failed: EngineFailed) -> bool:
    """Whether nothing else went wrong."""
    return bool(failed.diagnostics) and all(diagnostic.status in BUSY for diagnostic in failed.diagnostics)

"""What a server does by itself every so often: each such thing in a thread of its own, which goes on whatever goes wrong with it.

What goes wrong is told when it begins, when it becomes something else and when it is over, and not each time: a database that is away for a night
is one line of the log and not ten thousand.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import structlog

from dcctl.errors import DcctlError

#: How long all threads together may take to end what they are doing; a call that hangs longer ends with the process.
LAST_SECONDS = 5.0

log = structlog.get_logger("dcctl.loops")


class Thread(Protocol):
    """A thread that can be told to end: from `stop` on it begins nothing any more, and ends what it is doing."""

    name: str

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def join(self, timeout: float) -> None: ...

    def is_alive(self) -> bool: ...


@contextmanager
def running(threads: Sequence[Thread]) -> Iterator[None]:
    """All of them while the block runs, started in this order; at its end all are told at once, and waited for together."""
    begun: list[Thread] = []
    try:
        for thread in threads:
            thread.start()
            begun.append(thread)
        yield
    finally:
        for thread in begun:
            thread.stop()
        until = time.monotonic() + LAST_SECONDS
        for thread in begun:
            thread.join(max(0.0, until - time.monotonic()))
        if left := [thread.name for thread in begun if thread.is_alive()]:
            log.warning("left_to_the_end_of_the_process", threads=left)


class Loop:
    """One thing that is done again and again.

    Args:
        name: of the thread.
        each: what is done each time. It may ask `ending` in its middle.
        pause: seconds between two times.
        failed: the log's event where it could not be done.
        after_failure: seconds until the next time after one that failed; None: as after any other.
        at_once: whether it is done when the loop starts, and not after the first pause.
    """

    def __init__(
        self, name: str, each: Callable[[], object], *, pause: float, failed: str, after_failure: float | None = None, at_once: bool = True
    ) -> None:  # fmt: skip
        self.name = name
        self.ending = threading.Event()
        self._each, self._pause, self._failed, self._at_once = each, pause, failed, at_once
        self._after_failure = pause if after_failure is None else after_failure
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._telling = threading.Lock()
        self._told: dict[str, Any] | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.ending.set()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def once(self, what: Callable[[], object] | None = None) -> bool:
        """Do it now, in the caller's thread, or `what` in its place: whether it could be done; else what went wrong is told as the loop tells it."""
        try:
            (what or self._each)()
        except DcctlError as error:
            self._tell({"code": error.code} | {key: str(value) for key, value in error.params.items()})
        except Exception as error:
            self._tell({"unforeseen": repr(error)}, unforeseen=True)
        else:
            self._tell(None)
            return True
        return False

    def _run(self) -> None:
        pause = 0.0 if self._at_once else self._pause
        while not self.ending.wait(pause):
            pause = self._pause if self.once() else self._after_failure

    def _tell(self, wrong: dict[str, Any] | None, *, unforeseen: bool = False) -> None:
        with self._telling:
            told, self._told = self._told, wrong
        if wrong == told:
            return
        if wrong is None:
            log.info("well_again", loop=self.name, was=self._failed)
        elif unforeseen:
            log.exception(self._failed, loop=self.name)
        else:
            log.warning(self._failed, loop=self.name, **wrong)

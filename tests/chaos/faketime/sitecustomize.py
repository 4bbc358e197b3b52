"""Read by a Python below libfaketime at its start: `time.sleep` without clock_nanosleep.

libfaketime 0.9.10 takes a time until which CLOCK_MONOTONIC is to be waited for one of the clock that it moves: the call ends with EINVAL, or waits
for years. Every other wait of the standard library is for so many seconds, and right.
"""

import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep

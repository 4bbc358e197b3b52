"""What Python's collector of cycles does in a process that serves: as little as may be, and not while somebody waits."""

import gc

#: Objects made since the last pass before the youngest are looked at (Python's own: 700), and passes of each age before one of the next.
THRESHOLDS = (20_000, 20, 50)


def settle() -> None:
    """Leave out of every later pass what the start has made: it stays until the process ends anyway.

    A pass through all of it stopped every thread of the API for 170 to 460 ms (measured under load on two cores), several times a minute.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)

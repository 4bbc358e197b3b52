"""Python's garbage collector, told that a service's imports are no garbage.

A call makes some ten thousand objects of the ORM, so at the usual threshold every call walks all that was ever imported.
"""

import gc


def after_imports() -> None:
    """Leave everything that is there out of later collections, and collect more rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)

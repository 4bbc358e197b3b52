"""The seed of a run of chaos: one for all of its tests, printed with each of them; the same number again makes the same choices.

    DCCTL_CHAOS_SEED=1234567890 make chaos
"""

import os
import random

NAME = "DCCTL_CHAOS_SEED"
#: Put down where the processes that pytest starts find it, so that they all have the same one.
SEED = int(os.environ.setdefault(NAME, str(random.randrange(2**32))))
SAID = f"{NAME}={SEED}"

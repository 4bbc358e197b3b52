"""What a run says, and to whom."""

import os
import subprocess
import sys


def test_events_after_the_worker_is_gone_do_not_disturb_the_run():
    reading, writing = os.pipe()
    os.close(reading)
    told = "from dcctl.provisioner.run import say\nfor number in range(3):\n    say({'event': number})\n"

    done = subprocess.run([sys.executable, "-c", told], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)

    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")

"""Recovery after kill -9 of the worker, its guardians and everything below them in the middle of a run: how long until the environment is *active*.

Round by round: one run that nothing befalls, then one that is killed once the engine makes things; the worker is started again at once, as systemd
would. Counted in lease lengths beyond the normal run of the same round. Target: at most two.
"""

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time
from typing import Any

from dcctl.config import Settings
from dcctl.provisioner import processes
from infra.site.layout import CHECKOUT
from tests.bench import bare, many, ours
from tests.site import RunningSite

TARGET_LEASES = 2.0


def run(site: RunningSite, rounds: int) -> dict[str, Any]:
    """Measure; print a line a round; return the raw rounds and the median of the leases that each recovery took."""
    many.prepare(site, 2)
    settings: Settings = bare.site_settings(site)
    lease = settings.worker.lease_seconds
    found = []
    for number in range(rounds):
        normal = ours.seconds(ours.ended(site, "banc-lead", _begun(site, f"banc-normal-{number}")))
        operation = _begun(site, f"banc-mort-{number}")
        site.until(lambda operation=operation: _making(site, operation), "the engine makes things", seconds=120, pause=0.2)
        killed_at = time.time()
        killed = kill_all(site.pids()["worker"])
        again = [sys.executable, "-m", "infra.site", "restart", "--state", str(site.layout.state), "--ports", str(site.ports)]
        subprocess.run(again, cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        shown = ours.ended(site, "banc-lead", operation)
        took = ours.moment(shown["finished_at"]) - killed_at
        ours.given_back(site, "banc-lead", f"banc-normal-{number}", f"banc-mort-{number}")
        row = {"normal": normal, "recovery": took, "lease": lease, "leases": (took - normal) / lease, "killed": killed, "attempt": shown["attempt"]}
        found.append(row)
        print(
            f"  round {number + 1}: normal {normal:5.1f} s   after kill -9 of {killed} processes {took:5.1f} s   "
            f"{row['leases']:.2f} leases of {lease:.0f} s beyond a normal run",
            flush=True,
        )
    leases = statistics.median(row["leases"] for row in found)
    print(f"  median {leases:.2f} lease lengths beyond one normal run; the target is {TARGET_LEASES:.0f}")
    return {"rounds": found, "median_leases": leases, "most_leases": max(row["leases"] for row in found)}


def kill_all(worker: int) -> int:
    """kill -9 of a worker and everything below it; how many processes."""
    doomed = [worker, *processes.descendants(worker)]
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(doomed)


def _begun(site: RunningSite, name: str) -> str:
    return ours.approved(site, "banc-lead", ours.asked(site, "banc-agent", many.DOCUMENT | {"name": name}))


def _making(site: RunningSite, operation: str) -> bool:
    """Whether its workload is being made: something of it is told already."""
    shown = site.answer("banc-lead", "operation", "show", operation)
    return shown["step"] == "workload" and any(thing.get("layer") == "workload" for thing in shown["resources"])

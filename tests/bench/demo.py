"""What `make demo` runs, with everything installed: seconds from nothing to an environment, seconds of the second time, and ten minutes later.

The reference, in the same run, is the trial cloud alone from nothing (`devcloud up` of an empty directory). Judged: 90 s; and after ten minutes
in which nobody asked for anything, every service up and the cloud with at most 1.6 GB resident.

    python -m tests.bench.demo [--rounds 1] [--ports 27000] [--rest 600]
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infra.setup.machine import cache_home
from infra.site import operations
from infra.site.layout import CHECKOUT, DEVCLOUD, Site
from tests.bench import bytecode, cloud
from tests.bench.__main__ import RESULTS, keep

WARM_SECONDS = 90.0
#: Of the reference's six ports.
BESIDE = 100


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.bench.demo", description="Measure what make demo runs.")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ports", type=int, default=27000)
    parser.add_argument("--rest", type=float, default=600.0, metavar="SECONDS")
    chosen = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    bytecode.compiled()
    rounds, idle, down = [], 0, set()
    for number in range(chosen.rounds):
        with tempfile.TemporaryDirectory(prefix="dcctl-bench-") as folder:
            alone = _cloud_alone(Path(folder, "alone"), chosen.ports + BESIDE)
            site = Site(state=Path(folder, "demo"), ports=chosen.ports)
            try:
                first, again = _demo(site), _demo(site)
                rounds.append({"seconds": first, "again_seconds": again, "cloud_alone_seconds": alone})
                print(f"  from nothing {first} s (at most {WARM_SECONDS:.0f}), again {again} s; the cloud alone {alone} s", flush=True)
                if number + 1 == chosen.rounds:
                    time.sleep(chosen.rest)
                    down = {name for name, up in operations.status(site).items() if not up}
                    idle = round(sum(rss for _, rss in map(cloud.memory, cloud.everything(site.cloud))))
            finally:
                operations.down(site)
                shutil.rmtree(site.state, ignore_errors=True)
    print(f"  after {chosen.rest:.0f} s: {', '.join(sorted(down)) or 'nothing'} down; the cloud {idle} MiB resident (at most {cloud.IDLE_MIB:.0f})")
    judged = {"limit_seconds": WARM_SECONDS, "rest_seconds": chosen.rest, "down": sorted(down), "idle_rss_mib": idle}
    keep("demo", {"bench": "demo", "rounds": rounds, **judged})
    return int(bool(down) or idle > cloud.IDLE_MIB or min(float(one["seconds"]) for one in rounds) > WARM_SECONDS)


def _demo(site: Site) -> float:
    """Seconds of the commands of `make demo`, for a site of its own."""
    where = ["--state", str(site.state), "--ports", str(site.ports)]
    begun = time.monotonic()
    for command in (["infra.setup", *where], ["infra.site", "up", *where], ["infra.site", "demo", *where]):
        subprocess.run([sys.executable, "-m", *command], cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return round(time.monotonic() - begun, 1)


def _cloud_alone(state: Path, ports: int) -> float:
    where = ["--state", str(state), "--ports", str(ports), "--template-cache", str(cache_home() / "devcloud")]
    begun = time.monotonic()
    try:
        subprocess.run([DEVCLOUD, "up", *where], stdin=subprocess.DEVNULL, capture_output=True, check=True)
        return round(time.monotonic() - begun, 1)
    finally:
        subprocess.run([DEVCLOUD, "down", *where], stdin=subprocess.DEVNULL, capture_output=True, check=True)


if __name__ == "__main__":
    sys.exit(main())

"""The trial cloud: seconds to come up on data that are there, and the memory that it has when nobody asks it anything.

Judged is the sum of the resident sizes, which counts what processes share (Python's own code, PostgreSQL's buffers) once for each of them. Beside it
stands what they have together (PSS).
"""

import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from infra.devcloud.devcloud import processes
from infra.setup.machine import cache_home
from infra.site.layout import DEVCLOUD
from tests.site import RunningSite

UP_SECONDS, IDLE_MIB = 30.0, 1600 * 10**6 / 2**20
#: Periodic tasks of the services go on; what the start itself took is given back by then.
REST_SECONDS = 30.0


def run(site: RunningSite, rounds: int) -> dict[str, Any]:
    """Take the site's cloud down and up again; then leave it alone and look."""
    state = site.layout.cloud
    seconds = []
    for _ in range(rounds):
        _devcloud("down", "--state", state)
        begun = time.monotonic()
        _devcloud("up", "--state", state, "--ports", site.ports, "--template-cache", cache_home() / "devcloud")
        seconds.append(round(time.monotonic() - begun, 1))
        print(f"  up on existing data: {seconds[-1]} s", flush=True)
    time.sleep(REST_SECONDS)
    sizes = [memory(pid) for pid in everything(state)]
    result = {
        "bench": "cloud", "up_seconds": seconds, "median_up_seconds": statistics.median(seconds), "limit_seconds": UP_SECONDS,
        "processes": len(sizes), "idle_mib": round(sum(pss for pss, _ in sizes)), "idle_rss_mib": round(sum(rss for _, rss in sizes)),
        "limit_mib": round(IDLE_MIB),
    }  # fmt: skip
    print(f"  median {result['median_up_seconds']} s (limit {UP_SECONDS:.0f}); idle {result['idle_rss_mib']} MiB resident "
          f"(limit {result['limit_mib']}) in {result['processes']} processes, {result['idle_mib']} MiB of them their own share")  # fmt: skip
    return result


def over(result: dict[str, Any]) -> bool:
    return bool(result["median_up_seconds"] > UP_SECONDS or result["idle_rss_mib"] > IDLE_MIB)


def _devcloud(*arguments: object) -> None:
    subprocess.run([DEVCLOUD, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)


def everything(state: Path) -> set[int]:
    """Each process that carries the cloud's mark, and what those have started (PostgreSQL's have no environment of ours)."""
    found = {process.pid for process in processes.strays(state)} | {
        running.pid for file in (state / "run").glob("*.pid") if (running := processes.find(file))
    }
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def memory(pid: int) -> tuple[float, float]:
    """PSS and resident size in MiB; 0 for a process that has ended."""
    try:
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    except OSError:
        return 0.0, 0.0
    pss, rss = (int(lines[key].split()[0]) / 1024 for key in ("Pss", "Rss"))
    return pss, rss

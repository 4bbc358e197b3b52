"""`make bench`: each workload beside its reference in the same run, round by round; the raw rounds go to bench-results/.

`.venv/bin/python -m tests.bench [NAME …]` runs only those named: fulfilment, unchanged, many, recovery, submit, reads, flood, cloud, demo, ledger,
scale, chain, metrics, metrics-site, hours, cli. `--environments` and `--at-once` are `many`'s; `--no-script` leaves the bash script out of
`fulfilment`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.site import operations
from infra.site.layout import CHECKOUT, Site
from tests.bench import bytecode, cloud, flood, fulfilment, many, metrics_site, reads, recovery, submit, unchanged
from tests.site import RunningSite

RESULTS = CHECKOUT / "bench-results"
STATE = CHECKOUT / ".cache" / "bench-site"
#: Benches that are programs of their own, with what they are.
PROGRAMS = {
    "cli": "tests.bench.cli_start",
    "demo": "tests.bench.demo",
    "ledger": "tests.bench.ledger_post",
    "scale": "tests.bench.ledger_scale",
    "chain": "tests.bench.ledger_chain",
    "metrics": "tests.bench.metrics",
    "hours": "tests.bench.metrics_hours",
}

Measure = Callable[[RunningSite, argparse.Namespace], dict[str, Any]]

#: Benches on a whole site: how each is run, and whether its result misses the target.
ON_A_SITE: dict[str, tuple[Measure, Callable[[dict[str, Any]], bool]]] = {
    "cloud": (lambda site, chosen: cloud.run(site, chosen.rounds), cloud.over),
    "submit": (lambda site, chosen: submit.run(site, chosen.rounds), lambda result: bool(result["median_p99_ms"] > submit.TARGET_MS)),
    "reads": (lambda site, chosen: reads.run(site, chosen.rounds), lambda result: bool(result["p99_many_to_few"] > reads.TARGET)),
    "flood": (lambda site, chosen: flood.run(site, chosen.rounds), lambda result: bool(result["p99_beside_to_alone"] > flood.TARGET)),
    "metrics-site": (lambda site, chosen: metrics_site.run(site, min(chosen.rounds, 3)), metrics_site.over),
    "fulfilment": (lambda site, chosen: fulfilment.run(site, chosen.rounds, scripts=chosen.script), fulfilment.over),
    "unchanged": (lambda site, chosen: unchanged.run(site, chosen.rounds), lambda result: bool(result["median_ratio"] > unchanged.TARGET)),
    "many": (
        lambda site, chosen: many.run(site, min(chosen.rounds, 2), many.Size(environments=chosen.environments, at_once=chosen.at_once)), many.over,
    ),
    "recovery": (
        lambda site, chosen: recovery.run(site, min(chosen.rounds, 3)), lambda result: bool(result["median_leases"] > recovery.TARGET_LEASES),
    ),
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.bench", description="Measure dcctl beside references.")
    parser.add_argument("names", nargs="*", choices=[*PROGRAMS, *ON_A_SITE, []], metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ports", type=int, default=27000)
    parser.add_argument("--environments", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--no-script", dest="script", action="store_false")
    arguments = parser.parse_args()
    names = arguments.names or [*PROGRAMS, *ON_A_SITE]
    RESULTS.mkdir(exist_ok=True)
    worst = 0
    for name in names:
        print(f"{name}:", flush=True)
        if name in PROGRAMS:
            worst = max(worst, subprocess.run([sys.executable, "-m", PROGRAMS[name]], cwd=CHECKOUT, check=False).returncode)
            continue
        site = Site(state=STATE, ports=arguments.ports)
        try:
            bytecode.compiled()
            operations.up(site)
            measure, over = ON_A_SITE[name]
            result = measure(RunningSite(site), arguments)
            keep(name, result)
            worst = max(worst, int(over(result)))
        finally:
            operations.down(site)
    return worst


def keep(name: str, result: dict[str, Any]) -> Path:
    """Write the raw rounds down."""
    path = RESULTS / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(f"  raw rounds: {path.relative_to(CHECKOUT)}")
    return path


if __name__ == "__main__":
    sys.exit(main())

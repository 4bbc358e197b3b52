"""`.venv/bin/python -m infra.site up|restart|down|status|demo --state DIR --ports BASE`. Exit status: 0 done, 1 failed or not up."""

import argparse
import sys
from pathlib import Path

from infra.setup.steps import StepFailed
from infra.site import demo, operations
from infra.site.layout import Site, SiteError


def main() -> int:
    parser = argparse.ArgumentParser(prog="infra.site", description="A whole site of dcctl on this machine, for trials and tests.")
    parser.add_argument("command", choices=("up", "restart", "down", "status", "demo"))
    parser.add_argument("--state", type=Path, default=Path(".demo"), metavar="DIR", help="where the site keeps its data (%(default)s)")
    parser.add_argument("--ports", type=int, default=25000, metavar="BASE", help="first of its ports (%(default)s)")
    arguments = parser.parse_args()
    site = Site(state=arguments.state.resolve(), ports=arguments.ports)
    try:
        return run(arguments.command, site)
    except (SiteError, StepFailed) as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; repeat the command to go on, `make demo-down` ends what runs", file=sys.stderr)
        return 130


def run(command: str, site: Site) -> int:
    match command:
        case "up" | "restart":
            started = operations.up(site) if command == "up" else operations.restart(site)
            print(f"Started: {', '.join(started)}." if started else "dcctl's own processes were all there.", file=sys.stderr)
        case "down":
            stopped = operations.down(site)
            print(f"Stopped: {', '.join(stopped)}" if stopped else "Nothing was running.", file=sys.stderr)
        case "status":
            found = operations.status(site)
            for name, there in found.items():
                print(f"{name:<10} {'up' if there else 'DOWN'}")
            return 0 if all(found.values()) else 1
        case "demo":
            demo.run(site)
    return 0


if __name__ == "__main__":
    sys.exit(main())

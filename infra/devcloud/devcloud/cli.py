"""The command line: parse, one call, one sentence. Exit status: 0 done, 1 failed or not up, 2 usage."""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from devcloud import operations, people, startup, status
from devcloud.cloud import Cloud, DevcloudError
from devcloud.services import SERVICES

DEFAULT_PORTS = 15000


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(prog="devcloud", description="A whole OpenStack control plane on this machine, for trials and tests.")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--state", type=Path, default=Path(".demo/cloud"), metavar="DIR", help="where this cloud keeps its data (%(default)s)")
    shared.add_argument("--ports", type=int, metavar="BASE", help=f"first of its six ports (where it was last, else {DEFAULT_PORTS})")
    shared.add_argument("--template-cache", type=Path, default=Path("~/.cache/dcctl/devcloud"), metavar="DIR", help="(%(default)s)")
    sentences = {
        "up": "bring the cloud up: start what does not run, and wait until it works",
        "down": "end every process of the cloud; its data stay",
        "status": "exit 0 when every service is up",
        "reset": "stop the cloud and forget its data",
        "logs": "print a service's log",
        "openrc": "print shell exports for the cloud's administrator",
    }
    added = {name: commands.add_parser(name, parents=[shared], help=sentence, description=sentence) for name, sentence in sentences.items()}
    added["up"].add_argument("--unified-limits", action=argparse.BooleanOptionalAction, default=None,
                             help="let Nova take its limits from Keystone (as it was last, else not)")  # fmt: skip
    added["status"].add_argument("-f", "--format", choices=("table", "json"), default="table")
    added["logs"].add_argument("service", choices=[*(service.name for service in SERVICES), "postgres"], metavar="SERVICE")
    added["logs"].add_argument("-n", "--lines", type=int, default=100)
    added["logs"].add_argument("--follow", action="store_true")
    return main


def main() -> None:
    arguments = parser().parse_args()
    try:
        sys.exit(run(arguments))
    except DevcloudError as failure:
        print(f"devcloud: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("devcloud: interrupted; `devcloud up` continues, `devcloud down` cleans up", file=sys.stderr)
        sys.exit(130)


def run(arguments: argparse.Namespace) -> int:
    state = arguments.state.expanduser().resolve()
    noted = operations.settings(state) or {}
    ports = arguments.ports or int(str(noted.get("ports", DEFAULT_PORTS)))
    if not 1024 <= ports <= 65529:
        raise DevcloudError(f"--ports {ports}: must be between 1024 and 65529")
    cloud = Cloud(state=state, ports=ports)
    cache = arguments.template_cache.expanduser().resolve()
    match arguments.command:
        case "up":
            operations.up(cloud, cache, say, unified=arguments.unified_limits)
        case "down":
            stopped = operations.down(cloud, cache)
            say(f"Stopped {', '.join(stopped)}." if stopped else "Nothing was running.")
        case "reset":
            operations.reset(cloud, cache)
            say("The cloud is stopped and its data are gone; `devcloud up` makes a new one.")
        case "status":
            return show_status(cloud, arguments.format)
        case "logs":
            return show_logs(cloud, arguments.service, arguments.lines, arguments.follow)
        case "openrc":
            show_openrc(cloud)
    return 0


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def show_status(cloud: Cloud, form: str) -> int:
    found = status.check(cloud)
    if form == "json":
        print(json.dumps({"up": all(health.up for health in found), "services": [asdict(health) for health in found]}, indent=2))
    else:
        for health in found:
            print(f"{health.service:<10} {'up' if health.up else 'DOWN':<5} {health.url or '':<30} {health.detail}")
    return 0 if all(health.up for health in found) else 1


def show_logs(cloud: Cloud, service: str, lines: int, follow: bool) -> int:
    paths = [path for path in (cloud.log / f"{service}.log", startup.output_file(cloud, service)) if path.exists()]
    if not paths:
        raise DevcloudError(f"{service} has no log in {cloud.log} yet")
    return subprocess.run(["tail", "-n", str(lines), *(["-F"] if follow else []), "--", *map(os.fspath, paths)]).returncode


def show_openrc(cloud: Cloud) -> None:
    """Names the file with the password; the password itself is never printed."""
    if not cloud.clouds_yaml.exists():
        raise DevcloudError(f"there is no cloud in {cloud.state} yet; start it: devcloud up --state {cloud.state}")
    quoted = "'" + str(cloud.clouds_yaml).replace("'", "'\\''") + "'"
    print(f"# {people.ADMIN} of the whole cloud; the others are in the same file: {', '.join(p.name for p in people.PEOPLE)}")
    print(f"export OS_CLIENT_CONFIG_FILE={quoted}\nexport OS_CLOUD=cloud-admin")


if __name__ == "__main__":
    main()

"""The command line: parse, one call, one sentence. Exit status: 0 done, 1 failed or not up, 2 usage."""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from devcloud import operations, people, startup, status, words
from devcloud.cloud import Cloud, DevcloudError
from devcloud.services import SERVICES
from devcloud.words import N_, _, sentence

DEFAULT_PORTS = 15000


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "dcctl", "devcloud")


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(prog="devcloud", description=_("A whole OpenStack control plane on this machine, for trials and tests."))
    commands = main.add_subparsers(dest="command", required=True, metavar=_("COMMAND"))
    shared = argparse.ArgumentParser(add_help=False)
    where, ports = _("where this cloud keeps its data (%(default)s)"), N_("first of its six ports (where it was last, else {ports})")
    shared.add_argument("--state", type=Path, default=Path(".demo/cloud"), metavar=_("DIR"), help=where)
    shared.add_argument("--ports", type=int, metavar="BASE", help=sentence(ports, ports=DEFAULT_PORTS))
    kept = _("where templates of new clouds are kept (%(default)s)")
    shared.add_argument("--template-cache", type=Path, default=_cache(), metavar=_("DIR"), help=kept)
    sentences = {
        "up": _("bring the cloud up: start what does not run, and wait until it works"),
        "down": _("end every process of the cloud; its data stay"),
        "status": _("say what is up; exit status 0 when every service is"),
        "reset": _("stop the cloud and forget its data"),
        "logs": _("print a service's log"),
        "openrc": _("print shell exports for the cloud's administrator"),
    }
    added = {name: commands.add_parser(name, parents=[shared], help=what, description=what) for name, what in sentences.items()}
    added["up"].add_argument("--unified-limits", action=argparse.BooleanOptionalAction, default=None,
                             help=_("let Nova take its limits from Keystone (as it was last, else not)"))  # fmt: skip
    added["status"].add_argument("-f", "--format", choices=("table", "json"), default="table", help=_("for people, or for programs (%(default)s)"))
    added["logs"].add_argument("service", choices=[*(service.name for service in SERVICES), "postgres"], metavar=_("SERVICE"),
                               help="%(choices)s")  # fmt: skip
    added["logs"].add_argument("-n", "--lines", type=int, default=100, metavar=_("COUNT"), help=_("so many of its last lines (%(default)s)"))
    added["logs"].add_argument("--follow", action="store_true", help=_("and what is added, until Ctrl-C"))
    return main


def main() -> None:
    words.use(words.language())
    arguments = parser().parse_args()
    try:
        sys.exit(run(arguments))
    except DevcloudError as failure:
        say(f"devcloud: {failure}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("devcloud: " + _("interrupted; `devcloud up` continues, `devcloud down` cleans up"))
        sys.exit(130)


def run(arguments: argparse.Namespace) -> int:
    state = arguments.state.expanduser().resolve()
    noted = operations.settings(state) or {}
    ports = arguments.ports or int(str(noted.get("ports", DEFAULT_PORTS)))
    if not 1024 <= ports <= 65529:
        raise DevcloudError(sentence(N_("--ports {ports}: must be between 1024 and 65529"), ports=ports))
    cloud = Cloud(state=state, ports=ports)
    cache = arguments.template_cache.expanduser().resolve()
    match arguments.command:
        case "up":
            operations.up(cloud, cache, say, unified=arguments.unified_limits)
        case "down":
            stopped = operations.down(cloud, cache)
            say(sentence(N_("Stopped {names}."), names=", ".join(stopped)) if stopped else _("Nothing was running."))
        case "reset":
            operations.reset(cloud, cache)
            say(_("The cloud is stopped and its data are gone; `devcloud up` makes a new one."))
        case "status":
            return show_status(cloud, arguments.format)
        case "logs":
            return show_logs(cloud, arguments.service, arguments.lines, arguments.follow)
        case "openrc":
            show_openrc(cloud)
    return 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def show_status(cloud: Cloud, form: str) -> int:
    if form == "json":
        words.use("en")  # what programs read never changes with the language
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
        raise DevcloudError(sentence(N_("{service} has no log in {folder} yet"), service=service, folder=cloud.log))
    return subprocess.run(["tail", "-n", str(lines), *(["-F"] if follow else []), "--", *map(os.fspath, paths)]).returncode


def show_openrc(cloud: Cloud) -> None:
    """Names the file with the password; the password itself is never printed."""
    if not cloud.clouds_yaml.exists():
        raise DevcloudError(sentence(N_("there is no cloud in {folder} yet; start it: devcloud up --state {folder}"), folder=cloud.state))
    quoted = "'" + str(cloud.clouds_yaml).replace("'", "'\\''") + "'"
    whose = N_("{user} of the whole cloud; the others are in the same file: {names}")
    print(f"# {sentence(whose, user=people.ADMIN, names=', '.join(p.name for p in people.PEOPLE))}")
    print(f"export OS_CLIENT_CONFIG_FILE={quoted}\nexport OS_CLOUD=cloud-admin")


if __name__ == "__main__":
    main()

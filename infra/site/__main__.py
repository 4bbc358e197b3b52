"""`.venv/bin/python -m infra.site up|restart|down|status|demo --state DIR --ports BASE`. Exit status: 0 done, 1 failed or not up."""

import argparse
import sys
from pathlib import Path

from dcctl import words
from dcctl.words import N_, _, sentence
from infra.setup.steps import StepFailed
from infra.site import demo, operations
from infra.site.layout import Site, SiteError


def main() -> int:
    words.use(words.language())
    parser = argparse.ArgumentParser(prog="infra.site", description=_("A whole site of dcctl on this machine, for trials and tests."))
    does = _("up: make and start what is missing; restart: start what has died; down: end every process; status: say what runs; demo: the main job")
    parser.add_argument("command", choices=("up", "restart", "down", "status", "demo"), help=does)
    parser.add_argument("--state", type=Path, default=Path(".demo"), metavar=_("DIR"), help=_("where the site keeps its data (%(default)s)"))
    parser.add_argument("--ports", type=int, default=25000, metavar="BASE", help=_("first of its ports (%(default)s)"))
    unified = _("let Nova take its limits from Keystone (as it was last, else not)")
    parser.add_argument("--unified-limits", action=argparse.BooleanOptionalAction, default=None, help=unified)
    arguments = parser.parse_args()
    site = Site(state=arguments.state.resolve(), ports=arguments.ports)
    try:
        return run(arguments.command, site, unified=arguments.unified_limits)
    except (SiteError, StepFailed) as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        say(_("stopped; repeat the command to go on, `make demo-down` ends what runs"))
        return 130


def run(command: str, site: Site, *, unified: bool | None = None) -> int:
    match command:
        case "up" | "restart":
            started = operations.up(site, unified=unified) if command == "up" else operations.restart(site)
            say(sentence(N_("Started: {names}."), {"names": started}) if started else _("dcctl's own processes were all there."))
        case "down":
            stopped = operations.down(site)
            say(sentence(N_("Stopped: {names}"), {"names": stopped}) if stopped else _("Nothing was running."))
        case "status":
            found = operations.status(site)
            for name, there in found.items():
                print(f"{name:<10} {'up' if there else 'DOWN'}")
            return 0 if all(found.values()) else 1
        case "demo":
            demo.run(site)
    return 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

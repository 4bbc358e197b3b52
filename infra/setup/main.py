"""The order of the steps. What is built from source goes on beside what is downloaded, because it takes most of the time."""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dcctl import words
from dcctl.words import N_, _, sentence
from infra.devcloud.devcloud import processes
from infra.setup import install, machine, strays
from infra.setup.steps import StepFailed, Steps


def main() -> int:
    words.use(words.language())
    parser = argparse.ArgumentParser(prog="python3 -m infra.setup", description=_("Install everything that the trial site and the tests need."))
    ports = _("free ports from here on, for making the trial cloud's first data (%(default)s)")
    parser.add_argument("--ports", type=int, default=25000, metavar="BASE", help=ports)
    state = _("the site that is started next: while it is up it has the memory that it needs")
    parser.add_argument("--state", type=Path, default=Path(".demo"), metavar=_("DIR"), help=state)
    parser.add_argument("--down", action="store_true", help=_("end what runs of that site, where .venv is gone and its own command with it"))
    parser.add_argument("--check", action="store_true", help=_("only look whether this machine will do"))
    arguments = parser.parse_args()
    if arguments.down:
        print(down(install.CHECKOUT / arguments.state))
        return 0
    installed = install.DCCTL.complete() and install.OPENSTACK.complete() and install.engine_there()
    lacking = machine.missing(install.CHECKOUT, installed=installed, running=_runs(arguments.state))
    if lacking:
        print(_("setup: this machine will not do yet; nothing was begun."), *(f"  - {one}" for one in lacking), sep="\n", file=sys.stderr)
        return 1
    if arguments.check:
        return 0
    logs = machine.cache_home() / "log"
    logs.mkdir(parents=True, exist_ok=True)
    steps = Steps(logs=logs)
    try:
        _install(steps, arguments.ports)
    except StepFailed as failure:
        steps.say(str(failure))
        return 1
    except OSError as failure:
        steps.say(sentence(N_("setup: {failure}; remove the cause, then repeat the command"), {"failure": failure}))
        return 1
    except KeyboardInterrupt:
        steps.say(_("setup: stopped; repeat the command to go on from here"))
        return 130
    return 0


def down(state: Path) -> str:
    """End every process that carries the mark of the site in this directory, or of its trial cloud; the sentence that says so."""
    count = strays.end(state)
    return sentence(N_("setup: {count} processes of {state} were ended"), {"count": count, "state": state}) if count else _("Nothing runs.")


def _install(steps: Steps, ports: int) -> None:
    begun = time.monotonic()
    into = N_("setup: what dcctl needs, into this checkout and {cache} (the first time usually 7 minutes, later 1 second)")
    steps.say(sentence(into, {"cache": machine.cache_home()}))
    uv = install.uv(steps)
    with ThreadPoolExecutor(max_workers=2) as pool:
        building = pool.submit(install.engine, steps, uv)
        downloading = pool.submit(_environments, steps, uv, ports)
        failures = [failure for failure in (building.exception(), downloading.exception()) if failure is not None]
    if failures:
        raise failures[0]
    steps.say(sentence(N_("setup: everything is there ({seconds:.0f} s)"), {"seconds": time.monotonic() - begun}))


def _environments(steps: Steps, uv: Path, ports: int) -> None:
    install.project(steps, uv, install.DCCTL)
    install.project(steps, uv, install.OPENSTACK)
    install.template(steps, ports)


def _runs(state: Path) -> bool:
    """Whether the site in this directory is up; another one beside it needs memory of its own."""
    return any(processes.find(file) for file in (install.CHECKOUT / state).glob("**/run/*.pid"))

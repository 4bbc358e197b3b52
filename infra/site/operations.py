"""What the commands do: up, restart, down, status."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dcctl import words
from dcctl.words import N_, _, sentence
from infra.devcloud.devcloud import processes, sockets
from infra.setup import strays
from infra.setup.install import CHECKOUT
from infra.setup.machine import cache_home
from infra.setup.steps import Steps
from infra.site import configuration, postgres, servers
from infra.site.layout import DEVCLOUD, Site, SiteError


def up(site: Site, *, unified: bool | None = None) -> list[str]:
    """Bring the whole site up: make what is not there, start what does not run. Returns the names of what was started.

    Args:
        unified: whether Nova takes its limits from Keystone; None leaves it as it was.
    """
    site.make_directories()
    with _locked(site):
        steps = Steps(logs=site.log)
        with steps.step("postgres", _("starting dcctl's PostgreSQL"), _("3 seconds")):
            started, _moved = _start_database(site)
            postgres.prepare(site)
        _start_cloud(site, steps, unified=unified)
        configuration.write(site, engine_home())
        _manage(site, steps, "database", _("bringing dcctl's tables up to date"), "db", "upgrade")
        entry = ("--clouds-yaml", str(site.cloud / "clouds.yaml"), "--cloud", "cloud-admin")
        _manage(site, steps, "bootstrap", _("roles, service users and catalogue entry in Keystone"), "bootstrap", *entry)
        _manage(site, steps, "offers", _("publishing the shipped offers"), "offers", "load")
        two = ("operator", "operator-2")
        running = sentence(N_("{operator} and {second} run the datacenter"), {"operator": two[0], "second": two[1]})
        _manage(site, steps, "operators", running, "operator", "add", *two, "--role", "dc_operator")
        _manage(site, steps, "auditor", _("auditor reads and verifies"), "operator", "add", "auditor", "--role", "dc_auditor")
        configuration.publish(site)
        started += _start_servers(site, steps)
    return started


def restart(site: Site) -> list[str]:
    """Start again whichever processes have died; nothing is made anew."""
    if not site.endpoints.exists():
        raise SiteError(sentence(N_("there is no complete site in {folder}; make one: make demo"), {"folder": site.state}))
    with _locked(site):
        steps = Steps(logs=site.log)
        started, moved = _start_database(site)
        if moved:
            configuration.write(site, engine_home())
        _start_cloud(site, steps)
        started += _start_servers(site, steps)
    return started


def down(site: Site) -> list[str]:
    """End every process of the site, the trial cloud's too, and nothing else; the data stay. Returns what ran.

    Processes carry their site's mark, so those of a site whose directory somebody has removed are found too; and so is the trial cloud's first build
    where its terminal went.
    """
    if not site.state.is_dir():
        count = strays.end(site.state)
        shutil.rmtree(site.sockets, ignore_errors=True)
        return [*([sentence(N_("{count} processes of a site whose directory is gone"), {"count": count})] if count else []), *_cloud_down(site)]
    site.make_directories()
    with _locked(site):
        stopped = servers.stop(site)
        if postgres.stop(site):
            stopped.append("postgres")
        shutil.rmtree(site.sockets, ignore_errors=True)
        (site.state / sockets.NOTE).unlink(missing_ok=True)
        stopped += _cloud_down(site)
    return stopped


def _cloud_down(site: Site) -> list[str]:
    if not DEVCLOUD.exists():
        return []
    ran = bool(processes.strays(site.cloud))
    command = [DEVCLOUD, "down", "--state", site.cloud, "--template-cache", cache_home() / "devcloud"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SiteError(sentence(N_("the trial cloud could not be stopped: {failure}"), {"failure": done.stderr.strip()}))
    return [done.stderr.strip()] if ran else []


def status(site: Site) -> dict[str, bool]:
    """Which processes are there; the trial cloud counts as one and is asked whether every service of it works."""
    there = servers.running(site)
    cloud = site.cloud.is_dir() and subprocess.run([DEVCLOUD, "status", "--state", site.cloud], capture_output=True, check=False).returncode == 0
    database = processes.find(site.run / "postgres.pid") is not None
    return {"cloud": cloud, "postgres": database} | {server.name: server.name in there for server in servers.SERVERS}


def engine_home() -> Path:
    """The Pulumi engine's directory: made by `python3 -m infra.setup` before, so this only finds it."""
    command = [sys.executable, str(CHECKOUT / "infra" / "pulumi" / "install.py"), "--cache", str(cache_home())]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SiteError(sentence(N_("the Pulumi engine is missing: {failure}"), {"failure": done.stderr.strip()}))
    return Path(done.stdout.splitlines()[-1])


def _start_database(site: Site) -> tuple[list[str], bool]:
    """What was started, and whether the sockets are elsewhere now: their place went with the login that chose it. Servers know only the old one."""
    moved = sockets.noted(site.state) not in (None, site.sockets)
    if moved:
        servers.stop(site)
    return (["postgres"] if postgres.start(site) else []), moved


def _start_servers(site: Site, steps: Steps) -> list[str]:
    with steps.step("servers", _("starting API, worker, collector and exporter"), _("10 seconds")) as ending:
        started = servers.start_missing(site)
        ending.text, ending.values = N_("ready in {seconds:.0f} s: {url}"), {"url": site.api_url}
    return started


def _manage(site: Site, steps: Steps, name: str, what: str, *arguments: str) -> None:
    environment = servers.environment(site) | {"DCCTL_LANG": words.current()}
    steps.run(name, what, _("3 seconds"), [servers.BIN / "dcctl-manage", *arguments], environment)


def _start_cloud(site: Site, steps: Steps, *, unified: bool | None = None) -> None:
    cache = cache_home() / "devcloud"
    command = [DEVCLOUD, "up", "--state", site.cloud, "--ports", str(site.ports), "--template-cache", cache]
    if unified is not None:
        command.append("--unified-limits" if unified else "--no-unified-limits")
    steps.run("cloud", _("starting the trial cloud: Keystone, Placement, Glance, Nova, Neutron, Cinder"), _("30 seconds"), command, _outside())


def _outside() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("OS_")}


@contextmanager
def _locked(site: Site) -> Iterator[None]:
    """One command at a time; the system lets go of the lock when the process ends, however it ends."""
    with (site.state / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

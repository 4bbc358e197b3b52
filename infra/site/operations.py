"""What the commands do: up, restart, down, status."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.devcloud.devcloud import processes
from infra.setup.install import CHECKOUT
from infra.setup.machine import cache_home
from infra.setup.steps import Steps
from infra.site import configuration, postgres, servers
from infra.site.layout import DEVCLOUD, Site, SiteError


def up(site: Site) -> list[str]:
    """Bring the whole site up: start what does not run, make what is not there. Returns the names of what was started."""
    site.make_directories()
    with _locked(site):
        steps = Steps(logs=site.log)
        started = ["postgres"] if postgres.start(site) else []
        postgres.prepare(site)
        _devcloud(site, steps)
        configuration.write(site, engine_home())
        environment = servers.environment(site)
        manage = servers.BIN / "dcctl-manage"
        steps.run("database", "bringing dcctl's tables up to date", "3 seconds", [manage, "db", "upgrade"], environment)
        bootstrap = [manage, "bootstrap", "--clouds-yaml", site.cloud / "clouds.yaml", "--cloud", "cloud-admin"]
        steps.run("bootstrap", "roles, service users and catalogue entry in Keystone", "5 seconds", bootstrap, environment)
        configuration.publish(site)
        steps.say("  servers    starting API, worker, collector and exporter (usually 10 seconds) …")
        started += servers.start_missing(site)
        steps.say(f"  servers    ready: {site.api_url}")
    return started


def restart(site: Site) -> list[str]:
    """Start again whichever processes have died."""
    if not site.config.exists():
        raise SiteError(f"there is no site in {site.state}; make one: make demo")
    return up(site)


def down(site: Site) -> list[str]:
    """End every process of the site, the trial cloud's too, and nothing else; the data stay. Returns what ran."""
    if not site.state.is_dir():
        return []
    site.make_directories()
    with _locked(site):
        stopped = servers.stop(site)
        if postgres.stop(site):
            stopped.append("postgres")
        shutil.rmtree(site.sockets, ignore_errors=True)
        if site.cloud.is_dir():
            done = subprocess.run([DEVCLOUD, "down", "--state", site.cloud], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SiteError(f"the trial cloud could not be stopped: {done.stderr.strip()}")
            stopped += [done.stderr.strip()]
    return stopped


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
        raise SiteError(f"the Pulumi engine is missing: {done.stderr.strip()}")
    return Path(done.stdout.splitlines()[-1])


def _devcloud(site: Site, steps: Steps) -> None:
    cache = cache_home() / "devcloud"
    command = [DEVCLOUD, "up", "--state", site.cloud, "--ports", str(site.ports), "--template-cache", cache]
    steps.run("cloud", "starting the trial cloud: Keystone, Placement, Glance, Nova, Neutron, Cinder", "30 seconds", command, _outside())


def _outside() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("OS_")}


@contextmanager
def _locked(site: Site) -> Iterator[None]:
    """One command at a time; the system lets go of the lock when the process ends, however it ends."""
    with (site.state / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

"""What the commands do: up, down, reset."""

import json
import shutil
import time
from pathlib import Path

from devcloud import configuration, passwords, postgres, processes, sockets, startup, status, template
from devcloud.api import Administrator
from devcloud.cloud import Cloud, DevcloudError
from devcloud.seeding import unified_limits
from devcloud.services import BY_NAME, SERVICES
from devcloud.words import N_, _, sentence

#: Written when a state directory is complete; without it the next `up` begins again.
MARKER = "devcloud.json"


def settings(state: Path) -> dict[str, object] | None:
    """What `up` noted about a complete state directory: its ports, the template it came from, whether Nova has unified limits."""
    try:
        noted: dict[str, object] = json.loads((state / MARKER).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return noted


def up(cloud: Cloud, cache: Path, say: template.Say, *, unified: bool | None = None) -> None:
    """Bring the whole cloud up; starts only what does not run. On failure everything of it is stopped again.

    Args:
        unified: let Nova take its limits from Keystone (True) or from its own database (False); None leaves it as it was, at first its own
            database. On a running cloud a change restarts Nova alone; its servers stay.
    """
    cloud.make_directories()
    with template.locked(cloud.state / "lock"):
        noted = settings(cloud.state)
        there = startup.running(cloud)
        if sockets.noted(cloud.state) not in (None, cloud.socket_directory):
            processes.stop(there.values())  # they know their database by its old place only
            there = {}
        complete = len(there) == len(SERVICES) and processes.find(postgres.pid_file(cloud))
        was = bool(noted and noted.get("unified_limits"))
        now = was if unified is None else unified
        if noted and noted["ports"] == cloud.ports and complete and now == was and all(health.up for health in status.check(cloud)):
            say(sentence(N_("Already up: {url}"), url=BY_NAME["keystone"].url(cloud)))
            return
        if noted and noted["ports"] != cloud.ports and there:
            elsewhere = N_("this cloud runs on ports from {ports}; stop it first to move it (make demo-down, or devcloud down)")
            raise DevcloudError(sentence(elsewhere, ports=noted["ports"]))
        began = time.monotonic()
        try:
            if noted is None:
                _fill(cloud, cache, say)
            if now != was:
                processes.stop([process for name, process in there.items() if name == "nova"])
            _start(cloud, say, unified=now)
        except BaseException:
            startup.stop(cloud)
            raise
        say(sentence(N_("Up in {seconds:.0f} s: {url}"), seconds=time.monotonic() - began, url=BY_NAME["keystone"].url(cloud)))


def _fill(cloud: Cloud, cache: Path, say: template.Say) -> None:
    """Make the data of a new cloud. What a killed attempt left is cleared away first."""
    startup.stop(cloud)
    for part in template.PARTS:
        shutil.rmtree(cloud.state / part, ignore_errors=True)
    source = template.obtain(cache, cloud.ports, say)
    say(_("Copying the template ..."))
    template.copy(source, cloud)
    made = passwords.generate(cloud)
    postgres.start(cloud)
    template.relocate(source, cloud)
    passwords.put_into_keystone(cloud, made)
    _note(cloud, source.name)


def _note(cloud: Cloud, source: str, *, unified: bool = False) -> None:
    noted = {"ports": cloud.ports, "template": source, "unified_limits": unified}
    passwords.write_private(cloud.state / MARKER, json.dumps(noted) + "\n")


def _start(cloud: Cloud, say: template.Say, *, unified: bool) -> None:
    there = startup.running(cloud)
    missing = set(BY_NAME) - set(there)
    say(sentence(N_("Starting {services} ..."), services=", ".join(service.name for service in SERVICES if service.name in missing)))
    known = passwords.read(cloud)
    configuration.write(cloud, known, unified_limits=unified)
    passwords.write_clouds_yaml(cloud, known)
    passwords.write_private(cloud.state / "endpoints.json", json.dumps({service.name: service.url(cloud) for service in SERVICES}, indent=2) + "\n")
    postgres.start(cloud)
    if not there:
        template.point_catalogue(cloud)
    noted = settings(cloud.state) or {}
    _note(cloud, str(noted["template"]), unified=unified)
    startup.wait(cloud, startup.launch(cloud, missing))
    if unified:
        unified_limits.seed(Administrator(cloud, known["admin"]))
    _until_healthy(cloud)


def _until_healthy(cloud: Cloud, seconds: float = 90.0) -> None:
    """Wait until every part says of itself that it is up and a server could be scheduled."""
    end = time.monotonic() + seconds
    while down := [health for health in status.check(cloud) if not health.up]:
        gone = [health.service for health in down if health.pid is None]
        if gone or time.monotonic() > end:
            worst = next((health for health in down if health.service in gone), down[0])
            raise startup.ServiceFailed(cloud, worst.service, worst.detail)
        time.sleep(0.3)


def down(cloud: Cloud, cache: Path) -> list[str]:
    """End every process of this cloud, and of a template's building that was killed; its data stay. Returns what was running."""
    template.end_abandoned(cache)
    if not cloud.state.is_dir():
        # Somebody deleted the data of a cloud that runs; its processes are known by their mark.
        lost = processes.strays(cloud.state)
        processes.stop(lost)
        return [_("processes without data")] if lost else []
    cloud.make_directories()
    with template.locked(cloud.state / "lock"):
        return startup.stop(cloud)


def reset(cloud: Cloud, cache: Path) -> None:
    """Stop the cloud and forget its data; the next `up` starts from the template, with new passwords."""
    if not cloud.state.exists():
        down(cloud, cache)
        return
    if not (cloud.state / "run").is_dir() or not (cloud.state / "etc").is_dir():
        raise DevcloudError(sentence(N_("{folder} is not a devcloud's state directory; nothing was removed"), folder=cloud.state))
    down(cloud, cache)
    # The marker first: a half removed directory must not look complete.
    (cloud.state / MARKER).unlink(missing_ok=True)
    for name in (*template.PARTS, "etc", "log", "run", "passwords", "clouds.yaml", "endpoints.json", "lock"):
        path = cloud.state / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

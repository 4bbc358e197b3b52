"""Start the service processes, wait until they answer, stop them again."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from devcloud import postgres, processes, sockets
from devcloud.cloud import Cloud, DevcloudError
from devcloud.services import BY_NAME, LAUNCH_ORDER, SERVICES, Service, environment
from devcloud.words import N_, sentence

_TAIL_LINES = 20


class ServiceFailed(DevcloudError):
    """One service did not come up; the message has its name and the last lines of its log."""

    def __init__(self, cloud: Cloud, service: str, what: str) -> None:
        said = sentence(N_("{service} did not come up: {what}."), service=service, what=what)
        super().__init__(f"{said}\n{tail(cloud, service)}")


def output_file(cloud: Cloud, service: str) -> Path:
    """What the process itself prints; its log proper is beside it."""
    return cloud.log / f"{service}.out"


def tail(cloud: Cloud, service: str, lines: int = _TAIL_LINES) -> str:
    """The last lines of the service's log and of what its process printed."""
    parts = []
    for path in (cloud.log / f"{service}.log", output_file(cloud, service)):
        try:
            with path.open("rb") as file:
                file.seek(max(path.stat().st_size - 65536, 0))
                text = file.read().decode(errors="replace").splitlines()[-lines:]
        except OSError:
            continue
        if text:
            parts.append("\n".join([sentence(N_("Last lines of {path}:"), path=path), *(f"    {line}" for line in text)]))
    return "\n".join(parts) or sentence(N_("{folder} has no log of it yet."), folder=cloud.log)


def pid_file(cloud: Cloud, service: str) -> Path:
    return cloud.run / f"{service}.pid"


def running(cloud: Cloud) -> dict[str, processes.Running]:
    """The service processes that are there, by name."""
    found = {service.name: processes.find(pid_file(cloud, service.name)) for service in SERVICES}
    return {name: process for name, process in found.items() if process}


def clean_environment(cloud: Cloud) -> dict[str, str]:
    """What the services see of ours: no OS_* that would redirect them, no secrets, no settings of the developer's Python."""
    kept = {name: os.environ[name] for name in ("TMPDIR",) if name in os.environ}
    return kept | {
        # Of the cloud alone: stevedore keeps a cache of entry points below the home of whoever runs it.
        "HOME": str(cloud.data / "home"),
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
        # Two arenas instead of one for each of many threads: some 100 MiB less in all.
        "MALLOC_ARENA_MAX": "2",
    }


def launch(cloud: Cloud, names: set[str]) -> dict[str, subprocess.Popen[bytes]]:
    """Start the named services, all at once."""
    for name in names:
        _refuse_occupied_port(cloud, BY_NAME[name])
    return {name: _launch(cloud, BY_NAME[name]) for name in LAUNCH_ORDER if name in names}


def _launch(cloud: Cloud, service: Service) -> subprocess.Popen[bytes]:
    arguments = [*service.arguments, str(service.port(cloud))]
    if service.name == "nova":
        arguments += [str(BY_NAME[needed].port(cloud)) for needed in ("keystone", "placement")]
    if service.name == "cinder":
        arguments.append(str(cloud.etc / "cinder" / service.config))
    return processes.start(
        [sys.executable, "-m", service.module, *arguments],
        pid_file=pid_file(cloud, service.name),
        output=output_file(cloud, service.name),
        env=clean_environment(cloud) | environment(service, cloud),
        state=cloud.state,
    )


def _refuse_occupied_port(cloud: Cloud, service: Service) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", service.port(cloud)))
        except OSError as failure:
            taken = N_("port {port} is taken by another program ({reason}); name the first of others (--ports; make demo DEMO_PORTS=…)")
            what = sentence(taken, port=service.port(cloud), reason=failure.strerror)
            raise ServiceFailed(cloud, service.name, what) from failure


def answers(cloud: Cloud, service: Service) -> bool:
    """Whether anything HTTP answers on the service's port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{service.port(cloud)}/", timeout=10):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, http.client.HTTPException):  # the second when another program, or this very connection, has the port
        return False


def wait(cloud: Cloud, launched: dict[str, subprocess.Popen[bytes]], *, seconds: float = 180.0) -> None:
    """Wait until all launched services answer. Raises ServiceFailed for the first one that ends, or that takes too long."""
    waiting = dict(launched)
    end = time.monotonic() + seconds
    while waiting:
        for name, process in list(waiting.items()):
            if process.poll() is not None:
                raise ServiceFailed(cloud, name, sentence(N_("its process ended with status {status}"), status=process.returncode))
            if answers(cloud, BY_NAME[name]):
                del waiting[name]
            elif time.monotonic() > end:
                silent = N_("no answer on port {port} within {seconds:.0f} s")
                raise ServiceFailed(cloud, name, sentence(silent, port=BY_NAME[name].port(cloud), seconds=seconds))
        time.sleep(0.1)


def stop_services(cloud: Cloud) -> None:
    """End the service processes only; the database stays."""
    processes.stop(running(cloud).values())


def stop(cloud: Cloud) -> list[str]:
    """End every process of this cloud, the database last. Returns what was running."""
    services = running(cloud)
    database = processes.find(postgres.pid_file(cloud))
    known = {process.pid for process in services.values()} | ({database.pid} if database else set())
    # A command killed between starting a process and noting it leaves one that no pid file names.
    strays = [process for process in processes.strays(cloud.state) if process.pid not in known]
    strays = [process for process in strays if not (database and _child_of(process.pid, database.pid))]
    processes.stop([*services.values(), *strays])
    postgres.stop(cloud)
    shutil.rmtree(cloud.socket_directory, ignore_errors=True)
    (cloud.state / sockets.NOTE).unlink(missing_ok=True)
    for service in SERVICES:
        pid_file(cloud, service.name).unlink(missing_ok=True)
    return [*services, *(["postgres"] if database else [])]


def _child_of(pid: int, parent: int) -> bool:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) == parent
    except OSError:
        return False

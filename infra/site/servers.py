"""dcctl's own four processes: how each is started, and when it is ready."""

import http.client
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from dcctl.words import N_, _, sentence
from infra.devcloud.devcloud import processes
from infra.setup import strays
from infra.site import postgres
from infra.site.layout import Site, SiteError

BIN = Path(sys.executable).parent
READY_SECONDS = 90.0
LAST_LINES = 15
#: The worker ends what it is doing before it goes.
GRACE_SECONDS = strays.GRACE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One process. `ready` is asked until it says yes; `when`, a msgid, says the same for a person."""

    name: str
    program: str
    ready: Callable[[Site], bool]
    when: str


def _api(site: Site) -> bool:
    return _answers(f"{site.api_url}/readyz")


def _exporter(site: Site) -> bool:
    return _answers(site.metrics_url)


def _worker(site: Site) -> bool:
    """The worker has looked what OpenStack offers: a spec can be checked."""
    with postgres.connect(site, postgres.DATABASE) as connection:
        row = connection.execute("SELECT count(DISTINCT kind) FROM catalogue_item").fetchone()
    return row is not None and row[0] == 4


def _collector(site: Site) -> bool:
    with postgres.connect(site, postgres.DATABASE) as connection:
        row = connection.execute("SELECT count(*) FROM source WHERE name = 'keystone' AND last_success_at IS NOT NULL").fetchone()
    return row is not None and row[0] == 1


#: In the order of their start.
SERVERS = (
    Server(name="api", program="dcctl-api", ready=_api, when=N_("its database and Keystone answer")),
    Server(name="worker", program="dcctl-worker", ready=_worker, when=N_("it knows flavors, images, networks and volume types")),
    Server(name="collector", program="dcctl-collector", ready=_collector, when=N_("it has read the projects")),
    Server(name="exporter", program="dcctl-exporter", ready=_exporter, when=N_("its figures can be fetched")),
)


def running(site: Site) -> dict[str, processes.Running]:
    """The processes that are there, by name."""
    found = {server.name: processes.find(_pid_file(site, server)) for server in SERVERS}
    return {name: process for name, process in found.items() if process}


def start_missing(site: Site) -> list[str]:
    """Start what does not run, and wait until all of it is ready. Returns the names of what was started."""
    there = running(site)
    missing = [server for server in SERVERS if server.name not in there]
    for server in missing:
        _refuse_taken_port(site, server)
        log = site.log / f"{server.name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))  # why the last one ended may be in it
        processes.start([str(BIN / server.program)], pid_file=_pid_file(site, server), output=log, env=environment(site), state=site.state)
    for server in SERVERS:
        _wait(site, server)
    return [server.name for server in missing]


def stop(site: Site) -> list[str]:
    """End the processes and everything that they started. Returns the names of those that ran."""
    there = running(site)
    processes.stop(there.values(), grace_seconds=GRACE_SECONDS)
    database = processes.find(site.run / "postgres.pid")
    # An engine that a killed worker left, or a process killed between its start and its pid file.
    processes.stop([stray for stray in processes.strays(site.state) if database is None or not _of(stray.pid, database.pid)])
    for server in SERVERS:
        _pid_file(site, server).unlink(missing_ok=True)
    return list(there)


def environment(site: Site) -> dict[str, str]:
    """What dcctl's processes see of ours: no OS_* that would redirect them, no settings of the developer's Python."""
    kept = {name: os.environ[name] for name in ("HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME") if name in os.environ}
    return kept | {
        "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        "DCCTL_CONFIG": str(site.config),
    }


def last_lines(site: Site, name: str) -> str:
    """The end of a process's log, for a person who has to find out."""
    path = site.log / f"{name}.log"
    text = path.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:] if path.exists() else []
    return "\n".join([sentence(N_("The last lines of {file}:"), {"file": path}), *(f"    {line}" for line in text)])


def _pid_file(site: Site, server: Server) -> Path:
    return site.run / f"{server.name}.pid"


def _wait(site: Site, server: Server) -> None:
    end = time.monotonic() + READY_SECONDS
    while not _is_ready(site, server):
        if processes.find(_pid_file(site, server)) is None:
            ended = sentence(N_("{program} ended by itself."), {"program": server.program})
            raise SiteError(f"{ended} {last_lines(site, server.name)}")
        if time.monotonic() > end:
            late = N_("{program} was not ready within {seconds:.0f} s (it is when {when}).")
            said = sentence(late, {"program": server.program, "seconds": READY_SECONDS, "when": _(server.when)})
            raise SiteError(f"{said} {last_lines(site, server.name)}")
        time.sleep(0.2)


def _is_ready(site: Site, server: Server) -> bool:
    try:
        return processes.find(_pid_file(site, server)) is not None and server.ready(site)
    except (OSError, http.client.HTTPException, psycopg.Error):
        return False


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


def _refuse_taken_port(site: Site, server: Server) -> None:
    """A port that another program has is said at once, not found in a log."""
    port = {"api": site.ports + 10, "exporter": site.ports + 11}.get(server.name)
    if port is None:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as failure:
            taken = N_("port {port} of {program} is taken by another program ({reason}); name the first of other ports: make demo DEMO_PORTS=…")
            raise SiteError(sentence(taken, {"port": port, "program": server.program, "reason": failure.strerror})) from failure


def _of(pid: int, parent: int) -> bool:
    try:
        return pid == parent or int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) == parent
    except OSError:
        return False

"""A site of which any part may be killed at any moment: its workers' calls go through the weather, and what was killed is started again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from ruamel.yaml import YAML

from dcctl.provisioner import processes as provisioner
from dcctl.workflow.queue import environment_lock
from infra.devcloud.devcloud import processes
from infra.site import postgres, servers
from infra.site.layout import CHECKOUT, REGION, Site, write_private
from stacks import naming
from tests.acceptance.main_job.conftest import Ministry
from tests.acceptance.main_job.workers import Workers, in_place_of_its_own
from tests.chaos.proxy import Weather, proxy, through
from tests.site import RunningSite

#: What can be killed. The first two are of the site, the last four of one run.
PARTS = ("worker", "api", "postgresql", "guardian", "run", "engine", "provider")
NAMES = ("worker-a", "worker-b")
_LINES = {"run": b"dcctl.provisioner.run", "engine": b"bin/pulumi", "provider": b"pulumi-resource-openstack"}


@dataclass(slots=True)
class Crew:
    """The parts of one site, for one environment of one ministry at a time."""

    site: RunningSite
    workers: Workers
    weather: Weather
    stacks: list[str] = field(default_factory=list)
    environment: str = ""
    code: str = ""
    api: Mapping[str, str] = field(default_factory=dict)
    """Environment variables with which the API is started again."""
    _children: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _last: int = 0
    """The worker that had the environment last; it may still have something to do that needs no lease."""
    _hands: threading.RLock = field(default_factory=threading.RLock)
    """Nothing is killed while it is being started: what starts it would take that for its own failure."""

    @property
    def layout(self) -> Site:
        return self.site.layout

    def of(self, ministry: Ministry, environment: str) -> None:
        """From now on this environment's runs are meant."""
        self.environment, self.code, self._last = environment, ministry.code, 0
        self.stacks = [naming.stack_name(REGION, ministry.code, environment, layer) for layer in naming.LAYERS]

    def pids(self, part: str) -> list[int]:
        """The processes of that part that are there now; of the workers the one that has the environment, or had it last."""
        match part:
            case "worker":
                name = self.workers.holder(self.code, self.environment)
                self._last = self.workers.started[name] if name is not None else self._last
                return [pid for name, pid in self.workers.started.items() if pid == self._last and self.workers.living(name)]
            case "api":
                found = processes.find(self.layout.run / "api.pid")
                return [found.pid] if found else []
            case "postgresql":
                found = processes.find(self.layout.run / "postgres.pid")
                return [found.pid, *children(found.pid)] if found else []
        alive = [pid for stack in self.stacks for pid in provisioner.marked("DCCTL_STACK", stack)]
        if part == "guardian":
            return [pid for pid in alive if provisioner.is_guardian(pid)]
        return [pid for pid in alive if _LINES[part] in line(pid) and not provisioner.is_guardian(pid)]

    def kill(self, part: str, sign: signal.Signals = signal.SIGKILL) -> int:
        """kill -9; how many processes there were to kill."""
        with self._hands, suppress(psycopg.OperationalError):
            found = self.pids(part)
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, sign)
            return len(found)
        return 0

    def mend(self) -> bool:
        """Start again what has died; False where nothing had. Only PostgreSQL is waited for, without which nothing else can be seen.

        Only for the test's own thread.
        """
        with self._hands:
            mended = start_database(self.layout)
            for name in NAMES:
                if not self.workers.living(name):
                    self.workers.start(name)
                    mended = True
            if processes.find(self.layout.run / "api.pid") is None:
                self._start_api()
                mended = True
            return mended

    def ready(self) -> None:
        """Return once all of it is there and the API answers, whatever dies meanwhile."""

        def there() -> bool:
            return not self.mend() and answers(_API, self.layout)

        self.site.until(there, "the API is there again", seconds=120, pause=0.3)

    def answering(self) -> bool:
        """Return once the API answers, which somebody else starts; False where it never did."""
        until = time.monotonic() + 60
        while not answers(_API, self.layout) and time.monotonic() < until:
            time.sleep(0.2)
        return time.monotonic() < until

    def restart_workers(self, more: Mapping[str, str]) -> None:
        """End the workers and start them with these environment variables, then and whenever they die."""
        with self._hands:
            self.workers.more |= more
            for name in NAMES:
                self.workers.end_one(name)
        self.ready()

    def restart_api(self, more: Mapping[str, str]) -> None:
        """End the API and start it with these environment variables, then and whenever it dies."""
        self.api = more
        self.kill("api", signal.SIGTERM)
        self.site.until(lambda: not self.pids("api"), "the API has ended")
        self.ready()

    def _start_api(self) -> None:
        environment, pid_file = servers.environment(self.layout) | dict(self.api), self.layout.run / "api.pid"
        program, output = [str(servers.BIN / _API.program)], self.layout.log / "api.log"
        self._children.append(processes.start(program, pid_file=pid_file, output=output, env=environment, state=self.layout.state))

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What dcctl's database says; nothing while it is away."""
        try:
            with postgres.connect(self.layout, postgres.DATABASE) as connection:
                return [tuple(row) for row in connection.execute(statement.encode(), values).fetchall()]
        except psycopg.OperationalError:
            return []

    def idle(self) -> bool:
        """Whether the queue knows of nothing that is being done for the environment; False while the database is away."""
        lock = environment_lock(self.code, self.environment)
        return self.ask("SELECT count(*) FROM procrastinate_jobs WHERE lock = %s AND status = 'doing'", lock) == [(0,)]

    def request(self, number: str) -> dict[str, Any]:
        """State and error of a request, and of its operation; empty while the database is away."""
        found = self.ask(_REQUEST, number)
        names = ("state", "error", "operation", "running", "attempt", "step")
        return dict(zip(names, found[0], strict=True)) if found else {}

    def end(self) -> None:
        """Whatever is dead by now is started as the site itself does it; nothing waits for us."""
        if self.api:
            self.api = {}
            self.kill("api")
        start_database(self.layout)
        for child in self._children:
            if child.poll() is None:
                child.returncode = 0  # the site's to end, not ours to wait for


[_API] = [server for server in servers.SERVERS if server.name == "api"]
#: The newest operation of the request is the one that goes on.
_REQUEST = """
    SELECT r.state, r.error, o.id, o.state, o.attempt, o.step FROM request r LEFT JOIN LATERAL (
        SELECT * FROM operation WHERE request = r.number ORDER BY created_at DESC, id DESC LIMIT 1) o ON true WHERE r.number = %s"""


def answers(server: servers.Server, site: Site) -> bool:
    with suppress(OSError):
        return server.ready(site)
    return False


def line(pid: int) -> bytes:
    """The command line of a process; empty where it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


@contextmanager
def crew_of(site: RunningSite, weather: Weather, folder: Path, more: Mapping[str, str] | None = None) -> Iterator[Crew]:
    """The crew of a site; `more`: environment variables of its workers."""
    with proxy(weather, range(site.ports, site.ports + 10)) as port:
        path = folder / "servers" / "clouds.yaml"
        path.parent.mkdir(mode=0o700)
        with (site.layout.etc / "clouds.yaml").open() as file:
            clouds = YAML(typ="safe").load(file)["clouds"]
        for entry in clouds.values():
            entry["auth"]["auth_url"] = through(entry["auth"]["auth_url"], port)
        write_private(path, json.dumps({"clouds": clouds}, indent=2) + "\n")  # JSON is YAML
        settings = {"DCCTL_CLOUD__CLOUDS_YAML": str(path), **(more or {})}
        with in_place_of_its_own(site, *NAMES, more=settings) as workers:
            crew = Crew(site=site, workers=workers, weather=weather)
            try:
                yield crew
            finally:
                weather.clear()
                crew.end()


def start_database(site: Site) -> bool:
    """Start the site's PostgreSQL from a process that ends at once: a child of the tests' own they would have to wait for. True: it was not there."""
    if processes.find(site.run / "postgres.pid") is not None:
        return False
    code = "import sys; from pathlib import Path; from infra.site import postgres; from infra.site.layout import Site; "
    code += "postgres.start(Site(state=Path(sys.argv[1]), ports=int(sys.argv[2])))"
    subprocess.run([sys.executable, "-c", code, str(site.state), str(site.ports)], cwd=CHECKOUT, check=True, stdin=subprocess.DEVNULL)
    return True

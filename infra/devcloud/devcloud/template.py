"""The template: a seeded, stopped cloud in the cache, made once and copied for every new state directory."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.fernet import Fernet

from devcloud import configuration, passwords, postgres, processes, startup, status
from devcloud.api import Administrator
from devcloud.cloud import Cloud, DevcloudError
from devcloud.seeding import identities, resources
from devcloud.services import BY_NAME, KEYSTONE, SERVICES
from devcloud.words import LOCALE_DIR, N_, _, sentence

PACKAGE = Path(__file__).parent
#: What of a built cloud is the template; configuration, passwords and logs are each cloud's own.
PARTS = ("postgres", "data")

#: The modules of this folder that decide what is in a template; those in the folders below all do, what is said in another language does not.
SHAPING = ("configuration", "passwords", "people", "postgres", "services", "template")

Say = Callable[[str], None]


def key() -> str:
    """Changes with the locked packages, with what of our code shapes a template, and with who runs it (the files' owners differ)."""
    digest = hashlib.sha256(f"{os.geteuid()}\0".encode())
    files = [path for path in sorted(PACKAGE.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    shaping = [path for path in files if (path.stem in SHAPING if path.parent == PACKAGE else not path.is_relative_to(LOCALE_DIR))]
    for path in [PACKAGE.parent / "requirements.lock", *shaping]:
        digest.update(f"{path.relative_to(PACKAGE.parent)}\0".encode())
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()[:16]


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock file; the kernel lets go of it when the process ends, however it ends. Without `wait`, BlockingIOError where it is held."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def held(path: Path) -> bool:
    """Whether somebody holds this lock just now; for telling only."""
    try:
        with locked(path, wait=False):
            return False
    except BlockingIOError:
        return True


def end_abandoned(cache: Path) -> None:
    """End what a killed build left running; a build that goes on is left alone."""
    if (cache / "building").is_dir():
        with suppress(BlockingIOError), locked(cache / "lock", wait=False):
            _discard(cache / "building", 0)


def obtain(cache: Path, ports: int, say: Say) -> Path:
    """The template's directory; built first where it is missing. Two at once: the second waits for the first and uses its result."""
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = cache / key()
    if wanted.is_dir():
        os.utime(wanted)
        return wanted
    if held(cache / "lock"):
        say(_("Waiting for another devcloud that is building the template ..."))
    with locked(cache / "lock"):
        if wanted.is_dir():
            return wanted
        building = cache / "building"
        if building.exists():
            _discard(building, ports)
        say(_("Building the template cloud (once; usually 60 s) ..."))
        began = time.monotonic()
        cloud = Cloud(state=building, ports=ports)
        try:
            _build(cloud, say)
        except BaseException:
            startup.stop(cloud)
            raise
        for path in building.iterdir():
            if path.name not in PARTS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        (building / "origin").write_text(f"{building}\n{ports}\n")
        building.rename(wanted)
        _forget_unused(cache)
        say(sentence(N_("Template built in {seconds:.0f} s."), seconds=time.monotonic() - began))
    return wanted


def _forget_unused(cache: Path) -> None:
    """Remove templates of other versions that nobody used for a week."""
    for path in cache.iterdir():
        if path.is_dir() and path.stat().st_mtime < time.time() - 7 * 86400:
            shutil.rmtree(path)


def _discard(building: Path, ports: int) -> None:
    """Clear away what a killed build left, its processes first."""
    startup.stop(Cloud(state=building, ports=ports))
    shutil.rmtree(building)


def _build(cloud: Cloud, say: Say) -> None:
    cloud.make_directories()
    secrets = passwords.generate(cloud)
    configuration.write(cloud, secrets)
    make_keys(cloud)
    postgres.initialise(cloud)
    postgres.start(cloud)
    for name in ("keystone", "nova_api", "nova_cell1", "placement", "glance", "neutron", "cinder"):
        postgres.create_database(cloud, name)
    say("  " + _("schemas ..."))
    with ThreadPoolExecutor(max_workers=len(SERVICES)) as pool:
        for done in [pool.submit(_schema, cloud, name, say) for name in ("nova", "keystone", "cinder", "neutron", "glance", "placement")]:
            done.result()
    postgres.create_database(cloud, "nova_cell0", template="nova_cell1")
    passwords.put_into_keystone(cloud, secrets)
    say("  " + _("identities ..."))
    admin = Administrator(cloud, secrets["admin"])
    startup.wait(cloud, startup.launch(cloud, {"keystone"}))
    identities.seed(cloud, admin)
    startup.stop_services(cloud)
    passwords.put_into_keystone(cloud, secrets)
    say("  " + _("services ..."))
    startup.wait(cloud, startup.launch(cloud, set(BY_NAME)))
    say("  " + _("flavors, images, networks, volume types ..."))
    resources.seed(admin)
    if down := [health for health in status.check(cloud) if not health.up]:
        raise DevcloudError("; ".join(f"{health.service}: {health.detail}" for health in down))
    startup.stop(cloud)


def _schema(cloud: Cloud, name: str, say: Say) -> None:
    service = BY_NAME[name]
    output = startup.output_file(cloud, name)
    began = time.monotonic()
    argv = [sys.executable, "-m", "devcloud.seeding.schema", name, str(cloud.etc / name / service.config), KEYSTONE.url(cloud)]
    env = startup.clean_environment(cloud) | {processes.MARK: str(cloud.state)}
    with output.open("wb") as out:
        done = subprocess.run(argv, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env, cwd="/")
    if done.returncode:
        raise startup.ServiceFailed(cloud, name, sentence(N_("its tables could not be made (status {status})"), status=done.returncode))
    say(f"    {name}: {time.monotonic() - began:.0f} s")


def make_keys(cloud: Cloud) -> None:
    """New keys for Keystone's tokens and credentials: a token of one cloud is worth nothing in another."""
    for repository in ("fernet", "credential"):
        directory = cloud.data / "keystone" / repository
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in ("0", "1"):
            passwords.write_private(directory / number, Fernet.generate_key().decode())


def copy(template: Path, cloud: Cloud) -> None:
    """Fill a new state directory from the template: its data, with new keys and passwords, at its own path and ports."""
    for part in PARTS:
        # cp keeps owners (the database's files belong to another user where root runs it), and shares blocks where it can.
        subprocess.run(["cp", "-a", "--reflink=auto", str(template / part), str(cloud.state / part)], check=True)
    shutil.rmtree(cloud.data / "keystone")
    make_keys(cloud)


def relocate(template: Path, cloud: Cloud) -> None:
    """Rewrite what names the template's path in the databases. The database must run, the services not."""
    origin = (template / "origin").read_text().splitlines()[0]
    connection = postgres.connect(cloud, "glance")
    try:
        connection.cursor().execute(
            "UPDATE image_locations SET value = replace(value, %s, %s)", (f"file://{origin}/", f"file://{os.fspath(cloud.state)}/")
        )
    finally:
        connection.close()


def point_catalogue(cloud: Cloud) -> None:
    """Make Keystone's catalogue name this cloud's ports."""
    connection = postgres.connect(cloud, "keystone")
    try:
        for service in SERVICES:
            connection.cursor().execute(
                "UPDATE endpoint SET url = %s FROM service WHERE service.id = endpoint.service_id AND service.type = %s",
                (service.url(cloud), service.type),
            )
    finally:
        connection.close()

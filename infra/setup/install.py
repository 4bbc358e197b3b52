"""What is installed, and by which command. A finished part leaves a stamp that names the lock file it was made from, so it is made once."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from dcctl.words import N_, _, sentence
from infra.pulumi import install as engines
from infra.setup.machine import cache_home
from infra.setup.steps import Steps

CHECKOUT = Path(__file__).resolve().parents[2]
UV_LOCK = Path(__file__).with_name("requirements.lock")
UV_WANTED = (0, 5)
DEVCLOUD = CHECKOUT / "infra" / "devcloud"


def environment() -> dict[str, str]:
    """The caller's environment for uv: no virtual environment of theirs, no Python fetched, no bar that redraws itself."""
    kept = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")}
    return {"UV_LINK_MODE": "copy", **kept, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """An environment: where, from which lock file, and which project of this checkout is installed in it, editable.

    `what` and `usually` are msgids.
    """

    name: str
    what: str
    usually: str
    venv: Path
    lock: Path
    project: Path

    @property
    def stamp(self) -> Path:
        """Exists when the environment is complete; its name changes with whatever it is made from."""
        made_from = hashlib.sha256(f"{self.project}\n{sys.version_info[:2]}\n".encode())
        for file in (self.lock, self.project / "pyproject.toml"):
            made_from.update(file.read_bytes())
        return self.venv / f".complete-{made_from.hexdigest()[:16]}"

    def complete(self) -> bool:
        return self.stamp.exists() and _runs(self.venv / "bin" / "python")


DCCTL = Project(
    name="dcctl", what=N_("installing dcctl, its tools and PostgreSQL into .venv"), usually=N_("1 minute"),
    venv=CHECKOUT / ".venv", lock=CHECKOUT / "requirements.lock", project=CHECKOUT,
)  # fmt: skip
OPENSTACK = Project(
    name="openstack", what=N_("installing OpenStack into infra/devcloud/.venv"), usually=N_("1 minute"),
    venv=DEVCLOUD / ".venv", lock=DEVCLOUD / "requirements.lock", project=DEVCLOUD,
)  # fmt: skip


def uv(steps: Steps) -> Path:
    """The uv on PATH when it is new enough, or one in dcctl's cache, installed by pip with its hashes checked."""
    found = shutil.which("uv")
    if found is not None and _version(Path(found)) >= UV_WANTED:
        return Path(found)
    home = cache_home() / "uv"
    own = home / "bin" / "uv"
    if _version(own) < UV_WANTED:
        steps.run("uv", _("making an environment for uv"), _("3 seconds"), [sys.executable, "-m", "venv", "--clear", home], environment())
        command = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-cache-dir", "--require-hashes", "-r", UV_LOCK]
        steps.run("uv", _("installing uv into dcctl's cache"), _("5 seconds"), command, environment())
    return own


def project(steps: Steps, uv: Path, wanted: Project) -> None:
    """Make an environment exactly as its lock file says; nothing to do when it is."""
    if wanted.complete():
        return
    for old in wanted.venv.glob(".complete-*"):
        old.unlink()
    if not _runs(wanted.venv / "bin" / "python"):
        command = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, wanted.venv]
        making = sentence(N_("making {folder}"), {"folder": wanted.venv.relative_to(CHECKOUT)})
        steps.run(wanted.name, making, _("1 second"), command, environment())
    python = wanted.venv / "bin" / "python"
    sync = [uv, "pip", "sync", "--quiet", "--compile-bytecode", "--require-hashes", "--python", python, wanted.lock]
    steps.run(wanted.name, _(wanted.what), _(wanted.usually), sync, environment())
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--python", python, "-e", wanted.project]
    itself = sentence(N_("installing {folder} itself"), {"folder": wanted.project.relative_to(CHECKOUT.parent)})
    steps.run(wanted.name, itself, _("2 seconds"), install, environment())
    wanted.stamp.touch()


def engine(steps: Steps, uv: Path) -> Path:
    """The directory of the Pulumi engine and its OpenStack provider; built once for each set of Go modules."""
    said = steps.run(
        "engine", _("finding or building the Pulumi engine and its OpenStack provider"), _("5 minutes, a second time 1 second"),
        [sys.executable, CHECKOUT / "infra" / "pulumi" / "install.py", "--uv", uv, "--cache", cache_home()], environment(),
    )  # fmt: skip
    return Path(said.splitlines()[-1])


def engine_there() -> bool:
    """Whether engine and provider are there for today's module files, so that nothing has to be fetched or built for them."""
    return engines.there(cache_home())


def template(steps: Steps, ports: int) -> None:
    """A seeded, stopped trial cloud in the cache, that every new one is a copy of."""
    script = (
        "import sys; from pathlib import Path; from devcloud import words; from devcloud.template import obtain; words.use(words.language()); "
        "obtain(Path(sys.argv[1]), int(sys.argv[2]), lambda text: print(text, file=sys.stderr, flush=True))"
    )
    command = [OPENSTACK.venv / "bin" / "python", "-c", script, cache_home() / "devcloud", str(ports)]
    steps.run("template", _("making the trial cloud's first data"), _("1 minute, a second time 1 second"), command, environment())


def _runs(python: Path) -> bool:
    try:
        done = subprocess.run([python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _version(program: Path) -> tuple[int, ...]:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()
        return tuple(int(part) for part in said[1].split(".")[:2])
    except (OSError, subprocess.SubprocessError, IndexError, ValueError):
        return ()



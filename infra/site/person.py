"""Acting as a person of the site: the installed `dcctl` and `openstack`, with the person's entry of clouds.yaml, as at a terminal."""

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dcctl.words import N_, sentence
from infra.site.layout import Site, SiteError
from infra.site.servers import BIN

#: How a question is put to `dcctl`: site, cloud, arguments; the answer of `-f json`, or a SiteError.
Ask = Callable[..., Any]
#: Nothing that is called here may hang for ever.
SECONDS = 900.0


def environment(site: Site) -> dict[str, str]:
    """A person's environment: no cloud chosen, no language; what dcctl remembers stays in the site's directory."""
    kept = {name: os.environ[name] for name in ("HOME", "TMPDIR", "TERM") if name in os.environ}
    return kept | {
        "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "OS_CLIENT_CONFIG_FILE": str(site.clouds_yaml),
        "XDG_STATE_HOME": str(site.state / "home"),
    }


def dcctl(
    site: Site, cloud: str | None, *arguments: str, lang: str | None = None, given: str | None = None, extra: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `dcctl` as a person; never raises for what it answers.

    Args:
        cloud: the entry of clouds.yaml; None chooses none.
        lang: fr or en; None leaves it to the environment.
        given: what comes on standard input.
        extra: more environment variables.
    """
    return _run([str(BIN / "dcctl"), *words(cloud, lang, arguments)], {**environment(site), **(extra or {})}, given)


def words(cloud: str | None, lang: str | None, arguments: Iterable[str]) -> list[str]:
    """The command line after the command's name."""
    chosen = ["--os-cloud", cloud] if cloud else []
    spoken = ["--lang", lang] if lang else []
    return [*chosen, *spoken, *arguments]


def answer(site: Site, cloud: str, *arguments: str) -> Any:
    """What `dcctl … -f json` prints.

    Raises:
        SiteError: with the command and all that it said, when it fails.
    """
    done = dcctl(site, cloud, *arguments, "-f", "json", lang="en")
    return parsed(done)


def openstack(site: Site, cloud: str, *arguments: str) -> Any:
    """What `openstack … -f json` prints: the independent witness. Commands that print nothing give None.

    Raises:
        SiteError: as in `answer`.
    """
    done = _run([str(BIN / "openstack"), "--os-cloud", cloud, *arguments], environment(site), None)
    return parsed(done)


def parsed(done: subprocess.CompletedProcess[str]) -> Any:
    """The JSON that a command printed, or None.

    Raises:
        SiteError: it failed, or printed something else.
    """
    if done.returncode:
        ended = sentence(N_("{command} ended with status {status}:"), {"command": " ".join(done.args), "status": done.returncode})
        raise SiteError(f"{ended}\n{done.stdout}{done.stderr}".rstrip())
    try:
        return json.loads(done.stdout) if done.stdout.strip() else None
    except ValueError as error:
        raise SiteError(sentence(N_("{command} printed no JSON:"), {"command": " ".join(done.args)}) + f"\n{done.stdout}") from error


def _run(command: list[str], environment: Mapping[str, str], given: str | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=given or "", capture_output=True, text=True, env=dict(environment), timeout=SECONDS, check=False)

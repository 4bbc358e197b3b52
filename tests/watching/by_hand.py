"""What the watcher's process and the tests tell each other, by files in the site's directory: what is changed by hand on purpose, what was found."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from infra.site.layout import Site
from tests.watching.judging import Exemption


def folder(site: Site) -> Path:
    found = site.state / "watch"
    found.mkdir(mode=0o700, exist_ok=True)
    return found


def findings(site: Site) -> Path:
    """A line for each breach."""
    return folder(site) / "broken"


def summary(site: Site) -> Path:
    """Written in the end: how much was seen."""
    return folder(site) / "summary"


@contextmanager
def changing(site: Site, project_id: str) -> Iterator[None]:
    """While it lasts, a test changes the project's limits or its people by hand: the watcher does not judge it."""
    _tell(site, project_id, "begun")
    try:
        yield
    finally:
        _tell(site, project_id, "ended")


def told(site: Site) -> list[Exemption]:
    """What tests have told until now."""
    lines = _file(site).read_text(encoding="utf-8").splitlines() if _file(site).exists() else []
    open_: dict[str, datetime] = {}
    found: list[Exemption] = []
    for project_id, what, at in map(json.loads, lines):
        when = datetime.fromisoformat(at)
        if what == "begun":
            open_.setdefault(project_id, when)
        elif project_id in open_:
            found.append(Exemption(project_id=project_id, begun=open_.pop(project_id), ended=when))
    return found + [Exemption(project_id=project_id, begun=when) for project_id, when in open_.items()]


def _file(site: Site) -> Path:
    return folder(site) / "by-hand"


def _tell(site: Site, project_id: str, what: str) -> None:
    with _file(site).open("a", encoding="utf-8") as file:  # one short write at the end of the file, whole also among several processes
        file.write(json.dumps([project_id, what, datetime.now(UTC).isoformat()]) + "\n")

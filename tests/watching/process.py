"""The watcher's process: started with the site, ended with the run, asked what it found."""

import os
import signal
import sys

from infra.devcloud.devcloud import processes
from infra.site.layout import CHECKOUT, Site
from tests.watching import by_hand

#: The last look at everything asks two services about each project.
GRACE_SECONDS = 90.0


def start(site: Site) -> None:
    """Start it; one that a broken-off run has left is ended first. `infra.site down` ends it, too: it carries the site's mark."""
    _stop(site)
    for old in (by_hand.findings(site), by_hand.summary(site)):
        old.unlink(missing_ok=True)
    kept = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
    started = processes.start(
        [sys.executable, "-m", "tests.watching", "--state", str(site.state), "--ports", str(site.ports)],
        pid_file=by_hand.folder(site) / "pid",
        output=by_hand.folder(site) / "log",
        env=kept | {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"},
        state=site.state,
    )
    started.returncode = 0  # whichever process ends it, it is not for this one to wait


def end(site: Site) -> list[str]:
    """End it; return what is wrong: each breach that it saw, or that it was not there to see any."""
    there = _stop(site)
    found = by_hand.findings(site).read_text(encoding="utf-8").splitlines() if by_hand.findings(site).exists() else []
    wrong = [f"the watcher (limits above what the ledger allocated, people before their limits): {sentence}" for sentence in found]
    if not there or not by_hand.summary(site).exists():
        log = by_hand.folder(site) / "log"
        said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:] if log.exists() else []
        wrong.append("\n    ".join(["the watcher did not look until the end of the tests; the last lines of its log:", *said]))
    return wrong


def _stop(site: Site) -> bool:
    running = processes.find(by_hand.folder(site) / "pid")
    if running:
        processes.stop([running], first=signal.SIGTERM, grace_seconds=GRACE_SECONDS)
    return running is not None

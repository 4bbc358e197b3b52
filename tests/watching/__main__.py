"""`python -m tests.watching --state DIR --ports BASE`: look until SIGTERM, then at everything once more; status 1 when something was found.

Findings are written at once, to `watch/broken` in the site's directory; a summary only after the last look, so that its absence shows.
"""

import argparse
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from keystoneauth1.exceptions import ClientException

from infra.site.layout import Site
from tests.watching import by_hand, looking

#: The last look must succeed, for the site is up then; a service may be a moment late.
LAST_TRIES = 5
#: Where so many environments were built, a look every few seconds has seen some of them; else it looks past what it is for.
ENOUGH = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.watching")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--ports", type=int, required=True)
    arguments = parser.parse_args()
    site = Site(state=arguments.state, ports=arguments.ports)
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    return watch(site, ending)


def watch(site: Site, ending: threading.Event) -> int:
    looks = failed = moving = peopled = 0
    begun = datetime.now(UTC)
    found: dict[str, None] = {}
    with looking.Eyes(site) as eyes, by_hand.findings(site).open("a", encoding="utf-8") as file:

        def look(*, everything: bool = False) -> float:
            """One look; the seconds that it took, -1 for none. A service that a test has killed is no finding."""
            nonlocal looks, failed, moving, peopled
            try:
                seen, seconds = looking.timed(lambda: eyes.look(lambda: by_hand.told(site), everything=everything))
            except (ClientException, OSError, psycopg.Error) as away:
                failed += 1
                print(f"{datetime.now(UTC).isoformat()} {type(away).__name__}: {away}", file=sys.stderr, flush=True)
                return -1.0
            looks, moving, peopled = looks + 1, moving + seen.moving, peopled + seen.peopled
            for sentence in seen.broken:
                what = sentence.partition(" at ")[0]
                if what not in found:
                    found[what] = None
                    file.write(f"{sentence}\n")
                    file.flush()
            return seconds

        while not ending.wait(looking.pause(look())):
            pass
        last = -1.0
        for _ in range(LAST_TRIES):
            if (last := look(everything=True)) >= 0:
                break
            threading.Event().wait(2.0)
        built = eyes.built(begun) if last >= 0 else 0
        if built >= ENOUGH and not (moving and peopled):
            file.write(f"the watcher saw no project while something was done for it, or none with people, though {built} were built meanwhile\n")
            return 1
    if last < 0:
        return 1
    said = f"{looks} looks, {failed} without an answer; {moving} times a project while something was done for it, {peopled} times with people"
    by_hand.summary(site).write_text(f"{said}\n", encoding="utf-8")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""Ending a site by the mark that its processes carry: where its directory is gone, or the environment that its own command needs.

Standard library only.
"""

from pathlib import Path

from infra.devcloud.devcloud import processes

#: In which a server ends what it is doing, and a database lets go of who is in it.
GRACE_SECONDS = 30.0


def end(state: Path) -> int:
    """End every process of the site in this directory and of its trial cloud, and nothing else; how many there were."""
    left = [*processes.strays(state), *processes.strays(state / "cloud")]
    processes.stop(left, grace_seconds=GRACE_SECONDS)
    return len(left)

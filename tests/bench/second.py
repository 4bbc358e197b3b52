"""A second API process of the site, while it is needed: its address once it answers."""

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import requests

from infra.site import servers
from infra.site.layout import CHECKOUT
from tests.site import RunningSite

START_SECONDS = 60.0


@contextmanager
def second_api(site: RunningSite, command: Sequence[str], port: int, settings: Mapping[str, str]) -> Iterator[str]:
    """The command serves on the port; `settings` are variables of its environment beside the site's."""
    environment, nowhere = servers.environment(site.layout) | dict(settings), subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, cwd=CHECKOUT, stdin=nowhere, stdout=nowhere, stderr=nowhere) as process:
        try:
            address, end = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
            while not answers(f"{address}/healthz"):
                assert process.poll() is None, "the second API has ended"
                assert time.monotonic() < end, "the second API does not answer"
                time.sleep(0.2)
            yield address
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False

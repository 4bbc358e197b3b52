"""`dcctl-worker` as a process, on a real database and without a cloud: what it does by itself, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests import postgres

SAID_SECONDS = 90.0


def test_a_worker_without_a_cloud_says_so_once_compares_the_ledger_and_ends_when_it_is_told_to(database: str, tmp_path: Path) -> None:
    url = postgres.alchemy(database).replace(postgres.OWNER, "dcctl_app")
    settings = {
        "DCCTL_DATABASE__APPLICATION": url,
        "DCCTL_CLOUD__CLOUDS_YAML": str(tmp_path / "clouds.yaml"),
        "DCCTL_CLOUD__REGION": "cotonou",
        "DCCTL_WORKER__STATE_DIR": str(tmp_path / "worker"),
        "DCCTL_WORKER__CATALOGUE_SECONDS": "1",
    }
    log, remembered = tmp_path / "worker.log", tmp_path / "worker" / "ledger-position-cotonou.json"
    with log.open("wb") as output:
        program = [str(Path(sys.executable).parent / "dcctl-worker")]
        worker = subprocess.Popen(program, env=os.environ | settings, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=tmp_path)
    try:
        until = time.monotonic() + SAID_SECONDS
        while not {"started", "catalogue_not_refreshed"} <= set(events(log)) or not remembered.exists():
            assert worker.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        time.sleep(2.5)  # in which it looked at the cloud several times more
        worker.send_signal(signal.SIGTERM)
        status = worker.wait(60)
    finally:
        worker.kill()
        worker.wait()

    said = events(log)
    assert (status, said[-1]) == (0, "ended"), log.read_text()
    assert said.count("catalogue_not_refreshed") == 1


def events(log: Path) -> list[str]:
    """Of each line of the log that is a record."""
    return [json.loads(line)["event"] for line in log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]

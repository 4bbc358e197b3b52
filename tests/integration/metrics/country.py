"""The synthetic cloud as a process beside a test, and a collector that reads it as a process of its own."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.metrics.site import REGION, Site, as_role
from tests.postgres import die_with_parent

CHECKOUT = Path(__file__).parents[3]
SIZES = {"projects": 20, "servers": 2500, "volumes": 1500, "snapshots": 30, "ports": 2000, "objects": 20}
SMALL = {"projects": 4, "servers": 20, "volumes": 20, "snapshots": 2, "ports": 20, "objects": 4}


@contextmanager
def served(sizes: dict[str, int]) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Serve a cloud of such sizes while the block runs: its port, and its process."""
    options = [f"--{name}={number}" for name, number in sizes.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.synthetic", *options], stdout=subprocess.PIPE, text=True, cwd=CHECKOUT, preexec_fn=die_with_parent
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    with served(getattr(request, "param", SIZES)) as (running, _):
        yield running


@pytest.fixture
def clouds(port: int, tmp_path: Path) -> Path:
    return clouds_yaml(port, tmp_path)


def clouds_yaml(port: int, folder: Path) -> Path:
    """An entry `synthetic` in a file (0600)."""
    auth = {"auth_url": f"http://127.0.0.1:{port}/identity/v3", "username": "u", "password": "p", "user_domain_name": "Default",
            "project_name": "admin", "project_domain_name": "Default"}  # fmt: skip
    path = folder / "clouds.yaml"
    path.touch(0o600)
    path.write_text(json.dumps({"clouds": {"synthetic": {"auth": auth, "region_name": REGION, "identity_api_version": 3}}}))
    return path


def change(port: int, how: str = "change") -> None:
    """Tell the cloud to change, or to break: see `tests.bench.synthetic`."""
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/control/{how}", method="POST")) as answer:
        assert answer.status == 200


@contextmanager
def collecting(
    site: Site, clouds: Path, folder: Path, interval_seconds: float = 0.0, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`dcctl-collector` as a process that reads everything again and again while the block runs, or until it is killed in it."""
    config = folder / "collector.toml"
    config.write_text(
        f'[database]\ncollector = "{as_role(site.dsn, "dcctl_collector")}"\n[cloud]\nclouds_yaml = "{clouds}"\nregion = "{REGION}"\n'
        f'[collector]\ncloud = "synthetic"\ninterval_seconds = {interval_seconds}\nfull_seconds = 0.0\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "metrics.collector"], env={**os.environ, **(environment or {}), "DCCTL_CONFIG": str(config)},
        stderr=subprocess.DEVNULL, preexec_fn=die_with_parent,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()

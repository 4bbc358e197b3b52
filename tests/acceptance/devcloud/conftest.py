"""One running cloud for all of these tests, driven through its command line as a person drives it."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from keystoneauth1 import session
from keystoneauth1.identity import v3
from openstack.connection import Connection
from ruamel.yaml import YAML

SERVICES = ["postgres", "keystone", "placement", "glance", "nova", "neutron", "cinder"]
COMMAND = Path(__file__).parents[3] / "infra" / "devcloud" / ".venv" / "bin" / "devcloud"


@dataclass(frozen=True)
class Devcloud:
    """A state directory and its ports; whether a cloud runs there is the command's affair."""

    state: Path
    ports: int

    def __call__(self, verb: str, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run `devcloud VERB` for this cloud and insist on the exit status."""
        done = subprocess.run(
            [str(COMMAND), verb, "--state", str(self.state), "--ports", str(self.ports), *arguments], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == status, f"devcloud {verb}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def says_up(self) -> bool:
        """Whether its status is that all is up."""
        return (
            subprocess.run(
                [str(COMMAND), "status", "--state", str(self.state), "--ports", str(self.ports)], capture_output=True, timeout=300
            ).returncode
            == 0
        )

    def until_up(self) -> None:
        """Return once its status is that all is up: on a busy machine a service's sign of life may be late."""
        end = time.monotonic() + 180
        while not self.says_up():
            assert time.monotonic() < end, self("status", status=1).stdout
            time.sleep(2)

    def connect(self, cloud: str = "cloud-admin", **scope: str) -> Connection:
        """Sign in as one of the people; `scope` (project_id, project_name, ...) takes the place of the person's own."""
        entry = YAML(typ="safe").load(self.state / "clouds.yaml")["clouds"][cloud]
        auth = entry["auth"]
        if scope:
            auth = {key: auth[key] for key in ("auth_url", "username", "user_domain_name", "password")} | scope
        return Connection(session=session.Session(auth=v3.Password(**auth)), region_name=entry["region_name"])


def pids(cloud: Devcloud) -> dict[str, int]:
    return {path.stem: json.loads(path.read_text())["pid"] for path in (cloud.state / "run").glob("*.pid")}


@pytest.fixture(scope="session")
def devcloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devcloud]:
    """A cloud that is up. Tests that stop it start it again."""
    cloud = Devcloud(state=tmp_path_factory.mktemp("devcloud") / "state", ports=24000)
    try:
        cloud("up")
        yield cloud
    finally:
        cloud("reset")


@pytest.fixture(scope="session")
def admin(devcloud: Devcloud) -> Connection:
    return devcloud.connect()

"""An administration of its own for each test, and OpenStack's own clients as witnesses and as tenants."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openstack
import pytest
from ruamel.yaml import YAML

from tests.site import RunningSite
from tests.watching.by_hand import changing

ENVELOPE = {
    "instances": 20, "cores": 32, "ram": 65536, "volumes": 20, "gigabytes": 400, "gigabytes_ssd": 100, "gigabytes_standard": 200,
    "networks": 4, "routers": 4, "floatingips": 8,
}  # fmt: skip
QUOTA = {
    "instances": 4, "cores": 6, "ram": 12288, "volumes": 5, "gigabytes": 60, "gigabytes_ssd": 40, "gigabytes_standard": 20,
    "networks": 1, "routers": 1, "floatingips": 2,
}  # fmt: skip
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Ministry:
    """An administration with an agent, a lead and an envelope."""

    site: RunningSite
    code: str
    folder: Path

    @property
    def agent(self) -> str:
        return f"{self.code}-agent"

    @property
    def lead(self) -> str:
        return f"{self.code}-lead"

    def spec(self, name: str, **changes: Any) -> Path:
        """A small spec: one server with a volume and an address; the agent is a member."""
        document: dict[str, Any] = {
            "apiVersion": "dcctl/v1", "kind": "Environment", "administration": self.code, "name": name, "offer": "standard",
            "quota": QUOTA, "network": {"cidr": "10.30.0.0/24", "external": "public"}, "members": [self.agent],
            "servers": [{"name": "web", "flavor": "m1.small", "image": "cirros", "floating_ip": True, "ports": [443],
                         "volumes": [{"size": 10, "type": "ssd"}]}],
            "duration": "3 months", "justification": "Essai de recette",
        } | changes  # fmt: skip
        path = self.folder / f"{name}.yaml"
        with path.open("w") as file:
            YAML().dump(document, file)
        return path

    def provide(self, name: str, **changes: Any) -> dict[str, Any]:
        """An environment, from submit to active."""
        self.site.provide(self.spec(name, **changes), agent=self.agent, lead=self.lead)
        return self.environment(name)

    def environment(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.site.answer(self.lead, "environment", "show", name)
        return found

    def approve(self, number: str) -> None:
        digest = self.site.answer(self.lead, "request", "show", number)["digest"]
        self.site.answer(self.lead, "request", "approve", number, "--digest", digest, "--reason", "conforme")

    def ended(self, number: str, *, seconds: float = 240.0) -> dict[str, Any]:
        """The request once nothing more happens to it by itself."""
        found: dict[str, Any] = {}

        def final() -> bool:
            found.update(self.site.answer(self.lead, "request", "show", number))
            return found["state"] in ("fulfilled", "failed", "refused", "abandoned")

        self.site.until(final, f"{number} has ended", seconds=seconds, pause=1.0)
        return found

    def decommission(self, name: str) -> str:
        """Ask to give an environment back as its lead; the request's number."""
        answer = self.site.answer(self.lead, "environment", "decommission", name, "--confirm", name, "--reason", "fin de la recette")
        return str(answer["number"])


@pytest.fixture
def ministry(site: RunningSite, tmp_path: Path) -> Ministry:
    """A fresh administration with an ample envelope."""
    code = f"recette-{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}-{os.getpid()}-{next(_numbers)}"
    site.administration(code, f"Direction {code}", agent=f"{code}-agent", lead=f"{code}-lead", envelope=ENVELOPE)
    return Ministry(site=site, code=code, folder=tmp_path)


Connect = Callable[..., Any]
ByHand = Callable[[str], None]


@pytest.fixture
def by_hand(site: RunningSite) -> Iterator[ByHand]:
    """Told of a project whose limits or people this test changes by hand, the watcher of the run does not judge it until the test ends."""
    with ExitStack() as stack:
        yield lambda project_id: stack.enter_context(changing(site.layout, project_id))


@pytest.fixture
def connect(site: RunningSite) -> Iterator[Connect]:
    """Connections of openstacksdk: the cloud's administrator, or a person in a project (as a tenant works beside dcctl)."""
    opened: list[Any] = []

    def to(person: str = "cloud-admin", project_id: str | None = None) -> Any:
        with site.clouds_yaml.open() as file:
            entry = YAML(typ="safe").load(file)["clouds"][person]
        auth = dict(entry["auth"])
        if project_id is not None:
            auth = {key: value for key, value in auth.items() if not key.startswith(("project", "domain"))} | {"project_id": project_id}
        connection = openstack.connect(load_yaml_config=False, load_envvars=False, auth=auth, region_name=entry["region_name"])
        opened.append(connection)
        return connection

    yield to
    for connection in opened:
        connection.close()

"""A real engine, a real cloud, and environments that are gone when their test ends.

The cloud is the acceptance suite's, or the one whose state directory `DCCTL_TEST_CLOUD` names.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openstack
import openstack.config
import pytest

from dcctl.provisioner.engine import Engine
from dcctl.provisioner.errors import EngineLocked
from stacks.naming import LAYERS
from stacks.plan import Resolved
from stacks.specs import EnvironmentSpec, parse
from tests import postgres
from tests.acceptance.provisioner.world import World, example

REGION = "cotonou"
INSTALL = Path(__file__).resolve().parents[3] / "infra" / "pulumi" / "install.py"


@pytest.fixture(scope="session")
def clouds_yaml(request: pytest.FixtureRequest) -> Path:
    state = os.environ.get("DCCTL_TEST_CLOUD")
    return Path(state) / "clouds.yaml" if state else Path(request.getfixturevalue("cloud").clouds_yaml)


@pytest.fixture(scope="session")
def admin_entry(clouds_yaml: Path) -> dict[str, Any]:
    auth = openstack.config.OpenStackConfig(config_files=[str(clouds_yaml)]).get_one("cloud-admin").config["auth"]
    keys = ("auth_url", "username", "password", "user_domain_name", "project_name", "project_domain_name")
    return {"auth": {key: auth[key] for key in keys}, "region_name": REGION}


@pytest.fixture(scope="session")
def admin(admin_entry: dict[str, Any]) -> openstack.connection.Connection:
    return openstack.connect(**admin_entry)


@pytest.fixture(scope="session")
def build_entry(admin: openstack.connection.Connection, admin_entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A user that has no role anywhere until a tenant stack gives it one."""
    password = secrets.token_hex(16)
    user = admin.identity.create_user(name=f"provisionertest-{secrets.token_hex(4)}", domain_id="default", password=password)
    auth = {"auth_url": admin_entry["auth"]["auth_url"], "username": user.name, "password": password, "user_domain_name": "Default"}
    yield {"auth": auth, "region_name": REGION}
    admin.identity.delete_user(user)


@pytest.fixture(scope="session")
def engine_home() -> Path:
    done = subprocess.run([sys.executable, INSTALL], stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def engine(engine_home: Path, postgresql: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    passphrase = tmp_path_factory.mktemp("engine") / "passphrase"
    passphrase.write_text(secrets.token_hex(16))
    return Engine(home=engine_home, backend=postgresql.database().replace("postgresql://", "postgres://", 1), passphrase_file=passphrase, seconds=300)


@pytest.fixture
def make_world(
    engine: Engine, admin: openstack.connection.Connection, admin_entry: dict[str, Any], build_entry: dict[str, Any]
) -> Iterator[Callable[..., World]]:
    """Make a world for a spec: the example's with changes, its name made unique; both stacks are destroyed when the test ends."""
    made: list[World] = []

    def make(purpose: str, **changes: Any) -> World:
        spec = parse(example(f"essai-{purpose}-{secrets.token_hex(2)}".rstrip("-"), **changes))
        world = World(engine, admin, admin_entry, build_entry, spec, _resolved(admin, spec, build_entry["auth"]["username"]))
        made.append(world)
        return world

    yield make
    for world in made:
        _end(world)


def _end(world: World) -> None:
    for layer in reversed(LAYERS):
        stack = world.work(layer).stack
        try:
            world.engine.destroy(stack, cloud=world.cloud(layer))
        except EngineLocked:
            world.engine.unlock(stack)
            world.engine.destroy(stack, cloud=world.cloud(layer))


def _resolved(admin: openstack.connection.Connection, spec: EnvironmentSpec, build_user: str) -> Resolved:
    """What the catalogue and Keystone say of the names in a spec, asked here without dcctl."""
    return Resolved(
        region=REGION,
        administration=spec.administration,
        environment=spec.name,
        request="R-2026-0042",
        domain_id=admin.identity.find_domain(spec.administration).id,
        member_role_id=admin.identity.find_role("member").id,
        build_user_id=admin.identity.find_user(build_user, domain_id="default").id,
        default_volume_type="standard",
        external_network_id=admin.network.find_network("public").id,
        flavor_ids={flavor.name: flavor.id for flavor in admin.compute.flavors()},
        image_ids={image.name: image.id for image in admin.image.images()},
        volume_types={type_.name: type_.id for type_ in admin.block_storage.types()},
    )

"""Projects of our own in a running cloud: made for one test, used as their tenant would, gone afterwards.

The cloud is the acceptance suite's, or the one whose state directory `DCCTL_TEST_CLOUD` names.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openstack.config
import pytest

from dcctl.cloud import identity, limits, sweep
from dcctl.cloud.connect import Cloud
from tests.acceptance.cloud.tenants import PLENTY, SWEEP_SECONDS, Tenant

REGION = "cotonou"
ADMINISTRATION = "min-sante"

if "DCCTL_TEST_CLOUD" in os.environ:

    @pytest.fixture(scope="session")
    def clouds_yaml() -> Path:
        return Path(os.environ["DCCTL_TEST_CLOUD"]) / "clouds.yaml"

else:

    @pytest.fixture(scope="session")
    def clouds_yaml(cloud: Any) -> Path:
        return Path(cloud.clouds_yaml)


@pytest.fixture(scope="session")
def admin(clouds_yaml: Path) -> Cloud:
    return Cloud(clouds_yaml, "cloud-admin", REGION)


@pytest.fixture
def tenant(admin: Cloud, clouds_yaml: Path, tmp_path: Path) -> Iterator[Callable[..., Tenant]]:
    """Make a project named cloudtest-… with limits; it is emptied and deleted when the test ends, however it ends."""
    made: list[str] = []

    def make(purpose: str, wanted: dict[limits.LimitKey, int] | None = None) -> Tenant:
        name = f"cloudtest-{purpose}-{secrets.token_hex(3)}"
        domain_id = identity.find_domain(admin, ADMINISTRATION)
        assert domain_id is not None
        project = identity.ensure_project(admin, name, domain_id, "made by an acceptance test")
        made.append(project.id)
        for result in limits.write(admin, project.id, PLENTY if wanted is None else wanted):
            assert result.state is limits.LimitState.IN_SYNC or result.state is limits.LimitState.UNSUPPORTED, result
        identity.assign(admin, admin.own_user_id, "member", project_id=project.id)
        return Tenant(id=project.id, name=name, cloud=Cloud(scoped(clouds_yaml, tmp_path, project.id), "tenant", REGION))

    yield make
    for project_id in made:
        if identity.project(admin, project_id) is not None:
            left = sweep.sweep(admin, project_id, deadline=SWEEP_SECONDS)
            identity.delete_project(admin, project_id)
            sweep.last_traces(admin, project_id)
            assert left == []


def scoped(clouds_yaml: Path, folder: Path, project_id: str) -> Path:
    """A clouds.yaml (0600) with the administrator's entry, in another project."""
    loader = openstack.config.OpenStackConfig(config_files=[str(clouds_yaml)], secure_files=[], vendor_files=[], load_envvars=False)
    auth = {key: value for key, value in loader.cloud_config["clouds"]["cloud-admin"]["auth"].items() if not key.startswith("project")}
    entry = {"auth": auth | {"project_id": project_id}, "region_name": REGION, "identity_api_version": 3}
    path = folder / f"{project_id}.yaml"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"clouds": {"tenant": entry}}))
    return path

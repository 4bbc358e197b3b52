"""Two projects of our own in a running cloud, with everything in them that is easily counted wrong.

The cloud is the acceptance suite's, or the one whose state directory `DCCTL_TEST_CLOUD` names.
"""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openstack.config
import pytest

from dcctl.cloud import identity, limits, sweep
from dcctl.cloud.catalogue import catalogue
from dcctl.cloud.connect import Cloud
from tests.acceptance.cloud.tenants import PLENTY, SWEEP_SECONDS, Tenant, public
from tests.acceptance.metrics.faults import IMPATIENT_SECONDS, Proxy, faulty
from tests.integration.metrics.site import REGION, postgresql, site

__all__ = ["postgresql", "site"]


@pytest.fixture(scope="session")
def clouds_yaml(request: pytest.FixtureRequest) -> Path:
    state = os.environ.get("DCCTL_TEST_CLOUD")
    return Path(state) / "clouds.yaml" if state else Path(request.getfixturevalue("cloud").clouds_yaml)


@pytest.fixture(scope="session")
def admin(clouds_yaml: Path) -> Cloud:
    return Cloud(clouds_yaml, "cloud-admin", REGION)


def entry(clouds_yaml: Path) -> dict[str, object]:
    """The administrator's entry, as it is written."""
    loader = openstack.config.OpenStackConfig(config_files=[str(clouds_yaml)], secure_files=[], vendor_files=[], load_envvars=False)
    found: dict[str, object] = json.loads(json.dumps(loader.cloud_config["clouds"]["cloud-admin"]))
    return found


def written(folder: Path, name: str, cloud: dict[str, object]) -> Path:
    """A clouds.yaml (0600) with one cloud in it."""
    path = folder / f"{name}.yaml"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"clouds": {name: cloud}}))
    return path


@contextmanager
def tenant(admin: Cloud, clouds_yaml: Path, folder: Path, purpose: str, domain: str) -> Iterator[Tenant]:
    """A project with limits; it is emptied and deleted in the end, however that comes."""
    domain_id = identity.find_domain(admin, domain)
    assert domain_id is not None
    project = identity.ensure_project(admin, f"metrics-{purpose}-{secrets.token_hex(3)}", domain_id, "made by an acceptance test")
    try:
        limits.write(admin, project.id, PLENTY)
        identity.assign(admin, admin.own_user_id, "member", project_id=project.id)
        own = entry(clouds_yaml)
        auth = own["auth"]
        assert isinstance(auth, dict)
        own["auth"] = {key: value for key, value in auth.items() if not key.startswith("project")} | {"project_id": project.id}
        yield Tenant(id=project.id, name=project.name, cloud=Cloud(written(folder, project.id, own), project.id, REGION))
    finally:
        left = sweep.sweep(admin, project.id, deadline=SWEEP_SECONDS)
        identity.delete_project(admin, project.id)
        sweep.last_traces(admin, project.id)
        assert left == []


@pytest.fixture(scope="session")
def sante(admin: Cloud, clouds_yaml: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """Servers ACTIVE, shelved, in BUILD and in ERROR, volumes of two types, one not to be deleted, a snapshot, networks, floating IPs."""
    with tenant(admin, clouds_yaml, tmp_path_factory.mktemp("sante"), "sante", "min-sante") as project:
        offered = catalogue(admin)
        image = next(image.id for image in offered.images if image.name == "cirros")
        flavors = {flavor.name: flavor.id for flavor in offered.flavors}
        external = public(offered)
        network = project.make("network", "/networks", "network", name="reseau")
        project.make("network", "/networks", "network", name="reserve")
        subnet = project.make("network", "/subnets", "subnet", network_id=network["id"], cidr="10.30.0.0/24", ip_version=4)
        router = project.make("network", "/routers", "router", name="routeur", external_gateway_info={"network_id": external})
        project.cloud.call("network", "PUT", f"/routers/{router['id']}/add_router_interface", body={"subnet_id": subnet["id"]})
        for _ in range(3):
            project.make("network", "/floatingips", "floatingip", floating_network_id=external)

        def server(name: str, flavor: str, **metadata: str) -> str:
            values = {"name": name, "flavorRef": flavors[flavor], "imageRef": image, "networks": [{"uuid": network["id"]}], "metadata": metadata}
            return str(project.make("compute", "/servers", "server", **values)["id"])

        up = [server("web-1", "m1.small"), server("web-2", "m1.small")]
        stuck = server("bloque", "m1.tiny", **{"devcloud:build": "stay"})
        failed = server("casse", "m1.medium", **{"devcloud:build": "fail"})
        data = project.make("block-storage", "/volumes", "volume", name="donnees", size=2, volume_type="ssd")
        archive = project.make("block-storage", "/volumes", "volume", name="archive", size=3, volume_type="standard")
        project.make("block-storage", "/volumes", "volume", name="par-defaut", size=1)
        project.wait("block-storage", f"/volumes/{data['id']}", "volume", "available")
        project.make("block-storage", "/snapshots", "snapshot", name="avant-migration", volume_id=data["id"])
        for identifier in up:
            project.wait("compute", f"/servers/{identifier}", "server", "ACTIVE")
        project.wait("compute", f"/servers/{failed}", "server", "ERROR")
        project.wait("compute", f"/servers/{stuck}", "server", "BUILD")
        project.cloud.call("compute", "POST", f"/servers/{up[1]}/action", body={"shelve": None})
        project.wait("compute", f"/servers/{up[1]}", "server", "SHELVED_OFFLOADED")
        project.wait("block-storage", f"/volumes/{archive['id']}", "volume", "available")
        becomes(admin, archive["id"], "error_deleting")  # to `deleting` itself Cinder lets nobody reset
        yield project
        becomes(admin, archive["id"], "available")


def becomes(admin: Cloud, volume: str, status: str) -> None:
    """Put a volume into a status, as an administrator may: a backend that does not delete is not at hand."""
    admin.call("block-storage", "POST", f"/volumes/{volume}/action", body={"os-reset_status": {"status": status}})


@pytest.fixture(scope="session")
def justice(admin: Cloud, clouds_yaml: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """Another ministry's project, with a volume only."""
    with tenant(admin, clouds_yaml, tmp_path_factory.mktemp("justice"), "justice", "min-justice") as project:
        project.make("block-storage", "/volumes", "volume", name="dossiers", size=4, volume_type="ssd")
        yield project


@pytest.fixture
def proxy(admin: Cloud) -> Iterator[Proxy]:
    """A way to the real Nova that can be told to misbehave."""
    with faulty(str(admin.session.get_endpoint(service_type="compute", region_name=REGION, interface="public"))) as running:
        yield running


@pytest.fixture
def through_proxy(clouds_yaml: Path, tmp_path: Path, proxy: Proxy) -> Cloud:
    """The administrator's way to the cloud, with Nova behind the proxy."""
    own = entry(clouds_yaml) | {"compute_endpoint_override": proxy.url}
    return Cloud(written(tmp_path, "through-proxy", own), "through-proxy", REGION)


@pytest.fixture
def impatient(through_proxy: Cloud) -> Cloud:
    """The same, which gives a slow Nova up; the other services, busy with other tests, have time enough."""
    return Cloud(through_proxy.config_file, through_proxy.name, REGION, timeout_seconds=IMPATIENT_SECONDS, attempts=1)

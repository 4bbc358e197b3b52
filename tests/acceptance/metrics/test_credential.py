"""The collector's credential against the real services: it reads what is read, and is refused everything else."""

import pytest
import structlog

from dcctl.cloud.connect import Cloud
from dcctl.errors import CloudError
from metrics.collector import Collector, Policy
from tests.acceptance.cloud.tenants import Tenant
from tests.integration.metrics.site import REGION, Site
from tests.site import RunningSite

LOG = structlog.get_logger("tests")
SOMEBODY = "0123456789abcdef0123456789abcdef"

REFUSED = [
    *((service, method, path)
      for service, path in (("identity", "/projects"), ("compute", "/servers/detail"), ("block-storage", "/volumes/detail"), ("network", "/networks"))
      for method in ("POST", "PUT", "PATCH", "DELETE")),
    ("identity", "POST", "/users"), ("identity", "GET", "/users"), ("identity", "GET", "/credentials"),
    ("identity", "DELETE", f"/projects/{SOMEBODY}"),
    ("identity", "POST", "/limits"), ("identity", "GET", "/role_assignments"), ("identity", "POST", f"/users/{SOMEBODY}/application_credentials"),
    ("compute", "POST", "/servers"), ("compute", "GET", "/servers"), ("compute", "GET", f"/servers/{SOMEBODY}"),
    ("compute", "GET", "/os-hypervisors"),
    ("compute", "PUT", f"/os-quota-sets/{SOMEBODY}"), ("compute", "GET", f"/os-quota-sets/{SOMEBODY}"), ("compute", "GET", "/os-keypairs"),
    ("compute", "POST", f"/servers/{SOMEBODY}/action"), ("block-storage", "POST", "/volumes"), ("block-storage", "GET", f"/volumes/{SOMEBODY}"),
    ("block-storage", "PUT", f"/os-quota-sets/{SOMEBODY}"), ("block-storage", "DELETE", f"/snapshots/{SOMEBODY}"),
    ("network", "POST", "/ports"), ("network", "GET", f"/ports/{SOMEBODY}"), ("network", "GET", "/subnets"),
    ("network", "PUT", f"/quotas/{SOMEBODY}"),
    ("network", "DELETE", f"/quotas/{SOMEBODY}"), ("image", "GET", "/images"), ("placement", "GET", "/resource_providers"),
]  # fmt: skip


@pytest.fixture
def reader(cloud: RunningSite) -> Cloud:
    """The entry that `dcctl-manage bootstrap` wrote for the collector."""
    return Cloud(cloud.layout.etc / "clouds.yaml", "dcctl-collector", REGION, attempts=1)


def test_whole_passes_changes_and_records_are_read_with_it(site: Site, reader: Cloud, sante: Tenant):
    patient = Cloud(reader.config_file, reader.name, REGION)  # asks a busy service again
    collector = Collector(site.collector, patient, LOG, policy=Policy(full_seconds=3600))

    assert [collector.once(), collector.once()] == [[], []]

    assert (site.usage()[sante.id, "instances"], site.usage()[sante.id, "gigabytes"]) == (4, 8)
    with site.owner.connect() as database:
        assert database.exec_driver_sql("SELECT max(recorded_seconds) FROM usage_coverage WHERE service_type = 'compute'").scalar() == 3600


@pytest.mark.parametrize(("service", "method", "path"), REFUSED, ids=lambda value: value)
def test_everything_else_is_refused_by_the_services_themselves(reader: Cloud, service: str, method: str, path: str):
    with pytest.raises(CloudError) as refused:
        reader.call(service, method, path, body={} if method in ("POST", "PUT", "PATCH") else None)

    assert (refused.value.code, refused.value.params["status"]) == ("DCCTL-401", 401)

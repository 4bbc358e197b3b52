"""The six services: ports, addresses, databases, and how each is started."""

from dataclasses import dataclass

from devcloud.cloud import Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process. `type` is the service's type in Keystone's catalogue, `path` what follows host and port there."""

    name: str
    type: str
    offset: int
    path: str
    databases: tuple[str, ...]
    module: str
    arguments: tuple[str, ...] = ()
    config: str

    def port(self, cloud: Cloud) -> int:
        return cloud.ports + self.offset

    def url(self, cloud: Cloud) -> str:
        return f"http://127.0.0.1:{self.port(cloud)}{self.path}"


_WSGI = "devcloud.servers.wsgi"

SERVICES = (
    Service(name="keystone", type="identity", offset=0, path="/v3", databases=("keystone",),
            module=_WSGI, arguments=("keystone.wsgi.api",), config="keystone.conf"),
    Service(name="placement", type="placement", offset=1, path="", databases=("placement",),
            module=_WSGI, arguments=("placement.wsgi.api",), config="placement.conf"),
    Service(name="glance", type="image", offset=2, path="", databases=("glance",),
            module=_WSGI, arguments=("glance.wsgi.api",), config="glance-api.conf"),
    Service(name="nova", type="compute", offset=3, path="/v2.1", databases=("nova_api", "nova_cell0", "nova_cell1"),
            module="devcloud.servers.nova", config="nova.conf"),
    Service(name="neutron", type="network", offset=4, path="", databases=("neutron",),
            module=_WSGI, arguments=("neutron.wsgi.api",), config="neutron.conf"),
    Service(name="cinder", type="block-storage", offset=5, path="/v3", databases=("cinder",),
            module="devcloud.servers.cinder", config="cinder.conf"),
)  # fmt: skip

BY_NAME = {service.name: service for service in SERVICES}
KEYSTONE = BY_NAME["keystone"]

#: The order in which processes are launched: what takes longest first, so that two cores are busy to the end.
LAUNCH_ORDER = ("keystone", "nova", "placement", "cinder", "neutron", "glance")


def environment(service: Service, cloud: Cloud) -> dict[str, str]:
    """The variables by which a service finds its configuration; there is nothing secret among them."""
    directory = str(cloud.etc / service.name)
    prefix = {"keystone": "OS_KEYSTONE_", "placement": "OS_PLACEMENT_", "glance": "OS_GLANCE_", "neutron": "OS_NEUTRON_"}.get(service.name)
    if service.name == "nova":
        return {
            "OS_NOVA_CONFIG_DIR": directory,
            "OS_NOVA_CONFIG_FILES": f"api-paste.ini;{service.config}",
            "OS_NOVA_DISABLE_EVENTLET_PATCHING": "true",
        }
    if prefix is None:
        return {}
    return {f"{prefix}CONFIG_DIR": directory, f"{prefix}CONFIG_FILES": service.config}

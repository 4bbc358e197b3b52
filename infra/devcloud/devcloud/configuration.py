"""The services' configuration files, written anew at every start from the templates next to this module."""

import sys
from pathlib import Path

import jinja2

from devcloud.cloud import REGION, Cloud
from devcloud.passwords import write_private
from devcloud.services import BY_NAME, SERVICES

#: host, zone, vcpus, memory in MiB, disk in GiB; sizes generous, so that many test administrations fit at once.
HYPERVISORS = (
    ("cotonou-a-1", "cotonou-a", 256, 1024 * 1024, 20_000),
    ("cotonou-a-2", "cotonou-a", 256, 1024 * 1024, 20_000),
    ("cotonou-b-1", "cotonou-b", 256, 1024 * 1024, 20_000),
)


def shipped() -> Path:
    """Where the wheels put the files that the services read unchanged (paste pipelines, filters)."""
    return Path(sys.prefix) / "etc"


def write(cloud: Cloud, passwords: dict[str, str], *, unified_limits: bool = False) -> None:
    """Write every service's configuration (0600: passwords of the service users stand in it).

    Args:
        unified_limits: let Nova take its limits from Keystone instead of its own database.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("devcloud"), undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    environment.globals.update(
        cloud=cloud,
        region=REGION,
        passwords=passwords,
        shipped=shipped(),
        unified_limits=unified_limits,
        hypervisors=",".join(f"{host}:{vcpus}:{memory}:{disk}" for host, _, vcpus, memory, disk in HYPERVISORS),
        url=lambda name: BY_NAME[name].url(cloud),
    )
    for service in SERVICES:
        directory = cloud.etc / service.name
        directory.mkdir(mode=0o700, exist_ok=True)
        write_private(directory / service.config, environment.get_template(service.config).render())
    # Nova reads this one from its own configuration directory only.
    write_private(cloud.etc / "nova" / "api-paste.ini", (shipped() / "nova" / "api-paste.ini").read_text())
    for path in ("lock", "nova", "neutron", "cinder", "keystone", "glance/images", "glance/tasks", "glance/staging"):
        (cloud.data / path).mkdir(mode=0o700, parents=True, exist_ok=True)

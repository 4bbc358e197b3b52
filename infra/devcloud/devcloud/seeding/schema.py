"""Make one service's tables: `python -m devcloud.seeding.schema SERVICE CONFIG_FILE [KEYSTONE_URL]`.

One process a service, because each of them reads its configuration into global variables; one process only, because importing them
costs more than the migrations.
"""

import secrets
import sys
import warnings
from collections.abc import Callable
from pathlib import Path


def keystone(config: str) -> None:
    import keystone.conf
    from keystone.cmd import bootstrap
    from keystone.common import sql
    from keystone.common.sql import upgrades

    from devcloud.cloud import REGION

    keystone.conf.configure()
    sql.initialize()
    keystone.conf.CONF(args=[], project="keystone", default_config_files=[config])
    upgrades.offline_sync_database_to_version()
    first = bootstrap.Bootstrapper()
    first.project_name, first.admin_username, first.admin_role_name = "admin", "admin", "admin"
    # Known to nobody and replaced before the cloud is used: each state directory has passwords of its own.
    first.admin_password = secrets.token_urlsafe(24)
    first.region_id, first.service_name = REGION, "keystone"
    first.public_url = first.internal_url = first.admin_url = sys.argv[3]
    first.bootstrap()


def placement(config: str) -> None:
    from placement.cmd import manage

    sys.argv = ["placement-manage", "--config-file", config, "db", "sync"]
    manage.main()


def glance(config: str) -> None:
    from glance.cmd import manage

    sys.argv = ["glance-manage", "--config-file", config, "db_sync"]
    manage.main()


def cinder(config: str) -> None:
    from cinder.cmd import manage

    sys.argv = ["cinder-manage", "--config-file", config, "db", "sync"]
    manage.main()


def neutron(config: str) -> None:
    """Neutron's migrations do not run on PostgreSQL; its models do."""
    import re

    from neutron.db.migration import cli
    from neutron.db.migration.models import head
    from sqlalchemy import create_engine

    found = re.search(r"^connection = (.+)$", Path(config).read_text(), re.MULTILINE)
    assert found
    head.get_metadata().create_all(create_engine(found[1]))
    sys.argv = ["neutron-db-manage", "--config-file", config, "stamp", "heads"]
    cli.main()


def nova(config: str) -> None:
    """The API's tables, one cell's, and the map of the two cells. The other cell's are copied afterwards: they are the same."""
    from nova import config as configuration
    from nova import objects
    from nova.cmd import manage
    from nova.db import migration

    configuration.parse_args(["nova-manage", "--config-file", config])
    objects.register_all()
    migration.db_sync(database="api")
    cells = manage.CellV2Commands()
    # Templates, filled in from [database]connection, so that a copied cloud finds its own databases.
    cells.map_cell0("{scheme}://{username}@/nova_cell0?{query}")
    cells.create_cell(name="cell1", database_connection="{scheme}://{username}@/nova_cell1?{query}", transport_url="fake://")
    migration.db_sync()


SCHEMAS: dict[str, Callable[[str], None]] = {
    "keystone": keystone,
    "placement": placement,
    "glance": glance,
    "cinder": cinder,
    "neutron": neutron,
    "nova": nova,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    SCHEMAS[sys.argv[1]](sys.argv[2])

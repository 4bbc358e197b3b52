"""Alembic's environment: the connection is handed over by `dcctl.migrations.upgrade`."""

from alembic import context
from sqlmodel import SQLModel

import dcctl.store  # noqa: F401 - fills the metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()

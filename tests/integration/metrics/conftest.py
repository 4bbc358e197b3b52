"""A migrated database in a real PostgreSQL, seen by the roles of the owner, the application, the collector and the exporter."""

from tests.integration.metrics.known import known
from tests.integration.metrics.site import postgresql, site

__all__ = ["known", "postgresql", "site"]

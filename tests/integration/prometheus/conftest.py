"""A database with something in every table that is exported, the real exporter over it, and a real Prometheus that scrapes that."""

from tests.integration.metrics.known import known
from tests.integration.metrics.site import site

__all__ = ["known", "site"]

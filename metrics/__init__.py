"""What Prometheus sees: use read from OpenStack in bulk (`collector`), figures read from PostgreSQL and served as text (`exporter`)."""

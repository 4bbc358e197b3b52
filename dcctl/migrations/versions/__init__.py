"""Alembic's revisions, oldest first by name."""

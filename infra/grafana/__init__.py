"""Dashboards for Grafana, written by code: `make dashboards` writes what is checked in beside it as JSON, and a test says that it is the same."""

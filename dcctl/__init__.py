"""dcctl: self-service and resource tracker of a national datacenter on OpenStack."""

__version__ = "0.1.0"

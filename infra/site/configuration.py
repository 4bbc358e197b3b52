"""The servers' configuration: dcctl.toml, and the passphrase of the engine's state. Nothing secret stands in dcctl.toml itself."""

import io
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from infra.site import postgres
from infra.site.layout import REGION, Site, write_private
from quotas.resources import COUNTED


def write(site: Site, engine: Path) -> None:
    """Write what dcctl's processes read.

    Args:
        engine: the directory of the Pulumi engine.
    """
    passphrase = site.etc / "pulumi-passphrase"
    if not passphrase.exists():
        write_private(passphrase, secrets.token_urlsafe(32) + "\n")
    sections: dict[str, dict[str, str | int | float]] = {
        "database": {
            "owner": site.url(postgres.DATABASE, postgres.OWNER),
            "application": site.url(postgres.DATABASE, postgres.APPLICATION),
            "collector": site.url(postgres.DATABASE, "dcctl_collector"),
            "exporter": site.url(postgres.DATABASE, "dcctl_exporter"),
            "sealer": site.url(postgres.DATABASE, "dcctl_sealer"),
            "auditor": site.url(postgres.DATABASE, "dcctl_auditor"),
        },
        "cloud": {
            "clouds_yaml": str(site.etc / "clouds.yaml"),
            "admin": "dcctl-admin",
            "build": "dcctl-build",
            "region": REGION,
            "people_domain": "asin",
        },
        "api": {
            "host": "127.0.0.1",
            "port": site.ports + 10,
            "url": site.api_url,
            # Tests and benches ask as one person what a ministry's people ask in a day.
            "requests_a_minute": 60_000,
            "open_requests": 10_000,
            "authtoken_conf": str(site.etc / "authtoken.conf"),
        },
        "engine": {
            "home": str(engine),
            "backend": site.dsn(postgres.ENGINE_DATABASE, postgres.APPLICATION).replace("postgresql://", "postgres://", 1),
            "passphrase_file": str(passphrase),
        },
        # The trial's one operator declares its capacity unattended, the tests' fifty times of it; envelopes keep the thresholds of a datacenter,
        # so that an act above them can be tried here with `operator` and `operator-2`.
        "acts.capacity": {resource.name: 10**12 for resource in COUNTED},
        # A trial is watched by a person: figures are fresher than a datacenter needs them.
        "worker": {"catalogue_seconds": 30, "state_dir": str(site.state / "worker")},
        "exporter": {"host": "127.0.0.1", "port": site.ports + 11, "refresh_seconds": 5.0},
        "collector": {"cloud": "dcctl-collector", "interval_seconds": 15.0},
    }
    lines = ["# Written by infra.site; a production site has its own at /etc/dcctl/dcctl.toml."]
    for name, values in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())]
    write_private(site.config, "\n".join(lines) + "\n")


def publish(site: Site) -> None:
    """Write what people need: their clouds.yaml (0600) and the addresses.

    Entries that somebody has put beside the site's own stay; the site's own are as the trial cloud has them now.
    """
    own = (site.cloud / "clouds.yaml").read_text(encoding="utf-8")
    if site.clouds_yaml.exists():
        together = YAML().load(own)
        if added := _added(site.clouds_yaml.read_text(encoding="utf-8"), together["clouds"]):
            together["clouds"].update(added)
            kept = io.StringIO()
            YAML().dump(together, kept)
            own = kept.getvalue()
    write_private(site.clouds_yaml, own)
    addresses = {"api": site.api_url, "metrics": site.metrics_url, "keystone": site.keystone_url}
    write_private(site.endpoints, json.dumps(addresses, indent=2) + "\n")


def _added(there: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """The clouds of the file that is there which are not the site's; none of a file that nobody can read."""
    try:
        found = YAML().load(there)["clouds"]
    except (YAMLError, KeyError, TypeError):
        return {}
    return {name: entry for name, entry in found.items() if name not in own} if isinstance(found, Mapping) else {}

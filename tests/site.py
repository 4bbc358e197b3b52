"""The running site as tests meet it: people with `dcctl`, an independent witness with `openstack`, the figures of the exporter."""

import fcntl
import json
import secrets
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from dcctl.cloud import registry
from dcctl.cloud.connect import Cloud
from infra.devcloud.devcloud import processes
from infra.site import datacenter, demo, person
from infra.site.layout import REGION, Site, write_private
from tests import quick

#: More than any test takes of it.
ENVELOPES: Mapping[str, Mapping[str, int]] = {
    code: {resource: 4 * amount for resource, amount in amounts.items()} for code, amounts in demo.ENVELOPES.items()
}
#: Each test grants envelopes of its own and nobody takes them back, so the ledger's pool is larger than the trial cloud.
CAPACITY = {resource: 50 * amount for resource, amount in datacenter.CAPACITY.items()}


@dataclass(frozen=True, slots=True)
class RunningSite:
    """One site that is up."""

    layout: Site

    @property
    def state(self) -> Path:
        """The trial cloud's state directory."""
        return self.layout.cloud

    @property
    def ports(self) -> int:
        return self.layout.ports

    @property
    def clouds_yaml(self) -> Path:
        return self.layout.clouds_yaml

    @property
    def api_url(self) -> str:
        return self.layout.api_url

    @property
    def metrics_url(self) -> str:
        return self.layout.metrics_url

    def dcctl(
        self, cloud: str | None, *arguments: str, lang: str | None = None, given: str | None = None, extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the installed `dcctl` as a person of clouds.yaml; see `infra.site.person.dcctl`."""
        return person.dcctl(self.layout, cloud, *arguments, lang=lang, given=given, extra=extra)

    def answer(self, cloud: str, *arguments: str) -> Any:
        """What `dcctl … -f json` answers, from a fork of a process that has imported it (`tests.quick`); it must succeed."""
        return quick.answer(self.layout, cloud, *arguments)

    def openstack(self, *arguments: str, cloud: str = "cloud-admin") -> Any:
        """What `openstack … -f json` answers, as an independent witness; it must succeed."""
        return person.openstack(self.layout, cloud, *arguments)

    def pids(self) -> dict[str, int]:
        """Every process of the site by name, those of the trial cloud as ``cloud/nova``."""
        found = {}
        for prefix, directory in (("", self.layout.run), ("cloud/", self.state / "run")):
            for file in directory.glob("*.pid"):
                if running := processes.find(file):
                    found[f"{prefix}{file.stem}"] = running.pid
        return found

    def quota(self, cloud: str, name: str | None = None) -> dict[str, dict[str, Any]]:
        """The rows of `dcctl quota show`, by resource."""
        arguments = [name] if name else []
        return {item["resource"]: item for item in self.answer(cloud, "quota", "show", *arguments)["items"]}

    def limits(self, project: str) -> dict[str, int | None]:
        """What OpenStack enforces on a project, as the witness says it, under the ledger's names."""
        shown = {row["Resource"]: row["Limit"] for row in self.openstack("quota", "show", project, "-f", "json")}
        return {"floatingips" if name == "floating_ips" else name: limit for name, limit in shown.items()}

    def state_of(self, cloud: str, environment: str) -> str | None:
        """The environment's state as this person sees it; None when they see none of that name."""
        found = [item["state"] for item in self.answer(cloud, "environment", "list")["items"] if item["name"] == environment]
        return str(found[0]) if found else None

    def figures(self, family: str, **labels: str) -> dict[str, int]:
        """The exporter's samples of a family with these labels, by resource."""
        return {
            sample.labels["resource"]: int(sample.value)
            for metric in text_string_to_metric_families(self.metrics())
            for sample in metric.samples
            if sample.name == family and sample.labels.items() >= labels.items()
        }

    def metrics(self) -> str:
        """The exporter's text as it is now."""
        with urllib.request.urlopen(self.metrics_url, timeout=10) as answer:
            return str(answer.read().decode())

    def prepare(self) -> None:
        """Do what operators do once; nothing twice."""
        datacenter.declare_capacity(self.layout, CAPACITY, ask=quick.answer)
        for code, (name, agent, lead) in demo.ADMINISTRATIONS.items():
            self.administration(code, name, agent=agent, lead=lead, envelope=ENVELOPES[code])

    def administration(self, code: str, name: str, *, agent: str, lead: str, envelope: Mapping[str, int]) -> None:
        """An administration with an agent, a lead and an envelope; people who have no account get one."""
        datacenter.administration(self.layout, code, name, ask=quick.answer)
        for user, role in ((agent, "dc_agent"), (lead, "dc_lead")):
            self.account(user, code)
            datacenter.person(self.layout, code, user, role, ask=quick.answer)
        datacenter.envelope(self.layout, code, envelope, reason="dotation des essais", ask=quick.answer)

    def account(self, user: str, code: str) -> None:
        """An account in the datacenter's own domain, with an entry of that name in clouds.yaml scoped to the administration's domain."""
        with (self.layout.state / "people.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # tests of several processes share the file
            clouds = YAML(typ="safe").load(self.clouds_yaml.read_text())
            if user in clouds["clouds"]:
                return
            password = secrets.token_urlsafe(24)
            registry.ensure_user(Cloud(self.clouds_yaml, "cloud-admin", REGION), user, "asin", password)
            auth = {"auth_url": self.layout.keystone_url, "username": user, "user_domain_name": "asin", "password": password, "domain_name": code}
            clouds["clouds"][user] = {"auth": auth, "region_name": REGION, "identity_api_version": 3}
            write_private(self.clouds_yaml, json.dumps(clouds, indent=2) + "\n")  # JSON is YAML

    def provide(self, spec: Path, *, agent: str, lead: str) -> dict[str, Any]:
        """Submit, approve and follow a spec until it is fulfilled; the request as it then is."""
        return datacenter.provide(self.layout, agent, lead, str(spec), reason="conforme au schéma directeur", ask=quick.answer)

    def until(self, question: Callable[[], bool], what: str, *, seconds: float = 60.0, pause: float = 0.5) -> None:
        """Wait until the question is answered with yes; fail with `what` when it is not in time."""
        end = time.monotonic() + seconds
        while not question():
            if time.monotonic() > end:
                pytest.fail(f"not within {seconds:.0f} s: {what}")
            time.sleep(pause)

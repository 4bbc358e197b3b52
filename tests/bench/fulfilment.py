"""The example environment from approval to ACTIVE, beside a bare Automation API `Stack.up()` of the same two programs without dcctl.

Both run in the same site, in turn, round by round: `ratio` is dcctl's seconds by the bare ones of the same round. The bare run gets its limits
outside of the measured time; dcctl's seconds are shown apart for queue, engine (tenant and workload) and limits.
Target: at most 1.3 times the bare run plus 3 s.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pulumi import automation
from ruamel.yaml import YAML

from dcctl.cloud import catalogue, identity, limits, sweep
from dcctl.cloud.connect import Cloud
from dcctl.config import Settings
from dcctl.provisioner import directories
from dcctl.workflow.credentials import service_entry
from infra.site.layout import CHECKOUT
from stacks import naming, tenant, workload
from stacks.environment import EnvironmentSpec
from stacks.plan import Resolved
from stacks.specs import parse
from tests.site import RunningSite

EXAMPLE = CHECKOUT / "examples" / "dossier-patient.yaml"
TARGET_RATIO, TARGET_SECONDS = 1.3, 3.0


def run(site: RunningSite, rounds: int) -> dict[str, Any]:
    """Measure; print a line a round; return the raw rounds and the medians."""
    site.prepare()
    settings = site_settings(site)
    cloud = Cloud(settings.cloud.clouds_yaml, settings.cloud.admin, settings.cloud.region)
    spec = parse(YAML(typ="safe").load(EXAMPLE.read_text()))
    found = []
    for number in range(rounds):
        bare_spec = replace(spec, name=f"banc-nu-{number}")
        bare = bare_seconds(settings, cloud, bare_spec)
        ours, parts = dcctl_seconds(site, replace(spec, name=f"banc-dcctl-{number}"))
        engine = parts.get("tenant", 0.0) + parts.get("workload", 0.0)
        found.append({"bare": bare, "dcctl": ours, **parts, "engine": engine, "over_target": ours - (TARGET_RATIO * bare + TARGET_SECONDS)})
        print(
            f"  round {number + 1}: bare {bare:6.2f} s   dcctl {ours:6.2f} s (queue {parts['queue']:.2f}, engine {engine:.2f}, "
            f"limits {parts['limits']:.2f}, people {parts['people']:.2f})   ratio {ours / bare:.2f}",
            flush=True,
        )
    ratio = statistics.median(row["dcctl"] / row["bare"] for row in found)
    over = statistics.median(row["over_target"] for row in found)
    print(
        f"  median ratio {ratio:.2f}; {-over:.1f} s {'under' if over <= 0 else 'OVER'} the target of {TARGET_RATIO} x bare + {TARGET_SECONDS:.0f} s"
    )
    return {"rounds": found, "median_ratio": ratio, "median_over_target_seconds": over}


def site_settings(site: RunningSite) -> Settings:
    """The settings of the site's own servers."""
    os.environ["DCCTL_CONFIG"] = str(site.layout.config)
    return Settings()


def dcctl_seconds(site: RunningSite, spec: EnvironmentSpec) -> tuple[float, dict[str, float]]:
    """From the approval's answer to *fulfilled*, and the operation's own account of it; the environment is given back."""
    document = YAML(typ="safe").load(EXAMPLE.read_text()) | {"name": spec.name}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        path.write_text(json.dumps(document))
        number = site.answer("sante-agent", "request", "submit", str(path))["number"]
    digest = site.answer("sante-lead", "request", "show", number)["digest"]
    operation = site.answer("sante-lead", "request", "approve", number, "--digest", digest, "--reason", "banc d'essai")["operation"]
    site.until(lambda: site.answer("sante-lead", "operation", "show", operation)["state"] in ("succeeded", "failed"), operation, seconds=300)
    shown = site.answer("sante-lead", "operation", "show", operation)
    if shown["state"] != "succeeded":
        raise SystemExit(f"{operation} failed: {shown['error']}")
    ended = site.answer("sante-lead", "environment", "decommission", spec.name, "--confirm", spec.name, "--reason", "banc d'essai")["number"]
    site.until(lambda: site.answer("sante-lead", "request", "show", ended)["state"] in ("fulfilled", "failed"), ended, seconds=300)
    began, finished = (_time(shown[key]) for key in ("created_at", "finished_at"))
    return finished - began, {key: float(value) for key, value in shown["seconds"].items()}


def _time(text: str) -> float:

    return datetime.fromisoformat(text).timestamp()


def bare_seconds(settings: Settings, cloud: Cloud, spec: EnvironmentSpec) -> float:
    """Two `Stack.up()` of the Automation API, one after the other; what they made is destroyed outside of the measured time."""
    resolved = resolve(settings, cloud, spec)
    project_id = ""
    with stack(settings, "tenant", spec, resolved, None) as made:
        began = time.monotonic()
        project_id = str(made.up().outputs["project_id"].value)
        seconds = time.monotonic() - began
        try:
            for result in limits.write(cloud, project_id, dict.fromkeys(limits.read(cloud, project_id), 1000000)):
                assert result.state == "in_sync", result
            with stack(settings, "workload", spec, resolved, project_id) as work:
                began = time.monotonic()
                work.up()
                seconds += time.monotonic() - began
        finally:
            sweep.sweep(cloud, project_id, deadline=120)
    sweep.last_traces(cloud, project_id)
    return seconds


@contextmanager
def stack(settings: Settings, layer: naming.Layer, spec: EnvironmentSpec, resolved: Resolved, project_id: str | None) -> Iterator[automation.Stack]:
    """A stack as the Automation API makes it; destroyed and removed with the block."""
    program: Callable[[], None] = (tenant if layer == "tenant" else workload).program(spec, resolved)
    home = settings.engine.home
    with directories.private(home, service_entry(settings, layer, project_id)) as directory:
        environment: Mapping[str, str] = {
            "OS_CLIENT_CONFIG_FILE": str(directory / "clouds.yaml"),
            "PULUMI_HOME": str(directory / "home"),
            "PULUMI_BACKEND_URL": settings.engine.backend,
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(settings.engine.passphrase_file),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true",
        }
        os.environ["PULUMI_HOME"] = str(directory / "home")  # asked for its version, the engine writes a log there
        options = automation.LocalWorkspaceOptions(
            env_vars=environment, pulumi_home=str(directory / "home"), pulumi_command=automation.PulumiCommand(str(home), skip_version_check=True)
        )
        name = naming.stack_name(resolved.region, spec.administration, spec.name, layer)
        made = automation.create_or_select_stack(name, project_name=naming.ENGINE_PROJECT, program=program, opts=options)
        try:
            yield made
        finally:
            if layer == "workload":
                made.workspace.remove_stack(name, force=True)  # its things are swept with the project
            else:
                made.destroy()
                made.workspace.remove_stack(name)


def resolve(settings: Settings, cloud: Cloud, spec: EnvironmentSpec) -> Resolved:
    """The ids behind the names of the spec."""
    found = catalogue.catalogue(cloud)
    build, role = identity.find_user(cloud, settings.cloud.build, ["Default"]), identity.find_role(cloud, "member")
    domain = identity.find_domain(cloud, spec.administration)
    assert build is not None
    assert role is not None
    assert domain is not None
    external = spec.network.external if spec.network else None
    return Resolved(
        region=settings.cloud.region,
        administration=spec.administration,
        environment=spec.name,
        request="R-2026-0000",
        domain_id=domain,
        member_role_id=role,
        build_user_id=build.id,
        default_volume_type=next(t.name for t in found.volume_types if t.default),
        external_network_id=next((n.id for n in found.networks if n.name == external), None),
        flavor_ids={f.name: f.id for f in found.flavors},
        image_ids={i.name: i.id for i in found.images},
        volume_types={t.name: t.id for t in found.volume_types},
    )

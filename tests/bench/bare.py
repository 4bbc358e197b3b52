"""The reference: the same programs by the Automation API alone, without dcctl: no queue, no ledger, no guardian, no limits of its own."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pulumi import automation

from dcctl.cloud import catalogue, identity, limits, sweep
from dcctl.cloud.connect import Cloud
from dcctl.config import Settings
from dcctl.provisioner import directories
from dcctl.workflow.credentials import service_entry
from stacks import naming, tenant, workload
from stacks.environment import EnvironmentSpec
from stacks.plan import Resolved
from tests.site import RunningSite

#: More than any of these environments takes.
AMPLE = 1000000


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An environment that stands: `seconds` of its two `Stack.up()`, without what is between them."""

    spec: EnvironmentSpec
    resolved: Resolved
    project_id: str
    seconds: float


def site_settings(site: RunningSite) -> Settings:
    """The settings of the site's own servers."""
    os.environ["DCCTL_CONFIG"] = str(site.layout.config)
    return Settings()


def site_cloud(settings: Settings) -> Cloud:
    """As the worker signs in."""
    return Cloud(settings.cloud.clouds_yaml, settings.cloud.admin, settings.cloud.region)


def build(settings: Settings, cloud: Cloud, spec: EnvironmentSpec, resolved: Resolved | None = None) -> Built:
    """Two `Stack.up()`, one after the other; the project gets its limits between them."""
    resolved = resolved or resolve(settings, cloud, spec)
    with stack(settings, "tenant", spec, resolved, None) as made:
        began = time.monotonic()
        project_id = str(made.up().outputs["project_id"].value)
        seconds = time.monotonic() - began
    for result in limits.write(cloud, project_id, dict.fromkeys(limits.read(cloud, project_id), AMPLE)):
        assert result.state == "in_sync", result
    with stack(settings, "workload", spec, resolved, project_id) as work:
        began = time.monotonic()
        work.up()
        seconds += time.monotonic() - began
    return Built(spec=spec, resolved=resolved, project_id=project_id, seconds=seconds)


def clear(settings: Settings, cloud: Cloud, built: Built) -> None:
    """Nothing of it is left, in the cloud or in the engine's state."""
    sweep.sweep(cloud, built.project_id, deadline=120)
    with stack(settings, "workload", built.spec, built.resolved, built.project_id) as work:
        work.workspace.remove_stack(work.name, force=True)  # its things were swept with the project
    with stack(settings, "tenant", built.spec, built.resolved, None) as made:
        made.destroy()
        made.workspace.remove_stack(made.name)
    sweep.last_traces(cloud, built.project_id)


@contextmanager
def stack(settings: Settings, layer: naming.Layer, spec: EnvironmentSpec, resolved: Resolved, project_id: str | None) -> Iterator[automation.Stack]:
    """A stack as the Automation API makes or finds it."""
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
            work_dir=str(directory), env_vars=environment, pulumi_home=str(directory / "home"),
            pulumi_command=automation.PulumiCommand(str(home), skip_version_check=True),
        )
        name = naming.stack_name(resolved.region, spec.administration, spec.name, layer)
        yield automation.create_or_select_stack(name, project_name=naming.ENGINE_PROJECT, program=program, opts=options)


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

"""The tenant stack, run with the cloud's administrator: project, group of its members, and the build user's role on the project.

The group stays empty and has no role here: dcctl fills it, and gives it its role, once the project's limits were read back.
Outputs: `project_id`, `group_id`.
"""

from collections.abc import Callable

import pulumi
from pulumi_openstack import identity

from stacks import naming
from stacks.environment import EnvironmentSpec
from stacks.making import Adopt, Making
from stacks.plan import Resolved


def program(spec: EnvironmentSpec, resolved: Resolved, adopt: Adopt | None = None) -> Callable[[], None]:
    """The inline program of `spec`'s tenant stack; `adopt`: ids of things that exist already, by logical name."""
    making = Making(spec=spec, resolved=resolved, adopt=adopt or {})
    return lambda: _make(making)


def _make(making: Making) -> None:
    spec, resolved = making.spec, making.resolved

    def options(name: str) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(provider, pulumi.ResourceOptions(import_=making.adopt.get(name)))

    provider = making.provider()
    project = identity.Project(
        "project",
        name=spec.name,
        domain_id=resolved.domain_id,
        description=making.description,
        tags=making.tags,
        opts=options("project"),
    )
    group = identity.GroupV3(
        "members",
        name=naming.members_group(spec.administration, spec.name),
        domain_id=resolved.domain_id,
        description=making.description,
        opts=options("members"),
    )
    identity.RoleAssignment(
        "build-role",
        project_id=project.id,
        user_id=resolved.build_user_id,
        role_id=resolved.member_role_id,
        opts=options("build-role"),
    )
    pulumi.export("project_id", project.id)
    pulumi.export("group_id", group.id)

"""The members that a spec names: who they are in Keystone, and what is said of a name that nobody has."""

import math
import time
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from dcctl.cloud import identity
from dcctl.cloud.connect import Cloud
from dcctl.errors import CloudError
from dcctl.workflow.actor import MINISTRY_ROLES
from dcctl.workflow.app import App
from stacks.environment import EnvironmentSpec

#: Longest time for which somebody who submits waits for Keystone; what is not known by then, the review asks.
SECONDS = 5.0


def resolved(app: App, spec: EnvironmentSpec) -> dict[str, identity.User | None]:
    """Each member's account, asked for now; None where nobody has that name."""
    return dict(identity.find_users(app.cloud(), spec.members, _domains(app, spec)))


def known(app: App, spec: EnvironmentSpec) -> bool:
    """Whether Keystone need not be asked about any of them."""
    return all(app.directory.knows(name, _domains(app, spec)) for name in spec.members)


def unknown(app: App, spec: EnvironmentSpec) -> list[dict[str, Any]]:
    """A fault for each member that nobody is."""
    return _faults(app, app.cloud(), spec, until=math.inf)


def unknown_in_time(app: App, spec: EnvironmentSpec) -> list[dict[str, Any]]:
    """The same for somebody who waits: what Keystone said in time; nothing when it does not answer."""
    if not spec.members:
        return []
    try:
        return _faults(app, app.hurried_cloud, spec, until=time.monotonic() + SECONDS)
    except CloudError:
        return []
    finally:
        app.cloud().count_again(app.hurried_cloud.requests())


def _faults(app: App, cloud: Cloud, spec: EnvironmentSpec, *, until: float) -> list[dict[str, Any]]:
    places = {name: index for index, name in enumerate(spec.members)}
    missing = []
    for name, user in app.directory.users(cloud, spec.members, _domains(app, spec)):
        if user is None:
            missing.append(name)
        if time.monotonic() > until:
            break
    if not missing:
        return []
    near = _colleagues(cloud, spec.administration)
    return [
        {
            "path": ["members", places[name]],
            "code": "spec.unknown_member",
            "params": {"member": name, "nearest": get_close_matches(name, near, n=3, cutoff=0.5)},
        }
        for name in missing
    ]


def _colleagues(cloud: Cloud, administration: str) -> list[str]:
    """Names that whoever asks for this administration may see: its own users, and who asks and decides for it. Others' people stay unnamed."""
    try:
        domain_id = identity.find_domain(cloud, administration)
        if domain_id is None:
            return []
        people = identity.assignments(cloud, MINISTRY_ROLES, domain_id=domain_id)
        return sorted({person.user_name for person in people} | set(identity.user_names(cloud, domain_id)))
    except CloudError:
        return []


def _domains(app: App, spec: EnvironmentSpec) -> Iterable[str]:
    return app.settings.cloud.people_domain, spec.administration

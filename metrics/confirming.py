"""One rule for lists that have become much shorter, empty ones among them: they are believed when a second answer agrees.

A list of everything can be well-formed, complete and far too short because a cell, a policy or a proxy fails, and stay so: seeing it twice would make
the same mistake a minute later. So where a list fell by more than the site's share in one pass, the service's own quotas, which count for themselves,
are asked about the projects that fell most. While one of them has more in use than the list says, or does not say, the source has failed: figures and
their time stay. What really went shows with the same reading.
"""

from collections.abc import Sequence

from dcctl.cloud.connect import Cloud
from dcctl.cloud.quota_apis import QUOTA_APIS
from metrics.collect import NAMES
from metrics.counting import network_limits
from metrics.listing import unusable
from metrics.readings import Projects, Reading
from quotas.resources import NETWORK

#: How many projects a service is asked about, those that fell most first, before a short list is believed.
WITNESSES = 10
_QUOTAS = {api.service_type: api for api in QUOTA_APIS}


def confirm(cloud: Cloud, reading: Reading, fallen: Sequence[tuple[str, str]]) -> None:
    """Believe the short lists of a reading only when the service counts no more in the projects that fell most.

    Args:
        fallen: (project id, resource) of which less was found than before, for resources in `reading.lists` that fell by more than the share.

    Raises:
        CloudError: the service counts what its list does not name, or does not say.
    """
    quotas = _QUOTAS[reading.service_type]
    service, action = NAMES[reading.service_type]
    for project in list(dict.fromkeys(project for project, _ in fallen))[:WITNESSES]:
        _, used = quotas.read_use(cloud, project)
        for resource in (resource for owner, resource in fallen if owner == project):
            key = reading.lists[resource]
            listed = reading.usage.get((project, resource), 0)
            if key not in used:
                raise unusable(service, action, f"a list became short, and nothing is said of {key} in use in project {project}")
            if used[key].in_use > listed:
                raise unusable(service, action, f"a list became short and names {listed}, but project {project} has {used[key].in_use} {key} in use")


def confirm_limits(cloud: Cloud, reading: Reading, unlisted: Sequence[str]) -> None:
    """Believe that projects have the default limits by now only when the service says so of each: its list may have been cut off.

    Raises:
        CloudError: one of them has a limit of its own.
    """
    quotas = _QUOTAS[reading.service_type]
    service, action = NAMES[reading.service_type]
    for project in unlisted[:WITNESSES]:
        limits, _ = quotas.read_use(cloud, project)
        for resource, limit in (network_limits(limits) if reading.service_type == NETWORK else limits).items():
            if limit != reading.default_limits.get(resource, limit):
                raise unusable(service, action, f"the list of limits does not name project {project}, which has {limit} {resource}")


def confirm_projects(cloud: Cloud, found: Projects, vanished: Sequence[str]) -> None:
    """Believe a short list of projects only when those that it no longer names are not there when they are asked for by id.

    Raises:
        CloudError: one of them is there.
    """
    for project in vanished[:WITNESSES]:
        if cloud.call("identity", "GET", f"/projects/{project}", absent_ok=True) is not None:
            raise unusable("Keystone", "GET /projects", f"the list became short and names {len(found.projects)}, but there is also {project}")

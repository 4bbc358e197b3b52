"""Every name that dcctl gives to a thing in the cloud or in the engine: deterministic, so that what was made can be found again.

This module is pure: no clock, no database, no network.

Names in the cloud begin with `ADMINISTRATION-ENVIRONMENT` (`min-sante-dossier-patient-web-1`), but for the project, whose name
is the environment's own in the administration's domain. The longest is a server's; it must be a host name: at most 63 characters.
"""

import re
from typing import Literal

Layer = Literal["tenant", "workload"]
LAYERS: tuple[Layer, Layer] = ("tenant", "workload")

ENGINE_PROJECT = "dcctl"
# The one cloud in the clouds.yaml that is written for a run. Only its name is known to the engine, so no secret gets into the state.
CLOUD = "dcctl"
HOST_NAME_MAXIMUM = 63

# Neutron's tags take at most 255 characters (60 in old releases) and no comma or slash; Nova's metadata keys letters, digits, : . - _
TAG_ENVIRONMENT = "dcctl:environment"
TAG_REQUEST = "dcctl:request"


def stack_name(region: str, administration: str, environment: str, layer: Layer) -> str:
    """`cotonou.min-sante.dossier-patient.workload`: the stack's name, unique over all regions.

    The engine allows 100 characters: letters, digits, `.`, `-`, `_`. Administrations and environments have no dot, so two
    different ones never give the same name; other characters of a region's name become `_`.
    """
    name = f"{re.sub(r'[^A-Za-z0-9_-]', '_', region)}.{administration}.{environment}.{layer}"
    if len(name) > 100:
        raise ValueError(f"the stack name {name} is longer than 100 characters")
    return name


def prefix(administration: str, environment: str) -> str:
    return f"{administration}-{environment}"


def members_group(administration: str, environment: str) -> str:
    """The group, in the administration's domain, through which the spec's members reach the project."""
    return f"{prefix(administration, environment)}-members"


def instances(kind: str, count: int) -> tuple[str, ...]:
    """`web-1`, `web-2`: always numbered, so that a count that grows renames nothing."""
    return tuple(f"{kind}-{number}" for number in range(1, count + 1))


def longest(administration: str, environment: str, kind: str, count: int) -> str:
    """The longest host name that follows from a server of the spec."""
    return f"{prefix(administration, environment)}-{kind}-{count}"


def tags(administration: str, environment: str, request: str) -> dict[str, str]:
    """What every thing carries: metadata where the service has metadata, else tags `key=value` (see `tag_list`)."""
    return {TAG_ENVIRONMENT: f"{administration}.{environment}", TAG_REQUEST: request}


def tag_list(metadata: dict[str, str]) -> list[str]:
    """Neutron's and Keystone's form, sorted as the services return it: `dcctl:environment=min-sante.dossier-patient`."""
    return sorted(f"{key}={value}" for key, value in metadata.items())


# Own names: a volume's name in the cloud without the environment's prefix. A volume keeps it for life, at whichever server it is.

#: What an own name is made of: the server's kind, its number, and the place that the volume had there.
OWN_NAME = re.compile(r"([a-z](?:-?[a-z0-9])*)-([1-9][0-9]?)-(?:boot|data-([1-9][0-9]?))")


def own_boot(instance: str) -> str:
    return f"{instance}-boot"


def own_data(instance: str, number: int) -> str:
    return f"{instance}-data-{number}"


def kind_of(own: str) -> str:
    """The kind of server that a volume was made for: `base` of `base-1-data-2`."""
    return _own(own)[1]


def of_own(own: str) -> str:
    """The logical name of a volume: `volume-base-1-2` of `base-1-data-2`, `boot-base-1` of `base-1-boot`."""
    kind, instance, place = _own(own).groups()
    return boot(f"{kind}-{instance}") if place is None else volume(f"{kind}-{instance}", int(place))


def _own(own: str) -> re.Match[str]:
    found = OWN_NAME.fullmatch(own)
    if found is None:
        raise ValueError(f"{own} is no name of a volume")
    return found


# Logical names: a thing's name inside its stack, unique over all types, so that one mapping of names to ids can adopt any of them.


def group(kind: str) -> str:
    return f"group-{kind}"


def rule(kind: str, protocol: str, port: int, source: str) -> str:
    return f"rule-{kind}-{protocol}-{port}-{source.replace('/', '_')}"


def port(instance: str) -> str:
    return f"port-{instance}"


def server(instance: str) -> str:
    return f"server-{instance}"


def placement(kind: str) -> str:
    return f"placement-{kind}"


def boot(instance: str) -> str:
    return f"boot-{instance}"


def volume(instance: str, number: int) -> str:
    return f"volume-{instance}-{number}"


def own_attachment(volume: str) -> str:
    """Of a volume that has its name from another server than the one that it is at: that name says which it is, its place does not."""
    return f"attachment-{volume}"


def attachment(instance: str, number: int) -> str:
    return f"attachment-{instance}-{number}"


def address(instance: str) -> str:
    return f"address-{instance}"


def association(instance: str) -> str:
    return f"association-{instance}"

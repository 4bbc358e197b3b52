"""What the collector reads from OpenStack, as plain values.

This module is pure: no clock, no database, no network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project as Keystone lists it."""

    id: str
    name: str
    domain_id: str
    domain_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Projects:
    """Every project of the cloud, of which there is always one: whoever reads is of a project. `at` is when the reading began."""

    at: datetime
    projects: tuple[Project, ...]

    def __post_init__(self) -> None:
        if not self.projects:
            raise ValueError("a cloud without a project")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one service said, in full.

    Attributes:
        at: when the reading began; nothing in it is older.
        resources: everything that was counted; a project that is not in `usage` has 0 of it.
        usage: (project id, resource) -> units.
        limits: (project id, resource) -> what is enforced, -1 for nothing; empty where the service cannot list it.
        default_limits: resource -> what is enforced on projects that are not in `limits`.
        limits_at: when the limits were read; None: with the rest.
        lists: the resource that counts the items of each list that was read -> the key under which the service's quotas count them.
    """

    service_type: str
    at: datetime
    resources: tuple[str, ...]
    usage: Mapping[tuple[str, str], int]
    limits: Mapping[tuple[str, str], int] = field(default_factory=dict)
    default_limits: Mapping[str, int] = field(default_factory=dict)
    limits_at: datetime | None = None
    lists: Mapping[str, str] = field(default_factory=dict)

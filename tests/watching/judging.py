"""What is a breach: a limit above what the ledger had allocated at that time, people with a role before the limits.

This module is pure: readings and the ledger's entries in, sentences out. No false alarm is possible: each reading has a begin and an end, the
ledger is read after it, and a limit may be as high as the highest allocation between the two. dcctl commits an allocation before it raises a
limit, and has lowered the limit before it frees.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

#: Nova, Cinder and Neutron under the ledger's names; besides these every `gigabytes_TYPE` that Cinder tells.
COUNTED = {
    "compute": {"instances": "instances", "cores": "cores", "ram": "ram"},
    "block-storage": {"volumes": "volumes", "gigabytes": "gigabytes"},
    "network": {"network": "networks", "router": "routers", "floatingip": "floatingips"},
}
#: An environment that nobody has worked in yet: until it is active its limits are written once, and people come after them.
BEING_MADE = frozenset({"provisioning", "failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The ledger gave units to an environment, or took them (amount below zero)."""

    at: datetime
    resource: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The limits that one service enforced on a project at some moment between `begun` and `ended`, under the ledger's names; -1 is unlimited."""

    begun: datetime
    ended: datetime
    limits: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who had a role on a project at some moment between `begun` and `ended`: groups, and users but for dcctl's own."""

    begun: datetime
    ended: datetime
    names: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A test works on a project by hand from `begun` until `ended`, or still (None)."""

    project_id: str
    begun: datetime
    ended: datetime | None = None


def counted(service: str, limits: Mapping[str, object]) -> dict[str, int]:
    """What the ledger counts of a service's answer, under the ledger's names."""
    named = dict(COUNTED[service])
    if service == "block-storage":
        named |= {key: key for key in limits if key.startswith("gigabytes_")}
    return {name: int(str(limits[key])) for key, name in named.items() if key in limits}


def most(entries: Iterable[Entry], begun: datetime, ended: datetime) -> dict[str, int]:
    """The most that was allocated of each resource at any moment from `begun` to `ended`."""
    now: dict[str, int] = {}
    highest: dict[str, int] = {}
    inside = False
    for entry in sorted(entries, key=lambda entry: entry.at):
        if entry.at > ended:
            break
        if not inside and entry.at > begun:
            highest, inside = dict(now), True
        now[entry.resource] = now.get(entry.resource, 0) + entry.amount
        if inside:
            highest[entry.resource] = max(highest.get(entry.resource, 0), now[entry.resource])
    return highest if inside else now


def too_much(name: str, reading: Reading, entries: Sequence[Entry]) -> list[str]:
    """A sentence for each limit that is higher than what the ledger had allocated."""
    allowed = most(entries, reading.begun, reading.ended)
    return [
        f"{name} {resource}: limit {limit}, allocated {allowed.get(resource, 0)} at {reading.begun.isoformat()}"
        for resource, limit in sorted(reading.limits.items())
        if not 0 <= limit <= allowed.get(resource, 0)
    ]


def too_early(name: str, people: People, readings: Sequence[Reading], entries: Sequence[Entry]) -> list[str]:
    """A sentence for each limit that was not written when people had a role already.

    For an environment that is being made only, as read before `people` and after `readings`; and these were made after `people`. What was
    allocated when people were seen must be the limit since.
    """
    who = ", ".join(people.names)
    if not who:
        return []
    allocated = most(entries, people.begun, people.begun)
    if not any(allocated.values()) and any(entry.at > people.ended for entry in entries):
        return [f"{name}: {who} had a role at {people.begun.isoformat()}, before anything was allocated"]
    limits = {resource: limit for reading in readings if reading.begun >= people.ended for resource, limit in reading.limits.items()}
    return [
        f"{name} {resource}: {who} had a role at {people.begun.isoformat()}, limit {limits[resource]}, allocated {amount}"
        for resource, amount in sorted(allocated.items())
        if resource in limits and limits[resource] < amount
    ]


def exempt(project_id: str, begun: datetime, ended: datetime, exemptions: Iterable[Exemption]) -> bool:
    """Whether a test worked on the project by hand at some time between `begun` and `ended`."""
    return any(e.project_id == project_id and e.begun <= ended and (e.ended is None or e.ended >= begun) for e in exemptions)

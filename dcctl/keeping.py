"""What becomes of volumes when a change takes their servers away: they are kept, protected and counted, until a spec says that they go.

This module is pure: no clock, no database, no network. A spec that does not speak of `kept_volumes` keeps all; one that names them keeps those, and
what it leaves out is destroyed, by a request and an approval that name the environment. What is kept goes back to a server of its old name by itself,
or to any other server alone of its kind that names it.
Codes: spec.nothing_to_keep, spec.not_kept, spec.volume_at_another, spec.volume_shrinks, spec.volume_of_other_type, spec.volume_kept,
spec.volume_returns, spec.kept_is_counted.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from stacks import naming
from stacks.environment import EnvironmentSpec, KeptVolume, VolumeSpec
from stacks.faults import Fault
from stacks.volumes import Held, held


def completed(old: EnvironmentSpec, new: EnvironmentSpec) -> EnvironmentSpec:
    """The new spec with every volume that it keeps, and what is known of each from the old one."""
    had, wanted = held(old), {volume.name for volume in held(new).values() if volume.server is not None}
    kept = new.kept_volumes
    if kept is None:
        kept = tuple(KeptVolume(name=name) for name in had if name not in wanted)
    servers = tuple(replace(server, volumes=tuple(_typed(volume, had) for volume in server.volumes)) for server in new.servers)
    return replace(new, servers=servers, kept_volumes=tuple(_whole(volume, had.get(volume.name)) for volume in kept))


def _whole(kept: KeptVolume, was: Held | None) -> KeptVolume:
    return kept if was is None else replace(kept, size=kept.size or was.size, type=kept.type or was.type)


def _typed(volume: VolumeSpec, had: Mapping[str, Held]) -> VolumeSpec:
    """One that is attached by its name is of its own type, whether or not that is said again."""
    was = had.get(volume.name or "")
    return volume if was is None else replace(volume, type=volume.type or was.type)


def faults_of_new(spec: EnvironmentSpec) -> list[Fault]:
    """A new environment has no volume from before."""
    named = [*_named(spec), *_at_none(spec)]
    return [Fault(path=volume.path, code="spec.nothing_to_keep", params={"found": volume.name}) for volume in named]


def faults(old: EnvironmentSpec, new: EnvironmentSpec) -> Iterator[Fault]:
    """What cannot be done with the volumes that there are: each at its place, once for equal servers."""
    had, told = held(old), set[object]()
    strangers = {volume.name for volume in (*_named(new), *_at_none(new)) if volume.name not in had}
    for volume in held(new).values():
        was = had.get(volume.name)
        for fault in _of(volume, was, sorted(had)) if was is not None or volume.name in strangers else ():
            if (fault.path, fault.code) not in told:
                told.add((fault.path, fault.code))
                yield fault


def _of(volume: Held, was: Held | None, there: Iterable[str]) -> Iterator[Fault]:
    if was is None:
        yield Fault(path=volume.path, code="spec.not_kept", params={"found": volume.name, "allowed": tuple(there)})
        return
    if was.server is not None and volume.server not in (None, was.server):
        # It would be attached before it is detached, which no volume here can be.
        yield Fault(path=volume.path, code="spec.volume_at_another", params={"found": volume.name, "server": was.server})
    if volume.size is not None and was.size is not None and volume.size < was.size:
        yield Fault(path=(*volume.path, "size"), code="spec.volume_shrinks", params={"old": was.size, "new": volume.size})
    if volume.type != was.type:
        yield Fault(path=(*volume.path, "type"), code="spec.volume_of_other_type", params={"old": was.type or "–", "new": volume.type or "–"})


def counted(old: EnvironmentSpec, asked: EnvironmentSpec, found: Iterable[Fault]) -> list[Fault]:
    """A word beside a quota that is too small, where volumes are kept of which the spec does not speak."""
    kept = [volume.name for volume in _at_none(completed(old, asked))] if asked.kept_volumes is None else []
    short = any(f.code in ("spec.does_not_fit", "spec.quota_missing") and str(f.path[-1]).startswith(("volumes", "gigabytes")) for f in found)
    return [Fault(path=("kept_volumes",), code="spec.kept_is_counted", params={"volumes": tuple(kept)})] if kept and short else []


def notices(old: EnvironmentSpec, new: EnvironmentSpec) -> list[Fault]:
    """Each volume that a change takes away from its server and keeps, and each that comes back: what is on it counts, not the image."""
    had = held(old)
    found = []
    for volume in held(new).values():
        was = had.get(volume.name)
        if was is not None and was.server is not None and volume.server is None:
            found.append(Fault(path=volume.path, code="spec.volume_kept", params={"volume": volume.name}))
        elif was is not None and was.server is None and volume.server is not None:
            found.append(Fault(path=volume.path, code="spec.volume_returns", params={"volume": volume.name, "server": volume.server}))
    return found


def lost(old: EnvironmentSpec, new: EnvironmentSpec) -> list[str]:
    """Names in the cloud of the volumes that `old` has and `new` has not."""
    kept = held(new)
    return [f"{naming.prefix(old.administration, old.name)}-{name}" for name in held(old) if name not in kept]


def _named(spec: EnvironmentSpec) -> Iterator[Held]:
    """At servers, under a name that they brought along."""
    for volume in held(spec).values():
        if volume.path[0] == "servers" and volume.path[2] == "volumes":
            index, number = int(volume.path[1]), int(volume.path[3])
            if spec.servers[index].volumes[number].name is not None:
                yield volume


def _at_none(spec: EnvironmentSpec) -> list[Held]:
    return [volume for volume in held(spec).values() if volume.server is None]

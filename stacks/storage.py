"""The volumes of a spec file: those of its servers, and those that are kept at none.

This module is pure: no clock, no database, no network.
"""

from stacks import naming
from stacks.environment import KeptVolume, ServerSpec, VolumeSpec
from stacks.fields import Faults, shown
from stacks.volumes import at_servers

LARGEST = 2**53  # what a JSON number holds exactly everywhere
VOLUMES, KEPT = 16, 500
EXAMPLE = "base-2-data-1"

Path = tuple[str | int, ...]


def volumes(faults: Faults, value: object, at: Path) -> tuple[VolumeSpec, ...]:
    """A list of volumes; one that names another is that one."""
    found = (volume(faults, one, path, ("type", "name")) for path, one in faults.items(value, at, "volume", maximum=VOLUMES))
    return tuple(one for one in found if one is not None)


def volume(faults: Faults, value: object, path: Path, more: tuple[str, ...] = ("type",)) -> VolumeSpec | None:
    """One volume; `more`: keys that it may have beside its size."""
    found = faults.mapping(value, path, {"size": "20"}, more)
    if found is None or found.get("size") is None:
        return None
    size = faults.integer(found["size"], (*path, "size"), minimum=1, maximum=LARGEST)
    sort = None if found.get("type") is None else faults.text(found["type"], (*path, "type"), "ssd", maximum=255)
    own = None if found.get("name") is None else _own_name(faults, found["name"], (*path, "name"))
    return None if size is None else VolumeSpec(size=size, type=sort, name=own)


def kept(faults: Faults, value: object) -> tuple[KeptVolume, ...]:
    """The list of those at no server: each is a name, or a mapping that says more of it."""
    found: list[KeptVolume] = []
    for path, one in faults.items(value, ("kept_volumes",), "volume", maximum=KEPT):
        said = {"name": one} if isinstance(one, str) else faults.mapping(one, path, {"name": EXAMPLE}, ("size", "type"))
        if said is None or said.get("name") is None:
            continue
        own = _own_name(faults, said["name"], path if isinstance(one, str) else (*path, "name"))
        size = None if said.get("size") is None else faults.integer(said["size"], (*path, "size"), minimum=1, maximum=LARGEST)
        sort = None if said.get("type") is None else faults.text(said["type"], (*path, "type"), "ssd", maximum=255)
        if own is not None:
            found.append(KeptVolume(name=own, size=size, type=sort))
    return tuple(found)


def _own_name(faults: Faults, value: object, path: Path) -> str | None:
    text = faults.text(value, path, EXAMPLE, maximum=63)
    if text is not None and naming.OWN_NAME.fullmatch(text) is None:
        faults.add(path, "spec.bad_volume_name", found=shown(text), allowed=EXAMPLE)
        return None
    return text


def each_once(faults: Faults, servers: list[tuple[int, ServerSpec]], kept: tuple[KeptVolume, ...]) -> None:
    """A volume is in one place."""
    seen: dict[str, str] = {}
    for index, server in servers:
        for number, volume in enumerate(server.volumes):
            if volume.name is not None and server.count > 1:
                faults.add(("servers", index, "volumes", number, "name"), "spec.named_volume_of_many", found=volume.name, count=server.count)
                return
    for held in at_servers(servers):
        if held.name in seen:
            faults.add(held.path, "spec.volume_twice", found=held.name, server=seen[held.name])
        seen.setdefault(held.name, held.server or "–")
    for index, one in enumerate(kept):
        if one.name in seen:
            faults.add(("kept_volumes", index), "spec.volume_twice", found=one.name, server=seen[one.name])
        seen.setdefault(one.name, "–")

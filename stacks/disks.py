"""Volumes as the engine makes them: for a server to start from, for its data, and those that are kept when their server went."""

from collections.abc import Iterable

import pulumi
from pulumi_openstack import blockstorage

from stacks import naming, tokens
from stacks.environment import KeptVolume
from stacks.making import Making


def disk(
    making: Making, parent: pulumi.Resource, own: str, *, size: int | None, type_: str | None, image_id: str | None = None
) -> blockstorage.Volume:  # fmt: skip
    """The volume of that own name, wherever it is attached.

    Data are only ever destroyed on somebody's word: the engine refuses until an approved step takes the protection away.
    """
    logical = naming.of_own(own)
    return blockstorage.Volume(
        logical,
        name=making.name(own),
        description=making.description,
        size=size,
        volume_type=type_ or making.resolved.default_volume_type,
        image_id=image_id,
        enable_online_resize=True,  # a volume that grows stays attached
        metadata=making.metadata,
        # The image is not read back, and another one of the same name is for new servers.
        opts=making.child(parent, logical, ignore=("imageId",) if own.endswith("-boot") else (), protect=True),
    )


class Kept(pulumi.ComponentResource):
    """Volumes of servers that are all gone, below a component of the type and name that theirs had: so they are the same things to the engine."""

    def __init__(self, making: Making, kind: str, volumes: Iterable[KeptVolume], *, opts: pulumi.ResourceOptions) -> None:
        super().__init__(tokens.COMPONENT_SERVERS, kind, None, opts)
        for volume in volumes:
            disk(making, self, volume.name, size=volume.size, type_=volume.type)
        self.register_outputs({})

"""Servers of one kind: who may reach them, their ports, disks and addresses."""

from collections.abc import Iterable

import pulumi
from pulumi_openstack import compute, networking

from stacks import cloudinit, naming, tokens
from stacks.disks import disk
from stacks.environment import KeptVolume, ServerSpec, VolumeSpec
from stacks.making import Making
from stacks.network import TenantNetwork
from stacks.plan import POLICIES

# What forces a replacement and cannot be read back from Nova: without these a server that was taken over by its id, or whose
# image was replaced by a newer one of the same name, would be destroyed and made again. Changing them is an explicit rebuild.
SET_ONCE = (
    "configDrive", "userData", "blockDevices", "imageId", "imageName", "networks", "securityGroups", "powerState", "forceDelete",
    "stopBeforeDestroy", "schedulerHints",
)  # fmt: skip


def _starts_from(volume_id: pulumi.Output[str]) -> compute.InstanceBlockDeviceArgs:
    return compute.InstanceBlockDeviceArgs(
        uuid=volume_id, source_type="volume", destination_type="volume", boot_index=0, delete_on_termination=False
    )  # fmt: skip


class Servers(pulumi.ComponentResource):
    """`spec.count` equal servers with one security group, which is on their ports and not on the servers themselves: on both it
    would be a difference for ever. With them the volumes that servers of this kind had which are no more."""

    def __init__(
        self, making: Making, spec: ServerSpec, network: TenantNetwork, kept: Iterable[KeptVolume] = (), *, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(tokens.COMPONENT_SERVERS, spec.name, None, opts)
        self._making, self._spec, self._network = making, spec, network
        self.made: dict[str, pulumi.Output[dict[str, str | None]]] = {}
        group = self._group()
        user_data = cloudinit.user_data(making.spec.ssh_keys)
        placed = self._placement() if spec.placed else None
        for instance in naming.instances(spec.name, spec.count):
            self._server(instance, group, user_data, placed)
        for volume in kept:
            disk(making, self, volume.name, size=volume.size, type_=volume.type)
        self.register_outputs({})

    def _group(self) -> networking.SecGroup:
        making, kind = self._making, self._spec.name
        logical = naming.group(kind)
        group = networking.SecGroup(
            logical,
            name=making.name(kind),
            description=making.description,
            tags=making.tags,
            opts=making.child(self, logical),
        )
        for port in self._spec.ports:
            rule = naming.rule(kind, port.protocol, port.port, port.source)
            networking.SecGroupRule(
                rule,
                security_group_id=group.id,
                direction="ingress",
                ethertype="IPv4",
                protocol=port.protocol,
                port_range_min=port.port,
                port_range_max=port.port,
                remote_ip_prefix=port.source,
                description=making.description,
                opts=making.child(self, rule),
            )
        return group

    def _placement(self) -> compute.ServerGroup:
        """What keeps equal servers apart: one machine that fails does not take them all."""
        logical = naming.placement(self._spec.name)
        return compute.ServerGroup(
            logical,
            name=self._making.name(self._spec.name),
            policies=POLICIES[self._spec.placement],
            opts=self._making.child(self, logical),
        )

    def _server(self, instance: str, group: networking.SecGroup, user_data: str, placed: compute.ServerGroup | None) -> None:
        making, spec = self._making, self._spec
        port = networking.Port(
            naming.port(instance),
            name=making.name(instance),
            description=making.description,
            admin_state_up=True,
            network_id=self._network.network_id,
            fixed_ips=[{"subnet_id": self._network.subnet_id}],
            security_group_ids=[group.id],
            tags=making.tags,
            # Not read back: a port that is taken over by its id would be given another address.
            opts=making.child(self, naming.port(instance), ignore=("fixedIps",)),
        )
        boot, start = None, spec.boot_volume
        if start is not None:
            # A thing of its own, so that it has a name and a mark, and is found again.
            image = making.resolved.image_ids[spec.image]
            boot = disk(making, self, naming.own_boot(instance), size=start.size, type_=start.type, image_id=image)
        server = compute.Instance(
            naming.server(instance),
            name=making.name(instance),
            flavor_id=making.resolved.flavor_ids[spec.flavor],
            image_id=making.resolved.image_ids[spec.image] if boot is None else None,
            block_devices=None if boot is None else [_starts_from(boot.id)],
            scheduler_hints=None if placed is None else [{"group": placed.id}],
            availability_zone=spec.zone,
            networks=[{"port": port.id}],
            config_drive=True,  # cloud-init works even where no metadata agent answers
            user_data=user_data,
            metadata=making.metadata,
            opts=making.child(self, naming.server(instance), ignore=SET_ONCE),
        )
        for number, volume in enumerate(spec.volumes, start=1):
            self._volume(instance, number, volume, server)
        floating = self._address(instance, port) if spec.floating_ip else pulumi.Output.from_input(None)
        self.made[naming.server(instance)] = pulumi.Output.all(
            id=server.id, name=server.name, address=port.all_fixed_ips.apply(lambda ips: ips[0] if ips else None), floating_ip=floating
        )

    def _volume(self, instance: str, number: int, spec: VolumeSpec, server: compute.Instance) -> None:
        volume = disk(self._making, self, spec.name or naming.own_data(instance, number), size=spec.size, type_=spec.type)
        name = naming.attachment(instance, number) if spec.name is None else naming.own_attachment(spec.name)
        compute.VolumeAttach(name, instance_id=server.id, volume_id=volume.id, opts=self._making.child(self, name))

    def _address(self, instance: str, port: networking.Port) -> pulumi.Output[str]:
        making = self._making
        address = networking.FloatingIp(
            naming.address(instance),
            pool=self._network.external or "",
            description=making.name(instance),
            tags=making.tags,
            # The pool is read back as the external network's name, which its operators may change.
            opts=making.child(self, naming.address(instance), ignore=("pool",), after=self._network.address_before),
        )
        self._network.address_before = [address]
        networking.FloatingIpAssociate(
            naming.association(instance),
            floating_ip=address.address,
            port_id=port.id,
            opts=making.child(self, naming.association(instance), after=self._network.way_out),
        )
        return address.address

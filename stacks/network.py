"""The environment's private network and its way out."""

import pulumi
from pulumi_openstack import networking

from stacks import tokens
from stacks.environment import NetworkSpec
from stacks.making import Making


class TenantNetwork(pulumi.ComponentResource):
    """A network with one subnet; with an external network, a router between them."""

    def __init__(self, making: Making, spec: NetworkSpec, *, opts: pulumi.ResourceOptions) -> None:
        super().__init__(tokens.COMPONENT_NETWORK, "network", None, opts)
        self.external = spec.external
        network = networking.Network(
            "network",
            name=making.name("network"),
            description=making.description,
            admin_state_up=True,
            tags=making.tags,
            opts=making.child(self, "network"),
        )
        subnet = networking.Subnet(
            "subnet",
            name=making.name("subnet"),
            description=making.description,
            network_id=network.id,
            cidr=spec.cidr,
            ip_version=4,
            tags=making.tags,
            opts=making.child(self, "subnet"),
        )
        self.network_id, self.subnet_id = network.id, subnet.id
        # What a floating address needs before it can be bound to a port; empty when there is no way out.
        self.way_out: list[pulumi.Resource] = []
        # The floating address made last. Neutron counts one twice, as used and as reserved, until its call has ended, and so refuses
        # what fits the limit when two are made at once (neutron/db/quota/driver_nolock.py): each waits for the one before.
        self.address_before: list[pulumi.Resource] = []
        if spec.external is not None:
            self._router(making, subnet.id)
        self.register_outputs({})

    def _router(self, making: Making, subnet_id: pulumi.Output[str]) -> None:
        router = networking.Router(
            "router",
            name=making.name("router"),
            description=making.description,
            admin_state_up=True,
            external_network_id=making.resolved.external_network_id,
            tags=making.tags,
            opts=making.child(self, "router"),
        )
        interface = networking.RouterInterface(
            "router-interface",
            router_id=router.id,
            subnet_id=subnet_id,
            opts=making.child(self, "router-interface"),
        )
        self.way_out.append(interface)
